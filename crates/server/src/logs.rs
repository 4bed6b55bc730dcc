//! Adds logs up as they grow, and removes those whose time is over.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::SessionManager;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::trouble::Trouble;

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
        // Removing much takes long: logs go on being added up meanwhile.
        tokio::join!(self.add_up(), self.remove());
    }

    async fn add_up(&self) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut knows_all, mut trouble) = (false, Trouble::default());
        loop {
            ticks.tick().await;
            let done = self.add_up_once(&mut knows_all).await;
            trouble.note(
                done,
                "logs are not added up; trying again until they are",
                "logs are added up again",
            );
        }
    }

    async fn add_up_once(&self, knows_all: &mut bool) -> Result<(), String> {
        if !*knows_all {
            let found = self.sessions.find_what_is_behind().await;
            found.map_err(|error| format!("it could not be looked which are behind: {error}"))?;
            *knows_all = true;
        }
        let added_up = self.sessions.add_up_logs().await;
        added_up.map_err(|(broadcast, error)| format!("the log of {broadcast}: {error}"))
    }

    async fn remove(&self) {
        let mut ticks = tokio::time::interval(REMOVAL_PERIOD);
        loop {
            ticks.tick().await;
            self.remove_once().await;
        }
    }

    async fn remove_once(&self) {
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
