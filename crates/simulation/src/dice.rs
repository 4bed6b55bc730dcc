//! All chance there is in a run: from its seed.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallylight_core::Result;
use tallylight_core::ids::Ids;

/// Random choices, the same for the same seed. Clones share one sequence.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<fastrand::Rng>>);

impl Dice {
    /// Of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// Another sequence that follows from this one.
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.rng().fork())))
    }

    /// True in so many of a hundred cases.
    pub fn percent(&self, chance: u32) -> bool {
        self.rng().u32(0..100) < chance
    }

    /// A number of a range.
    pub fn number(&self, range: Range<u32>) -> u32 {
        self.rng().u32(range)
    }

    /// One of several.
    pub fn one_of<T: Copy>(&self, choices: &[T]) -> Option<T> {
        self.rng().choice(choices).copied()
    }

    /// A time of a range of milliseconds.
    pub fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.rng().u64(range))
    }

    fn rng(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids that a seed reproduces.
pub struct SeededIds(Dice);

impl SeededIds {
    /// From a sequence of their own.
    pub fn new(dice: &Dice) -> Self {
        Self(dice.fork())
    }
}

impl Ids for SeededIds {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        self.0.rng().fill(bytes);
        Ok(())
    }
}
