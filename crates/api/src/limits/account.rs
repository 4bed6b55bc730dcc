//! Sign-ins by the account's name.
//!
//! Whoever guesses passwords of one account is slowed, from wherever they ask: after the burst, failures are let through
//! at the class's rate only. That alone would let anybody keep an owner out for ever by failing on purpose, so a place
//! from which a sign-in to the account has succeeded counts by itself. A success costs nothing. Names without an
//! account are counted the same, so that nothing tells them apart.

use std::net::IpAddr;

use moka::sync::Cache;
use tallylight_core::caller::Caller;
use tallylight_core::ids::UserId;
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

/// Whom somebody claims to be.
#[derive(Debug, Clone, Copy)]
pub enum Claimed<'a> {
    /// Somebody with an account, by whatever name it was meant.
    Known(UserId),
    /// Nobody: there is no account of this name.
    Nobody(&'a str),
}

impl Claimed<'_> {
    fn digest(self) -> Digest {
        match self {
            Self::Known(user) => digest(&[b"known", user.0.as_bytes()]),
            Self::Nobody(login) => digest(&[b"nobody", login.trim().to_lowercase().as_bytes()]),
        }
    }
}

/// A guess of a password under way, already paid for.
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
    /// Lets somebody show by a password to be who they claim.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub async fn attempt(&self, claimed: Claimed<'_>, address: Option<IpAddr>) -> Result<Attempt<'_>> {
        let account = claimed.digest();
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

    /// Does what asks whoever is signed in for the password again: a stolen token is no way to guess it.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::TooManyRequests`], or those of `act`.
    pub async fn confirmed<T>(
        &self,
        caller: &Caller,
        address: Option<IpAddr>,
        act: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let attempt = self.attempt(Claimed::Known(caller.signed_in()?.id), address).await?;
        let outcome = act.await;
        attempt.ended(&outcome);
        outcome
    }
}

impl Attempt<'_> {
    /// Notes how it went: only wrong credentials cost something.
    pub fn ended<T>(self, outcome: &Result<T>) {
        if outcome.is_ok() {
            self.limits.known.0.insert(self.place, ());
        }
        if !matches!(outcome, Err(Error::Unauthenticated(_) | Error::WrongPassword)) {
            self.limits.meter.give_back(Class::Account, self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tallylight_core::caller::{Access, Identity};
    use tallylight_core::clock::SystemClock;
    use tallylight_core::ids::SignInId;
    use tallylight_core::user::Role;

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
            if let Ok(attempt) = limits.attempt(Claimed::Nobody(login), Some(address.parse().unwrap())).await
            {
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
    async fn whoever_is_signed_in_guesses_no_more_than_whoever_signs_in() {
        let (limits, id) = (limits(), UserId(uuid::Uuid::from_u128(1)));
        let ada = Identity {
            id,
            username: "ada".into(),
            role: Role::Broadcaster,
            access: Access::SignIn(SignInId(uuid::Uuid::from_u128(2))),
        };
        let (ada, stolen) = (Caller::User(ada), "203.0.113.1".parse().ok());
        let mut asked = 0;
        for _ in 0..10 {
            let wrong = async {
                asked += 1;
                Err::<(), _>(Error::WrongPassword)
            };
            limits.confirmed(&ada, stolen, wrong).await.unwrap_err();
        }
        assert_eq!(asked, 3);
        assert!(limits.attempt(Claimed::Known(id), stolen).await.is_err(), "nor signs in after that");
        assert!(limits.confirmed(&Caller::Anonymous, None, async { Ok(()) }).await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_guess_costs_nothing() {
        let limits = limits();
        for _ in 0..10 {
            let attempt = limits.attempt(Claimed::Nobody("ada"), None).await.unwrap();
            attempt.ended::<()>(&Err(Error::Busy("hashes")));
        }
    }
}
