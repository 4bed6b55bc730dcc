//! Makes it true at once who may do what: whoever was shut out goes, whoever may not broadcast is cut, live connections
//! are looked at again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tallylight_api::live::Live;
use tallylight_core::admin::AdminManager;
use tallylight_core::ids::AuditId;
use tallylight_core::{Error, Result, SessionManager};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::trouble::Trouble;

/// How often it is looked whether others changed roles, bans or keys, and what could not be written is tried again.
const PERIOD: Duration = Duration::from_secs(1);
/// After how many looks they are read although nothing tells of a change.
const READ_ANYWAY: u32 = 60;

/// Looks after who may be here.
pub struct Enforcer {
    /// Who watches and publishes.
    pub sessions: Arc<SessionManager>,
    /// Roles, bans and keys, as the database has them.
    pub admin: Arc<AdminManager>,
    /// Who is connected.
    pub live: Arc<Live>,
}

impl Enforcer {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let unwritten = Notify::new();
        tokio::select! {
            () = async { tokio::join!(self.enforce(&unwritten), self.write(&unwritten), self.watch()); } => {}
            () = stop.cancelled() => {}
        }
    }

    /// Waits for nothing but changes, so that nothing holds up the next.
    async fn enforce(&self, unwritten: &Notify) {
        let mut changes = self.sessions.standing().changes();
        loop {
            // At the start too: somebody may have been shut out while the server stood still.
            self.sessions.expel();
            self.live.review();
            unwritten.notify_one();
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Writes what was enforced, again while the database is away.
    async fn write(&self, unwritten: &Notify) {
        let mut trouble = Trouble::default();
        loop {
            if trouble.is_on() {
                tokio::time::sleep(PERIOD).await;
            } else {
                unwritten.notified().await;
            }
            // In a task of its own: a fault in it must not end the enforcement of everything else.
            let sessions = self.sessions.clone();
            let written = tokio::spawn(async move { sessions.write_expulsions().await }).await;
            let written = written.unwrap_or_else(|fault| Err(Error::Internal(fault.to_string())));
            let failing = "who was shut out could not be written as gone; trying again until it can";
            trouble.note(written, failing, "who was shut out is written as gone");
        }
    }

    /// Looks what others write: commands of the operator, other servers.
    async fn watch(&self) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut known, mut looks, mut trouble) = (HashSet::new(), 0, Trouble::default());
        loop {
            ticks.tick().await;
            looks += 1;
            let anyway = looks % READ_ANYWAY == 0;
            if anyway {
                self.sessions.standing().forget_past(self.sessions.now());
            }
            let looked = self.look(&mut known, anyway).await;
            let failing = "roles, bans and API keys cannot be read";
            trouble.note(looked, failing, "roles, bans and API keys are read again");
        }
    }

    async fn look(&self, known: &mut HashSet<AuditId>, anyway: bool) -> Result<()> {
        let latest = self.admin.latest_changes().await?;
        let is_news = latest.iter().any(|id| !known.contains(id));
        let anyway = anyway || self.sessions.standing().is_in_doubt();
        // What was told here while it was read is read again at the next look.
        if (is_news || anyway) && self.admin.reload().await? {
            *known = latest.into_iter().collect();
        }
        Ok(())
    }
}
