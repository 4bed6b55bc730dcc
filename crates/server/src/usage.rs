//! Writes what API keys were used for, every few seconds.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::KeyManager;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const PERIOD: Duration = Duration::from_secs(5);

/// Writes until told to stop. What is counted after that is written at the very end, once nobody asks any more.
pub async fn write(keys: Arc<KeyManager>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_failed = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let done = keys.write_usage().await;
        match &done {
            Err(error) if !has_failed => {
                warn!(%error, "uses of API keys could not be written; trying again until they can");
            }
            Ok(()) if has_failed => info!("uses of API keys are written again"),
            _ => {}
        }
        has_failed = done.is_err();
    }
}
