//! The bit rate limit.

use std::time::Duration;

/// Measures a publisher against a limit, as a bucket that leaks at the allowed rate and holds one window of it.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// Bits a second; 0 means no limit.
    limit: u64,
    /// Bits that may be ahead of the allowed rate.
    capacity: f64,
    level: f64,
    /// Since the start of the stream.
    last: Duration,
}

impl RateLimit {
    pub(crate) fn new(limit: u64, window: Duration) -> Self {
        Self { limit, capacity: limit as f64 * window.as_secs_f64(), level: 0.0, last: Duration::ZERO }
    }

    /// Counts bytes that arrived at `now` since the start of the stream. Whether they are within the limit.
    pub(crate) fn allows(&mut self, bytes: usize, now: Duration) -> bool {
        let leaked = self.limit as f64 * now.saturating_sub(self.last).as_secs_f64();
        self.last = now;
        self.level = (self.level - leaked).max(0.0) + bytes as f64 * 8.0;
        self.limit == 0 || self.level <= self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `bytes` every 100 ms; the time at which the limit of 1 Mbit/s over 5 s is broken.
    fn broken_after(bytes: usize) -> Option<Duration> {
        let mut rate = RateLimit::new(1_000_000, Duration::from_secs(5));
        (0..600).map(|tick| Duration::from_millis(100 * tick)).find(|now| !rate.allows(bytes, *now))
    }

    #[test]
    fn the_rate_counts_and_not_the_burst() {
        assert_eq!(broken_after(12_500), None, "exactly the limit");
        assert_eq!(broken_after(25_000), Some(Duration::from_millis(4_900)), "twice the limit");
        let mut rate = RateLimit::new(1_000_000, Duration::from_secs(5));
        assert!(rate.allows(500_000, Duration::ZERO), "a burst of four seconds");
        assert!(!rate.allows(500_000, Duration::from_secs(1)));
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(RateLimit::new(0, Duration::from_secs(5)).allows(usize::MAX >> 8, Duration::ZERO));
    }
}
