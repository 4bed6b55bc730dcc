//! What the managers need kept. Each call is one transaction, on disk before it answers.

mod accounts;
mod invitations;
mod keys;

use async_trait::async_trait;

use crate::analytics::{Progress, Summary, Window};
use crate::audit_log::{AuditEntry, AuditQuery};
use crate::ban::Ban;
use crate::broadcast::{Broadcast, Snapshot};
use crate::chat;
use crate::clock::Time;
use crate::directory::Query;
use crate::error::Result;
use crate::event::{Event, EventQuery, Excerpt, LeaveReason, NewEvent};
use crate::ids::{BroadcastId, EventId, SignInId, UserId, ViewerId};
use crate::quality::{Quality, QualityRow, Span};
use crate::standing::OwnedKey;
use crate::user::{Role, SealedKey, SignIn, User};
use crate::viewer::{Counts, Departure, JoinOutcome, KnownViewer, NewViewer, Seat, SignOfLife};

pub use accounts::{AccountChange, AccountStore, Closed, Closing, Found, Listed, Scan, Slice, Stay};
pub use invitations::{InvitationStore, Revocation, Revoked};
pub use keys::{KeyStore, PastKeys};

/// The removal of all viewers of a session.
pub struct Eviction<'a> {
    /// Why they go.
    pub reason: LeaveReason,
    /// About how many there are.
    pub viewers: u32,
    /// Makes the id of one's `viewer.left`.
    pub event: &'a (dyn Fn() -> Result<EventId> + Send + Sync),
}

/// A broadcast's next state, to be kept only if nobody else changed it meanwhile.
pub struct Change<'a> {
    /// The state that the change was decided on.
    pub before: &'a Broadcast,
    /// The state to keep; its revision is one higher.
    pub after: &'a Broadcast,
    /// What to log, in this order.
    pub events: Vec<NewEvent>,
    /// Removes all viewers first, each with its `viewer.left`.
    pub evict: Option<Eviction<'a>>,
    /// The effective time.
    pub at: Time,
}

/// Keeps broadcasts.
#[async_trait]
pub trait BroadcastStore: Send + Sync {
    /// Keeps a new broadcast and its first events.
    async fn insert_broadcast(&self, broadcast: &Broadcast, events: Vec<NewEvent>) -> Result<Counts>;

    /// Reads one, ended ones too, deleted ones not.
    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Snapshot>>;

    /// Keeps a change. `None`: somebody else changed it first; read it again.
    async fn save_broadcast(&self, change: Change<'_>) -> Result<Option<Counts>>;

    /// All that have not ended.
    async fn open_broadcasts(&self) -> Result<Vec<Snapshot>>;

    /// Up to `limit` that were live at a time, as they are now; deleted ones not. Of the query only what needs no look at
    /// each is heeded: whose they are, and whether they are featured.
    async fn live_at(&self, time: Time, query: &Query, limit: u32) -> Result<Vec<Snapshot>>;

    /// How many measured viewers each of these had at a time.
    async fn viewers_at(&self, time: Time, sessions: &[BroadcastId]) -> Result<Vec<(BroadcastId, u32)>>;

    /// The one, ended or not, whose stream key has this hash.
    async fn broadcast_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<Snapshot>>;
}

/// Keeps viewers and the event log.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Gives a viewer a place under `max_viewers`, if there is one.
    async fn join(&self, viewer: &NewViewer, event: NewEvent) -> Result<JoinOutcome>;

    /// Ends a viewer's stay and logs it. `None`: it was not there, or joined again since.
    async fn leave(&self, departure: &Departure) -> Result<Option<Counts>>;

    /// Logs an event; the session's numbers after it. `None`: there is no such session.
    async fn append(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>>;

    /// Logs what somebody says or how somebody reacts; the session's numbers after it. `None`: there is no such session,
    /// it has ended, or it is private and this is not its owner.
    async fn say(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>>;

    /// As [`SessionStore::say`], of a guest: also while the session is private, if this viewer is there by an invitation.
    async fn say_as_guest(
        &self,
        session: BroadcastId,
        event: NewEvent,
        guest: ViewerId,
    ) -> Result<Option<Counts>>;

    /// Reads one event of a session's log.
    async fn logged_event(&self, session: BroadcastId, event: EventId) -> Result<Option<Event>>;

    /// Blanks a message of a session and logs that. `None`: there is none, or it was blanked before.
    async fn delete_message(
        &self,
        session: BroadcastId,
        message: EventId,
        event: NewEvent,
    ) -> Result<Option<Counts>>;

    /// Notes the latest signs of life of viewers who are there.
    async fn note_seen(&self, signs: Vec<SignOfLife>) -> Result<()>;

    /// Everybody who is there.
    async fn seats(&self) -> Result<Vec<Seat>>;

    /// What is known of somebody who is or was a viewer of a session.
    async fn viewer(&self, session: BroadcastId, viewer: ViewerId) -> Result<Option<KnownViewer>>;

    /// Events of a session's log, all as of one moment.
    async fn events(&self, session: BroadcastId, query: &EventQuery) -> Result<Excerpt>;

    /// Keeps what viewers told of playback; each row as it now is, so that writing it again changes nothing.
    async fn save_quality(&self, rows: Vec<QualityRow>) -> Result<()>;

    /// What viewers of a session told, summed by interval; ascending, without intervals of which nothing is known.
    async fn quality(&self, session: BroadcastId, span: Span) -> Result<Vec<(Time, Quality)>>;
}

/// Keeps who may not speak on the broadcasts of an owner.
#[async_trait]
pub trait BanStore: Send + Sync {
    /// Keeps a ban instead of the one before; those of this owner that are over go.
    async fn ban(&self, ban: &chat::Ban) -> Result<()>;

    /// Removes one, if it is there.
    async fn unban(&self, owner: UserId, user: UserId) -> Result<()>;

    /// All of an owner, the latest first. Some may be over.
    async fn bans(&self, owner: UserId) -> Result<Vec<chat::Ban>>;
}

/// How far a log has been added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// The number of the last event that is in the sums.
    pub seq: u64,
    /// Whether there is more.
    pub has_more: bool,
}

/// Chooses a window, once the log's ends are known.
pub type ChooseWindow<'a> = &'a (dyn Fn(&Progress) -> Result<Window> + Send + Sync);

/// A session of an owner: when it ended, if it has, and its sums.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnSummary {
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Its sums by the hour.
    pub summary: Summary,
}

/// Adds logs up, and removes them when their time is over.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// Adds the next events of a session's log to its sums, some thousand at a time.
    async fn add_up(&self, session: BroadcastId) -> Result<Added>;

    /// All sessions that were not deleted, the oldest first.
    async fn sessions(&self) -> Result<Vec<BroadcastId>>;

    /// Sessions whose log goes further than their sums, and by how many events: those of an owner, or all.
    async fn behind(&self, owner: Option<UserId>) -> Result<Vec<(BroadcastId, u64)>>;

    /// A session's sums over a window, those of the latest events too, as of one moment. `None`: its log is empty.
    ///
    /// # Errors
    /// Those of `choose`; [`crate::Error::Busy`] while a long log is being added up.
    async fn summary(
        &self,
        session: BroadcastId,
        choose: ChooseWindow<'_>,
    ) -> Result<Option<(Window, Summary)>>;

    /// The sums by the hour of all sessions of an owner that were there since a time, as far as they are added up.
    async fn summaries_of(&self, owner: UserId, since: Option<Time>) -> Result<Vec<OwnSummary>>;

    /// What viewers of all sessions of an owner told of playback since a time.
    async fn quality_of(&self, owner: UserId, since: Option<Time>) -> Result<Quality>;

    /// Removes a session that ended before a time, whole, with its log; `None`: there is none.
    async fn remove_ended(&self, before: Time) -> Result<Option<BroadcastId>>;
}

/// Which of two things that must be unique is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The user name.
    Username,
    /// The e-mail address.
    Email,
}

/// Keeps users and their sign-ins.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Keeps a new user, unless the name or address is taken.
    async fn insert_user(&self, user: &User) -> Result<Result<(), Taken>>;

    /// Reads one.
    async fn user(&self, id: UserId) -> Result<Option<User>>;

    /// Finds one by user name or e-mail address.
    async fn user_by_login(&self, login: &str) -> Result<Option<User>>;

    /// Finds one by the hash of the lasting stream key.
    async fn user_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<User>>;

    /// Replaces the lasting stream key.
    async fn set_user_stream_key(&self, id: UserId, key: &SealedKey) -> Result<()>;

    /// Whether there is an administrator.
    async fn has_admin(&self) -> Result<bool>;

    /// Keeps a new sign-in of whoever knew the password with this hash; false where the account has another by now.
    async fn insert_sign_in(&self, sign_in: &SignIn, password_hash: &str) -> Result<bool>;

    /// Reads one.
    async fn sign_in(&self, id: SignInId) -> Result<Option<SignIn>>;

    /// Replaces the refresh token's hash if it is still `from`; false if not.
    async fn rotate_sign_in(&self, from: &SignIn, to: &SignIn) -> Result<bool>;

    /// Ends one.
    async fn end_sign_in(&self, id: SignInId, at: Time) -> Result<()>;
}

/// Keeps who may do what: bans, API keys, and what access tokens do not tell.
#[async_trait]
pub trait AccessStore: Send + Sync {
    /// Sign-ins that ended at or after a time.
    async fn sign_ins_ended_since(&self, since: Time) -> Result<Vec<SignInId>>;

    /// Users whose role changed at or after a time, and what it is.
    async fn roles_given_since(&self, since: Time) -> Result<Vec<(UserId, Role)>>;

    /// All API keys that are good at a time.
    async fn keys_in_force(&self, now: Time) -> Result<Vec<OwnedKey>>;

    /// All bans in force at a time.
    async fn bans_in_force(&self, now: Time) -> Result<Vec<Ban>>;
}

/// Keeps who did what.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Keeps entries; one that is there already stays.
    async fn note(&self, entries: &[AuditEntry]) -> Result<()>;

    /// Entries, the newest first.
    async fn audit_log(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>>;

    /// Removes some of those before a time; how many.
    async fn forget_audit(&self, before: Time) -> Result<u64>;
}
