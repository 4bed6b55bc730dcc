//! The live feed: who is live, and what happens in a session, told to whoever is connected.
//!
//! What is told of a session is read from its log, in its order: whatever wrote it, and however often it was tried,
//! nothing is missed and nothing comes twice.

mod cards;
mod channel;
mod gate;
mod places;
mod room;
mod rooms;
mod tickets;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tallylight_core::clock::Clock;
use tallylight_core::scope::Scope;
use tallylight_core::{Caller, Error, KeyManager, SessionManager, UserManager};
use tallylight_realtime::client::{Clients, Session};
use tallylight_realtime::protocol::SubscribeRequest;
use tallylight_realtime::{Hub, Limits};
use tokio::runtime::Handle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use cards::Cards;
use rooms::Rooms;

use crate::limits::RateLimits;
use crate::problem::Problem;

pub use channel::Channel;
pub use places::{Over, Place, PlaceLimits, Places};
pub use tickets::{LIFE as TICKET_LIFE, Tickets};

/// How often counts are told.
const TICK: Duration = Duration::from_secs(1);
/// What the server calls itself.
const VERSION: &str = concat!("tallylight ", env!("CARGO_PKG_VERSION"));

/// What the live feed is made of.
pub struct LiveParts {
    /// Sessions.
    pub sessions: Arc<SessionManager>,
    /// Users.
    pub users: Arc<UserManager>,
    /// API keys.
    pub keys: Arc<KeyManager>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How often each caller may do what.
    pub rates: Arc<RateLimits>,
    /// Limits of connections.
    pub limits: Limits,
    /// How many there may be.
    pub places: PlaceLimits,
}

/// All live connections, and what they hear.
pub struct Live {
    pub(crate) hub: Hub<Session>,
    pub(crate) clients: Arc<Clients<Feed>>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) tickets: Tickets,
    places: Places,
}

/// What is told, and to whom.
pub struct Feed {
    sessions: Arc<SessionManager>,
    users: Arc<UserManager>,
    keys: Arc<KeyManager>,
    clock: Arc<dyn Clock>,
    rates: Arc<RateLimits>,
    /// Set as soon as there is one.
    hub: OnceLock<Hub<Session>>,
    rooms: Rooms,
    cards: Cards,
}

impl Live {
    /// Starts the thread of connections. To be called in the runtime in which their commands are to be answered.
    ///
    /// # Errors
    /// The system's.
    pub fn start(parts: LiveParts) -> io::Result<Arc<Self>> {
        let LiveParts { sessions, users, keys, clock, rates, limits, places } = parts;
        let feed = Arc::new(Feed {
            sessions,
            users,
            keys,
            clock: clock.clone(),
            rates,
            hub: OnceLock::new(),
            rooms: Rooms::default(),
            cards: Cards::default(),
        });
        let clients = Arc::new(Clients::new(feed.clone(), Handle::current(), VERSION, limits.ping_interval));
        let hub = Hub::start(&clients, limits, clock)?;
        let _ = feed.hub.set(hub.clone());
        let (tickets, places) = (Tickets::default(), Places::new(places));
        Ok(Arc::new(Self { hub, clients, feed, tickets, places }))
    }

    /// Takes a place for a connection from an address.
    ///
    /// # Errors
    /// The [`Problem`] of one that is not taken.
    pub(crate) fn place(&self, ip: Option<IpAddr>, over: Over) -> Result<Place, Problem> {
        if self.hub.is_full() {
            return Err(Problem::new("busy", "there are as many live connections as this server takes"));
        }
        Ok(self.places.take(ip, over)?)
    }

    /// Whether somebody may hear all of these channels.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Unauthenticated`] for one that they may not hear, or the store's.
    pub(crate) async fn may_listen(
        &self,
        caller: &Caller,
        requests: &[SubscribeRequest],
    ) -> Result<(), Error> {
        let reader = caller.clone().within(Scope::BroadcastsRead);
        for request in requests {
            let may = match request.channel.parse().map_err(|_| Error::NotFound("channel"))? {
                Channel::Directory => true,
                Channel::Session(id) => {
                    let sessions = &self.feed.sessions;
                    sessions.session(id).await?.is_visible_to(&reader) || sessions.is_guest_user(id, &reader)
                }
                Channel::Owner(id) => {
                    caller.signed_in()?;
                    if !caller.has(Scope::EventsRead) {
                        return Err(Error::InsufficientScope(Scope::EventsRead));
                    }
                    self.feed.sessions.session(id).await?.is_owned_by(caller)
                }
            };
            if !may {
                return Err(Error::NotFound("broadcast"));
            }
        }
        Ok(())
    }

    /// Has it looked at whether everybody who is connected still may be, and hear what they hear. To be called once
    /// rights were taken from somebody.
    pub fn review(&self) {
        self.hub.review();
    }

    /// The time on the clock by which what was granted ends.
    pub(crate) fn now(&self) -> Duration {
        self.feed.clock.monotonic()
    }

    /// Tells what is new until told to stop, then tells clients to come back later.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::select! {
            () = self.tell() => {}
            () = stop.cancelled() => {}
        }
        self.hub.stop();
    }

    async fn tell(&self) {
        tokio::join!(self.feed.tell_news(), self.feed.tell_counts());
    }
}

impl Feed {
    fn hub(&self) -> Option<&Hub<Session>> {
        self.hub.get()
    }

    /// Goes on reading logs that have grown.
    async fn tell_news(self: &Arc<Self>) {
        loop {
            for id in self.sessions.directory().news().next().await {
                if let Some(room) = self.rooms.get(id).filter(|room| room.is_now_due()) {
                    let feed = Arc::clone(self);
                    tokio::spawn(async move { feed.catch_up(&room).await });
                }
            }
        }
    }

    async fn tell_counts(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let Some(hub) = self.hub() else { continue };
            self.cards.tell(self.sessions.directory(), hub);
            self.rooms.tell_counts(self.sessions.directory(), hub, self.clock.monotonic());
        }
    }
}

/// JSON of ours.
fn json(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).unwrap_or_default())
}
