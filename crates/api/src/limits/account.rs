//! Sign-ins by the account's name.
//!
//! Whoever guesses passwords of one account is slowed, from wherever they ask: after the burst, failures are let through
//! at the class's rate only. That alone would let anybody keep an owner out for ever by failing on purpose, so a place
//! from which a sign-in to the account has succeeded counts by itself. A success costs nothing. Names without an
//! account are counted the same, so that nothing tells them apart.

use std::net::IpAddr;

use moka::sync::Cache;
use tallylight_core::secret::sha256;
use tallylight_core::{Error, Result};

use super::{Class, LimitKey, RateLimits, Verdict};

/// How many pairs of an account and a place are remembered; the least used goes first.
const KNOWN: u64 = 100_000;

type Digest = [u8; 16];

/// Places from which sign-ins succeeded.
pub(super) struct KnownPlaces(Cache<Digest, ()>);

impl Default for KnownPlaces {
    fn default() -> Self {
        Self(Cache::new(KNOWN))
    }
}

/// A sign-in under way, already paid for.
pub struct Attempt<'a> {
    limits: &'a RateLimits,
    key: LimitKey,
    place: Digest,
}

fn digest(parts: &[&[u8]]) -> Digest {
    let mut half = Digest::default();
    half.copy_from_slice(&sha256(&parts.concat())[..16]);
    half
}

impl RateLimits {
    /// Lets somebody try to get into an account, or have its password reset.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub async fn attempt(&self, login: &str, address: Option<IpAddr>) -> Result<Attempt<'_>> {
        let account = digest(&[login.trim().to_lowercase().as_bytes()]);
        let place = match LimitKey::from(address) {
            LimitKey::V4(address) => digest(&[&account, &address]),
            LimitKey::V6(network) => digest(&[&account, &network]),
            _ => account,
        };
        let key = LimitKey::Account(if self.known.0.contains_key(&place) { place } else { account });
        let attempt = Attempt { limits: self, key, place };
        match self.take(Class::Account, key).verdict().await {
            Verdict::Pass { .. } => Ok(attempt),
            Verdict::Refused { wait } => {
                self.note_refusal(Class::Account);
                Err(Error::TooManyRequests { retry_after: wait })
            }
        }
    }
}

impl Attempt<'_> {
    /// Notes how it went: only wrong credentials cost something.
    pub fn ended<T>(self, outcome: &Result<T>) {
        if outcome.is_ok() {
            self.limits.known.0.insert(self.place, ());
        }
        if !matches!(outcome, Err(Error::Unauthenticated(_))) {
            self.limits.meter.give_back(Class::Account, self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tallylight_core::clock::SystemClock;

    use super::*;
    use crate::limits::{LimitSettings, Rate};

    fn limits() -> RateLimits {
        let rates = [Some(Rate::new(3, 3_600)); Class::COUNT];
        RateLimits::new(&LimitSettings { rates, max_keys: 1_000 }, Arc::new(SystemClock::start()))
    }

    /// How many of ten tries are let through.
    async fn tries(limits: &RateLimits, login: &str, address: &str, goes_well: bool) -> usize {
        let mut passed = 0;
        for _ in 0..10 {
            if let Ok(attempt) = limits.attempt(login, Some(address.parse().unwrap())).await {
                passed += 1;
                attempt.ended(&if goes_well { Ok(()) } else { Err(Error::Unauthenticated("no")) });
            }
        }
        passed
    }

    const HOME: &str = "198.51.100.1";

    #[tokio::test]
    async fn failures_slow_an_account_from_anywhere() {
        let limits = limits();
        assert_eq!(tries(&limits, "ada", "203.0.113.1", false).await, 3);
        assert_eq!(tries(&limits, " ADA ", "203.0.113.2", false).await, 0);
        assert_eq!(tries(&limits, "bob", "203.0.113.2", false).await, 3);
        assert_eq!(limits.refused(Class::Account), 24);
    }

    #[tokio::test]
    async fn successes_cost_nothing_and_their_place_cannot_be_locked_out() {
        let limits = limits();
        assert_eq!(tries(&limits, "ada", HOME, true).await, 10);
        assert_eq!(tries(&limits, "ada", "203.0.113.1", false).await, 3);
        assert_eq!(tries(&limits, "ada", HOME, true).await, 10, "the owner gets in");
        assert_eq!(tries(&limits, "ada", HOME, false).await, 3, "and is slowed as well");
        assert_eq!(tries(&limits, "bob", HOME, false).await, 3, "a place is known to one account");
    }

    #[tokio::test]
    async fn what_is_no_guess_costs_nothing() {
        let limits = limits();
        for _ in 0..10 {
            let attempt = limits.attempt("ada", None).await.unwrap();
            attempt.ended::<()>(&Err(Error::Busy("hashes")));
        }
    }
}
