use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// A clock that a test sets.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Time {
        Time::UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

struct Desk {
    alerts: Alerts,
    clock: Arc<Hand>,
}

impl Desk {
    fn new(rule: &str) -> Self {
        let clock = Arc::<Hand>::default();
        let alerts = Alerts::new(AlertParts {
            rules: vec![Rule::parse(rule).unwrap()],
            resolve_after: Duration::from_secs(30),
            server: "https://live.example".into(),
            couriers: Couriers::default(),
            clock: clock.clone(),
        });
        Self { alerts, clock }
    }

    /// What is told when there are so many viewers then.
    fn at(&self, second: u64, viewers: f64) -> Vec<&'static str> {
        self.clock.0.store(second, Ordering::Relaxed);
        let mut sheet = Sheet::default();
        sheet.level("viewers", "", viewers);
        self.alerts.turn(sheet).into_iter().map(|notice| notice.state).collect()
    }

    fn state(&self) -> State {
        self.alerts.standings()[0].1.state
    }
}

#[test]
fn an_alert_is_told_when_it_has_held_and_again_when_it_is_over() {
    let desk = Desk::new("crowd: viewers > 100 for 20s");
    assert!(desk.at(0, 100.0).is_empty());
    assert_eq!(desk.state(), State::Inactive);
    assert!(desk.at(5, 101.0).is_empty());
    assert_eq!(desk.state(), State::Pending);
    assert!(desk.at(20, 101.0).is_empty());
    assert_eq!(desk.at(25, 150.0), ["firing"]);
    assert!(desk.at(60, 150.0).is_empty(), "once");
    assert!(desk.at(65, 50.0).is_empty());
    assert_eq!(desk.state(), State::Firing, "not over yet");
    assert_eq!(desk.at(95, 50.0), ["resolved"]);
    assert_eq!(desk.state(), State::Resolved);
    assert!(desk.at(100, 150.0).is_empty());
    assert_eq!(desk.at(120, 150.0), ["firing"], "and anew");
}

#[test]
fn what_goes_up_and_down_is_told_once() {
    let desk = Desk::new("crowd: viewers > 100 for 20s");
    for second in (0..100).step_by(10) {
        assert!(
            desk.at(second, if second % 20 == 0 { 150.0 } else { 50.0 }).is_empty(),
            "never for long enough"
        );
    }
    assert_eq!(desk.state(), State::Inactive);
    assert!(desk.at(100, 150.0).is_empty());
    assert_eq!(desk.at(120, 150.0), ["firing"]);
    for second in (130..400).step_by(10) {
        assert!(
            desk.at(second, if second % 20 == 0 { 150.0 } else { 50.0 }).is_empty(),
            "never over for long"
        );
    }
}

#[test]
fn a_rule_without_a_time_fires_at_once() {
    let desk = Desk::new("empty: viewers < 1");
    assert_eq!(desk.at(0, 0.0), ["firing"]);
}

#[test]
fn all_that_is_joined_must_hold() {
    let desk = Desk::new("odd: viewers > 1 and viewers < 10");
    assert!(desk.at(0, 20.0).is_empty());
    assert_eq!(desk.at(5, 5.0), ["firing"]);
}

#[test]
fn rules_about_nothing_are_found_out() {
    let mut sheet = Sheet::default();
    sheet.level("level", "", 1.0);
    sheet.counter("count_total", "");
    sheet.histogram("seconds", "");
    let check = |rule: &str| Desk::new(rule).alerts.check(&sheet).map_err(|fault| fault.to_string());
    for fine in ["a: level > 1", "a: rate(count_total) > 1", "a: p95(seconds) > 1", "a: rate(seconds) > 1"] {
        assert_eq!(check(fine), Ok(()), "{fine}");
    }
    for (wrong, what) in [
        ("a: levle > 1", "a: levle is no family of metrics"),
        ("a: rate(level) > 1", "a: level rises and falls"),
        ("a: p95(level) > 1", "a: level is not of durations"),
        ("a: max(seconds) > 1", "a: seconds is of durations"),
        ("a: level / level > 1 and nothing > 2", "a: nothing is no family"),
    ] {
        let told = check(wrong).unwrap_err();
        assert!(told.starts_with(what), "{wrong}: {told}");
    }
}
