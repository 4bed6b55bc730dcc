//! Whose password is being hashed: one of each user at a time, so that nobody takes all the places from others.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::ids::UserId;

/// After how long it is worth another try.
const RETRY: Duration = Duration::from_secs(1);

/// Those who have a turn.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashSet<UserId>>);

impl Turns {
    /// A user's turn, until it is dropped.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] while the user has one.
    pub fn take(&self, user: UserId) -> Result<Turn<'_>> {
        match self.lock().insert(user) {
            true => Ok(Turn { turns: self, user }),
            false => Err(Error::TooManyRequests { retry_after: RETRY }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A user's turn.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    user: UserId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.lock().remove(&self.user);
    }
}
