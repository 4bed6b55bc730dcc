//! Removes what is kept for a while only, when its time is over.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::idempotency::Idempotency;
use tallylight_core::{KeyManager, Result};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How often it is looked.
const PERIOD: Duration = Duration::from_secs(600);

/// Forgets answers under idempotency keys, and API keys that were revoked long ago, until told to stop.
pub async fn run(idempotency: Arc<Idempotency>, keys: Arc<KeyManager>, stop: CancellationToken) {
    let work = async {
        let mut ticks = tokio::time::interval(PERIOD);
        loop {
            ticks.tick().await;
            tell("answers under idempotency keys", idempotency.forget().await);
            tell("API keys and what they were used for", keys.forget_past().await);
        }
    };
    stop.run_until_cancelled(work).await;
}

fn tell(what: &str, removed: Result<u64>) {
    match removed {
        Ok(rows) => debug!(what, rows, "what is over is removed"),
        Err(error) => warn!(what, %error, "what is over could not be removed; trying again later"),
    }
}
