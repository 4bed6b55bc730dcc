//! The event log of a session.

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
}

impl EventType {
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
        }
    }
}

/// An event as it is handed to the store, which numbers it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Its id, by which consumers drop doubles.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// The particulars.
    pub data: Value,
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
    pub fn new(ids: &dyn Ids, now: Time, kind: EventType, data: Value) -> Result<Self> {
        Ok(Self { id: EventId(ids.uuid(now)?), kind, data, created_at: now, user_id: None })
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
}

impl LeaveReason {
    /// The name in the log and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::TimedOut => "timed_out",
            Self::Ended => "ended",
            Self::Private => "private",
        }
    }
}

/// The particulars of `viewer.joined`.
pub fn joined(viewer: ViewerId, person: &str) -> Value {
    json!({ "viewer_id": viewer, "person": person })
}

/// The particulars of `viewer.left`.
pub fn left(viewer: ViewerId, reason: LeaveReason) -> Value {
    json!({ "viewer_id": viewer, "reason": reason.name() })
}
