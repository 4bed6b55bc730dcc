//! Broadcasts: what they are, and how one may change.

mod change;
mod manager;

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{BroadcastId, Ids, UserId};
use crate::user::SealedKey;
use crate::viewer::Counts;

pub use change::UpdateBroadcast;
pub(crate) use manager::create;
pub use manager::{BroadcastManager, BroadcastSettings, CreateBroadcast, MAX_REPORTED_VIEWERS};

/// Where a broadcast stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// On air.
    Active,
    /// Its owner takes a break.
    Paused,
    /// For invited people only.
    Private,
    /// Over, for good.
    Ended,
}

/// Who may find a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Its owner and those invited.
    Private,
}

/// Whether media arrives from an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IngestState {
    /// No encoder has connected yet.
    Idle,
    /// Media arrives.
    Live,
    /// The encoder went; the broadcast waits for it.
    Interrupted,
    /// Over.
    Ended,
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name in the API and in the database.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = String;
            fn from_str(name: &str) -> std::result::Result<Self, String> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    other => Err(format!("unknown {}: {other}", stringify!($type))),
                }
            }
        }
    };
}

names!(Status { Active = "active", Paused = "paused", Private = "private", Ended = "ended" });
names!(Visibility { Public = "public", Private = "private" });
names!(IngestState { Idle = "idle", Live = "live", Interrupted = "interrupted", Ended = "ended" });

/// The ingest's state and, while interrupted, until when the broadcast waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingest {
    /// The state.
    pub state: IngestState,
    /// When the broadcast ends if the encoder is not back.
    pub interrupted_until: Option<Time>,
}

/// Addresses of media that another system serves. All empty: this server's own media.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaAddresses {
    /// Where it is published to.
    pub rtmp_url: Option<String>,
    /// Where it is watched by HLS.
    pub hls_url: Option<String>,
    /// Where it is watched by WebRTC.
    pub webrtc_endpoint: Option<String>,
}

/// A random name of a log. A log that was put back from a backup has another one: its numbers are given out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub i64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl Epoch {
    /// A new one.
    ///
    /// # Errors
    /// As [`Ids::fill`].
    pub fn new(ids: &dyn Ids) -> Result<Self> {
        let mut random = [0; 8];
        ids.fill(&mut random)?;
        // Positive, and small enough for any client's numbers.
        Ok(Self(i64::from_le_bytes(random) >> 12 & i64::MAX >> 12))
    }
}

/// One row of `broadcast_sessions`.
#[derive(Debug, Clone, PartialEq)]
pub struct Broadcast {
    /// Its id, the session's too.
    pub id: BroadcastId,
    /// Whose it is.
    pub owner: UserId,
    /// The owner's name.
    pub owner_name: String,
    /// The title, 1 to 255 characters.
    pub title: String,
    /// The description, at most 5,000 characters.
    pub description: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Who may find it.
    pub visibility: Visibility,
    /// When it was made.
    pub created_at: Time,
    /// When it went on air: at creation, and again when the first media arrives.
    pub started_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// The most measured viewers at a time; 0: no limit.
    pub max_viewers: u32,
    /// Media served elsewhere.
    pub elsewhere: MediaAddresses,
    /// What its owner attached.
    pub metadata: Map<String, Value>,
    /// What it is about.
    pub ai_intent: Option<String>,
    /// Its tags, each once.
    pub tags: Vec<String>,
    /// Whether an administrator features it.
    pub is_featured: bool,
    /// Viewers elsewhere, as its owner reports them.
    pub reported_viewers: u32,
    /// The ingest.
    pub ingest: Ingest,
    /// Its stream key.
    pub stream_key: SealedKey,
    /// When it was removed. Its row and its log stay, blanked.
    pub deleted_at: Option<Time>,
    /// Counts its changes.
    pub revision: i64,
    /// Names its log, so that a number of another one is not taken for a place in it.
    pub epoch: Epoch,
}

impl Broadcast {
    /// Private by status or by visibility: for its owner and those invited only.
    pub fn is_private(&self) -> bool {
        self.status == Status::Private || self.visibility == Visibility::Private
    }

    /// Whether this server takes and serves its media.
    pub fn is_built_in(&self) -> bool {
        self.elsewhere == MediaAddresses::default()
    }

    /// Whether this caller may know of it.
    pub fn is_visible_to(&self, caller: &Caller) -> bool {
        !self.is_private() || self.is_owned_by(caller)
    }

    /// Whether this caller made it.
    pub fn is_owned_by(&self, caller: &Caller) -> bool {
        caller.user_id() == Some(self.owner)
    }
}

/// A broadcast with its counts at one moment. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The broadcast.
    pub broadcast: Arc<Broadcast>,
    /// Its counts.
    pub counts: Counts,
}

impl Snapshot {
    /// What is shown: measured and reported viewers.
    pub fn viewer_count(&self) -> u32 {
        self.counts.viewers.saturating_add(self.reported_viewers)
    }
}

impl Deref for Snapshot {
    type Target = Broadcast;

    fn deref(&self) -> &Broadcast {
        &self.broadcast
    }
}
