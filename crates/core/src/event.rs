//! The event log of a session.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{BroadcastId, EventId, Ids, UserId, ViewerId};

/// What happened; the names are the contract of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// A broadcast was made.
    BroadcastCreated,
    /// The first media arrived, or the broadcast was made with media elsewhere.
    BroadcastStarted,
    /// Fields, visibility or the reported viewers changed.
    BroadcastUpdated,
    /// Its owner paused it.
    BroadcastPaused,
    /// Its owner resumed it.
    BroadcastResumed,
    /// Its encoder went away.
    BroadcastInterrupted,
    /// Its encoder came back.
    BroadcastRecovered,
    /// It ended.
    BroadcastEnded,
    /// A viewer joined.
    ViewerJoined,
    /// A viewer left, timed out or was removed.
    ViewerLeft,
    /// Somebody said something.
    ChatMessage,
    /// What somebody said was deleted.
    ChatDeleted,
    /// Somebody reacted.
    Reaction,
}

impl EventType {
    /// All there are, the most frequent ones first.
    pub const ALL: &[Self] = &[
        Self::ViewerJoined,
        Self::ViewerLeft,
        Self::Reaction,
        Self::ChatMessage,
        Self::ChatDeleted,
        Self::BroadcastCreated,
        Self::BroadcastStarted,
        Self::BroadcastUpdated,
        Self::BroadcastPaused,
        Self::BroadcastResumed,
        Self::BroadcastInterrupted,
        Self::BroadcastRecovered,
        Self::BroadcastEnded,
    ];

    /// The one of a name; `None` for an integrator's own.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::BroadcastCreated => "broadcast.created",
            Self::BroadcastStarted => "broadcast.started",
            Self::BroadcastUpdated => "broadcast.updated",
            Self::BroadcastPaused => "broadcast.paused",
            Self::BroadcastResumed => "broadcast.resumed",
            Self::BroadcastInterrupted => "broadcast.interrupted",
            Self::BroadcastRecovered => "broadcast.recovered",
            Self::BroadcastEnded => "broadcast.ended",
            Self::ViewerJoined => "viewer.joined",
            Self::ViewerLeft => "viewer.left",
            Self::ChatMessage => "chat.message",
            Self::ChatDeleted => "chat.deleted",
            Self::Reaction => "reaction",
        }
    }
}

/// The most characters of a type's name.
const MAX_NAME: usize = 50;

/// Whether a text may name a type: 1 to 50 of the characters a-z, 0-9, `_` and `.`.
pub fn is_type_name(text: &str) -> bool {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
    (1..=MAX_NAME).contains(&text.len()) && text.chars().all(is_known)
}

impl From<EventType> for Cow<'static, str> {
    fn from(kind: EventType) -> Self {
        Cow::Borrowed(kind.name())
    }
}

/// An event as it is handed to the store, which numbers it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Its id, by which consumers drop doubles.
    pub id: EventId,
    /// The type's name.
    pub kind: Cow<'static, str>,
    /// The particulars.
    pub data: Value,
    /// What an integrator attaches.
    pub metadata: Map<String, Value>,
    /// When.
    pub created_at: Time,
    /// Who did it, if a user.
    pub user_id: Option<UserId>,
}

impl NewEvent {
    /// An event of this moment.
    ///
    /// # Errors
    /// As [`Ids::uuid`].
    pub fn new(ids: &dyn Ids, now: Time, kind: impl Into<Cow<'static, str>>, data: Value) -> Result<Self> {
        let (id, kind) = (EventId(ids.uuid(now)?), kind.into());
        Ok(Self { id, kind, data, metadata: Map::new(), created_at: now, user_id: None })
    }

    /// `viewer.left` of a stay: never before the stay began, so that a clock that is set back takes nothing from
    /// what was watched.
    pub fn left(id: EventId, stay: &EndedStay<'_>) -> Self {
        let created_at = stay.at.max(stay.joined_at);
        let data = json!({
            "viewer_id": stay.viewer,
            "person": stay.person,
            "reason": stay.reason.name(),
            "watched": (created_at - stay.joined_at).as_seconds_f64(),
        });
        let kind = EventType::ViewerLeft.into();
        Self { id, kind, data, metadata: Map::new(), created_at, user_id: stay.user_id }
    }

    /// The event as the log keeps it under its number.
    pub fn logged(self, session_id: BroadcastId, seq: u64) -> Event {
        let Self { id, kind, data, metadata, created_at, user_id } = self;
        Event { id, session_id, seq, kind: kind.into_owned(), data, created_at, user_id, metadata }
    }

    /// Names the user who did it.
    pub fn by(mut self, user: Option<UserId>) -> Self {
        self.user_id = user;
        self
    }
}

/// An event as the log keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// The session it belongs to.
    pub session_id: BroadcastId,
    /// Its number in the session: 1, 2, 3 … without a gap.
    pub seq: u64,
    /// The type's name.
    pub kind: String,
    /// The particulars.
    pub data: Value,
    /// When.
    pub created_at: Time,
    /// Who did it, if a user.
    pub user_id: Option<UserId>,
    /// What an integrator attached.
    pub metadata: Map<String, Value>,
}

/// Why a viewer is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveReason {
    /// The viewer said so.
    Left,
    /// No sign of life for the time-out.
    TimedOut,
    /// The broadcast ended.
    Ended,
    /// The broadcast turned private and the viewer was not invited.
    Private,
    /// The viewer, the device or the network was shut out of the server.
    Removed,
    /// The invitation by which the viewer was there was revoked.
    Revoked,
}

impl LeaveReason {
    /// All there are, in their order.
    pub const ALL: &[Self] =
        &[Self::Left, Self::TimedOut, Self::Ended, Self::Private, Self::Removed, Self::Revoked];

    /// The name in the log and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::TimedOut => "timed_out",
            Self::Ended => "ended",
            Self::Private => "private",
            Self::Removed => "removed",
            Self::Revoked => "revoked",
        }
    }
}

/// The particulars of `viewer.joined`.
pub fn joined(viewer: ViewerId, person: &str) -> Value {
    json!({ "viewer_id": viewer, "person": person })
}

/// A stay of a viewer that is over.
#[derive(Debug, Clone, Copy)]
pub struct EndedStay<'a> {
    /// Who.
    pub viewer: ViewerId,
    /// The signed-in user, if any.
    pub user_id: Option<UserId>,
    /// The pseudonym of the person.
    pub person: &'a str,
    /// Why.
    pub reason: LeaveReason,
    /// When it began.
    pub joined_at: Time,
    /// The effective time of its end.
    pub at: Time,
}

/// Which events of a session are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Only those with a higher number.
    pub after: u64,
    /// Only those with a lower number.
    pub before: Option<u64>,
    /// Only those of these types; none: of all.
    pub kinds: Vec<String>,
    /// Leaves out the comings and goings of viewers, where all types are asked for.
    pub without_viewers: bool,
    /// The newest first, instead of in their order.
    pub newest_first: bool,
    /// At most so many.
    pub limit: u32,
}

impl EventQuery {
    /// Those after a number, in their order.
    pub fn after(after: u64, limit: u32) -> Self {
        Self { after, before: None, kinds: Vec::new(), without_viewers: false, newest_first: false, limit }
    }
}

/// What was read of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Excerpt {
    /// The events, in the order that was asked for.
    pub events: Vec<Event>,
    /// Whether there may be more: it ends with the limit, or with as much as is read at once.
    pub is_cut: bool,
}
