//! Simulated time: it passes when nobody has anything to do, and a server's wall clock may be set.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallylight_core::clock::{Clock, Time};
use time::macros::datetime;
use tokio::time::Instant;

/// The wall time at which every run begins.
const NOON: Time = datetime!(2026-05-01 12:00 UTC);

/// The wall clock of the server's machine, and how often it was set.
pub struct Wall {
    start: Instant,
    /// By how much it is ahead, and since when.
    set: Mutex<Vec<(Duration, time::Duration)>>,
}

impl Wall {
    /// Right, and at noon.
    pub fn start() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            set: Mutex::new(vec![(Duration::ZERO, time::Duration::ZERO)]),
        })
    }

    /// How long the run goes.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Somebody sets it.
    pub fn jump(&self, by: time::Duration) {
        let (now, mut set) = (self.elapsed(), self.lock());
        let ahead = set.last().map_or(time::Duration::ZERO, |(_, ahead)| *ahead);
        set.push((now, ahead + by));
    }

    /// What it shows.
    pub fn now(&self) -> Time {
        NOON + self.elapsed() + self.lock().last().map_or(time::Duration::ZERO, |(_, ahead)| *ahead)
    }

    /// When it showed a time, by each of its settings in force since `from`. Before the run began: nothing.
    pub fn when(&self, shown: Time, from: Duration) -> Vec<Duration> {
        let set = self.lock();
        let ends = set.iter().skip(1).map(|(since, _)| *since).chain([Duration::MAX]);
        let in_force = set.iter().zip(ends).filter(|(_, end)| *end >= from);
        in_force.filter_map(|((_, ahead), _)| (shown - NOON - *ahead).try_into().ok()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Duration, time::Duration)>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server's process sees: the machine's wall clock, and its own monotonic one.
pub struct ServerClock {
    wall: Arc<Wall>,
    boot: Instant,
}

impl ServerClock {
    /// Of a process that starts now.
    pub fn boot(wall: &Arc<Wall>) -> Self {
        Self { wall: wall.clone(), boot: Instant::now() }
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Time {
        self.wall.now()
    }

    fn monotonic(&self) -> Duration {
        self.boot.elapsed()
    }
}
