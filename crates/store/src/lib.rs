//! The core's store traits over SQLite and PostgreSQL: what was answered is on disk.
//!
//! The two are equals: each statement is written once for both, and the contract in `tests/contract.rs` is told on each.
//! One file a noun; [`statement`] and [`row`] hold what differs between the databases, [`batch`] and [`gather`] how the
//! writes of many callers share a transaction.

mod access;
mod accounts;
mod admin;
pub mod backup;
mod batch;
mod broadcasts;
mod canonical;
mod chat;
mod claim;
mod connect;
pub mod copy;
mod database;
mod erasure;
mod events;
mod export;
mod failure;
mod figures;
mod files;
mod gather;
mod idempotency;
mod invitations;
mod keys;
pub mod migrations;
mod past;
mod quality;
mod record;
mod removal;
pub mod restore;
mod rollups;
mod row;
mod sessions;
mod statement;
mod tables;
mod transaction;
mod trouble;
mod users;

use tallylight_core::Result;

pub use claim::Claim;
pub use connect::Location;
pub use database::Limits;
pub use figures::{Pool, Reading};
pub use trouble::Trouble;

use database::Database;
use gather::Gatherer;

/// A database in use.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    gatherer: Gatherer,
}

impl Store {
    /// Opens the database, makes a file of SQLite if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`tallylight_core::Error::Unavailable`] naming the file or server and what is wrong with it.
    pub async fn open(location: &Location, limits: Limits) -> Result<Self> {
        let database = connect::connect(location, limits).await?;
        migrations::run_on(&database).await.map_err(|error| location.blame(error))?;
        Ok(Self { gatherer: Gatherer::start(database.with_own_connection()), database })
    }

    /// Waits for what is being written and closes all connections.
    pub async fn close(&self) {
        self.gatherer.close().await;
        self.database.close().await;
    }
}
