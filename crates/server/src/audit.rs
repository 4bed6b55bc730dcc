//! Writes the audit log, and removes from it what is old.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::audit_log::AuditLog;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::trouble::Trouble;

/// How often what was noted is written.
const PERIOD: Duration = Duration::from_secs(1);
/// How often it is looked what is old.
const REMOVAL_PERIOD: Duration = Duration::from_secs(600);

/// Looks after the audit log.
pub struct AuditKeeper {
    /// The log.
    pub audit: Arc<AuditLog>,
    /// How long an entry is kept; `None`: for ever.
    pub retention: Option<Duration>,
}

impl AuditKeeper {
    /// Works until told to stop. What is noted after that is written at the very end.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(self.write(&stop), stop.run_until_cancelled(self.remove()));
    }

    async fn write(&self, stop: &CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut trouble = Trouble::default();
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let failing = "the audit log cannot be written; its entries wait in memory";
            trouble.note(self.audit.write(false).await, failing, "the audit log is written again");
        }
    }

    async fn remove(&self) {
        let Some(retention) = self.retention else { return };
        let mut ticks = tokio::time::interval(REMOVAL_PERIOD);
        loop {
            ticks.tick().await;
            loop {
                match self.audit.forget(retention).await {
                    Ok(0) => break,
                    Ok(entries) => info!(entries, "removed old entries of the audit log"),
                    Err(error) => {
                        warn!(%error, "old entries of the audit log could not be removed; trying again later");
                        break;
                    }
                }
            }
        }
    }
}
