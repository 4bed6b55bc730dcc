//! Time, handed in so that tests and simulations can drive it.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// A point in time, UTC, in whole microseconds: what both databases keep.
pub type Time = OffsetDateTime;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Wall time, for what people and the log see. May jump.
    fn now(&self) -> Time;

    /// Time since an arbitrary start that never jumps, for every time-out.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the monotonic count.
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock enters")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        to_micros(OffsetDateTime::now_utc())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Cuts to whole microseconds, so that a time read back from a database equals the one written.
pub fn to_micros(time: Time) -> Time {
    time.replace_nanosecond(time.microsecond() * 1_000).unwrap_or(time)
}
