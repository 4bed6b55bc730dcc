//! The core's store traits over SQLite, in WAL mode with `synchronous=FULL`: what was answered is on disk.
//!
//! One file a noun. What differs between databases is in [`dialect`]; the contract that every database keeps is in
//! `tests/contract.rs`.

mod broadcasts;
mod dialect;
mod events;
mod sessions;
mod users;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};
use tallylight_core::{Error, Result};

/// How long a writer waits for its turn before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);
/// How many readers may be at work at once.
const MAX_READERS: u32 = 8;

/// A database in one file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    /// SQLite has one writer at a time: a single connection queues them in order instead of letting them collide.
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the database, makes it if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`] naming the file and what is wrong with it.
    pub async fn open(path: &Path) -> Result<Self> {
        // Addresses and hashes of people are in it: for nobody but the server. SQLite gives its other files the same mode.
        let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        made.map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let failed = |error: sqlx::Error| Error::Unavailable(format!("{}: {error}", path.display()));
        let pool = || SqlitePoolOptions::new().acquire_timeout(BUSY_TIMEOUT);
        let writer = pool().max_connections(1).connect_with(options.clone()).await.map_err(failed)?;
        sqlx::migrate!("migrations/sqlite").run(&writer).await.map_err(|error| {
            Error::Unavailable(format!("{}: {}", path.display(), dialect::migration_error(&error)))
        })?;
        let readers = pool()
            .max_connections(MAX_READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(failed)?;
        Ok(Self { writer, readers })
    }

    /// Waits for what is being written and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Begins a transaction that holds the write lock from its start, so that what it reads cannot change under it.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(dialect::error)
    }
}
