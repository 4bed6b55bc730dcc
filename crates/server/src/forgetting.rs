//! Looks after idempotency keys: tells the database how calls ended that it was not told of in time, and removes what is
//! kept for a while only, when its time is over.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::idempotency::Idempotency;
use tallylight_core::{KeyManager, Result};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::trouble::Trouble;

/// How often what is left is tried again.
const PERIOD: Duration = Duration::from_secs(1);
/// How often it is looked what is over.
const REMOVAL_PERIOD: Duration = Duration::from_secs(600);

/// Works until told to stop.
pub async fn run(idempotency: Arc<Idempotency>, keys: Arc<KeyManager>, stop: CancellationToken) {
    tokio::select! {
        () = async { tokio::join!(settle(&idempotency), remove(&idempotency, &keys)); } => {}
        () = stop.cancelled() => {}
    }
}

async fn settle(idempotency: &Idempotency) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut trouble = Trouble::default();
    loop {
        ticks.tick().await;
        let failing = "idempotency keys of calls that are over stay taken; trying again until it is written";
        let over = "how calls under idempotency keys ended is written again";
        trouble.note(idempotency.settle_all().await, failing, over);
    }
}

async fn remove(idempotency: &Idempotency, keys: &KeyManager) {
    let mut ticks = interval(REMOVAL_PERIOD);
    loop {
        ticks.tick().await;
        tell("answers under idempotency keys", idempotency.forget().await);
        tell("API keys and what they were used for", keys.forget_past().await);
    }
}

fn tell(what: &str, removed: Result<u64>) {
    match removed {
        Ok(rows) => debug!(what, rows, "what is over is removed"),
        Err(error) => warn!(what, %error, "what is over could not be removed; trying again later"),
    }
}
