//! How often an account is written to, and an address, whoever's it is said to be: nobody's mail is flooded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ids::UserId;
use crate::user::User;

/// By what mails are counted.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Counted {
    Account(UserId),
    Address(String),
}

/// So many mails at once, and one more after each interval.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    /// How far the mails may be ahead of the interval.
    ahead: Duration,
    /// When each has all of its mails again, on the monotonic clock.
    whole: Mutex<HashMap<Counted, Duration>>,
}

impl Pace {
    /// Of links for a new password.
    pub fn of_links() -> Self {
        Self::new(1, Duration::from_secs(60))
    }

    /// Of notices. Whoever gets none any more has been told lately, more than once.
    pub fn of_notices() -> Self {
        Self::new(4, Duration::from_secs(600))
    }

    fn new(at_once: u32, interval: Duration) -> Self {
        Self { interval, ahead: interval * (at_once - 1), whole: Mutex::default() }
    }

    /// Whether a user is sent a mail now; it is counted.
    pub fn take(&self, user: &User, now: Duration) -> bool {
        let mut whole = self.lock();
        whole.retain(|_, at| *at > now);
        let counted = counted(user);
        if counted.iter().any(|who| whole.get(who).is_some_and(|at| *at > now + self.ahead)) {
            return false;
        }
        for who in counted {
            *whole.entry(who).or_insert(now) += self.interval;
        }
        true
    }

    /// The mail that was counted is not sent.
    pub fn give_back(&self, user: &User) {
        let mut whole = self.lock();
        for who in counted(user) {
            if let Some(at) = whole.get_mut(&who) {
                *at = at.saturating_sub(self.interval);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Counted, Duration>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn counted(user: &User) -> [Counted; 2] {
    [Counted::Account(user.id), Counted::Address(user.email.to_lowercase())]
}
