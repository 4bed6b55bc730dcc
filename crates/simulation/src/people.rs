//! Those outside: viewers who come, watch, go and vanish, and owners with their encoders.

mod owner;
mod viewer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tallylight_core::Caller;
use tokio::time::{Instant, sleep};

use crate::dice::Dice;
use crate::server::{Calls, Parts, Server};
use crate::trace::Trace;

pub use owner::Owner;
pub use viewer::Viewer;

/// The time to be calm: nobody begins anything new, and whoever wants to go goes soon.
#[derive(Clone, Default)]
pub struct Evening(Arc<OnceLock<Instant>>);

impl Evening {
    /// It has come.
    pub fn falls(&self) {
        self.0.get_or_init(Instant::now);
    }

    fn has_come(&self) -> bool {
        self.0.get().is_some()
    }

    fn is_older_than(&self, time: Duration) -> bool {
        self.0.get().is_some_and(|since| since.elapsed() > time)
    }
}

/// Somebody at a place.
#[derive(Clone)]
pub struct Person {
    /// What they are called in the trace.
    pub name: String,
    calls: Calls,
    dice: Dice,
    trace: Trace,
    evening: Evening,
}

impl Person {
    /// Of a name, at a place.
    pub fn new(name: String, (parts, server): (&Parts, &Server), place: usize, evening: &Evening) -> Self {
        let (calls, dice) = (Calls::new(parts, server, place), parts.dice.clone());
        Self { name, calls, dice, trace: parts.trace.clone(), evening: evening.clone() }
    }

    /// The same person, who signs in.
    pub fn owner(self, caller: Caller) -> Owner {
        Owner::new(self, caller)
    }

    async fn waits(&self, seconds: std::ops::Range<u64>) {
        sleep(self.dice.millis(seconds.start * 1_000..seconds.end * 1_000)).await;
    }

    fn notes(&self, what: impl std::fmt::Display) {
        self.trace.note(&self.name, what);
    }
}

/// How often a viewer shows that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long after the evening came some still go.
const DUSK: Duration = Duration::from_secs(6);
/// How long after the evening came nobody comes back any more.
const NIGHT: Duration = Duration::from_secs(20);

/// What came of a call, for the trace.
fn told<T, E: std::fmt::Display>(answer: &Option<Result<T, E>>) -> String {
    match answer {
        Some(Ok(_)) => "done".into(),
        Some(Err(error)) => error.to_string(),
        None => "no answer".into(),
    }
}
