//! Calls that are done once, however often they are sent: what was answered under a key is answered again.
//!
//! A key is taken before the call is done, and the answer is kept when it is there. A server that dies in between
//! leaves the key taken: nobody knows then whether the call was done, so it is not done again under this key. So does a
//! call of which it is not known whether it was done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use uuid::Uuid;

use crate::caller::{Access, Identity};
use crate::clock::{Clock, Time};
use crate::error::{Error, Result};
use crate::ids::{Ids, UserId};
use crate::secret::{Purpose, Sealer, Secret};

/// How long answers are kept, in hours.
const KEPT_HOURS: i64 = 24;
/// How many calls may be over without the database knowing. Beyond that the keys of the earliest stay taken.
const MOST_UNSETTLED: usize = 1_000;

/// How long a commit that nobody heard of may take to be done, or not.
const LATEST: Duration = Duration::from_secs(10);

/// How many are forgotten at once.
const REMOVED_AT_ONCE: u32 = 1_000;

/// A key that somebody wants to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Names caller, method, path and key.
    pub id: Uuid,
    /// Names this very try, so that it knows its own.
    pub claim: Uuid,
    /// What is asked.
    pub fingerprint: [u8; 32],
    /// When.
    pub now: Time,
    /// From when on the key is free again.
    pub expires_at: Time,
}

/// Who has a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The try that took it.
    pub claim: Uuid,
    /// What was asked.
    pub fingerprint: [u8; 32],
    /// What was answered, sealed; `None`: nothing yet.
    pub sealed: Option<Vec<u8>>,
}

/// Keeps keys and answers.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Takes a key that nobody has, or whose time is over; who has it then. `None`: it came and went just now.
    async fn claim_key(&self, claim: &Claim) -> Result<Option<Holder>>;

    /// Keeps the answer, if this try still has the key.
    async fn keep_answer(&self, claim: &Claim, sealed: &[u8]) -> Result<()>;

    /// Frees a key that this try has and under which nothing is kept.
    async fn release_key(&self, claim: &Claim) -> Result<()>;

    /// Removes so many of those whose time is over; how many it were.
    async fn remove_expired_keys(&self, now: Time, limit: u32) -> Result<u64>;

    /// Removes those of ids from one to another; how many.
    async fn remove_keys_within(&self, range: (Uuid, Uuid)) -> Result<u64>;
}

/// A call under a key.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Who calls.
    pub caller: &'a Identity,
    /// By which method.
    pub method: &'a str,
    /// What.
    pub path: &'a str,
    /// The key.
    pub key: &'a str,
    /// With which parameters.
    pub query: &'a str,
    /// And which body.
    pub body: &'a [u8],
}

/// What becomes of a call.
#[derive(Debug)]
pub enum Turn {
    /// It is done now; its answer is to be kept.
    Go,
    /// It was done; this was answered.
    Replay(Vec<u8>),
    /// Under this key something else was asked.
    Reused,
    /// It is being done, or was when a server died.
    UnderWay,
}

/// How a call ended.
#[derive(Clone)]
enum End {
    /// With this answer, sealed, which is to be kept.
    Answered(Arc<[u8]>),
    /// It was not done, so its key is free.
    NotDone,
    /// The same, and the key may come to be taken until this time on the monotonic clock.
    NotBegun(Duration),
}

/// Sees to it that a call under a key is done once.
pub struct Idempotency {
    store: Arc<dyn IdempotencyStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    sealer: Sealer,
    digest: hmac::Key,
    /// What the database was not told yet, by the try, so in the order of time.
    unsettled: Mutex<BTreeMap<Uuid, (Claim, End)>>,
}

impl Idempotency {
    /// Over a store. Answers may hold secrets, so they are sealed; of what was asked only a keyed hash is kept.
    ///
    /// # Errors
    /// As [`Secret::derive`].
    pub fn new(
        store: Arc<dyn IdempotencyStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        secret: &Secret,
    ) -> Result<Self> {
        let sealer = secret.sealer(Purpose::Idempotency)?;
        let digest = secret.mac(Purpose::IdempotentCall)?;
        Ok(Self { store, clock, ids, sealer, digest, unsettled: Mutex::default() })
    }

    /// A try of a call.
    ///
    /// # Errors
    /// As [`Ids::uuid`].
    pub fn claim(&self, call: &Call<'_>) -> Result<Claim> {
        let now = self.clock.now();
        let Call { caller, method, path, key, query, body } = call;
        // Each of a user's programs has keys of its own.
        let program = match caller.access {
            Access::Key(key, _) => key.0,
            Access::SignIn(_) | Access::Server => caller.id.0,
        };
        let parts = [program.as_bytes(), method.as_bytes(), path.as_bytes(), key.as_bytes()];
        Ok(Claim {
            id: Uuid::from_u64_pair(self.half(&[caller.id.0.as_bytes()]), self.half(&parts)),
            claim: self.ids.uuid(now)?,
            fingerprint: self.digest(&[query.as_bytes(), body]),
            now,
            expires_at: now + time::Duration::hours(KEPT_HOURS),
        })
    }

    /// Takes the key of a call, or finds out who has it.
    ///
    /// # Errors
    /// The store's. Where it is not known whether the key is taken, [`Idempotency::give_up`] it.
    pub async fn begin(&self, claim: &Claim) -> Result<Turn> {
        let Some(holder) = self.store.claim_key(claim).await? else { return Ok(Turn::UnderWay) };
        if holder.claim == claim.claim {
            return Ok(Turn::Go);
        }
        if holder.fingerprint != claim.fingerprint {
            return Ok(Turn::Reused);
        }
        match holder.sealed {
            Some(sealed) => self.sealer.open(claim.id.as_bytes(), &sealed).map(Turn::Replay),
            None => Ok(Turn::UnderWay),
        }
    }

    /// Has what was answered kept by the next [`Idempotency::settle`].
    ///
    /// # Errors
    /// As [`Ids::fill`]; the key stays taken then.
    pub fn keep(&self, claim: Claim, answer: &[u8]) -> Result<()> {
        let sealed = self.sealer.seal(self.ids.as_ref(), claim.id.as_bytes(), answer)?;
        self.note(claim, End::Answered(sealed.into()));
        Ok(())
    }

    /// Has the key freed by the next [`Idempotency::settle`]: the call was not done, and may be tried again.
    pub fn release(&self, claim: Claim) {
        self.note(claim, End::NotDone);
    }

    /// As [`Idempotency::release`], where it is not known whether the key is taken: for a while it may be yet.
    pub fn give_up(&self, claim: Claim) {
        self.note(claim, End::NotBegun(self.clock.monotonic() + LATEST));
    }

    fn note(&self, claim: Claim, end: End) {
        let mut unsettled = self.unsettled();
        unsettled.insert(claim.claim, (claim, end));
        if unsettled.len() > MOST_UNSETTLED {
            unsettled.pop_first();
            tracing::warn!("an idempotency key stays taken: too many wait for the database");
        }
    }

    /// Tells the database of a try that is over. Without an answer it is tried again by [`Idempotency::settle_all`].
    ///
    /// # Errors
    /// The store's.
    pub async fn settle(&self, of: Uuid) -> Result<()> {
        let now = self.clock.monotonic();
        let Some((claim, end)) = self.unsettled().get(&of).cloned() else { return Ok(()) };
        let (settled, is_over) = match end {
            End::Answered(sealed) => (self.store.keep_answer(&claim, &sealed).await, true),
            End::NotDone => (self.store.release_key(&claim).await, true),
            End::NotBegun(until) => (self.store.release_key(&claim).await, now >= until),
        };
        if is_over && !matches!(settled, Err(Error::Unavailable(_))) {
            self.unsettled().remove(&of);
        }
        settled
    }

    /// Tells the database of all tries that are over. To be called every second.
    ///
    /// # Errors
    /// The store's; what is left is tried again.
    pub async fn settle_all(&self) -> Result<()> {
        let tries: Vec<Uuid> = self.unsettled().keys().copied().collect();
        for of in tries {
            self.settle(of).await?;
        }
        Ok(())
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeMap<Uuid, (Claim, End)>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the answers whose time is over, part after part; how many.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget(&self) -> Result<u64> {
        let mut forgotten = 0;
        loop {
            match self.store.remove_expired_keys(self.clock.now(), REMOVED_AT_ONCE).await? {
                0 => return Ok(forgotten),
                some => forgotten += some,
            }
        }
    }

    /// Forgets what a user was answered, by whichever program; how many answers.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_user(&self, user: UserId) -> Result<u64> {
        let theirs = self.half(&[user.0.as_bytes()]);
        let range = (Uuid::from_u64_pair(theirs, 0), Uuid::from_u64_pair(theirs, u64::MAX));
        self.store.remove_keys_within(range).await
    }

    /// Half of an id: the first is the user's, so that all of a user's ids stand together.
    fn half(&self, parts: &[&[u8]]) -> u64 {
        let mut half = [0; 8];
        half.copy_from_slice(&self.digest(parts)[..8]);
        u64::from_be_bytes(half)
    }

    /// Each part with its length, so that none runs into the next.
    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.digest);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}
