//! Tidies accounts up from time to time: sign-ins that are over are removed, and erasures are brought to their end.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::{BroadcastManager, UserManager};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

const PERIOD: Duration = Duration::from_secs(60);

/// Looks after accounts.
pub struct AccountKeeper {
    /// Accounts.
    pub users: Arc<UserManager>,
    /// What ends with an account.
    pub broadcasts: Arc<BroadcastManager>,
}

impl AccountKeeper {
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
        loop {
            ticks.tick().await;
            match self.users.finish_erasures(&self.broadcasts).await {
                Ok(0) => {}
                Ok(accounts) => info!(accounts, "erased accounts are blanked for good"),
                Err(error) => warn!(%error, "an erasure could not be finished; trying again later"),
            }
            match self.users.forget_sign_ins().await {
                Ok(sign_ins) => debug!(sign_ins, "removed sign-ins that are over"),
                Err(error) => {
                    warn!(%error, "sign-ins that are over could not be removed; trying again later")
                }
            }
        }
    }
}
