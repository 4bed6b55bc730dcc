//! Looks after idempotency keys: tells the database how calls ended that it was not told of in time, and removes what is
//! kept for a while only, when its time is over.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::idempotency::Idempotency;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// How often what is left is tried again.
const PERIOD: Duration = Duration::from_secs(1);
/// How often it is looked what is over.
const REMOVAL_PERIOD: Duration = Duration::from_secs(600);

/// Works until told to stop.
pub async fn run(idempotency: Arc<Idempotency>, stop: CancellationToken) {
    tokio::select! {
        () = async { tokio::join!(settle(&idempotency), remove(&idempotency)); } => {}
        () = stop.cancelled() => {}
    }
}

async fn settle(idempotency: &Idempotency) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut has_failed = false;
    loop {
        ticks.tick().await;
        let settled = idempotency.settle_all().await;
        match &settled {
            Err(error) if !has_failed => {
                warn!(%error, "idempotency keys of calls that are over stay taken; trying again until it is written");
            }
            Ok(()) if has_failed => info!("how calls under idempotency keys ended is written again"),
            _ => {}
        }
        has_failed = settled.is_err();
    }
}

async fn remove(idempotency: &Idempotency) {
    let mut ticks = interval(REMOVAL_PERIOD);
    loop {
        ticks.tick().await;
        loop {
            match idempotency.forget().await {
                Ok(0) => break,
                Ok(keys) => debug!(keys, "expired idempotency keys are removed"),
                Err(error) => {
                    warn!(%error, "expired idempotency keys could not be removed; trying again later");
                    break;
                }
            }
        }
    }
}
