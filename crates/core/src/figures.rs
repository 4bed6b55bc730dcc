//! What is counted and timed while the server works: plain atomics, kept by whoever does the work and read by whoever
//! watches it. Counting costs a few nanoseconds and waits for nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often something happened since the server started.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// It happened.
    pub fn one(&self) {
        self.add(1);
    }

    /// It happened so many times.
    pub fn add(&self, times: u64) {
        self.0.fetch_add(times, Ordering::Relaxed);
    }

    /// How often by now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much of something there is now.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// One more, until what is returned is dropped.
    pub fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }

    /// From now on it is so much.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// How much there is.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of a [`Level`].
#[derive(Debug)]
pub struct Entered<'a>(&'a Level);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The upper bounds of what durations are sorted into, in microseconds; whatever takes longer has a place of its own.
pub const BOUNDS: [u64; 13] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// How long something took, each time.
#[derive(Debug, Default)]
pub struct Durations {
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum_micros: AtomicU64,
}

impl Durations {
    /// It took so long.
    pub fn took(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < micros);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// How they are spread by now.
    pub fn spread(&self) -> Spread {
        Spread {
            counts: std::array::from_fn(|place| self.counts[place].load(Ordering::Relaxed)),
            sum: Duration::from_micros(self.sum_micros.load(Ordering::Relaxed)),
        }
    }
}

/// How durations are spread over [`BOUNDS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many lie within each bound and not within the one before; at last those beyond all.
    pub counts: [u64; BOUNDS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Spread {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_lies_within_its_bound_and_not_within_the_one_before() {
        let durations = Durations::default();
        for micros in [0, 500, 501, 1_000, 10_000_000, 10_000_001, u64::MAX / 2] {
            durations.took(Duration::from_micros(micros));
        }
        let spread = durations.spread();
        assert_eq!(spread.counts, [2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(spread.count(), 7);
    }

    #[test]
    fn a_level_falls_when_whoever_entered_goes() {
        let level = Level::default();
        let (one, two) = (level.enter(), level.enter());
        drop(one);
        assert_eq!(level.get(), 1);
        drop(two);
        assert_eq!(level.get(), 0);
    }
}
