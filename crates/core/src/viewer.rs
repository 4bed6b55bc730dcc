//! Viewers: one player on one device, from join to leave.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Time;
use crate::event::LeaveReason;
use crate::ids::{BroadcastId, EventId, JoinTokenId, UserId, ViewerId};

const USER_AGENT_CHARS: usize = 512;

/// What is known of a player's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// What it calls itself, cut to 512 characters.
    pub user_agent: Option<String>,
    /// The device's own id, by which an anonymous person is the same one in another tab.
    pub device: Option<DeviceId>,
}

impl Client {
    /// As bans know it.
    pub fn peer(&self) -> Peer {
        Peer { ip: self.ip, device: self.device.clone() }
    }

    /// As it is kept: what it calls itself is cut to a length that nobody needs more of.
    #[must_use]
    pub fn brief(self) -> Self {
        let cut = |agent: String| agent.chars().take(USER_AGENT_CHARS).collect();
        Self { user_agent: self.user_agent.map(cut), ..self }
    }
}

/// A machine as bans know it. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// The device's own id.
    pub device: Option<DeviceId>,
}

/// A random id that a device keeps for this site, and for no other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceId(Arc<str>);

impl DeviceId {
    /// 16 to 64 of the characters of base64url, so that nobody's name stands in it by accident.
    pub fn parse(text: &str) -> Option<Self> {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (16..=64).contains(&text.len()) && text.bytes().all(is_known);
        fits.then(|| Self(text.into()))
    }

    /// A new one, of 16 random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random).into())
    }

    /// As the device keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is known of a viewer who was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownViewer {
    /// The user that it is or was, if it was ever signed in.
    pub user_id: Option<UserId>,
    /// The pseudonym of the person.
    pub person: String,
    /// The invitation by which it is there, until that is revoked.
    pub invitation: Option<JoinTokenId>,
}

/// A viewer who asks for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewViewer {
    /// Who.
    pub id: ViewerId,
    /// Where.
    pub session_id: BroadcastId,
    /// The signed-in user, if any.
    pub user_id: Option<UserId>,
    /// The pseudonym under which the log knows the person.
    pub person: String,
    /// When.
    pub at: Time,
    /// From what.
    pub client: Client,
    /// The invitation that it shows.
    pub invitation: Option<JoinTokenId>,
}

/// A viewer who is there, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub viewer: ViewerId,
    /// Where.
    pub session_id: BroadcastId,
    /// The signed-in user, if any.
    pub user_id: Option<UserId>,
    /// Counts the viewer's joins, so that a late time-out of an earlier stay cannot end a later one.
    pub generation: i64,
    /// From what it watches.
    pub peer: Peer,
    /// The invitation by which it is there, until that is revoked.
    pub invitation: Option<JoinTokenId>,
}

/// How many watch, as of a point of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Measured viewers now.
    pub viewers: u32,
    /// The most measured viewers at a time.
    pub peak: u32,
    /// The last event's number. Of two counts, the one with the higher is newer.
    pub seq: u64,
}

/// What came of asking for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinOutcome {
    /// A place was taken and logged.
    Joined(Seat, Counts),
    /// The viewer had a place and keeps it.
    Present(Seat),
    /// All places are taken.
    Full,
    /// The broadcast has ended.
    Ended,
    /// This viewer left for good.
    Gone,
    /// There is no such broadcast, or it turned private.
    NotFound,
    /// The invitation that the viewer shows is used up, over, revoked, or for somebody else.
    Uninvited,
}

/// A place given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// Who.
    pub viewer: ViewerId,
    /// From where.
    pub session_id: BroadcastId,
    /// Only if the viewer has not joined again since.
    pub generation: Option<i64>,
    /// Why.
    pub reason: LeaveReason,
    /// The effective time.
    pub at: Time,
    /// The id of its `viewer.left`.
    pub event: EventId,
}

/// A viewer showed that it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignOfLife {
    /// Who.
    pub viewer: ViewerId,
    /// Where.
    pub session_id: BroadcastId,
    /// When.
    pub at: Time,
}
