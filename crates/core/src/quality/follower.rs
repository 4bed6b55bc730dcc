//! Makes amounts of the CMCD reports of one playback session.

use std::time::Duration;

use super::beacon::{Failure, MAX_AMOUNT_MS, MAX_STARTUP_MS};
use super::cmcd::{Cmcd, State};
use super::playing::Amounts;

/// Two signs of a stall within this time are of one: sound and picture each tell of it.
const SAME_STALL: Duration = Duration::from_secs(2);

/// How the reports of a session arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// With requests, seen when they arrive (CTA-5004-B §2.1).
    Requests,
    /// At events, timed by the player (§2.2).
    Events,
}

impl Mode {
    /// The most time that is believed to have passed in one state. Requests come every few seconds; events may be as
    /// far apart as the player's interval, usually 30 s.
    fn longest_gap(self) -> Duration {
        match self {
            Self::Requests => Duration::from_secs(15),
            Self::Events => Duration::from_secs(60),
        }
    }
}

/// Follows one playback session.
#[derive(Debug, Default)]
pub(super) struct Follower {
    state: Option<State>,
    at: Option<Duration>,
    starting_since: Option<Duration>,
    /// Whether an error was told, and counted, that no state has told of yet.
    has_untold_error: bool,
    last_stall: Option<Duration>,
    /// Stalls that were counted and that no `bsd` has told of yet.
    untold_stalls: usize,
    /// Time in the state of rebuffering that no `bsd` has told of yet.
    untold_wait: u64,
    /// The sum of all `bsd`, or the last `bsda`.
    told_wait: u64,
}

impl Follower {
    /// What a report adds. `at` is on the player's clock for events and on ours for requests.
    pub fn follow(&mut self, report: &Cmcd, at: Duration, mode: Mode) -> Amounts {
        let mut amounts = self.pass(at, mode);
        self.tell_stalls(report, at, &mut amounts);
        self.tell_wait(report, &mut amounts);
        amounts.startup_ms = report.startup_ms.filter(|time| *time <= MAX_STARTUP_MS);
        if let Some(state) = report.state {
            self.enter(state, at, mode, &mut amounts);
        } else if report.has_error && self.state.is_none() && !self.has_untold_error {
            self.has_untold_error = true;
            amounts.failure = Some(Failure::Other);
        }
        if report.stands_still && self.state == Some(State::Playing) {
            self.state = Some(State::Resting);
        }
        amounts
    }

    /// The time since the report before counts for the state that was told then.
    fn pass(&mut self, at: Duration, mode: Mode) -> Amounts {
        let before = self.at.unwrap_or(at);
        self.at = Some(before.max(at));
        let passed = milliseconds(at.saturating_sub(before).min(mode.longest_gap()));
        match self.state {
            Some(State::Playing) => Amounts { played_ms: passed, ..Amounts::default() },
            Some(State::Rebuffering) => {
                self.untold_wait += passed;
                Amounts { stalled_ms: passed, ..Amounts::default() }
            }
            _ => Amounts::default(),
        }
    }

    /// Counts stalls by `bs`, by the state and by `bsd`, each stall once.
    fn tell_stalls(&mut self, report: &Cmcd, at: Duration, amounts: &mut Amounts) {
        let stalls_now = report.state == Some(State::Rebuffering);
        let was_stalled = self.state == Some(State::Rebuffering);
        let is_same = self.last_stall.is_some_and(|last| at.saturating_sub(last) < SAME_STALL);
        if (report.starved || stalls_now) && !was_stalled && !is_same {
            amounts.stalls += 1;
            self.untold_stalls += 1;
        }
        if report.starved || stalls_now {
            self.last_stall = Some(at);
        }
        if !report.stalls_ms.is_empty() {
            amounts.stalls += report.stalls_ms.len().saturating_sub(self.untold_stalls) as u64;
            self.untold_stalls = 0;
            self.last_stall = Some(at);
        }
    }

    /// Adds what `bsd` and `bsda` tell beyond what the state has shown. That was not played either.
    fn tell_wait(&mut self, report: &Cmcd, amounts: &mut Amounts) {
        let listed: u64 = report.stalls_ms.iter().map(|stall| u64::from((*stall).min(MAX_AMOUNT_MS))).sum();
        let told = report.stalled_total_ms.map_or(listed, |total| total.saturating_sub(self.told_wait));
        self.told_wait = self.told_wait.saturating_add(told);
        let told = told.min(u64::from(MAX_AMOUNT_MS));
        let beyond = told.saturating_sub(self.untold_wait);
        self.untold_wait = self.untold_wait.saturating_sub(told);
        amounts.stalled_ms += beyond;
        amounts.played_ms = amounts.played_ms.saturating_sub(beyond);
    }

    /// Without `msd` the startup is the time from `starting` to `playing`, as the standard defines it: told by events
    /// only, as requests come too late to show it.
    fn enter(&mut self, state: State, at: Duration, mode: Mode, amounts: &mut Amounts) {
        match state {
            State::Starting => _ = self.starting_since.get_or_insert(at),
            State::Playing => {
                let since = self.starting_since.take().filter(|_| mode == Mode::Events);
                let took = since.map(|since| milliseconds(at.saturating_sub(since)));
                let took =
                    took.and_then(|took| u32::try_from(took).ok()).filter(|took| *took <= MAX_STARTUP_MS);
                amounts.startup_ms = amounts.startup_ms.or(took);
            }
            State::Failed if self.state != Some(State::Failed) && !self.has_untold_error => {
                amounts.failure = Some(Failure::Other);
            }
            _ => {}
        }
        self.has_untold_error = false;
        self.state = Some(state);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
