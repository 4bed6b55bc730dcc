//! Work that fails again and again is told of once, and once more when it goes on.

use std::fmt::Display;

use tracing::{info, warn};

/// Whether some work fails at the moment.
#[derive(Debug, Default)]
pub struct Trouble {
    is_on: bool,
}

impl Trouble {
    /// Takes how the work went: `failing` is logged with the first error, `over` with the first success after it.
    pub fn note<T>(&mut self, done: Result<T, impl Display>, failing: &str, over: &str) {
        match &done {
            Err(error) if !self.is_on => warn!(%error, "{failing}"),
            Ok(_) if self.is_on => info!("{over}"),
            _ => {}
        }
        self.is_on = done.is_err();
    }

    /// Whether it failed the last time.
    pub fn is_on(&self) -> bool {
        self.is_on
    }
}
