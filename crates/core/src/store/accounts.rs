//! What accounts need kept beside who there is: sign-ins to look through, and changes.

use async_trait::async_trait;
use uuid::Uuid;

use crate::ban::Ban;
use crate::broadcast::Snapshot;
use crate::chat;
use crate::clock::Time;
use crate::error::Result;
use crate::event::Event;
use crate::ids::{BroadcastId, SignInId, UserId, ViewerId};
use crate::key::ApiKey;
use crate::user::{SealedKey, SignIn, User};
use crate::viewer::Client;

use super::{AuditStore, Taken};

/// Which part of a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// How many are left out.
    pub offset: u32,
    /// So many at the most.
    pub limit: u32,
}

/// A part of a list, and how long the list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The part.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
}

/// Which part of all rows is looked through, in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    /// Only those after this one.
    pub after: Option<Uuid>,
    /// So many at the most, found or not.
    pub most: u32,
}

/// What was found in a part.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<T> {
    /// The rows.
    pub items: Vec<T>,
    /// After what the next part begins; `None`: this was the last.
    pub next: Option<Uuid>,
}

/// One stay of a viewer, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// The viewer.
    pub viewer: ViewerId,
    /// Where.
    pub session_id: BroadcastId,
    /// When it began.
    pub joined_at: Time,
    /// The last sign of life that is kept.
    pub last_seen: Time,
    /// When it ended.
    pub left_at: Option<Time>,
    /// Why.
    pub left_reason: Option<String>,
    /// From what.
    pub client: Client,
}

/// What takes the place of who somebody was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The user name.
    pub username: String,
    /// A lasting stream key that nobody knows.
    pub stream_key: SealedKey,
    /// When.
    pub at: Time,
}

/// What came of closing an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// It is closed, and these sign-ins ended.
    Done(Vec<SignInId>),
    /// Without it nobody could run the server.
    LastAdmin,
    /// Its password is not the same any more, or it was closed before.
    Changed,
}

/// What changes of an account. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The name as shown.
    pub display_name: Option<String>,
    /// What a broadcast is called that the lasting key makes; `Some(None)`: nothing of its own.
    pub default_title: Option<Option<String>>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The password's hash. With it all sign-ins end but one.
    pub password_hash: Option<String>,
}

impl AccountChange {
    /// An account once this is changed.
    pub fn of(self, before: User) -> User {
        User {
            display_name: self.display_name.unwrap_or(before.display_name),
            default_title: self.default_title.unwrap_or(before.default_title),
            email: self.email.unwrap_or(before.email),
            password_hash: self.password_hash.unwrap_or(before.password_hash),
            ..before
        }
    }
}

/// Keeps accounts as their owners see and change them.
#[async_trait]
pub trait AccountStore: AuditStore {
    /// Keeps a change; which sign-ins ended by it. `None`: password or address are not those of `before` any more, or the
    /// account was erased. `but`: the sign-in that goes on although the password changes.
    async fn change_account(
        &self,
        before: &User,
        change: &AccountChange,
        (but, at): (Option<SignInId>, Time),
    ) -> Result<Result<Option<Vec<SignInId>>, Taken>>;

    /// The sign-ins of a user that are good at a time, the latest used first.
    async fn sign_ins_of(&self, user: UserId, now: Time, slice: Slice) -> Result<Listed<SignIn>>;

    /// Ends one sign-in of a user; false if it is not there, or not this user's.
    async fn end_sign_in_of(&self, user: UserId, id: SignInId, at: Time) -> Result<bool>;

    /// Ends all sign-ins of a user but one; which ended.
    async fn end_sign_ins_of(&self, user: UserId, but: Option<SignInId>, at: Time) -> Result<Vec<SignInId>>;

    /// Closes an account: its row is blanked, its sign-ins and keys end, and it is noted that more is to be blanked.
    async fn close_account(&self, before: &User, closing: &Closing) -> Result<Closed>;

    /// Accounts that were closed, and of which not everything is blanked.
    async fn erasures_begun(&self) -> Result<Vec<UserId>>;

    /// Blanks the events of a user after an id and up to another; `None`: to the end.
    async fn blank_events_of(&self, user: UserId, range: (Option<Uuid>, Option<Uuid>)) -> Result<()>;

    /// Blanks from where a user watched, in a part of all viewers; after what the next part begins.
    async fn blank_stays_of(&self, user: UserId, scan: Scan) -> Result<Option<Uuid>>;

    /// Blanks the rest of what a closed account left behind; notes that everything is, and answers so, if it was closed no
    /// later than `settled` and nothing of it is open.
    async fn finish_erasure(&self, user: UserId, (at, settled): (Time, Time)) -> Result<bool>;

    /// The events of a user in a part of all logs.
    async fn events_of(&self, user: UserId, scan: Scan) -> Result<Found<Event>>;

    /// Where a user watched, in a part of all viewers.
    async fn stays_of(&self, user: UserId, scan: Scan) -> Result<Found<Stay>>;

    /// Broadcasts of a user, deleted ones not, in the order of their ids.
    async fn broadcasts_of(&self, user: UserId, scan: Scan) -> Result<Found<Snapshot>>;

    /// Public broadcasts of a user that have ended, the latest first.
    async fn past_broadcasts_of(&self, user: UserId, slice: Slice) -> Result<Listed<Snapshot>>;

    /// API keys of a user, revoked ones too, in the order of their ids.
    async fn keys_of(&self, user: UserId, scan: Scan) -> Result<Found<ApiKey>>;

    /// Bans of a user from the server.
    async fn bans_of(&self, user: UserId) -> Result<Vec<Ban>>;

    /// Bans of a user from chats.
    async fn chat_bans_of(&self, user: UserId) -> Result<Vec<chat::Ban>>;

    /// Removes up to `limit` sign-ins that ended or ran out before a time; how many.
    async fn remove_sign_ins(&self, before: Time, limit: u32) -> Result<u64>;
}
