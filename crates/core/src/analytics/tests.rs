//! Whatever a log says, in whatever parts it is added up: the sums tell what the log tells.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, json};
use uuid::Uuid;

use super::audit::{Audit, told};
use super::report::{points, total, whole};
use super::*;
use crate::event::{EndedStay, Event, EventType, LeaveReason, NewEvent, joined};
use crate::ids::{BroadcastId, EventId, ViewerId};

const NOON: Time = time::macros::datetime!(2026-05-01 11:58:13.5 UTC);

/// Something that a log tells of. Numbers choose one of those who are there, or whose person comes.
#[derive(Debug, Clone, Copy)]
enum Step {
    Join(u8),
    /// So many microseconds late.
    Leave(usize, u64),
    Talk,
    Unsay,
    React,
    Own,
    Pass(u64),
    Jump(i64),
}

fn step() -> impl Strategy<Value = Step> {
    const MICROS: u64 = 1_000_000;
    prop_oneof![
        6 => (0..6u8).prop_map(Step::Join),
        4 => (any::<usize>(), 0..3 * MICROS).prop_map(|(who, late)| Step::Leave(who, late)),
        1 => Just(Step::Talk),
        1 => Just(Step::Unsay),
        1 => Just(Step::React),
        1 => Just(Step::Own),
        6 => (0..90 * MICROS).prop_map(Step::Pass),
        1 => (0..9_000 * MICROS).prop_map(Step::Pass),
        1 => (-5_000..90_000i64).prop_map(Step::Jump),
    ]
}

/// A log as the store writes it.
struct Story {
    now: Time,
    there: Vec<(ViewerId, String, Time)>,
    log: Vec<Event>,
}

impl Story {
    fn of(steps: &[Step]) -> Self {
        let mut story = Self { now: NOON, there: Vec::new(), log: Vec::new() };
        story.tell(EventType::BroadcastCreated.name(), json!({}));
        steps.iter().for_each(|step| story.take(*step));
        story
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Join(person) => {
                let viewer = ViewerId(Uuid::from_u128(self.log.len() as u128));
                let person = format!("person {person}");
                self.tell(EventType::ViewerJoined.name(), joined(viewer, &person));
                self.there.push((viewer, person, self.now));
            }
            Step::Leave(who, late) if !self.there.is_empty() => {
                let (viewer, person, joined_at) = self.there.swap_remove(who % self.there.len());
                let at = self.now - time::Duration::microseconds(late as i64);
                let (reason, person) = (LeaveReason::TimedOut, person.as_str());
                let stay = EndedStay { viewer, user_id: None, person, reason, joined_at, at };
                let left = NewEvent::left(EventId(Uuid::nil()), &stay);
                self.log.push(left.logged(BroadcastId(Uuid::nil()), self.log.len() as u64 + 1));
            }
            Step::Leave(..) => {}
            Step::Talk => self.tell(EventType::ChatMessage.name(), json!({})),
            Step::Unsay => self.tell(EventType::ChatDeleted.name(), json!({"message_seq": 1})),
            Step::React => self.tell(EventType::Reaction.name(), json!({})),
            Step::Own => self.tell("poll.opened", json!({"viewer_id": 7, "person": [], "watched": "long"})),
            Step::Pass(micros) => self.now += time::Duration::microseconds(micros as i64),
            Step::Jump(seconds) => self.now += time::Duration::seconds(seconds),
        }
    }

    fn tell(&mut self, kind: &str, data: serde_json::Value) {
        let (id, session_id) = (EventId(Uuid::nil()), BroadcastId(Uuid::nil()));
        let (seq, created_at) = (self.log.len() as u64 + 1, self.now);
        let (kind, metadata) = (kind.to_owned(), Map::new());
        self.log.push(Event { id, session_id, seq, kind, data, created_at, user_id: None, metadata });
    }
}

/// Adds up in parts of so many events, keeping what a store keeps between them.
fn added_up(log: &[Event], part: usize) -> (Fold, BTreeMap<(u32, Time), Sums>) {
    let (mut fold, mut sums) = (Fold::default(), BTreeMap::<_, Sums>::new());
    for part in log.chunks(part) {
        part.iter().for_each(|event| fold.apply(event));
        for (stretch, more) in std::mem::take(&mut fold.sums) {
            *sums.entry(stretch).or_default() += more;
        }
    }
    (fold, sums)
}

fn summary(fold: &Fold, sums: &BTreeMap<(u32, Time), Sums>, window: &Window) -> Summary {
    let level = window.interval.level();
    let rows = sums.range((level, window.from)..).take_while(|((of, _), _)| *of == level);
    let rows = rows.map(|((_, start), sums)| (*start, *sums)).collect();
    let progress = fold.progress.unwrap();
    let was_there = |it: &&Person| it.present > 0 || it.departed_at >= Some(window.from);
    let people = if window.period == Period::All {
        progress.people
    } else {
        fold.people.values().filter(was_there).count() as u64
    };
    Summary { progress, rows, people }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_tell_what_the_log_tells(steps in vec(step(), 0..80), part in 1..90usize, which in 0..48usize) {
        let story = Story::of(&steps);
        let (fold, sums) = added_up(&story.log, part);
        let log = fold.progress.unwrap();
        let (period, interval) = (Period::ALL[which % 8], Interval::ALL[which / 8]);
        let end = story.now + time::Duration::seconds(which as i64 * 7);
        if let Ok(window) = Window::new(period, Some(interval), &log, end) {
            let summary = summary(&fold, &sums, &window);
            let mut audit = Audit::new(window);
            story.log.iter().for_each(|event| audit.apply(event));
            let audited = audit.finish();
            prop_assert_eq!(&audited.faults, &Vec::<String>::new());
            let found = points(&summary, &window).iter().map(told).collect::<Vec<_>>();
            prop_assert_eq!(&found, &audited.points, "{} by {}", period, interval);
            prop_assert_eq!(summary.people, audited.people);
            prop_assert_eq!((u64::from(log.viewers), u64::from(log.peak)), (audited.viewers, audited.peak));
            let whole = whole(&summary, &window);
            prop_assert_eq!(whole.watched, audited.points.iter().map(|it| it.watched).sum::<i128>());
            prop_assert!(whole.peak <= audited.peak && (period != Period::All || whole.peak == audited.peak));
        }
    }
}

/// Three people in a quarter of an hour: one stays, one comes twice, one has two tabs.
fn a_quiet_evening() -> Story {
    let (ada, bob, eve) = (Step::Join(0), Step::Join(1), Step::Join(2));
    let minutes = |count: u64| Step::Pass(count * 60_000_000);
    let mut story =
        Story { now: time::macros::datetime!(2026-05-01 12:00 UTC), there: Vec::new(), log: Vec::new() };
    story.tell(EventType::BroadcastCreated.name(), json!({}));
    // Ada 0 to the end; Bob 1 to 3 and 6 to 11; Eve's tabs 2 to 4 and 3 to 5.
    for step in [ada, minutes(1), bob, minutes(1), eve, minutes(1), eve, Step::Leave(1, 0), minutes(1)] {
        story.take(step);
    }
    for step in [
        Step::Leave(2, 0),
        minutes(1),
        Step::Leave(1, 0),
        minutes(1),
        bob,
        Step::Talk,
        Step::React,
        minutes(5),
    ] {
        story.take(step);
    }
    story.take(Step::Leave(1, 0));
    story
}

#[test]
fn the_formulas_are_those_of_the_guide() {
    let story = a_quiet_evening();
    let (fold, sums) = added_up(&story.log, 100);
    let log = fold.progress.unwrap();
    let end = time::macros::datetime!(2026-05-01 12:15 UTC);
    let window = Window::new(Period::All, Some(Interval::FiveMinutes), &log, end).unwrap();
    let summary = summary(&fold, &sums, &window);
    let all = whole(&summary, &window);
    let of = |metric| serde_json::Value::Object(total(metric, &all, log.viewers.into()));
    // 15 + 2 + 5 + 2 + 2 viewer-minutes.
    assert_eq!(of(Metric::WatchTime), json!({"value": 1_560.0}));
    assert_eq!(of(Metric::ViewerCount), json!({"average": 26.0 / 15.0, "current": 1, "peak": 4}));
    assert_eq!(of(Metric::UniqueViewers), json!({"value": 3}));
    assert_eq!(of(Metric::Joins), json!({"value": 5}));
    assert_eq!(of(Metric::Leaves), json!({"value": 4}));
    let average = json!({"value": 312.0, "stays": 5, "watch_time": 1_560.0});
    assert_eq!(of(Metric::AverageWatchTime), average);
    let retention = json!({"value": 1.0, "after": {"1m": 1.0, "5m": 0.4, "15m": 0.2, "1h": 0.2}, "stays": 5});
    assert_eq!(of(Metric::Retention), retention);
    let engagement = json!({
        "value": 2.0 / 26.0, "interactions": 2, "chat_messages": 1, "reactions": 1, "viewer_minutes": 26.0
    });
    assert_eq!(of(Metric::Engagement), engagement);
    let series = |metric| report::report(&summary, window, &[], &[metric]).metrics.remove(0).1;
    assert_eq!(series(Metric::UniqueViewers).series, [json!(3), json!(3), json!(2), json!(1)]);
    assert_eq!(series(Metric::ViewerCount).peaks, Some(vec![json!(4), json!(2), json!(2), json!(1)]));
    assert_eq!(series(Metric::Joins).series, [json!(4), json!(1), json!(0), json!(0)]);
}

#[test]
fn what_is_only_noted_after_the_end_moves_no_window() {
    let mut story = a_quiet_evening();
    story.tell(EventType::BroadcastEnded.name(), json!({}));
    let end = story.now;
    story.take(Step::Pass(86_400_000_000));
    story.tell(EventType::BroadcastUpdated.name(), json!({"title": "Spelt right"}));
    story.take(Step::Own);
    let (fold, sums) = added_up(&story.log, 100);
    let window = Window::new(Period::All, None, &fold.progress.unwrap(), end).unwrap();
    assert_eq!(window.to, end);
    let mut audit = Audit::new(window);
    story.log.iter().for_each(|event| audit.apply(event));
    let served: Vec<_> = points(&summary(&fold, &sums, &window), &window).iter().map(told).collect();
    assert_eq!(served, audit.finish().points);
}

#[test]
fn a_window_is_made_of_whole_steps() {
    let (fold, _) = added_up(&a_quiet_evening().log, 100);
    let (log, end) = (fold.progress.unwrap(), time::macros::datetime!(2026-05-01 12:15:07 UTC));
    let window = |period, interval| Window::new(period, interval, &log, end);
    let hour = window(Period::Hour, None).unwrap();
    assert_eq!((hour.interval, hour.from), (Interval::Minute, time::macros::datetime!(2026-05-01 11:15 UTC)));
    assert_eq!(hour.steps().count(), 61, "the open one too");
    let all = window(Period::All, None).unwrap();
    assert_eq!(
        (all.interval, all.from),
        (Interval::TenSeconds, time::macros::datetime!(2026-05-01 12:00 UTC))
    );
    assert!(window(Period::Month, Some(Interval::TenSeconds)).is_err(), "too many points");
    let early = Window::new(Period::All, None, &log, NOON).unwrap();
    assert_eq!(early.to, log.last_at, "never before the log's end");
}
