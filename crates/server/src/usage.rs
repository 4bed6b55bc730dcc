//! Writes what API keys were used for, every few seconds.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::KeyManager;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::trouble::Trouble;

const PERIOD: Duration = Duration::from_secs(5);

/// Writes until told to stop. What is counted after that is written at the very end, once nobody asks any more.
pub async fn write(keys: Arc<KeyManager>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut trouble = Trouble::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let failing = "uses of API keys could not be written; trying again until they can";
        trouble.note(keys.write_usage().await, failing, "uses of API keys are written again");
    }
}
