//! Adds logs up as they grow, and removes those whose time is over.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::SessionManager;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often it is looked which logs have grown.
const PERIOD: Duration = Duration::from_secs(2);
/// How often it is looked whose time is over.
const REMOVAL_PERIOD: Duration = Duration::from_secs(600);

/// Looks after the logs of sessions.
pub struct LogKeeper {
    /// Sessions.
    pub sessions: Arc<SessionManager>,
    /// How long a session is kept after its end; `None`: for ever.
    pub retention: Option<Duration>,
}

impl LogKeeper {
    /// Works until told to stop. What it leaves undone is found at the next start.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = self.work() => {}
            () = stop.cancelled() => {}
        }
    }

    async fn work(&self) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut removals = tokio::time::interval(REMOVAL_PERIOD);
        let mut knows_all = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if !knows_all {
                        knows_all = self.sessions.find_what_is_behind().await.is_ok();
                    }
                    if let Err(error) = self.sessions.add_up_logs().await {
                        warn!(%error, "logs could not be added up; trying again in a moment");
                    }
                }
                _ = removals.tick() => self.remove().await,
            }
        }
    }

    async fn remove(&self) {
        let Some(retention) = self.retention else { return };
        match self.sessions.remove_ended(retention).await {
            Ok(0) => {}
            Ok(sessions) => info!(sessions, "removed sessions whose time is over, with their logs"),
            Err(error) => {
                warn!(%error, "sessions whose time is over could not be removed; trying again later")
            }
        }
    }
}
