//! The database's machine: one writer at a time, time for each transaction, and every way in which it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tallylight_core::{Error, Result};
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;

use crate::database::Database;
use crate::dice::Dice;

/// Told after each write: by which start of the server it was asked for.
pub type Witness = dyn Fn(&Database, u32) + Send + Sync;

/// A database as others reach it.
pub struct Machine {
    /// What it keeps, also when it dies.
    pub database: Arc<Database>,
    /// Whether it does nothing for now, and goes on later where it was.
    is_frozen: AtomicBool,
    thawed: Notify,
    is_full: AtomicBool,
    writer: Mutex<()>,
    dice: Dice,
    witness: Box<Witness>,
}

/// Somebody's connection. Once it is broken, the transaction that began on it is not committed any more, unless the
/// commit has arrived.
#[derive(Clone)]
pub struct Connection {
    /// Which start of the server opened it.
    pub boot: u32,
    broken: Arc<AtomicBool>,
}

impl Connection {
    /// A new one.
    pub fn new(boot: u32) -> Self {
        Self { boot, broken: Arc::default() }
    }

    /// What breaks it when it is dropped.
    pub fn end(&self) -> End {
        End(self.broken.clone())
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

/// The asking end of a connection.
pub struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Machine {
    /// An empty database that runs.
    pub fn new(database: Arc<Database>, dice: Dice, witness: Box<Witness>) -> Self {
        let [is_frozen, is_full] = [false; 2].map(AtomicBool::new);
        let (thawed, writer) = (Notify::new(), Mutex::new(()));
        Self { database, is_frozen, thawed, is_full, writer, dice, witness }
    }

    /// Freezes it, or lets it go on.
    pub fn freeze(&self, is_frozen: bool) {
        self.is_frozen.store(is_frozen, Ordering::Relaxed);
        if !is_frozen {
            self.thawed.notify_waiters();
        }
    }

    /// Fills its disk, or empties it.
    pub fn fill(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    /// Reads at one moment.
    pub async fn read<T>(&self, read: impl FnOnce(&Database) -> T) -> Option<Result<T>> {
        self.works().await;
        Some(Ok(read(&self.database)))
    }

    /// Does a transaction that writes, and commits it. None: its connection broke before the commit was there.
    pub async fn write<T>(
        &self,
        connection: Connection,
        write: impl FnOnce(&Database) -> Result<T>,
    ) -> Option<Result<T>> {
        self.runs().await;
        let _turn = self.writer.lock().await;
        if connection.is_broken() {
            return None;
        }
        // From here on the commit is under way, whatever becomes of the connection.
        self.works().await;
        if self.is_full.load(Ordering::Relaxed) {
            return Some(Err(Error::Unavailable("the disk is full".into())));
        }
        let outcome = write(&self.database);
        (self.witness)(&self.database, connection.boot);
        Some(outcome)
    }

    async fn works(&self) {
        let work = if self.dice.percent(8) { self.dice.millis(20..500) } else { self.dice.millis(0..4) };
        self.runs().await;
        sleep(work).await;
        self.runs().await;
    }

    /// Waits while it is frozen. Those who wait go on in their order: a `watch` would wake them in a random one.
    async fn runs(&self) {
        while self.is_frozen.load(Ordering::Relaxed) {
            self.thawed.notified().await;
        }
    }
}
