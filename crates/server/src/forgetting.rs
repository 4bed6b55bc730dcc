//! Removes what is kept for a while only, when its time is over.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::idempotency::Idempotency;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How often it is looked.
const PERIOD: Duration = Duration::from_secs(600);

/// Forgets answers under idempotency keys, until told to stop.
pub async fn run(idempotency: Arc<Idempotency>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PERIOD);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        match stop.run_until_cancelled(idempotency.forget()).await {
            Some(Ok(keys)) => debug!(keys, "expired idempotency keys are removed"),
            Some(Err(error)) => {
                warn!(%error, "expired idempotency keys could not be removed; trying again later")
            }
            None => return,
        }
    }
}
