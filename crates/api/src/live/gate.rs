//! Who may connect, hear and speak.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use tallylight_core::caller::Access;
use tallylight_core::chat::{Reaction, Reactor};
use tallylight_core::ids::BroadcastId;
use tallylight_core::scope::Scope;
use tallylight_core::token::{Fault, TokenFault};
use tallylight_core::{Caller, Error};
use tallylight_realtime::Bound;
use tallylight_realtime::client::{Asked, Door, Gate, Session, Unwelcome, Welcome};
use tallylight_realtime::codes::{Close, Refusal};
use tallylight_realtime::protocol::{PublishRequest, SubscribeRequest};

use super::Feed;
use super::channel::Channel;
use super::room::{Beginning, Missed, Room, Side};
use crate::limits::Class;

/// How often a subscription is begun anew, because what it asks for went out of memory while it was read.
const MAX_TRIES: u32 = 4;

/// Under what connections of keys are counted.
const CONNECT: &str = "CONNECT /api/live";

/// What a client may publish.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum Said {
    #[serde(rename = "chat.message")]
    Message { text: String },
    #[serde(rename = "reaction")]
    Reaction { reaction: String },
}

#[async_trait]
impl Gate for Feed {
    fn welcome(&self, token: &str) -> Result<Welcome, Unwelcome> {
        if token.is_empty() {
            return Ok(Welcome { caller: Caller::Anonymous, ttl: None });
        }
        match self.users.authenticate_for(token) {
            Ok((caller, seconds)) => {
                self.count(&caller);
                Ok(Welcome { caller, ttl: seconds.map(Duration::from_secs) })
            }
            Err(Fault::Token(TokenFault::Expired)) => Err(Unwelcome::Refused(Refusal::TOKEN_EXPIRED)),
            Err(Fault::Token(_)) => Err(Unwelcome::Closed(Close::INVALID_TOKEN)),
            Err(Fault::Standing(_)) => Err(Unwelcome::Closed(Close::FORCED)),
        }
    }

    async fn charge(&self, session: &Session, asked: Asked) -> Result<(), Refusal> {
        let class = match asked {
            Asked::Subscribe => Class::Read,
            Asked::Refresh => Class::Live,
        };
        self.charge_as(class, session).await
    }

    async fn subscribe(&self, request: &SubscribeRequest, door: &mut Door<'_>) -> Result<(), Refusal> {
        let channel = request.channel.parse().map_err(|_| Refusal::UNKNOWN_CHANNEL)?;
        match channel {
            Channel::Directory => {
                let hub = self.hub().ok_or(Refusal::INTERNAL)?;
                self.cards.subscribe((self.sessions.directory(), self.clock.monotonic()), hub, door)
            }
            Channel::Session(id) => {
                let caller = door.caller().within(Scope::BroadcastsRead);
                let bound = self.bind(id, &caller, &request.token).await?;
                self.join(id, Side::Public, request, (door, bound)).await
            }
            Channel::Owner(id) => {
                door.caller().signed_in().map_err(|_| Refusal::UNAUTHORIZED)?;
                if !door.caller().has(Scope::EventsRead) {
                    return Err(Refusal::DENIED);
                }
                let broadcast = self.sessions.session(id).await.map_err(|error| refusal(&error))?;
                if !broadcast.is_owned_by(&door.caller()) {
                    return Err(Refusal::UNKNOWN_CHANNEL);
                }
                self.join(id, Side::Owner, request, (door, None)).await
            }
        }
    }

    async fn publish(&self, session: &Session, request: PublishRequest) -> Result<(), Refusal> {
        let Ok(Channel::Session(id)) = request.channel.parse() else { return Err(Refusal::DENIED) };
        // As of now: what is said carries the role of whoever says it.
        let caller = self.users.vet_again(session.caller()).map_err(|_| Refusal::DENIED)?;
        if caller.identity().is_some_and(|identity| !identity.access.has(Scope::ChatWrite)) {
            return Err(Refusal::DENIED);
        }
        let said = serde_json::from_slice(&request.data).map_err(|_| Refusal::BAD_REQUEST)?;
        let class = match said {
            Said::Message { .. } => Class::Write,
            Said::Reaction { .. } => Class::Viewing,
        };
        self.charge_as(class, session).await?;
        let done = match said {
            Said::Message { text } => self.sessions.say(&caller, id, text).await,
            Said::Reaction { reaction } => {
                let reaction = Reaction::named(&reaction).map_err(|_| Refusal::BAD_REQUEST)?;
                let bound = session.subscription(&request.channel).and_then(|known| known.bound);
                let by = match (&caller, bound) {
                    (Caller::Anonymous, Some(bound)) => Reactor::Viewer(bound.viewer),
                    (caller, _) => Reactor::Caller(caller),
                };
                self.sessions.react(by, id, reaction).await
            }
        };
        done.map(|_| ()).map_err(|error| refusal(&error))
    }

    fn standing(&self, session: &Session) -> Option<Close> {
        let standing = self.sessions.standing().refuse_peer(&session.peer, self.sessions.now());
        let standing = standing.and_then(|()| self.users.vet_again(session.caller()).map(|_| ()));
        standing.err().map(|_| Close::FORCED)
    }

    fn may_stay(&self, session: &Session, channel: &str) -> bool {
        let Ok(parsed) = channel.parse() else { return false };
        let (id, side) = match parsed {
            Channel::Directory => return true,
            Channel::Session(id) => (id, Side::Public),
            Channel::Owner(id) => (id, Side::Owner),
        };
        let Some(room) = self.rooms.get(id) else { return false };
        // Newer than what the room has seen.
        let open = self.sessions.directory().get(id);
        let state = room.lock();
        let Some(broadcast) = open.as_ref().map(|open| &open.broadcast).or(state.broadcast()) else {
            return false;
        };
        match side {
            Side::Public => {
                let reader = session.caller().clone().within(Scope::BroadcastsRead);
                broadcast.is_visible_to(&reader)
                    || self.is_guest(session, channel)
                    || self.sessions.is_guest_user(id, &reader)
            }
            Side::Owner => broadcast.is_owned_by(session.caller()),
        }
    }

    fn is_alive(&self, bound: Bound, at: Duration) {
        self.sessions.is_alive(bound.session, bound.viewer, at);
    }

    async fn is_lost(&self, bound: Bound, since: Duration) {
        if let Err(error) = self.sessions.lose(bound.session, bound.viewer, since).await {
            tracing::debug!(%error, "the end of a lost viewer is left to the time-out");
        }
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }
}

impl Feed {
    /// Takes one from the budget from which the same would be taken over HTTP.
    async fn charge_as(&self, class: Class, session: &Session) -> Result<(), Refusal> {
        let charged = self.rates.charge(class, session.caller(), session.peer.ip).await;
        charged.map_err(|error| refusal(&error))
    }

    /// Counts a connection by a key, which names itself only after HTTP has been left.
    fn count(&self, caller: &Caller) {
        if let Some(Access::Key(key, _)) = caller.identity().map(|identity| identity.access) {
            self.keys.count(key, CONNECT.to_owned(), 101);
        }
    }

    /// The viewer whom a subscription keeps alive, if it has a viewer's token, and whether the caller may hear at all.
    async fn bind(&self, id: BroadcastId, caller: &Caller, token: &str) -> Result<Option<Bound>, Refusal> {
        let broadcast = self.sessions.session(id).await.map_err(|error| refusal(&error))?;
        let held = if token.is_empty() { Ok(None) } else { self.sessions.hold(id, token) };
        let is_guest = match held {
            Ok(Some(viewer)) => self.sessions.is_guest(id, viewer),
            _ => token.is_empty() && self.sessions.is_guest_user(id, caller),
        };
        if !broadcast.is_visible_to(caller) && !is_guest {
            return Err(Refusal::UNKNOWN_CHANNEL);
        }
        match held {
            Ok(viewer) => Ok(viewer.map(|viewer| Bound { session: id, viewer })),
            // Whoever has an ended broadcast open may read on how it went.
            Err(Error::ViewerGone) if broadcast.ended_at.is_some() => Ok(None),
            Err(Error::ViewerGone) => Err(Refusal::TOKEN_EXPIRED),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// Whether what a client hears of a session keeps a viewer there who was invited.
    fn is_guest(&self, session: &Session, channel: &str) -> bool {
        let bound = session.subscription(channel).and_then(|known| known.bound);
        bound.is_some_and(|bound| self.sessions.is_guest(bound.session, bound.viewer))
    }

    /// Lets somebody hear a session from where they were, or from now on.
    async fn join(
        &self,
        id: BroadcastId,
        side: Side,
        request: &SubscribeRequest,
        (door, bound): (&mut Door<'_>, Option<Bound>),
    ) -> Result<(), Refusal> {
        let mut read = None;
        for _ in 0..MAX_TRIES {
            let room = self.room(id).await.map_err(|error| refusal(&error))?;
            match self.begin((&room, side), request, (door, bound), read.take()) {
                Some(Beginning::Ready(_)) => return Ok(()),
                Some(Beginning::Missed { up_to }) => {
                    read = self.missed(&room, side, (request.offset, up_to)).await?;
                }
                None => tokio::task::yield_now().await,
            }
        }
        Err(Refusal::INTERNAL)
    }

    /// Begins a subscription, if nothing has to be read first; `None`: the room is being forgotten.
    fn begin(
        &self,
        (room, side): (&Room, Side),
        request: &SubscribeRequest,
        (door, bound): (&mut Door<'_>, Option<Bound>),
        read: Option<Missed>,
    ) -> Option<Beginning> {
        let mut state = room.lock();
        if state.is_closed {
            return None;
        }
        if let Some(open) = self.sessions.directory().get(room.id) {
            state.snapshot = open;
        }
        let beginning = state.begin(side, request, (&room.epoch, self.sessions.now()), read);
        if let Beginning::Ready(result) = &beginning {
            // Under the lock: what is told next comes after the answer.
            door.accept(room.topic(side), (**result).clone(), bound);
        }
        Some(beginning)
    }

    /// Reads what was missed, one after the other: what the first has read the others find in memory.
    async fn missed(
        &self,
        room: &Room,
        side: Side,
        (after, up_to): (u64, u64),
    ) -> Result<Option<Missed>, Refusal> {
        let _turn = room.recovering.lock().await;
        if room.lock().remembers(side, after) {
            return Ok(None);
        }
        self.read_missed(room, side, (after, up_to)).await.map(Some).map_err(|error| refusal(&error))
    }
}

/// What a client is told of an error.
fn refusal(error: &Error) -> Refusal {
    match error {
        Error::NotFound(_) => Refusal::UNKNOWN_CHANNEL,
        Error::Unauthenticated(_) => Refusal::UNAUTHORIZED,
        Error::Forbidden(_) | Error::InsufficientScope(_) | Error::Banned { .. } => Refusal::DENIED,
        Error::TooManyRequests { .. } => Refusal::TOO_MANY,
        Error::Invalid(_) => Refusal::BAD_REQUEST,
        Error::BroadcastEnded | Error::ViewerGone => Refusal::NOT_AVAILABLE,
        Error::Unavailable(_) | Error::Busy(_) => Refusal::INTERNAL,
        _ => Refusal { temporary: false, ..Refusal::INTERNAL },
    }
}
