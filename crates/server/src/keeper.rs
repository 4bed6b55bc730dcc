//! Does what time brings, once a second: viewers who went silent go, broadcasts without an encoder end, media of what
//! has ended is forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tallylight_core::SessionManager;
use tallylight_core::clock::Clock;
use tallylight_core::ids::BroadcastId;
use tallylight_media::hls::Origin;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::error;
use uuid::Uuid;

const PERIOD: Duration = Duration::from_secs(1);

/// Keeps time for sessions and media.
pub struct Keeper {
    /// Sessions.
    pub sessions: Arc<SessionManager>,
    /// Media.
    pub origin: Arc<Origin>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long media of what has ended is kept for those who still play it.
    pub linger: Duration,
}

impl Keeper {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut ended = HashMap::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            let done = tokio::select! {
                done = self.sessions.tick() => done,
                () = stop.cancelled() => return,
            };
            if let Err(error) = done {
                error!(%error, "time-outs could not be written; trying again in a second");
            }
            self.forget_media(&mut ended);
        }
    }

    /// Ends the media of what has ended, and drops it a while later.
    fn forget_media(&self, ended: &mut HashMap<Uuid, Duration>) {
        let now = self.clock.monotonic();
        for stream in self.origin.streams() {
            let id = stream.id();
            if self.sessions.is_open(BroadcastId(id)) {
                continue;
            }
            let since = *ended.entry(id).or_insert_with(|| {
                self.origin.end(id);
                now
            });
            if now.saturating_sub(since) >= self.linger {
                self.origin.remove(id);
                ended.remove(&id);
            }
        }
    }
}
