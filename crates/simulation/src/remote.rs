//! The store as the server reaches it: across the network, with the patience of the real one.
//!
//! As the real store does, it tries again until two seconds have passed since it was asked, and looks in the log for the
//! event of a try whose answer was lost. It differs in this: each write has a transaction of its own instead of sharing
//! one, and it never says that it is busy.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tallylight_core::broadcast::{Broadcast, Snapshot};
use tallylight_core::clock::Time;
use tallylight_core::directory::Query;
use tallylight_core::event::{Event, EventQuery, Excerpt, LeaveReason, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, SignInId, UserId, ViewerId};
use tallylight_core::quality::{Quality, QualityRow, Span};
use tallylight_core::store::{BroadcastStore, Change, Eviction, SessionStore, Taken, UserStore};
use tallylight_core::user::{SealedKey, SignIn, User};
use tallylight_core::viewer::{Counts, Departure, JoinOutcome, KnownViewer, NewViewer, Seat, SignOfLife};
use tallylight_core::{Error, Result};
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use crate::database::Database;
use crate::dice::Dice;
use crate::machine::{Connection, Machine};
use crate::network::{Host, Network};

/// How long the real store goes on trying.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much longer reading everything may take.
const LONG_READ: u32 = 5;

const LINE: (Host, Host) = (Host::Server, Host::Database);

/// The way of one start of the server to its database.
#[derive(Clone)]
pub struct Remote {
    network: Network,
    machine: Arc<Machine>,
    dice: Dice,
    /// Which start of the server this is.
    boot: u32,
}

impl Remote {
    /// For one start of the server.
    pub fn new(network: Network, machine: Arc<Machine>, dice: Dice, boot: u32) -> Self {
        Self { network, machine, dice, boot }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&Database) -> T + Clone + Send + 'static,
    ) -> Result<T> {
        self.read_within(PATIENCE, read).await
    }

    async fn read_all<T: Send + 'static>(
        &self,
        read: impl Fn(&Database) -> T + Clone + Send + 'static,
    ) -> Result<T> {
        self.read_within(PATIENCE * LONG_READ, read).await
    }

    async fn read_within<T: Send + 'static>(
        &self,
        patience: Duration,
        read: impl Fn(&Database) -> T + Clone + Send + 'static,
    ) -> Result<T> {
        self.persist(patience, |_| {
            let (machine, read) = (self.machine.clone(), read.clone());
            self.network.ask(LINE, async move { machine.read(read).await })
        })
        .await
    }

    /// Writes, and tells the write whether a try of it may have been committed before.
    async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&Database, bool) -> Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        self.persist(PATIENCE, |in_doubt| {
            let (machine, write) = (self.machine.clone(), write.clone());
            let connection = Connection::new(self.boot);
            let end = connection.end();
            let asked = self.network.ask(LINE, async move {
                machine.write(connection, move |database| write(database, in_doubt)).await
            });
            async move {
                let _end = end;
                asked.await
            }
        })
        .await
    }

    /// As [`Remote::write`] of something that logs an event. What it came to is known here before the commit is sent; if
    /// the event is in the log already, that is the outcome.
    async fn write_once<T: Clone + Send + 'static>(
        &self,
        event: EventId,
        write: impl Fn(&Database) -> Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        let first: Arc<Mutex<Option<T>>> = Arc::default();
        self.write(move |database, in_doubt| {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(outcome) = first.as_ref().filter(|_| in_doubt && database.is_logged(event)) {
                return Ok(outcome.clone());
            }
            let outcome = write(database)?;
            *first = Some(outcome.clone());
            Ok(outcome)
        })
        .await
    }

    /// Tries until there is an answer or no more time. A connection on which nothing comes breaks sooner or later.
    async fn persist<T, A>(&self, patience: Duration, attempt: impl Fn(bool) -> A) -> Result<T>
    where
        A: Future<Output = Result<T>>,
    {
        let deadline = Instant::now() + patience;
        let mut in_doubt = false;
        loop {
            let breaks = (Instant::now() + self.dice.millis(100..2_500)).min(deadline);
            match timeout_at(breaks, attempt(in_doubt)).await {
                Ok(Err(Error::Unavailable(_))) => {}
                Ok(outcome) => return outcome,
                Err(_) => in_doubt = true,
            }
            let again = Instant::now() + self.dice.millis(0..100);
            if again >= deadline {
                return Err(Error::Unavailable("the database did not answer in time".into()));
            }
            sleep_until(again).await;
        }
    }
}

/// A change that owns what it is made of.
#[derive(Clone)]
struct Parcel {
    before: Broadcast,
    after: Broadcast,
    events: Vec<NewEvent>,
    /// Why everybody goes, about how many they are, and the first event's id; the others follow it.
    evict: Option<(LeaveReason, u32, Uuid)>,
    at: Time,
}

impl Parcel {
    fn pack(change: Change<'_>) -> Result<Self> {
        let evict = match &change.evict {
            Some(eviction) => Some((eviction.reason, eviction.viewers, (eviction.event)()?.0)),
            None => None,
        };
        let (before, after) = (change.before.clone(), change.after.clone());
        Ok(Self { before, after, events: change.events, evict, at: change.at })
    }

    fn save(&self, database: &Database, in_doubt: bool) -> Result<Option<Counts>> {
        let (before, after, events) = (&self.before, &self.after, self.events.clone());
        let given = Mutex::new(0);
        let first = self.evict.map_or(0, |(.., first)| first.as_u128());
        let next = || {
            let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
            *given += 1;
            Ok(EventId(Uuid::from_u128(first.wrapping_add(*given))))
        };
        let evict = self.evict.map(|(reason, viewers, _)| Eviction { reason, viewers, event: &next });
        let change = Change { before, after, events, evict, at: self.at };
        match database.kept(&change) {
            Some(counts) if in_doubt => Ok(Some(counts)),
            _ => database.save_broadcast(&change),
        }
    }
}

#[async_trait]
impl BroadcastStore for Remote {
    async fn insert_broadcast(&self, broadcast: &Broadcast, events: Vec<NewEvent>) -> Result<Counts> {
        let broadcast = broadcast.clone();
        self.write(move |database, _| database.insert_broadcast(&broadcast, events.clone())).await
    }

    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Snapshot>> {
        self.read(move |database| database.broadcast(id)).await
    }

    async fn save_broadcast(&self, change: Change<'_>) -> Result<Option<Counts>> {
        let parcel = Parcel::pack(change)?;
        self.write(move |database, in_doubt| parcel.save(database, in_doubt)).await
    }

    async fn open_broadcasts(&self) -> Result<Vec<Snapshot>> {
        self.read_all(Database::open_broadcasts).await
    }

    async fn broadcast_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<Snapshot>> {
        let hash = *hash;
        self.read(move |database| database.broadcast_by_stream_key(&hash)).await
    }

    async fn live_at(&self, _time: Time, _query: &Query, _limit: u32) -> Result<Vec<Snapshot>> {
        Ok(Vec::new())
    }

    async fn viewers_at(&self, _time: Time, _of: &[BroadcastId]) -> Result<Vec<(BroadcastId, u32)>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl SessionStore for Remote {
    async fn join(&self, viewer: &NewViewer, event: NewEvent) -> Result<JoinOutcome> {
        let viewer = viewer.clone();
        self.write_once(event.id, move |database| database.join(&viewer, event.clone())).await
    }

    async fn leave(&self, departure: &Departure) -> Result<Option<Counts>> {
        let departure = *departure;
        self.write_once(departure.event, move |database| database.leave(&departure)).await
    }

    async fn append(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        self.write_once(event.id, move |database| database.append(session, event.clone())).await
    }

    async fn say(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        self.write_once(event.id, move |database| database.say(session, event.clone(), None)).await
    }

    async fn say_as_guest(
        &self,
        session: BroadcastId,
        event: NewEvent,
        guest: ViewerId,
    ) -> Result<Option<Counts>> {
        self.write_once(event.id, move |database| database.say(session, event.clone(), Some(guest))).await
    }

    async fn logged_event(&self, session: BroadcastId, event: EventId) -> Result<Option<Event>> {
        self.read(move |database| database.event(session, event)).await
    }

    async fn delete_message(
        &self,
        session: BroadcastId,
        message: EventId,
        event: NewEvent,
    ) -> Result<Option<Counts>> {
        let id = event.id;
        self.write_once(id, move |database| database.delete_message(session, message, event.clone())).await
    }

    async fn note_seen(&self, signs: Vec<SignOfLife>) -> Result<()> {
        self.write(move |database, _| {
            database.note_seen(&signs);
            Ok(())
        })
        .await
    }

    async fn seats(&self) -> Result<Vec<Seat>> {
        self.read_all(Database::seats).await
    }

    async fn viewer(&self, session: BroadcastId, viewer: ViewerId) -> Result<Option<KnownViewer>> {
        self.read(move |database| database.viewer(session, viewer)).await
    }

    async fn events(&self, session: BroadcastId, query: &EventQuery) -> Result<Excerpt> {
        let query = query.clone();
        self.read(move |database| database.events(session, &query)).await
    }

    async fn save_quality(&self, _rows: Vec<QualityRow>) -> Result<()> {
        Ok(())
    }

    async fn quality(&self, _session: BroadcastId, _span: Span) -> Result<Vec<(Time, Quality)>> {
        Ok(Vec::new())
    }
}

/// Nobody signs in here: of users only the owners of keys are looked up.
#[async_trait]
impl UserStore for Remote {
    async fn insert_user(&self, _user: &User) -> Result<Result<(), Taken>> {
        Err(unused())
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read(move |database| database.user(id)).await
    }

    async fn user_by_login(&self, _login: &str) -> Result<Option<User>> {
        Err(unused())
    }

    async fn user_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<User>> {
        let hash = *hash;
        self.read(move |database| database.user_by_stream_key(&hash)).await
    }

    async fn set_user_stream_key(&self, _id: UserId, _key: &SealedKey) -> Result<()> {
        Err(unused())
    }

    async fn has_admin(&self) -> Result<bool> {
        Err(unused())
    }

    async fn insert_sign_in(&self, _sign_in: &SignIn, _password_hash: &str) -> Result<bool> {
        Err(unused())
    }

    async fn sign_in(&self, _id: SignInId) -> Result<Option<SignIn>> {
        Err(unused())
    }

    async fn rotate_sign_in(&self, _from: &SignIn, _to: &SignIn) -> Result<bool> {
        Err(unused())
    }

    async fn end_sign_in(&self, _id: SignInId, _at: Time) -> Result<()> {
        Err(unused())
    }
}

fn unused() -> Error {
    Error::Internal("nobody signs in in a simulation".into())
}
