//! What a session's log adds up to: who watched, how long, and what they did.
//!
//! The log alone decides. It is gone through once, in the order of its numbers ([`fold::Fold`]), and leaves sums for each
//! stretch of time ([`Sums`]) that only ever add up, so that a long log is never read twice. [`report`] turns sums into
//! the metrics that people ask for. What each metric means stands in `docs/guide/analytics.md`.

pub mod audit;
pub mod fold;
pub mod report;
pub mod window;

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::clock::Time;

pub use fold::{Fold, Person};
pub use report::{Metric, Report, Totals};
pub use window::{Interval, Period, Window};

/// The lengths of the stretches of time that sums are kept for, in seconds: 10 s, 5 min, 1 h.
pub const LEVELS: [u32; 3] = [10, 300, 3_600];

/// For each level the longer interval that is made of its stretches, in seconds: 1 min, 15 min, 1 day.
pub const WIDE: [u32; 3] = [60, 900, 86_400];

/// Stays that ended sooner than this, in seconds, are told apart: 1 min, 5 min, 15 min, 1 h.
pub const STAYS: [u32; 4] = [60, 300, 900, 3_600];

/// What happened in one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// The number of the first of its events; 0: there is none.
    pub first_seq: u64,
    /// The number of the last of its events. Events of other stretches may lie between the two.
    pub last_seq: u64,
    /// Stays that began.
    pub joins: u64,
    /// Stays that ended.
    pub leaves: u64,
    /// Over its joins and leaves, how long after the start of the stretch each was, joins counted up and leaves down, in
    /// microseconds: with it the time watched within the stretch can be told to any moment of it.
    pub moment: i64,
    /// The most viewers at a time right before or after one of its events.
    pub peak: u32,
    /// People who came: their first viewer joined.
    pub arrivals: u64,
    /// People who went: their last viewer left.
    pub departures: u64,
    /// Arrivals of people who had gone in this same stretch.
    pub again: u64,
    /// Arrivals of people who had gone in the same wide interval ([`WIDE`]).
    pub again_wide: u64,
    /// Chat messages.
    pub messages: u64,
    /// Reactions.
    pub reactions: u64,
    /// Of the stays that began, those that ended sooner than each of [`STAYS`].
    pub short: [u64; 4],
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.first_seq = match (self.first_seq, other.first_seq) {
            (0, first) | (first, 0) => first,
            (one, two) => one.min(two),
        };
        self.last_seq = self.last_seq.max(other.last_seq);
        self.joins += other.joins;
        self.leaves += other.leaves;
        self.moment += other.moment;
        self.peak = self.peak.max(other.peak);
        self.arrivals += other.arrivals;
        self.departures += other.departures;
        self.again += other.again;
        self.again_wide += other.again_wide;
        self.messages += other.messages;
        self.reactions += other.reactions;
        for (count, more) in self.short.iter_mut().zip(other.short) {
            *count += more;
        }
    }
}

/// What is known of a session at one point of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The number of the last event that was gone through.
    pub seq: u64,
    /// The earliest time in the log.
    pub first_at: Time,
    /// The latest time of anything that metrics are made of. What is only noted, perhaps long after the end, is none.
    pub last_at: Time,
    /// How many viewers are there.
    pub viewers: u32,
    /// The most viewers at a time.
    pub peak: u32,
    /// How many different people have been there.
    pub people: u64,
    /// How many people are there.
    pub present: u64,
}

/// A session's sums over a window of time, and what is known at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// At the end of the log.
    pub progress: Progress,
    /// Of each stretch of the level that was asked for in which something happened, by its start.
    pub rows: BTreeMap<Time, Sums>,
    /// How many different people were there since the window's start.
    pub people: u64,
}

/// The start of the stretch of so many seconds that a time lies in. Stretches are counted from 1970 UTC.
pub fn start_of(time: Time, seconds: u32) -> Time {
    let behind = time.unix_timestamp().rem_euclid(i64::from(seconds));
    let start = time - time::Duration::seconds(behind);
    start.replace_nanosecond(0).unwrap_or(start)
}

#[cfg(test)]
mod tests;
