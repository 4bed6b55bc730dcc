//! What happened in a run, line by line.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clocks::Wall;

/// The lines of a run. Clones share them.
#[derive(Clone)]
pub struct Trace {
    wall: Arc<Wall>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Trace {
    /// An empty one.
    pub fn new(wall: Arc<Wall>) -> Self {
        Self { wall, lines: Arc::default() }
    }

    /// Notes what somebody did or met.
    pub fn note(&self, who: impl Display, what: impl Display) {
        let at = self.wall.elapsed().as_secs_f64();
        self.lock().push(format!("{at:9.3}  {who:<10} {what}"));
    }

    /// All lines so far.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
