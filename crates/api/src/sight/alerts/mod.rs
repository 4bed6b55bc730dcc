//! Alerts: rules on figures, judged every few seconds; whoever is to know is told when one begins to hold and when it
//! is over. A rule fires after it has held for its time, and is over after it has not held for a time of its own, so
//! that what goes up and down is told once.

mod courier;
mod judge;
mod rule;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tallylight_core::clock::{Clock, Time};
use utoipa::ToSchema;

use super::{Kind, Sheet, Source};
use judge::History;

pub use courier::{Courier, Couriers, Delivery, Notify, deliver};
use rule::Function;
pub use rule::{Fault, Rule};

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does not hold.
    Inactive,
    /// It holds, not for long enough yet.
    Pending,
    /// It has held for its time.
    Firing,
    /// It fired, and is over.
    Resolved,
}

impl State {
    const ALL: [Self; 4] = [Self::Inactive, Self::Pending, Self::Firing, Self::Resolved];

    /// The name in the API and in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// What is told of an alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// Always `alert`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The rule's name; `test` for a test.
    pub alert: String,
    /// `firing`, `resolved` or `test`.
    pub state: &'static str,
    /// What the rule says.
    pub rule: String,
    /// What was measured.
    pub value: Option<f64>,
    /// With what it was compared.
    pub threshold: Option<f64>,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: Time,
    /// The server's address, if it has a public one.
    pub server: String,
    /// A sentence for people.
    pub text: String,
}

impl Notice {
    /// What is sent to see whether notices arrive.
    pub fn test(at: Time, server: &str) -> Self {
        Self {
            kind: "alert",
            alert: "test".into(),
            state: "test",
            rule: String::new(),
            value: None,
            threshold: None,
            at,
            server: server.to_owned(),
            text: format!("Tallylight{}: this is a test, all is well", at_server(server)),
        }
    }

    /// Whether it is of that kind.
    pub fn is_test(&self) -> bool {
        self.state == "test"
    }
}

fn at_server(server: &str) -> String {
    if server.is_empty() { String::new() } else { format!(" at {server}") }
}

/// How a rule stands, and since when.
#[derive(Debug, Clone)]
pub struct Standing {
    /// How.
    pub state: State,
    /// What was measured last.
    pub value: Option<f64>,
    /// When the state changed last.
    pub since: Option<Time>,
    /// Since when it has held, or, while it fires, has not held; on the monotonic clock.
    turned: Option<Duration>,
}

impl Default for Standing {
    fn default() -> Self {
        Self { state: State::Inactive, value: None, since: None, turned: None }
    }
}

impl Standing {
    /// Takes note of whether the rule holds now; the state, if it has changed.
    fn turn(&mut self, holds: bool, now: Duration, hold: Duration, resolve_after: Duration) -> Option<State> {
        let is_firing = self.state == State::Firing;
        if holds == is_firing {
            self.turned = None;
            return (self.state == State::Pending).then_some(State::Inactive);
        }
        let since = *self.turned.get_or_insert(now);
        let wait = if is_firing { resolve_after } else { hold };
        if now.saturating_sub(since) >= wait {
            self.turned = None;
            return Some(if is_firing { State::Resolved } else { State::Firing });
        }
        (!is_firing && self.state != State::Pending).then_some(State::Pending)
    }
}

/// What alerts are made of.
pub struct AlertParts {
    /// The rules.
    pub rules: Vec<Rule>,
    /// How long a rule must not hold to be over.
    pub resolve_after: Duration,
    /// The server's address, to be named in notices.
    pub server: String,
    /// Who tells them.
    pub couriers: Couriers,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The rules, and how they stand.
pub struct Alerts {
    parts: AlertParts,
    inner: Mutex<Inner>,
}

struct Inner {
    history: History,
    standings: Vec<Standing>,
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts").finish_non_exhaustive()
    }
}

impl Alerts {
    /// Nothing holds yet.
    pub fn new(parts: AlertParts) -> Self {
        let standings = vec![Standing::default(); parts.rules.len()];
        Self { parts, inner: Mutex::new(Inner { history: History::default(), standings }) }
    }

    /// Whether every rule asks about figures that there are, in a way that makes sense.
    ///
    /// # Errors
    /// The rule and what is wrong with it.
    pub fn check(&self, sheet: &Sheet) -> Result<(), Fault> {
        for rule in &self.parts.rules {
            for (function, selector) in rule.uses() {
                let wrong = |what: &str| Err(Fault(format!("{}: {} {what}", rule.name, selector.family)));
                match (sheet.families.get(selector.family.as_str()).map(|family| family.kind), function) {
                    (None, _) => return wrong("is no family of metrics"),
                    (Some(Kind::Histogram), Function::Quantile(_) | Function::Rate) => {}
                    (Some(Kind::Histogram), _) => return wrong("is of durations: use p50, p95, p99 or rate"),
                    (Some(_), Function::Quantile(_)) => return wrong("is not of durations"),
                    (Some(Kind::Gauge), Function::Rate) => return wrong("rises and falls: it has no rate"),
                    (Some(_), _) => {}
                }
            }
        }
        Ok(())
    }

    /// Judges every rule by the figures of now, and has told what is to be told. Waits for nobody.
    pub fn judge(&self, sheet: Sheet) {
        for notice in self.turn(sheet) {
            let (rule, value) = (notice.alert.as_str(), notice.value);
            if notice.state == State::Firing.name() {
                tracing::warn!(rule, value, "alert");
            } else {
                tracing::info!(rule, value, "alert is over");
            }
            self.parts.couriers.send(&notice);
        }
    }

    fn turn(&self, sheet: Sheet) -> Vec<Notice> {
        let (now, at) = (self.parts.clock.monotonic(), self.parts.clock.now());
        let mut inner = self.lock();
        inner.history.add(now, sheet);
        let Inner { history, standings } = &mut *inner;
        let mut notices = Vec::new();
        for (rule, standing) in self.parts.rules.iter().zip(standings) {
            let judged: Vec<_> =
                rule.comparisons.iter().map(|comparison| history.judge(comparison)).collect();
            standing.value = judged.first().and_then(|(value, _)| *value);
            let holds = judged.iter().all(|(_, holds)| *holds);
            let Some(state) = standing.turn(holds, now, rule.hold, self.parts.resolve_after) else {
                continue;
            };
            (standing.state, standing.since) = (state, Some(at));
            if matches!(state, State::Firing | State::Resolved) {
                notices.push(self.notice(rule, standing, at));
            }
        }
        notices
    }

    fn notice(&self, rule: &Rule, standing: &Standing, at: Time) -> Notice {
        let server = self.parts.server.clone();
        let value = standing.value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:.4}"));
        let what = if standing.state == State::Firing { "holds" } else { "is over" };
        Notice {
            kind: "alert",
            alert: rule.name.clone(),
            state: standing.state.name(),
            rule: rule.text.clone(),
            value: standing.value,
            threshold: rule.comparisons.first().map(|comparison| comparison.threshold),
            at,
            text: format!(
                "Tallylight{}: {} {what} ({}; measured: {value})",
                at_server(&server),
                rule.name,
                rule.text
            ),
            server,
        }
    }

    /// Every rule and how it stands.
    pub fn standings(&self) -> Vec<(Rule, Standing)> {
        self.parts.rules.iter().cloned().zip(self.lock().standings.iter().cloned()).collect()
    }

    /// Tells everybody that this is a test; what became of it.
    pub async fn test(&self) -> Vec<Delivery> {
        let notice = Notice::test(self.parts.clock.now(), &self.parts.server);
        self.parts.couriers.try_now(&notice).await
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Alerts {
    fn tell(&self, sheet: &mut Sheet) {
        let standings = self.lock().standings.clone();
        let family = sheet.gauge("tallylight_alerts", "Rules of alerts by state");
        for state in State::ALL {
            let count = standings.iter().filter(|standing| standing.state == state).count();
            family.set([("state", state.name())], count as f64);
        }
        self.parts.couriers.tell(sheet);
    }
}

#[cfg(test)]
mod tests;
