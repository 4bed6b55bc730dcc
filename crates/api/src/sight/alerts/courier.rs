//! Tells notices to whoever is to know, apart from who judges: each way has a queue and a task of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use tallylight_core::figures::Count;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::Notice;
use crate::sight::Sheet;

/// How many notices wait on each way; further ones are lost, and logged.
const QUEUE: usize = 64;
/// How long to wait before the second, third … try. After the last one a notice is given up.
const BACKOFF: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// A way to tell somebody, such as a webhook.
#[async_trait]
pub trait Notify: Send + Sync + 'static {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Tells it, once. It must give up by itself after a while.
    ///
    /// # Errors
    /// Why it was not told, without any secret of the address.
    async fn notify(&self, notice: &Notice) -> Result<(), String>;
}

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// On which way.
    pub by: &'static str,
    /// Whether it was told.
    pub delivered: bool,
    /// Why not.
    pub error: Option<String>,
}

/// All ways.
#[derive(Default)]
pub struct Couriers {
    ways: Vec<(Arc<dyn Notify>, mpsc::Sender<Notice>)>,
    figures: Arc<Figures>,
}

#[derive(Debug, Default)]
struct Figures {
    delivered: Count,
    failed: Count,
}

impl Couriers {
    /// The ways, and the work of each, to be run as a task.
    pub fn new(ways: Vec<Arc<dyn Notify>>) -> (Self, Vec<Courier>) {
        let mut couriers = Self::default();
        let mut work = Vec::new();
        for way in ways {
            let (sender, queue) = mpsc::channel(QUEUE);
            work.push(Courier { way: way.clone(), queue, figures: couriers.figures.clone() });
            couriers.ways.push((way, sender));
        }
        (couriers, work)
    }

    /// Has a notice told on every way, without waiting for it.
    pub(super) fn send(&self, notice: &Notice) {
        for (way, queue) in &self.ways {
            if queue.try_send(notice.clone()).is_err() {
                self.figures.failed.one();
                tracing::error!(by = way.name(), alert = notice.alert, "a notice is lost: too many wait");
            }
        }
    }

    /// Tells it at once, and once, on every way.
    pub(super) async fn try_now(&self, notice: &Notice) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for (way, _) in &self.ways {
            deliveries.push(deliver(way.as_ref(), notice).await);
        }
        deliveries
    }

    pub(super) fn tell(&self, sheet: &mut Sheet) {
        let family =
            sheet.counter("tallylight_alert_deliveries_total", "Notices of alerts by what became of them");
        family.add([("result", "delivered")], self.figures.delivered.get());
        family.add([("result", "failed")], self.figures.failed.get());
    }
}

/// Tells a notice once; what became of it.
pub async fn deliver(way: &dyn Notify, notice: &Notice) -> Delivery {
    let error = way.notify(notice).await.err();
    Delivery { by: way.name(), delivered: error.is_none(), error }
}

/// One way's work.
pub struct Courier {
    way: Arc<dyn Notify>,
    queue: mpsc::Receiver<Notice>,
    figures: Arc<Figures>,
}

impl Courier {
    /// Works until told to stop; what waits then is lost.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            while let Some(notice) = self.queue.recv().await {
                self.deliver(&notice).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    async fn deliver(&mut self, notice: &Notice) {
        let (by, alert) = (self.way.name(), notice.alert.as_str());
        let mut waits = BACKOFF.into_iter();
        while let Err(error) = self.way.notify(notice).await {
            let Some(wait) = waits.next() else {
                self.figures.failed.one();
                return tracing::error!(by, alert, error, "a notice could not be delivered");
            };
            tracing::warn!(by, alert, error, "a notice could not be delivered; trying again");
            tokio::time::sleep(wait).await;
        }
        self.figures.delivered.one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tallylight_core::clock::Time;

    use super::*;

    /// Fails so many times, and tells each try.
    struct Flaky {
        failures: Mutex<u32>,
        tries: mpsc::UnboundedSender<tokio::time::Instant>,
    }

    #[async_trait]
    impl Notify for Flaky {
        fn name(&self) -> &'static str {
            "flaky"
        }

        async fn notify(&self, _: &Notice) -> Result<(), String> {
            let _ = self.tries.send(tokio::time::Instant::now());
            let mut failures = self.failures.lock().unwrap();
            if *failures == 0 {
                return Ok(());
            }
            *failures -= 1;
            Err("not now".into())
        }
    }

    /// How often a notice is tried that fails so many times, over how many seconds, and how it ended.
    async fn tried(failures: u32) -> (usize, u64, [u64; 2]) {
        let (tries, mut told) = mpsc::unbounded_channel();
        let flaky = Flaky { failures: Mutex::new(failures), tries };
        let (couriers, work) = Couriers::new(vec![Arc::new(flaky)]);
        couriers.send(&Notice::test(Time::UNIX_EPOCH, ""));
        let figures = couriers.figures.clone();
        drop(couriers);
        for courier in work {
            courier.run(CancellationToken::new()).await;
        }
        let mut times = Vec::new();
        while let Some(at) = told.recv().await {
            times.push(at);
        }
        let span = times[times.len() - 1] - times[0];
        (times.len(), span.as_secs(), [figures.delivered.get(), figures.failed.get()])
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_is_tried_again_and_not_for_ever() {
        assert_eq!(tried(0).await, (1, 0, [1, 0]));
        assert_eq!(tried(2).await, (3, 6, [1, 0]));
        assert_eq!(tried(99).await, (5, 156, [0, 1]));
    }

    #[tokio::test]
    async fn who_does_not_listen_keeps_nobody_waiting() {
        let (tries, _told) = mpsc::unbounded_channel();
        let (couriers, _work) = Couriers::new(vec![Arc::new(Flaky { failures: Mutex::new(0), tries })]);
        for _ in 0..QUEUE + 3 {
            couriers.send(&Notice::test(Time::UNIX_EPOCH, ""));
        }
        assert_eq!(couriers.figures.failed.get(), 3);
    }
}
