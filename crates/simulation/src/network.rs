//! Machines and what lies between them: messages take their time, get lost, and meet cut lines; machines die.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::dice::Dice;

/// A machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// The one that runs Tallylight.
    Server,
    /// The one that keeps everything.
    Database,
    /// Where owners, their encoders and viewers are: one of several places, each behind a line of its own.
    Place(usize),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.pad("server"),
            Self::Database => f.pad("database"),
            Self::Place(number) => f.pad(&format!("place {number}")),
        }
    }
}

/// How messages fare between two machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// The shortest and the longest way, in milliseconds.
    pub millis: (u64, u64),
    /// How many of a hundred are lost.
    pub loss: u32,
}

impl Weather {
    /// As between two machines of a rack.
    pub const FAIR: Self = Self { millis: (1, 8), loss: 0 };
    /// As from somewhere in the world.
    pub const FAR: Self = Self { millis: (10, 120), loss: 0 };
}

/// All machines and lines. Clones share them.
#[derive(Clone)]
pub struct Network {
    dice: Dice,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What runs on each machine; none: it is down.
    up: BTreeMap<Host, JoinSet<()>>,
    /// Lines on which nothing passes, by direction.
    cut: BTreeSet<(Host, Host)>,
    weather: BTreeMap<(Host, Host), Weather>,
}

impl Network {
    /// No machine is up yet.
    pub fn new(dice: Dice) -> Self {
        Self { dice, state: Arc::default() }
    }

    /// A machine starts, with nothing running on it.
    pub fn start(&self, host: Host) {
        self.lock().up.insert(host, JoinSet::new());
    }

    /// A machine dies, and everything on it in the middle of what it does.
    pub fn crash(&self, host: Host) {
        self.lock().up.remove(&host);
    }

    /// Whether a machine is up.
    pub fn is_up(&self, host: Host) -> bool {
        self.lock().up.contains_key(&host)
    }

    /// Runs something on a machine, until it is done or the machine dies. On one that is down nothing runs.
    pub fn run(&self, host: Host, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.lock().up.get_mut(&host) {
            tasks.spawn(work);
        }
    }

    /// Forgets what is done on every machine; whether anything of it panicked.
    pub fn reap(&self) -> bool {
        let mut state = self.lock();
        let mut panicked = false;
        for tasks in state.up.values_mut() {
            while let Some(done) = tasks.try_join_next() {
                panicked |= done.is_err_and(|error| error.is_panic());
            }
        }
        panicked
    }

    /// Cuts or mends a line in one direction.
    pub fn set_cut(&self, line: (Host, Host), is_cut: bool) {
        let mut state = self.lock();
        if is_cut {
            state.cut.insert(line)
        } else {
            state.cut.remove(&line)
        };
    }

    /// Sets the weather on a line, in both directions.
    pub fn set_weather(&self, (a, b): (Host, Host), weather: Weather) {
        let mut state = self.lock();
        state.weather.insert((a, b), weather);
        state.weather.insert((b, a), weather);
    }

    /// Has another machine do something, and brings back what it came to. Whoever gets no answer waits for ever, and
    /// never knows whether it was done. `None` is not answered.
    pub async fn ask<T: Send + 'static>(
        &self,
        (from, to): (Host, Host),
        work: impl Future<Output = Option<T>> + Send + 'static,
    ) -> T {
        let (answer, answered) = oneshot::channel();
        let there = self.clone();
        self.send((from, to), move || {
            let back = there.clone();
            there.run(to, async move {
                if let Some(outcome) = work.await {
                    back.send((to, from), move || drop(answer.send(outcome)));
                }
            });
        });
        match answered.await {
            Ok(outcome) => outcome,
            Err(_) => pending().await,
        }
    }

    /// Sends a message; what it does on arrival.
    pub fn send(&self, line: (Host, Host), arrive: impl FnOnce() + Send + 'static) {
        let Some(way) = self.way(line) else { return };
        let network = self.clone();
        tokio::spawn(async move {
            sleep(way).await;
            if network.is_open(line) {
                arrive();
            }
        });
    }

    /// How long the next message is under way; none if it is lost.
    fn way(&self, line: (Host, Host)) -> Option<Duration> {
        let weather = *self.lock().weather.get(&line).unwrap_or(&Weather::FAIR);
        let is_lost = self.dice.percent(weather.loss) || !self.is_open(line);
        let way = self.dice.millis(weather.millis.0..weather.millis.1 + 1);
        (!is_lost).then_some(way)
    }

    /// Whether a message passes.
    fn is_open(&self, line: (Host, Host)) -> bool {
        let state = self.lock();
        !state.cut.contains(&line) && state.up.contains_key(&line.1)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
