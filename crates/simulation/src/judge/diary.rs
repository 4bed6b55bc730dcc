//! What is known of one viewer from outside.

use std::time::Duration;

use super::{Answer, Done, TIMEOUT};
use crate::clocks::Wall;
use crate::fold::Gone;

/// What a viewer asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A place, or to play on.
    Join,
    /// A sign of life.
    Heartbeat,
    /// To go.
    Leave,
}

/// Times are those of the run, not of any clock.
#[derive(Default)]
pub struct Diary {
    /// Between which moments the server took note of the last sign of life.
    sign: Option<(Duration, Duration)>,
    /// How many calls that write are under way.
    under_way: u32,
    /// Whether the outcome of one is not known.
    in_doubt: bool,
    /// When it said goodbye.
    goodbyes: Vec<Duration>,
    /// Whether that was confirmed.
    has_left: bool,
    /// When its last join and its last leave were committed.
    joined: Option<Duration>,
    left: Option<Duration>,
}

impl Diary {
    pub fn begins(&mut self, call: Call, now: Duration) {
        match call {
            Call::Join => self.under_way += 1,
            Call::Leave => {
                self.under_way += 1;
                self.goodbyes.push(now);
            }
            Call::Heartbeat => {}
        }
    }

    pub fn ends(&mut self, done: &Done, now: Duration) {
        if done.call != Call::Heartbeat {
            self.under_way = self.under_way.saturating_sub(1);
        }
        match (done.call, done.answer) {
            (Call::Leave, Answer::Accepted) => self.has_left = true,
            (Call::Join | Call::Leave, Answer::Unknown) => self.in_doubt = true,
            (Call::Join | Call::Heartbeat, Answer::Accepted) => {
                let (low, high) = self.sign.unwrap_or_default();
                self.sign = Some((low.max(done.since), high.max(now)));
            }
            _ => {}
        }
    }

    /// What was under way on a server that died is not known to be done.
    pub fn crash(&mut self) {
        self.in_doubt |= self.under_way > 0;
        self.under_way = 0;
    }

    /// The server has read who is there.
    pub fn restore(&mut self) {
        self.in_doubt = false;
    }

    pub fn joined(&mut self, now: Duration) -> Result<(), String> {
        self.joined = Some(now);
        if self.has_left { Err("a viewer who had left joined again".into()) } else { Ok(()) }
    }

    pub fn left(&mut self, now: Duration) {
        self.left = Some(now);
    }

    pub fn left_before(&self, time: Duration) -> bool {
        self.left.is_none_or(|left| left < time)
    }

    /// Whether the server must know it as present.
    pub fn is_there(&self, now: Duration, restored: Duration) -> bool {
        let seen = self.sign.map(|(low, _)| low.max(restored));
        self.under_way == 0 && !self.in_doubt && seen.is_some_and(|seen| now < seen + TIMEOUT)
    }

    /// The last that was heard of it, in whatever way.
    pub fn latest(&self) -> Duration {
        let sign = self.sign.map_or(Duration::ZERO, |(_, high)| high);
        sign.max(self.joined.unwrap_or_default())
    }

    /// A time-out is due fifteen seconds after the last sign of life that the server saw, and logged as of then.
    pub fn timed_out(
        &self,
        gone: &Gone,
        (wall, boots, boot): (&Wall, &[(Duration, Option<Duration>)], u32),
    ) -> Result<(), String> {
        let now = wall.elapsed();
        let (low, high) = self.sign.unwrap_or_default();
        // Of the start that noticed it: one before may have died before its commit was there.
        let begun = boots.get(boot as usize).map_or(Duration::ZERO, |(begun, _)| *begun);
        let earliest = low.max(begun);
        let is_restored = |seen: Duration| {
            boots.iter().any(|(begun, ready)| *begun <= seen && ready.is_none_or(|ready| seen <= ready))
        };
        // Somebody who got a place without an answer counts from the moment at which the server finds that out.
        let is_found = self.sign.is_none() || self.in_doubt || self.under_way > 0;
        let is_known = |seen: Duration| is_found || seen <= high || is_restored(seen);
        let is_right = |due: &Duration| {
            let Some(seen) = due.checked_sub(TIMEOUT) else { return false };
            *due <= now && seen >= earliest && is_known(seen)
        };
        let dues = wall.when(gone.at, now.saturating_sub(Duration::from_secs(60)));
        // A wall clock that was set back is behind the join.
        let is_cut = gone.at == gone.joined_at && earliest + TIMEOUT <= now;
        if is_cut || dues.iter().any(is_right) {
            return Ok(());
        }
        let dues: Vec<_> = dues.iter().map(Duration::as_secs_f64).collect();
        let (low, high) = (earliest.as_secs_f64(), high.as_secs_f64());
        Err(format!("viewer {} was seen at {low} to {high} and timed out at {dues:?}", gone.viewer))
    }

    /// Who says goodbye is gone as of then.
    pub fn said_goodbye(&self, gone: &Gone, wall: &Wall) -> Result<(), String> {
        let is_cut = gone.at == gone.joined_at && !self.goodbyes.is_empty();
        let dues = wall.when(gone.at, Duration::ZERO);
        if is_cut || dues.iter().any(|due| self.goodbyes.contains(due)) {
            return Ok(());
        }
        Err(format!("viewer {} left at {dues:?} and said goodbye at {:?}", gone.viewer, self.goodbyes))
    }
}
