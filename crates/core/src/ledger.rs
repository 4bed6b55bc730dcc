//! The store and the directory behind one door, so that neither forgets the other.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};
use tokio::time::timeout;

use crate::broadcast::{Broadcast, Snapshot};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::event::{EventType, LeaveReason, NewEvent};
use crate::ids::{BroadcastId, EventId, Ids, UserId};
use crate::store::{BroadcastStore, Change, Eviction};

/// How often a change is decided anew when others change the same broadcast at the same time.
const MAX_TRIES: u32 = 16;
/// How long a change waits for the one before.
const MAX_WAIT: Duration = Duration::from_millis(900);
/// How many broadcasts may be changed at once.
const TURNS: usize = 64;

/// Reads and changes broadcasts: the database is the truth, the directory follows each write.
pub struct Ledger {
    /// Where broadcasts are kept.
    pub store: Arc<dyn BroadcastStore>,
    /// The open ones, in memory.
    pub directory: Directory,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn Ids>,
    /// Whether the database may know more than memory.
    pub doubt: Doubt,
    /// One writer a broadcast at a time in this process: changes reach the directory in the order of their commits.
    turns: [Mutex<()>; TURNS],
}

/// For how long memory is compared with the database once that answers again: a session that hung may commit late.
const DOUBT: Duration = Duration::from_secs(20);

/// Whether a write was not confirmed, and how far memory has been compared with the database since.
#[derive(Debug, Default)]
pub struct Doubt(std::sync::Mutex<Option<Doubtful>>);

#[derive(Debug, Clone, Copy)]
struct Doubtful {
    /// The last unconfirmed write.
    since: Duration,
    /// The first comparison after it.
    settling: Option<Duration>,
    /// The last comparison.
    compared: Option<Duration>,
}

impl Doubt {
    /// Notes an unconfirmed write, or another reason to compare.
    pub fn raise(&self, now: Duration) {
        let mut doubt = self.lock();
        let compared = doubt.and_then(|doubt| doubt.compared);
        *doubt = Some(Doubtful { since: now, settling: None, compared });
    }

    /// Whether memory should be compared now.
    pub fn is_due(&self, now: Duration, interval: Duration) -> bool {
        self.lock()
            .is_some_and(|doubt| doubt.compared.is_none_or(|last| now.saturating_sub(last) >= interval))
    }

    /// Notes a comparison that began at `began`; the last one ends the doubt.
    pub fn compared(&self, began: Duration) {
        let mut doubt = self.lock();
        *doubt = doubt.and_then(|current| {
            let compared = Some(began);
            match current.settling {
                None if current.since >= began => Some(Doubtful { compared, ..current }),
                None => Some(Doubtful { settling: Some(began), compared, ..current }),
                Some(first) if began - first < DOUBT => Some(Doubtful { compared, ..current }),
                Some(_) => None,
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Doubtful>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for somebody else's change, no longer than a caller can be kept waiting beside its own.
///
/// # Errors
/// [`Error::Busy`].
pub async fn wait_for(turn: &Mutex<()>) -> Result<MutexGuard<'_, ()>> {
    timeout(MAX_WAIT, turn.lock()).await.map_err(|_| Error::Busy("changes of this broadcast"))
}

/// As [`wait_for`], for work that goes on although its caller does not.
///
/// # Errors
/// [`Error::Busy`] with what is being done.
pub async fn wait_to_own(turn: &Arc<Mutex<()>>, what: &'static str) -> Result<OwnedMutexGuard<()>> {
    timeout(MAX_WAIT, Arc::clone(turn).lock_owned()).await.map_err(|_| Error::Busy(what))
}

/// What a rule decided: the next state and what is to be logged.
#[derive(Debug)]
pub struct Decision {
    /// The next state.
    pub after: Broadcast,
    /// What happened, in this order.
    pub events: Vec<(EventType, Value)>,
    /// Whether all viewers go, and why.
    pub evict: Option<LeaveReason>,
}

impl Decision {
    /// A state without an event yet.
    pub fn new(after: Broadcast) -> Self {
        Self { after, events: Vec::new(), evict: None }
    }

    /// Adds an event.
    pub fn log(mut self, kind: EventType, data: Value) -> Self {
        self.events.push((kind, data));
        self
    }
}

impl Ledger {
    /// An empty directory over a store.
    pub fn new(store: Arc<dyn BroadcastStore>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let turns = std::array::from_fn(|_| Mutex::new(()));
        Self { store, directory: Directory::default(), clock, ids, doubt: Doubt::default(), turns }
    }

    /// Reads a broadcast, ended ones too.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's.
    pub async fn get(&self, id: BroadcastId) -> Result<Snapshot> {
        if let Some(open) = self.directory.get(id) {
            return Ok(open);
        }
        self.store.broadcast(id).await?.ok_or(Error::NotFound("broadcast"))
    }

    /// One's own broadcast; anybody else's is as good as none.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::NotFound`], or the store's.
    pub async fn owned(&self, caller: &Caller, id: BroadcastId) -> Result<Snapshot> {
        caller.signed_in()?;
        let broadcast = self.get(id).await?;
        if broadcast.is_owned_by(caller) { Ok(broadcast) } else { Err(Error::NotFound("broadcast of yours")) }
    }

    /// Changes a broadcast by a rule, which may run again when somebody else was first. `None`: nothing to change.
    ///
    /// # Errors
    /// The rule's own, [`Error::NotFound`], or the store's.
    pub async fn change<F>(&self, id: BroadcastId, by: Option<UserId>, rule: F) -> Result<Snapshot>
    where
        F: Fn(&Snapshot) -> Result<Option<Decision>> + Send + Sync,
    {
        let _turn = self.turn(id).await?;
        let mut current = self.get(id).await?;
        for _ in 0..MAX_TRIES {
            let Some(mut decision) = rule(&current)? else { return Ok(current) };
            decision.after.revision = current.revision + 1;
            if let Some(next) = self.save(&current, decision, by).await? {
                return Ok(next);
            }
            current = self.store.broadcast(id).await?.ok_or(Error::NotFound("broadcast"))?;
            self.directory.put(current.clone());
        }
        Err(Error::Busy("changes of this broadcast"))
    }

    /// Takes in a broadcast as the database has it now, or forgets it; what it is, if it is open.
    ///
    /// # Errors
    /// The store's, or [`Error::Busy`].
    pub async fn refresh(&self, id: BroadcastId) -> Result<Option<Snapshot>> {
        let _turn = self.turn(id).await?;
        match self.store.broadcast(id).await? {
            Some(current) => self.directory.put(current),
            None => self.directory.remove(id),
        }
        Ok(self.directory.get(id))
    }

    /// The right to change a broadcast. Behind one whose change hangs nobody waits for as long as that.
    async fn turn(&self, id: BroadcastId) -> Result<MutexGuard<'_, ()>> {
        // The low bits of a UUIDv7 are random.
        let low = id.0.as_u128() % TURNS as u128;
        wait_for(&self.turns[usize::try_from(low).unwrap_or_default()]).await
    }

    async fn save(
        &self,
        before: &Snapshot,
        decision: Decision,
        by: Option<UserId>,
    ) -> Result<Option<Snapshot>> {
        let Decision { after, events, evict } = decision;
        let at = self.clock.now();
        let events =
            events.into_iter().map(|(kind, data)| self.event(kind, data, by)).collect::<Result<_>>()?;
        let left = || Ok(EventId(self.ids.uuid(at)?));
        let evict = evict.map(|reason| Eviction { reason, viewers: before.counts.viewers, event: &left });
        let change = Change { before, after: &after, events, evict, at };
        let saved = self.store.save_broadcast(change).await;
        let Some(counts) = self.confirmed(saved)? else { return Ok(None) };
        let next = Snapshot { broadcast: Arc::new(after), counts };
        self.directory.put(next.clone());
        Ok(Some(next))
    }

    /// Takes the answer to a write; without one it may have been kept all the same.
    ///
    /// # Errors
    /// The write's.
    pub fn confirmed<T>(&self, answer: Result<T>) -> Result<T> {
        if matches!(answer, Err(Error::Unavailable(_))) {
            self.doubt.raise(self.clock.monotonic());
        }
        answer
    }

    /// An event of this moment.
    ///
    /// # Errors
    /// As [`Ids::uuid`].
    pub fn event(
        &self,
        kind: impl Into<Cow<'static, str>>,
        data: Value,
        by: Option<UserId>,
    ) -> Result<NewEvent> {
        Ok(NewEvent::new(self.ids.as_ref(), self.clock.now(), kind, data)?.by(by))
    }
}
