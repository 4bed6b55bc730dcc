//! Going through a log, event by event.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{LEVELS, Progress, STAYS, Sums, WIDE, start_of};
use crate::clock::Time;
use crate::event::{Event, EventType};

/// What is known of one person of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Person {
    /// How many of its viewers are there.
    pub present: u32,
    /// The latest time at which one of its viewers left.
    pub departed_at: Option<Time>,
}

/// Goes through events in the order of their numbers, from wherever an earlier pass stopped.
#[derive(Debug, Default)]
pub struct Fold {
    /// How far it has got; `None` before the first event.
    pub progress: Option<Progress>,
    /// Whoever an event was about. Those known before must be put in first.
    pub people: HashMap<String, Person>,
    /// What is to be added, by the level's seconds and the start of the stretch.
    pub sums: BTreeMap<(u32, Time), Sums>,
}

/// The person that an event is about, if it is about a viewer.
pub fn person_of(event: &Event) -> Option<&str> {
    let kind = EventType::named(&event.kind)?;
    let is_viewers = matches!(kind, EventType::ViewerJoined | EventType::ViewerLeft);
    is_viewers.then(|| text(&event.data, "person"))
}

/// A text in what an event tells.
pub(super) fn text<'a>(data: &'a Value, name: &str) -> &'a str {
    data.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Fold {
    /// Goes on with the next event. One that was gone through before is left out.
    pub fn apply(&mut self, event: &Event) {
        let at = event.created_at;
        let mut now = self.progress.unwrap_or(Progress {
            seq: 0,
            first_at: at,
            last_at: at,
            viewers: 0,
            peak: 0,
            people: 0,
            present: 0,
        });
        if event.seq <= now.seq {
            return;
        }
        let before = now.viewers;
        now.seq = event.seq;
        now.first_at = now.first_at.min(at);
        let mut counts = true;
        match EventType::named(&event.kind) {
            Some(EventType::ViewerJoined) => self.joined(event, &mut now),
            Some(EventType::ViewerLeft) => self.left(event, &mut now),
            Some(EventType::ChatMessage) => self.add(at, |sums, _| sums.messages += 1),
            Some(EventType::Reaction) => self.add(at, |sums, _| sums.reactions += 1),
            kind => counts = kind == Some(EventType::BroadcastEnded),
        }
        if counts {
            now.last_at = now.last_at.max(at);
        }
        now.peak = now.peak.max(now.viewers);
        let peak = before.max(now.viewers);
        self.add(at, |sums, _| {
            sums.peak = sums.peak.max(peak);
            sums.first_seq = if sums.first_seq == 0 { event.seq } else { sums.first_seq };
            sums.last_seq = event.seq;
        });
        self.progress = Some(now);
    }

    fn joined(&mut self, event: &Event, now: &mut Progress) {
        let at = event.created_at;
        now.viewers = now.viewers.saturating_add(1);
        self.add(at, |sums, start| {
            sums.joins += 1;
            sums.moment += micros(at - start);
        });
        let name = text(&event.data, "person");
        let is_new = !self.people.contains_key(name);
        let person = self.people.entry(name.to_owned()).or_default();
        person.present = person.present.saturating_add(1);
        let (is_arrival, departed_at) = (person.present == 1, person.departed_at);
        now.people += u64::from(is_new);
        if is_arrival {
            now.present += 1;
            self.arrived(at, departed_at);
        }
    }

    fn arrived(&mut self, at: Time, departed_at: Option<Time>) {
        for (level, wide) in LEVELS.into_iter().zip(WIDE) {
            let within =
                |seconds| departed_at.is_some_and(|it| start_of(it, seconds) == start_of(at, seconds));
            let sums = self.sums.entry((level, start_of(at, level))).or_default();
            sums.arrivals += 1;
            sums.again += u64::from(within(level));
            sums.again_wide += u64::from(within(wide));
        }
    }

    fn left(&mut self, event: &Event, now: &mut Progress) {
        let at = event.created_at;
        now.viewers = now.viewers.saturating_sub(1);
        self.add(at, |sums, start| {
            sums.leaves += 1;
            sums.moment -= micros(at - start);
        });
        let watched = watched(event);
        self.add(at - watched, |sums, _| {
            for (count, limit) in sums.short.iter_mut().zip(STAYS) {
                *count += u64::from(watched < time::Duration::seconds(limit.into()));
            }
        });
        let person = self.people.entry(text(&event.data, "person").to_owned()).or_default();
        person.present = person.present.saturating_sub(1);
        let departed_at = person.departed_at.map_or(at, |before| before.max(at));
        person.departed_at = Some(departed_at);
        if person.present == 0 {
            now.present = now.present.saturating_sub(1);
            self.add(departed_at, |sums, _| sums.departures += 1);
        }
    }

    fn add(&mut self, at: Time, change: impl Fn(&mut Sums, Time)) {
        for level in LEVELS {
            let start = start_of(at, level);
            change(self.sums.entry((level, start)).or_default(), start);
        }
    }
}

/// How long the stay lasted that a `viewer.left` tells of, to the microsecond.
pub fn watched(event: &Event) -> time::Duration {
    let seconds = event.data.get("watched").and_then(Value::as_f64).unwrap_or_default();
    // Rounded, because seconds as a binary fraction are not exact; never too long to reckon with.
    let micros = (seconds.clamp(0.0, LONGEST_STAY) * 1e6).round();
    time::Duration::microseconds(micros as i64)
}

/// In seconds: a century, whatever a log says.
const LONGEST_STAY: f64 = 100.0 * 365.25 * 86_400.0;

/// Whole microseconds.
pub fn micros(duration: time::Duration) -> i64 {
    i64::try_from(duration.whole_microseconds()).unwrap_or_default()
}
