//! From sums to metrics.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::fold::micros;
use super::window::{Period, Window, names};
use super::{LEVELS, STAYS, Summary, Sums, start_of};
use crate::clock::Time;
use crate::quality::{Failure, Quality};

names!(
    /// What can be asked for.
    Metric:
    /// How many watch at a time.
    ViewerCount = "viewer_count",
    /// How many different people watch.
    UniqueViewers = "unique_viewers",
    /// How long all of them watch together.
    WatchTime = "watch_time",
    /// How long a stay lasts.
    AverageWatchTime = "average_watch_time",
    /// Which share of stays lasts.
    Retention = "retention",
    /// Stays that begin.
    Joins = "joins",
    /// Stays that end.
    Leaves = "leaves",
    /// Interactions a minute of watching.
    Engagement = "engagement",
    /// Chat messages.
    ChatMessages = "chat_messages",
    /// Reactions.
    Reactions = "reactions",
    /// How long viewers wait for the first picture.
    StartupTime = "startup_time",
    /// Which part of watching is waiting.
    RebufferRatio = "rebuffer_ratio",
    /// How often playback breaks off.
    PlaybackFailures = "playback_failures"
);

impl Metric {
    /// Whether it is of what players tell, not of the log.
    pub fn is_told_by_players(self) -> bool {
        matches!(self, Self::StartupTime | Self::RebufferRatio | Self::PlaybackFailures)
    }
}

/// One metric over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Over the whole window, by name.
    pub total: Map<String, Value>,
    /// A value for each step.
    pub series: Vec<Value>,
    /// Of `viewer_count` the peak of each step.
    pub peaks: Option<Vec<Value>>,
}

/// The answer to a question about a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// From when to when, in which steps.
    pub window: Window,
    /// The start of each step.
    pub times: Vec<Time>,
    /// The metrics that were asked for, in that order.
    pub metrics: Vec<(Metric, Figures)>,
}

/// Totals over all broadcasts of a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// What was asked for.
    pub period: Period,
    /// Since when; `None`: since ever.
    pub from: Option<Time>,
    /// Until when.
    pub to: Time,
    /// How many broadcasts there were.
    pub broadcasts: usize,
    /// The metrics that were asked for, in that order.
    pub metrics: Vec<(Metric, Map<String, Value>)>,
}

/// One step of a window, or the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    /// Viewers at its start.
    pub viewers: u64,
    /// People at its start.
    pub people: u64,
    /// What happened in it. Of its `moment` nothing is left to be said.
    pub sums: Sums,
    /// Viewers times microseconds.
    pub watched: i128,
    /// For how long of it there was a session, in microseconds.
    pub elapsed: i64,
    /// The most viewers at a time.
    pub peak: u64,
    /// Different people.
    pub unique: u64,
}

/// Works out metrics: of the log, and of what players told in each step.
pub fn report(summary: &Summary, window: Window, told: &[(Time, Quality)], metrics: &[Metric]) -> Report {
    let points = points(summary, &window);
    let whole = put_together(summary, &window, &points);
    let current = summary.progress.viewers.into();
    let mut played = Quality::default();
    told.iter().for_each(|(_, more)| played.add(more));
    let told: HashMap<Time, &Quality> = told.iter().map(|(start, quality)| (*start, quality)).collect();
    let of = |metric: &Metric| {
        if metric.is_told_by_players() {
            let of_step =
                |start| experience(*metric, told.get(&start).copied().unwrap_or(&Quality::default()));
            let series = window.steps().map(of_step).collect();
            return (*metric, Figures { total: experience_total(*metric, &played), series, peaks: None });
        }
        let series = points.iter().map(|point| point.value(*metric)).collect();
        let peaks = points.iter().map(|point| json!(point.peak)).collect();
        let peaks = (*metric == Metric::ViewerCount).then_some(peaks);
        (*metric, Figures { total: total(*metric, &whole, current), series, peaks })
    };
    Report { window, times: window.steps().collect(), metrics: metrics.iter().map(of).collect() }
}

/// What each step of a window comes to.
pub fn points(summary: &Summary, window: &Window) -> Vec<Point> {
    let (mut steps, carried) = (in_steps(summary, window), carried(summary));
    let (mut viewers, mut people) = carried;
    let length = time::Duration::seconds(window.interval.seconds().into());
    let point = |start: Time| {
        let sums = steps.remove(&start).unwrap_or_default();
        let end = (start + length).min(window.to);
        let (span, delta) = (micros(end - start), delta(sums.joins, sums.leaves));
        let watched = i128::from(viewers) * i128::from(span) + i128::from(delta) * i128::from(span)
            - i128::from(sums.moment);
        let point = Point {
            viewers: positive(viewers),
            people: positive(people),
            sums,
            watched: watched.max(0),
            elapsed: micros(end - start.max(summary.progress.first_at)).max(0),
            // While a clock is set back, two stretches of the log share their time: no more than ever were there at once.
            peak: positive(viewers).max(sums.peak.into()).min(summary.progress.peak.into()),
            unique: positive(people + delta_of(sums.arrivals) - delta_of(sums.again)),
        };
        viewers += delta;
        people += self::delta(sums.arrivals, sums.departures);
        point
    };
    window.steps().map(point).collect()
}

fn delta(more: u64, less: u64) -> i64 {
    delta_of(more) - delta_of(less)
}

fn delta_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn positive(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// Viewers and people at the window's start: those at its end, less what happened since.
fn carried(summary: &Summary) -> (i64, i64) {
    let now = &summary.progress;
    let sums = summary.rows.values();
    let moved = sums.fold((0, 0), |(viewers, people), it| {
        (viewers + delta(it.joins, it.leaves), people + delta(it.arrivals, it.departures))
    });
    (i64::from(now.viewers) - moved.0, delta_of(now.present) - moved.1)
}

/// The rows put together into steps.
fn in_steps(summary: &Summary, window: &Window) -> BTreeMap<Time, Sums> {
    let seconds = window.interval.seconds();
    let is_wide = !LEVELS.contains(&seconds);
    let mut steps: BTreeMap<Time, Sums> = BTreeMap::new();
    for (at, row) in &summary.rows {
        let start = start_of(*at, seconds);
        let step = steps.entry(start).or_default();
        *step += *row;
        step.moment += delta(row.joins, row.leaves) * micros(*at - start);
        if is_wide {
            step.again += row.again_wide.saturating_sub(row.again);
        }
    }
    steps
}

/// What a window comes to as a whole.
pub fn whole(summary: &Summary, window: &Window) -> Point {
    put_together(summary, window, &points(summary, window))
}

fn put_together(summary: &Summary, window: &Window, points: &[Point]) -> Point {
    let is_all = window.period == Period::All;
    let mut whole = points.first().copied().unwrap_or_default();
    for point in points.iter().skip(1) {
        whole.sums += point.sums;
        whole.watched += point.watched;
        whole.elapsed += point.elapsed;
        whole.peak = whole.peak.max(point.peak);
    }
    if is_all {
        whole.peak = summary.progress.peak.into();
    }
    whole.unique = if is_all { summary.progress.people } else { summary.people };
    whole
}

/// What players told, as a value.
fn experience(metric: Metric, told: &Quality) -> Value {
    match metric {
        Metric::StartupTime => json!(told.startup_time().average),
        Metric::RebufferRatio => json!(told.rebuffer_ratio()),
        _ => json!(told.playback_failures()),
    }
}

/// What players told over a whole window, with what it is made of.
pub fn experience_total(metric: Metric, told: &Quality) -> Map<String, Value> {
    let parts = match metric {
        Metric::StartupTime => {
            let startup = told.startup_time();
            json!({ "median": startup.median, "p95": startup.p95, "viewers": told.started() })
        }
        Metric::RebufferRatio => json!({
            "stalled": told.stalled_ms as f64 / 1e3,
            "played": told.played_ms as f64 / 1e3,
            "stalls": told.stalls,
        }),
        _ => {
            let reasons = Failure::ALL.iter().zip(told.failures);
            let reasons: Map<_, _> =
                reasons.map(|(failure, count)| (failure.name().to_owned(), json!(count))).collect();
            json!({ "reasons": reasons, "share": told.failed_share(), "viewers": told.viewers })
        }
    };
    let mut total = if let Value::Object(parts) = parts { parts } else { Map::new() };
    total.insert("value".into(), experience(metric, told));
    total
}

/// A metric over a whole window, by name, with what it is made of.
pub fn total(metric: Metric, whole: &Point, current: u64) -> Map<String, Value> {
    let mut total = whole.parts(metric);
    if metric == Metric::ViewerCount {
        total.insert("current".into(), json!(current));
        total.insert("average".into(), whole.value(metric));
        total.insert("peak".into(), json!(whole.peak));
    } else {
        total.insert("value".into(), whole.value(metric));
    }
    total
}

impl Point {
    /// Takes in what another session came to. Peaks of different sessions are not added: they were at different times.
    pub fn join(&mut self, other: &Self) {
        self.viewers += other.viewers;
        self.people += other.people;
        self.sums += other.sums;
        self.watched += other.watched;
        self.elapsed += other.elapsed;
        self.peak = self.peak.max(other.peak);
        self.unique += other.unique;
    }

    /// The metric's value, by the formula that the guide tells.
    pub fn value(&self, metric: Metric) -> Value {
        match metric {
            Metric::ViewerCount if self.elapsed == 0 => json!(self.viewers),
            Metric::ViewerCount => json!(ratio(self.watched, self.elapsed.into())),
            Metric::UniqueViewers => json!(self.unique),
            Metric::WatchTime => json!(seconds(self.watched)),
            Metric::AverageWatchTime => json!(ratio(self.watched, i128::from(self.stays()) * 1_000_000)),
            Metric::Retention => json!(self.lasting(0)),
            Metric::Joins => json!(self.sums.joins),
            Metric::Leaves => json!(self.sums.leaves),
            Metric::Engagement => json!(ratio(i128::from(self.interactions()) * MINUTE, self.watched)),
            Metric::ChatMessages => json!(self.sums.messages),
            Metric::Reactions => json!(self.sums.reactions),
            Metric::StartupTime | Metric::RebufferRatio | Metric::PlaybackFailures => Value::Null,
        }
    }

    /// What a metric is made of.
    fn parts(&self, metric: Metric) -> Map<String, Value> {
        let parts = match metric {
            Metric::AverageWatchTime => json!({ "stays": self.stays(), "watch_time": seconds(self.watched) }),
            Metric::Retention => {
                let names = ["1m", "5m", "15m", "1h"];
                let after: Map<_, _> =
                    (0..STAYS.len()).map(|it| (names[it].to_owned(), json!(self.lasting(it)))).collect();
                json!({ "after": after, "stays": self.sums.joins })
            }
            Metric::Engagement => json!({
                "interactions": self.interactions(),
                "chat_messages": self.sums.messages,
                "reactions": self.sums.reactions,
                "viewer_minutes": ratio(self.watched, MINUTE),
            }),
            _ => Value::Null,
        };
        match parts {
            Value::Object(parts) => parts,
            _ => Map::new(),
        }
    }

    fn stays(&self) -> u64 {
        self.viewers + self.sums.joins
    }

    fn interactions(&self) -> u64 {
        self.sums.messages + self.sums.reactions
    }

    fn lasting(&self, limit: usize) -> f64 {
        let short = self.sums.short.get(limit).copied().unwrap_or_default().min(self.sums.joins);
        ratio((self.sums.joins - short).into(), self.sums.joins.into())
    }
}

/// Microseconds of a minute.
const MINUTE: i128 = 60_000_000;

/// Of nothing it is 0.
fn ratio(part: i128, of: i128) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

fn seconds(micros: i128) -> f64 {
    micros as f64 / 1e6
}
