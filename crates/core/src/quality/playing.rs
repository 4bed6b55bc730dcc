//! One viewer, from the first report to the end of the stay: what is believed of what it tells.

use std::time::Duration;

use super::Quality;
use super::beacon::{Beacon, Failure};
use super::cmcd::Cmcd;
use super::follower::{Follower, Mode};

/// Nobody has played longer than time has passed since the first report, and this; nor stalled more often than once a
/// second of that.
const HEAD_START: Duration = Duration::from_secs(60);
/// The most failures that are counted of one stay.
const MAX_FAILURES: u64 = 100;

/// From where a viewer's figures come, the best last: who has sent a better one is counted by that alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Cmcd(Mode),
    Beacons,
}

/// What a report adds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amounts {
    pub startup_ms: Option<u32>,
    pub played_ms: u64,
    pub stalled_ms: u64,
    pub stalls: u64,
    pub failure: Option<Failure>,
}

/// What was counted of a viewer.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    played_ms: u64,
    stalled_ms: u64,
    stalls: u64,
    failures: u64,
}

/// A viewer who reports.
#[derive(Debug)]
pub(super) struct Playing {
    since: Duration,
    source: Source,
    follower: Follower,
    counted: Counted,
    /// What lesser sources told already of the time that the present one tells of.
    credit: Counted,
    is_counted: bool,
    has_started: bool,
    has_failed: bool,
}

impl Playing {
    /// First heard of now.
    pub fn new(now: Duration) -> Self {
        Self {
            since: now,
            source: Source::Cmcd(Mode::Requests),
            follower: Follower::default(),
            counted: Counted::default(),
            credit: Counted::default(),
            is_counted: false,
            has_started: false,
            has_failed: false,
        }
    }

    /// What a beacon adds.
    pub fn beacon(&mut self, beacon: &Beacon, now: Duration) -> Quality {
        self.rise_to(Source::Beacons);
        let amounts = Amounts {
            startup_ms: beacon.startup_ms,
            played_ms: beacon.played_ms.into(),
            stalled_ms: beacon.stalled_ms.into(),
            stalls: beacon.stalls.into(),
            failure: beacon.failure,
        };
        self.count(amounts, true, now)
    }

    /// What a CMCD report adds; nothing where a better source is known.
    pub fn cmcd(&mut self, report: &Cmcd, mode: Mode, now: Duration) -> Quality {
        if !self.rise_to(Source::Cmcd(mode)) {
            return Quality::default();
        }
        let at = match mode {
            Mode::Requests => now,
            Mode::Events => report.at_ms.map_or(now, Duration::from_millis),
        };
        let amounts = self.follower.follow(report, at, mode);
        self.count(amounts, report.tells_durations(), now)
    }

    /// Whether this source counts. What a lesser one told is then taken off what this one tells.
    fn rise_to(&mut self, source: Source) -> bool {
        if source > self.source {
            self.source = source;
            self.credit = self.counted;
            self.follower = Follower::default();
        }
        source == self.source
    }

    fn count(&mut self, amounts: Amounts, tells_durations: bool, now: Duration) -> Quality {
        let mut quality = Quality::default();
        if tells_durations && !self.is_counted {
            self.is_counted = true;
            quality.viewers = 1;
        }
        if let Some(time) = amounts.startup_ms.filter(|_| !self.has_started) {
            self.has_started = true;
            quality.start(time);
        }
        let room = self.room(now);
        quality.stalled_ms = beyond(amounts.stalled_ms, &mut self.credit.stalled_ms).min(room);
        quality.played_ms =
            beyond(amounts.played_ms, &mut self.credit.played_ms).min(room - quality.stalled_ms);
        let stalls = self.passed(now).as_secs().saturating_sub(self.counted.stalls);
        quality.stalls = beyond(amounts.stalls, &mut self.credit.stalls).min(stalls);
        self.counted.stalled_ms += quality.stalled_ms;
        self.counted.played_ms += quality.played_ms;
        self.counted.stalls += quality.stalls;
        if let Some(failure) = amounts.failure {
            self.fail(failure, &mut quality);
        }
        quality
    }

    /// The time of which this viewer may tell.
    fn passed(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since) + HEAD_START
    }

    /// How many more milliseconds are believed.
    fn room(&self, now: Duration) -> u64 {
        let passed = self.passed(now).as_millis();
        let believed = self.counted.played_ms + self.counted.stalled_ms;
        u64::try_from(passed).unwrap_or(u64::MAX).saturating_sub(believed)
    }

    fn fail(&mut self, failure: Failure, quality: &mut Quality) {
        if beyond(1, &mut self.credit.failures) == 0 || self.counted.failures >= MAX_FAILURES {
            return;
        }
        self.counted.failures += 1;
        quality.fail(failure);
        quality.failed_viewers = u64::from(!self.has_failed);
        self.has_failed = true;
    }
}

/// What is left of an amount after what it was given credit for.
fn beyond(amount: u64, credit: &mut u64) -> u64 {
    let taken = amount.min(*credit);
    *credit -= taken;
    amount - taken
}
