//! Quality of experience: how long viewers wait for the first picture, how much they wait later, and what breaks off.
//!
//! Players tell it by CMCD ([`cmcd`]) or by beacons ([`Beacon`]). What each viewer tells is followed in memory and
//! added up by session and bucket of time; the sums are plain numbers that may be added in any order, so that longer
//! intervals are sums of shorter ones.

mod beacon;
mod book;
pub mod cmcd;
mod follower;
mod playing;
mod rows;

use crate::analytics::LEVELS;
use crate::clock::Time;

pub use beacon::{Beacon, Failure, MAX_AMOUNT_MS, MAX_STALLS, MAX_STARTUP_MS};
pub(crate) use book::Entry;
pub use book::QualityBook;
pub use cmcd::Cmcd;
pub use rows::QualityRow;

/// The lengths of the buckets of time, in seconds, each a multiple of those before: so that few are read for a long time.
pub const BUCKETS: [u32; 3] = LEVELS;

/// Upper bounds, in milliseconds, of the classes of startup times; one more class is for all above. From the first bound
/// on a class is at most half as wide again as it is long, which is what [`Quality::startup_time`] can be wrong by.
pub const STARTUP_BOUNDS_MS: [u32; 17] = [
    100, 150, 200, 300, 400, 600, 800, 1_200, 1_600, 2_400, 3_200, 4_800, 6_400, 9_600, 12_800, 19_200,
    25_600,
];

/// How many classes of startup times there are.
pub const STARTUP_CLASSES: usize = STARTUP_BOUNDS_MS.len() + 1;

/// How many numbers a [`Quality`] has.
pub const SUMS: usize = 6 + Failure::ALL.len() + STARTUP_CLASSES;

/// A part of a session's time, cut into intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its start; what began before is left out.
    pub from: Time,
    /// Its end, itself left out.
    pub to: Time,
    /// The length of an interval, in seconds: a multiple of one of [`BUCKETS`]. Intervals begin at multiples of it since 1970.
    pub interval_seconds: u32,
}

impl Span {
    /// The length of the buckets that its intervals are made of, in seconds.
    pub fn bucket_seconds(&self) -> u32 {
        let fits = |seconds: &u32| self.interval_seconds.is_multiple_of(*seconds);
        BUCKETS.into_iter().rfind(fits).unwrap_or(BUCKETS[0])
    }
}

/// What viewers told of playback in some time: sums that may be added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quality {
    /// Viewers who told for the first time in their stay, by beacons or CMCD v2. Those of CMCD v1 cannot tell more
    /// than stalls and are left out.
    pub viewers: u64,
    /// Viewers whose playback failed for the first time in their stay.
    pub failed_viewers: u64,
    /// The startup times of all who told one, in milliseconds.
    pub startup_ms: u64,
    /// For how long was played, in milliseconds.
    pub played_ms: u64,
    /// For how long playback had stalled, in milliseconds: begun, wanted, and out of media.
    pub stalled_ms: u64,
    /// How often it stalled.
    pub stalls: u64,
    /// How often it failed, by [`Failure::ALL`].
    pub failures: [u64; Failure::ALL.len()],
    /// Startups by class of their time, see [`STARTUP_BOUNDS_MS`].
    pub startups: [u64; STARTUP_CLASSES],
}

/// Startup times, in seconds; all 0 when nobody started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StartupTime {
    /// The mean, exact.
    pub average: f64,
    /// What half of all viewers waited at most.
    pub median: f64,
    /// What 95 of 100 viewers waited at most.
    pub p95: f64,
}

impl Quality {
    /// Adds what was told elsewhere or at another time.
    pub fn add(&mut self, other: &Self) {
        let mut sums = self.to_sums();
        for (sum, more) in sums.iter_mut().zip(other.to_sums()) {
            *sum = sum.saturating_add(more);
        }
        *self = Self::from_sums(sums);
    }

    /// The numbers in the order of the fields.
    pub fn to_sums(&self) -> [u64; SUMS] {
        let mut sums = [0; SUMS];
        let fields = [
            self.viewers,
            self.failed_viewers,
            self.startup_ms,
            self.played_ms,
            self.stalled_ms,
            self.stalls,
        ];
        let all = fields.iter().chain(&self.failures).chain(&self.startups);
        sums.iter_mut().zip(all).for_each(|(sum, value)| *sum = *value);
        sums
    }

    /// As [`Quality::to_sums`] gave them.
    pub fn from_sums(sums: [u64; SUMS]) -> Self {
        let [viewers, failed_viewers, startup_ms, played_ms, stalled_ms, stalls, rest @ ..] = sums;
        let mut quality =
            Self { viewers, failed_viewers, startup_ms, played_ms, stalled_ms, stalls, ..Self::default() };
        let (failures, startups) = (quality.failures.iter_mut(), quality.startups.iter_mut());
        failures.chain(startups).zip(rest).for_each(|(field, value)| *field = value);
        quality
    }

    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds one startup.
    pub fn start(&mut self, milliseconds: u32) {
        self.startup_ms += u64::from(milliseconds);
        let class = STARTUP_BOUNDS_MS.partition_point(|bound| *bound < milliseconds);
        if let Some(startups) = self.startups.get_mut(class) {
            *startups += 1;
        }
    }

    /// Adds one failure.
    pub fn fail(&mut self, failure: Failure) {
        let place = Failure::ALL.iter().position(|known| *known == failure);
        if let Some(count) = place.and_then(|place| self.failures.get_mut(place)) {
            *count += 1;
        }
    }

    /// How many viewers told their startup time.
    pub fn started(&self) -> u64 {
        self.startups.iter().sum()
    }

    /// The metric `startup_time`, in seconds. Median and 95th percentile are those of the classes' geometric middles:
    /// wrong by at most 22.5 % between 0.1 s and 25.6 s and by at most 0.05 s below; above, 25.6 is "at least".
    pub fn startup_time(&self) -> StartupTime {
        let started = self.started();
        if started == 0 {
            return StartupTime::default();
        }
        StartupTime {
            average: seconds(self.startup_ms) / float(started),
            median: self.startup_percentile(started, 50),
            p95: self.startup_percentile(started, 95),
        }
    }

    /// By nearest rank.
    fn startup_percentile(&self, started: u64, percent: u64) -> f64 {
        let rank = (started * percent).div_ceil(100);
        let mut seen = 0;
        let class = self.startups.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        class.map_or(0.0, middle_of_class)
    }

    /// The metric `rebuffer_ratio`: the part of watching that was waiting, 0 to 1.
    pub fn rebuffer_ratio(&self) -> f64 {
        ratio(self.stalled_ms, self.stalled_ms.saturating_add(self.played_ms))
    }

    /// The metric `playback_failures`: how often playback broke off.
    pub fn playback_failures(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// The part of the viewers who told that had a failure, 0 to 1. In an interval of a series it compares those who
    /// first failed with those who first told then, and is cut at 1.
    pub fn failed_share(&self) -> f64 {
        ratio(self.failed_viewers, self.viewers).min(1.0)
    }
}

/// In seconds.
fn middle_of_class(class: usize) -> f64 {
    let bound = |class: usize| STARTUP_BOUNDS_MS.get(class).map(|bound| f64::from(*bound) / 1_000.0);
    match (class.checked_sub(1).and_then(bound), bound(class)) {
        (Some(from), Some(to)) => (from * to).sqrt(),
        (None, Some(to)) => to / 2.0,
        (Some(from), None) => from,
        (None, None) => 0.0,
    }
}

fn seconds(milliseconds: u64) -> f64 {
    float(milliseconds) / 1_000.0
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, far above any of these sums")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
