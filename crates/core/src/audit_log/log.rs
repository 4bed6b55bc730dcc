//! The handle by which acts are logged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Turn;
use tokio::time::timeout;

use super::book::{Book, MOST_WAITING};
use super::{Act, AuditEntry, AuditQuery};
use crate::caller::{Access, Caller};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::ids::{AuditId, Ids};
use crate::store::AuditStore;
use crate::user::Role;
use crate::viewer::Client;

/// How long the turn to write is waited for: a write is over by then, one way or the other.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Notes who did what, and reads it back.
pub struct AuditLog {
    store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    book: Mutex<Book>,
    /// Whose turn it is to write.
    writing: Turn<()>,
}

impl AuditLog {
    /// Over a store.
    pub fn new(store: Arc<dyn AuditStore>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids, book: Mutex::default(), writing: Turn::default() }
    }

    /// Notes an act. It neither fails nor waits: what was done is not undone because it could not be written down.
    pub fn note(&self, by: &Caller, client: &Client, act: Act) {
        match self.entry(by, client, act) {
            Ok(entry) => {
                self.book().note(entry, by.at_least(Role::Moderator).is_ok(), self.clock.monotonic())
            }
            Err(error) => tracing::error!(%error, "an act could not be noted for the audit log"),
        }
    }

    /// How many entries wait for the database, and how many may.
    pub fn waiting(&self) -> (usize, usize) {
        (self.book().waiting(), MOST_WAITING)
    }

    /// An entry of this moment, for what is written in one transaction with it.
    ///
    /// # Errors
    /// As [`Ids::uuid`].
    pub fn entry(&self, by: &Caller, client: &Client, act: Act) -> Result<AuditEntry> {
        let at = self.clock.now();
        let identity = by.identity();
        Ok(AuditEntry {
            id: AuditId(self.ids.uuid(at)?),
            at,
            action: act.action.name().to_owned(),
            actor_id: identity.map(|identity| identity.id),
            actor: identity.map(|identity| identity.username.clone()),
            key_id: identity.and_then(|identity| match identity.access {
                Access::Key(id, _) => Some(id),
                Access::Server | Access::SignIn(_) => None,
            }),
            target: act.target,
            ip: client.ip,
            details: act.details,
        })
    }

    /// Writes what was noted, after whoever writes just now; what is not known to be written, be it because the caller
    /// goes, is kept for the next call. To be called every second, and with `all` at the end.
    ///
    /// # Errors
    /// [`Error::Busy`] while others cannot write, or the store's.
    pub async fn write(&self, all: bool) -> Result<()> {
        let turn = timeout(MAX_WAIT, self.writing.lock()).await;
        let _turn = turn.map_err(|_| Error::Busy("the audit log"))?;
        let (entries, lost) = {
            let mut book = self.book();
            (book.due(self.clock.monotonic(), all), book.take_lost())
        };
        if lost > 0 {
            tracing::error!(lost, "entries of the audit log are lost: too many waited for the database");
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.store.note(&entries).await?;
        self.book().written(entries.len());
        Ok(())
    }

    /// Entries, the newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        self.store.audit_log(query).await
    }

    /// Removes entries that are older than this, some at a time; how many.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget(&self, age: Duration) -> Result<u64> {
        self.store.forget_audit(self.clock.now() - age).await
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
