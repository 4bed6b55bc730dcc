//! The same figures worked out anew from a log alone, in the plainest way: each stay is laid over each step of the window.
//!
//! It shares nothing with the sums but the meaning of the metrics, so that the one can be held against the other.

use std::collections::{BTreeMap, HashMap};

use super::fold::{micros, text, watched};
use super::report::Point;
use super::{Period, STAYS, Window, start_of};
use crate::clock::Time;
use crate::event::{Event, EventType};

/// The most faults that are told.
const MAX_FAULTS: usize = 20;

/// Goes through a whole log, from its first event on.
#[derive(Debug)]
pub struct Audit {
    window: Window,
    points: BTreeMap<Time, Point>,
    /// Stays that last: of a viewer, since when and whose.
    stays: HashMap<String, (Time, String)>,
    people: HashMap<String, Presence>,
    first_at: Option<Time>,
    seq: u64,
    peak: u64,
    faults: Vec<String>,
}

/// Of a person: how many viewers are there, since when, and until when before.
#[derive(Debug, Default)]
struct Presence {
    viewers: u32,
    since: Option<Time>,
    departed_at: Option<Time>,
}

/// What a log comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// What each step of the window comes to.
    pub points: Vec<Point>,
    /// How many different people were there in the window.
    pub people: u64,
    /// How many viewers are there.
    pub viewers: u64,
    /// The most viewers at a time, ever.
    pub peak: u64,
    /// What cannot be: numbers with gaps, viewers who leave without being there.
    pub faults: Vec<String>,
}

impl Audit {
    /// Of a window.
    pub fn new(window: Window) -> Self {
        let (points, stays, people) = (BTreeMap::new(), HashMap::new(), HashMap::new());
        Self { window, points, stays, people, first_at: None, seq: 0, peak: 0, faults: Vec::new() }
    }

    /// How many viewers are there, and the most that were, by the events so far.
    pub fn viewers(&self) -> (u64, u64) {
        (self.stays.len() as u64, self.peak)
    }

    /// Goes on with the next event.
    pub fn apply(&mut self, event: &Event) {
        self.seq += 1;
        if event.seq != self.seq {
            self.fault(format!("number {} follows {}", event.seq, self.seq - 1));
            self.seq = event.seq;
        }
        let at = event.created_at;
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        let before = self.stays.len() as u64;
        match EventType::named(&event.kind) {
            Some(EventType::ViewerJoined) => self.join(event),
            Some(EventType::ViewerLeft) => self.leave(event),
            Some(EventType::ChatMessage) => self.step(at).sums.messages += 1,
            Some(EventType::Reaction) => self.step(at).sums.reactions += 1,
            _ => {}
        }
        let most = before.max(self.stays.len() as u64);
        self.peak = self.peak.max(most);
        let step = self.step(at);
        step.peak = step.peak.max(most);
    }

    fn join(&mut self, event: &Event) {
        let (viewer, person) = (text(&event.data, "viewer_id"), text(&event.data, "person"));
        let at = event.created_at;
        if self.stays.insert(viewer.to_owned(), (at, person.to_owned())).is_some() {
            self.fault(format!("viewer {viewer} joins while it is there (number {})", event.seq));
        }
        self.step(at).sums.joins += 1;
        let known = self.people.entry(person.to_owned()).or_default();
        known.viewers += 1;
        if known.viewers > 1 {
            return;
        }
        known.since = Some(at);
        let departed_at = known.departed_at;
        let step = start_of(at, self.window.interval.seconds());
        let is_again = departed_at.is_some_and(|it| start_of(it, self.window.interval.seconds()) == step);
        let point = self.step(at);
        point.sums.arrivals += 1;
        point.unique += u64::from(!is_again);
    }

    fn leave(&mut self, event: &Event) {
        let viewer = text(&event.data, "viewer_id");
        let at = event.created_at;
        let Some((joined_at, person)) = self.stays.remove(viewer) else {
            return self.fault(format!("viewer {viewer} leaves without being there (number {})", event.seq));
        };
        if person != text(&event.data, "person") || watched(event) != at - joined_at {
            self.fault(format!("viewer {viewer} leaves another stay than it began (number {})", event.seq));
        }
        self.step(at).sums.leaves += 1;
        let begin = self.step(joined_at);
        for (count, limit) in begin.sums.short.iter_mut().zip(STAYS) {
            *count += u64::from(at - joined_at < time::Duration::seconds(limit.into()));
        }
        self.watch(joined_at, at);
        let known = self.people.entry(person).or_default();
        known.viewers = known.viewers.saturating_sub(1);
        let departed_at = known.departed_at.map_or(at, |before| before.max(at));
        known.departed_at = Some(departed_at);
        if known.viewers == 0 {
            let since = known.since.take().unwrap_or(departed_at);
            self.step(departed_at).sums.departures += 1;
            self.be_there(since, departed_at);
        }
    }

    /// Lays a stay over the steps.
    fn watch(&mut self, joined_at: Time, left_at: Time) {
        let length = self.length();
        for start in self.steps_of(joined_at, left_at) {
            let span = left_at.min(start + length) - joined_at.max(start);
            let point = self.points.entry(start).or_default();
            point.watched += i128::from(micros(span));
            point.viewers += u64::from(joined_at < start);
        }
    }

    /// Lays somebody's presence over the steps.
    fn be_there(&mut self, since: Time, until: Time) {
        for start in self.steps_of(since, until) {
            let point = self.points.entry(start).or_default();
            let was_there = u64::from(since < start);
            point.people += was_there;
            point.unique += was_there;
        }
    }

    fn length(&self) -> time::Duration {
        time::Duration::seconds(self.window.interval.seconds().into())
    }

    fn steps_of(&self, from: Time, to: Time) -> impl Iterator<Item = Time> + use<> {
        let (length, from) = (self.length(), from.max(self.window.from));
        let first = start_of(from, self.window.interval.seconds());
        std::iter::successors(Some(first), move |start| Some(*start + length)).take_while(move |it| *it <= to)
    }

    fn step(&mut self, at: Time) -> &mut Point {
        self.points.entry(start_of(at, self.window.interval.seconds())).or_default()
    }

    fn fault(&mut self, what: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(what);
        }
    }

    /// What it comes to. Whoever is there watches up to the end of the window.
    pub fn finish(mut self) -> Audited {
        let (to, from, viewers) = (self.window.to, self.window.from, self.stays.len() as u64);
        for (joined_at, _) in std::mem::take(&mut self.stays).into_values() {
            self.watch(joined_at, to);
        }
        let people = std::mem::take(&mut self.people);
        let is_all = self.window.period == Period::All;
        let was_there = |known: &&Presence| is_all || known.viewers > 0 || known.departed_at >= Some(from);
        let count = people.values().filter(was_there).count() as u64;
        for since in people.into_values().filter_map(|known| known.since) {
            self.be_there(since, to);
        }
        let (length, first_at) = (self.length(), self.first_at.unwrap_or(to));
        let mut points = Vec::new();
        for start in self.window.steps() {
            let mut point = self.points.remove(&start).unwrap_or_default();
            point.elapsed = micros((start + length).min(to) - start.max(first_at)).max(0);
            point.peak = point.peak.max(point.viewers).min(self.peak);
            points.push(point);
        }
        Audited { points, people: count, viewers, peak: self.peak, faults: self.faults }
    }
}

/// What sums tell of a step, without what only serves to make them.
pub fn told(point: &Point) -> Point {
    let mut told = *point;
    (told.sums.first_seq, told.sums.last_seq) = (0, 0);
    told.sums.moment = 0;
    told.sums.peak = 0;
    told.sums.again = 0;
    told.sums.again_wide = 0;
    told
}
