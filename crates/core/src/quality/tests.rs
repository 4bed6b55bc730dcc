use std::time::Duration;

use super::cmcd::State;
use super::follower::Mode;
use super::playing::Playing;
use super::rows::{MAX_ROWS, Rows};
use super::*;
use crate::ids::BroadcastId;
use time::macros::datetime;
use uuid::Uuid;

const NOON: Time = datetime!(2026-05-01 12:00 UTC);
const SHOW: BroadcastId = BroadcastId(Uuid::from_u128(1));

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn played(seconds: u32, stalled: u32) -> Beacon {
    Beacon { played_ms: seconds * 1_000, stalled_ms: stalled * 1_000, ..Beacon::default() }
}

/// Played, stalled, and how often.
fn watching(quality: &Quality) -> (u64, u64, u64) {
    (quality.played_ms, quality.stalled_ms, quality.stalls)
}

/// One viewer who reports by CMCD; all that came of it.
struct Player {
    playing: Playing,
    mode: Mode,
    sum: Quality,
}

impl Player {
    fn new(mode: Mode) -> Self {
        Self { playing: Playing::new(at(0)), mode, sum: Quality::default() }
    }

    fn says(mut self, seconds: u64, report: &str) -> Self {
        self.sum.add(&self.playing.cmcd(&Cmcd::parse(report), self.mode, at(seconds)));
        self
    }

    fn beacons(mut self, seconds: u64, beacon: &Beacon) -> Self {
        self.sum.add(&self.playing.beacon(beacon, at(seconds)));
        self
    }
}

#[test]
fn an_empty_interval_is_nought() {
    let nothing = Quality::default();
    assert_eq!(nothing.startup_time(), StartupTime { average: 0.0, median: 0.0, p95: 0.0 });
    let figures = (nothing.rebuffer_ratio(), nothing.playback_failures(), nothing.failed_share());
    assert_eq!(figures, (0.0, 0, 0.0));
}

#[test]
fn startup_times_are_within_the_published_error() {
    for milliseconds in (1..26_000).step_by(7) {
        let mut quality = Quality::default();
        quality.start(milliseconds);
        let (told, real) = (quality.startup_time(), f64::from(milliseconds) / 1_000.0);
        assert!((told.average - real).abs() < 1e-9);
        let allowed = if milliseconds <= 100 { 0.05 } else { real * 0.225 };
        assert!((told.median - real).abs() <= allowed || milliseconds > 25_600, "{milliseconds}: {told:?}");
        assert_eq!(told.median.to_bits(), told.p95.to_bits());
    }
}

#[test]
fn the_slow_ones_show_in_the_percentile_and_not_in_the_median() {
    let mut quality = Quality::default();
    (0..90).for_each(|_| quality.start(500));
    (0..10).for_each(|_| quality.start(60_000));
    let told = quality.startup_time();
    assert!((0.4..0.6).contains(&told.median));
    assert_eq!(told.p95.to_bits(), 25.6_f64.to_bits(), "at least");
    assert!((told.average - 6.45).abs() < 1e-9);
}

#[test]
fn sums_may_be_added_in_any_order_and_survive_the_way_through_numbers() {
    let mut first = Quality { viewers: 2, failed_viewers: 1, played_ms: 9_000, ..Quality::default() };
    first.start(700);
    first.fail(Failure::Media);
    let second = Quality { viewers: 2, stalled_ms: 1_000, stalls: 3, ..Quality::default() };
    let (mut one, mut other) = (first, second);
    one.add(&second);
    other.add(&first);
    assert_eq!(one, other);
    assert_eq!(Quality::from_sums(one.to_sums()), one);
    assert!((one.rebuffer_ratio() - 0.1).abs() < 1e-9);
    assert_eq!((one.playback_failures(), one.failed_share().to_bits()), (1, 0.25_f64.to_bits()));
    let mut numbers = [0; SUMS];
    numbers.iter_mut().zip(1..).for_each(|(number, value)| *number = value);
    assert_eq!(Quality::from_sums(numbers).to_sums(), numbers, "each number has its place");
}

#[test]
fn a_beacon_out_of_bounds_is_refused_by_name() {
    assert!(Beacon { played_ms: MAX_AMOUNT_MS, ..Beacon::default() }.check().is_ok());
    let wild = Beacon { startup_ms: Some(u32::MAX), stalls: MAX_STALLS + 1, ..Beacon::default() };
    let message = wild.check().unwrap_err().to_string();
    assert!(message.contains("playback.startup_ms") && message.contains("playback.stalls"), "{message}");
}

#[test]
fn a_viewer_starts_once_and_is_counted_once() {
    let beacon = Beacon { startup_ms: Some(800), ..played(5, 1) };
    let player = Player::new(Mode::Requests).beacons(5, &beacon).beacons(10, &beacon);
    assert_eq!((player.sum.viewers, player.sum.started(), player.sum.startup_ms), (1, 1, 800));
    assert_eq!(watching(&player.sum), (10_000, 2_000, 0));
}

#[test]
fn nobody_has_played_longer_than_time_has_passed() {
    let hour = Beacon { played_ms: MAX_AMOUNT_MS, stalled_ms: MAX_AMOUNT_MS, ..Beacon::default() };
    let player = Player::new(Mode::Requests).beacons(1, &hour).beacons(2, &hour);
    assert_eq!(watching(&player.sum), (0, 62_000, 0));
}

#[test]
fn nobody_has_stalled_more_often_than_once_a_second() {
    let often = Beacon { stalls: MAX_STALLS, ..Beacon::default() };
    let player = Player::new(Mode::Requests).beacons(1, &often).beacons(2, &often);
    assert_eq!(watching(&player.sum), (0, 0, 62), "two seconds, and a minute");
    let stalls = format!("sta=p,v=2,bsd=({})", "1 ".repeat(30));
    let player = (0..100).fold(Player::new(Mode::Requests), |player, _| player.says(0, &stalls));
    assert_eq!(watching(&player.sum).2, 60);
}

#[test]
fn an_error_without_a_state_is_one_failure_until_a_state_is_told() {
    let errors = |player: Player| (0..5).fold(player, |player, _| player.says(1, "ec=(\"E1\"),v=2"));
    let player = errors(Player::new(Mode::Requests));
    assert_eq!(player.sum.playback_failures(), 1);
    let player = player.says(2, "sta=f,v=2,ec=(\"E1\")");
    assert_eq!(player.sum.playback_failures(), 1, "the same one");
    let player = errors(player.says(3, "sta=p,v=2")).says(4, "sta=f,v=2");
    assert_eq!(player.sum.playback_failures(), 2, "from the first state on the states alone tell");
}

#[test]
fn what_cmcd_told_is_not_told_again_by_beacons() {
    let player = Player::new(Mode::Requests)
        .says(0, "sta=p,v=2,msd=900")
        .says(4, "sta=p,v=2")
        .beacons(5, &Beacon { startup_ms: Some(900), ..played(5, 0) })
        .says(8, "sta=p,v=2")
        .beacons(10, &played(5, 0));
    assert_eq!(watching(&player.sum), (10_000, 0, 0));
    assert_eq!((player.sum.viewers, player.sum.started()), (1, 1));
}

#[test]
fn version_1_tells_stalls_and_nothing_more() {
    let player = Player::new(Mode::Requests)
        .says(0, "bl=0,br=400,ot=av,sid=\"a\",su")
        .says(2, "bl=4000,br=400,ot=av,sid=\"a\"")
        .says(9, "bs,ot=v,sid=\"a\",su")
        .says(10, "bs,ot=a,sid=\"a\",su")
        .says(30, "bs,ot=v,sid=\"a\"");
    assert_eq!(player.sum, Quality { stalls: 2, ..Quality::default() });
}

#[test]
fn version_2_is_timed_by_its_states() {
    let player = Player::new(Mode::Requests)
        .says(0, "sta=s,v=2")
        .says(2, "sta=p,v=2,msd=1500")
        .says(12, "bs,sta=r,v=2")
        .says(15, "sta=r,v=2")
        .says(16, "sta=p,v=2")
        .says(20, "sta=a,v=2")
        .says(30, "sta=f,v=2,ec=(\"E1\")")
        .says(31, "sta=f,v=2,ec=(\"E1\")");
    assert_eq!(watching(&player.sum), (14_000, 4_000, 1));
    assert_eq!(
        (player.sum.startup_ms, player.sum.failures, player.sum.failed_viewers),
        (1_500, [0, 0, 0, 1], 1)
    );
}

#[test]
fn a_stall_between_two_requests_is_told_by_its_duration() {
    let player = Player::new(Mode::Requests)
        .says(0, "sta=p,v=2")
        .says(10, "sta=p,v=2,bs,bsd=(1200;v 300;a)")
        .says(14, "sta=p,v=2,bsda=(1500)")
        .says(18, "sta=p,v=2,bsda=(2500)");
    assert_eq!(watching(&player.sum), (15_500, 2_500, 2));
}

#[test]
fn a_duration_does_not_add_to_what_the_state_has_shown() {
    let player = Player::new(Mode::Requests)
        .says(0, "sta=p,v=2")
        .says(10, "sta=r,v=2")
        .says(13, "sta=p,v=2,bsd=(2800)");
    assert_eq!(watching(&player.sum), (10_000, 3_000, 1));
}

#[test]
fn events_are_timed_by_the_player() {
    let begin = 1_777_000_000_000_u64;
    let event = |after: u64, rest: &str| format!("e=ps,{rest},ts={},v=2", begin + after);
    let player = Player::new(Mode::Events)
        .says(60, &event(0, "sta=s"))
        .says(60, &event(850, "sta=p"))
        .says(60, &event(30_850, "sta=r"))
        .says(60, &event(31_350, "sta=p"));
    assert_eq!((player.sum.startup_ms, watching(&player.sum)), (850, (30_000, 500, 1)));
}

#[test]
fn whoever_sends_events_is_counted_by_events_alone() {
    let mut player = Player::new(Mode::Requests).says(0, "sta=p,v=2").says(2, "sta=p,v=2");
    player.mode = Mode::Events;
    let player = player.says(2, "e=ps,sta=p,ts=1000000,v=2").says(10, "e=t,sta=p,ts=1010000,v=2");
    let before = watching(&player.sum);
    let mut player = player;
    player.mode = Mode::Requests;
    let player = player.says(14, "sta=p,v=2").says(18, "sta=p,v=2");
    assert_eq!((before, watching(&player.sum)), ((10_000, 0, 0), (10_000, 0, 0)));
}

#[test]
fn silence_is_not_playing() {
    let player = Player::new(Mode::Requests).says(0, "sta=p,v=2").says(600, "sta=p,v=2");
    assert_eq!(watching(&player.sum), (15_000, 0, 0));
}

fn ids(number: u128) -> [Uuid; BUCKETS.len()] {
    [number; BUCKETS.len()].map(Uuid::from_u128)
}

#[test]
fn rows_wait_until_they_are_written_and_grow_meanwhile() {
    let (told, mut rows) = (Quality { stalls: 1, ..Quality::default() }, Rows::default());
    rows.add(SHOW, NOON + at(3), &told, ids(7));
    let first = rows.unwritten();
    assert_eq!((first[0].bucket, first[0].id, first[0].sums), (NOON, Uuid::from_u128(7), told));
    rows.add(SHOW, NOON + at(9), &told, ids(8));
    rows.written(&first);
    let again = rows.unwritten();
    assert_eq!(
        (again[0].id, again[0].sums.stalls),
        (Uuid::from_u128(7), 2),
        "what was told since is written too"
    );
    rows.written(&again);
    assert!(rows.unwritten().is_empty());
    rows.add(SHOW, NOON + at(9), &told, ids(9));
    assert_eq!(rows.unwritten()[0].sums.stalls, 3, "a bucket that is not over goes on");
    let last = rows.unwritten();
    rows.written(&last);
    rows.forget_over(NOON + at(10));
    rows.add(SHOW, NOON + at(9), &told, ids(9));
    assert_eq!(rows.unwritten()[0].id, Uuid::from_u128(9), "one that is over begins anew");
}

#[test]
fn rows_that_cannot_be_written_do_not_grow_without_bound() {
    let (told, mut rows) = (Quality { stalls: 1, ..Quality::default() }, Rows::default());
    let mut lost = 0;
    for hour in 0..=MAX_ROWS as u64 / 3 {
        rows.add(SHOW, NOON + at(hour * 3_600), &told, ids(u128::from(hour)));
        lost += rows.forget_beyond_bound();
    }
    assert_eq!((lost, rows.unwritten().len()), (3, MAX_ROWS));
    assert_eq!(rows.unwritten()[0].bucket, NOON + at(3_600), "the oldest goes first");
}

#[test]
fn rows_that_are_on_disk_make_room_for_those_that_are_not() {
    let (told, mut rows) = (Quality { stalls: 1, ..Quality::default() }, Rows::default());
    let session = |number: usize| BroadcastId(Uuid::from_u128(number as u128));
    for number in 0..MAX_ROWS / 3 {
        rows.add(session(number), NOON, &told, ids(number as u128));
    }
    let first = rows.unwritten()[0].clone();
    let last: Vec<_> = rows.unwritten().into_iter().filter(|row| row.session_id == session(7)).collect();
    rows.written(&last);
    rows.add(session(MAX_ROWS), NOON, &told, ids(MAX_ROWS as u128));
    assert_eq!(rows.forget_beyond_bound(), 0, "nothing is lost");
    assert_eq!((rows.unwritten().len(), rows.unwritten()[0].id), (MAX_ROWS, first.id));
}

#[test]
fn a_state_that_is_unknown_is_none() {
    assert_eq!(Cmcd::parse("sta=w").state, None);
    assert_eq!(Cmcd::parse("sta=\"p\"").state, Some(State::Playing));
}
