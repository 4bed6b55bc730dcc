//! What those who run the server need kept and looked up.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::audit_log::AuditEntry;
use crate::ban::Ban;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{AuditId, BanId, BroadcastId, UserId, ViewerId};
use crate::store::{Listed, Slice};
use crate::user::Role;
use crate::viewer::DeviceId;

/// An account as those see it who run the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub id: UserId,
    /// The name in addresses.
    pub username: String,
    /// The name as shown.
    pub display_name: String,
    /// The e-mail address.
    pub email: String,
    /// What the user may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Time,
    /// The ban in force, if there is one.
    pub suspension: Option<Ban>,
}

/// Which accounts are listed, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountQuery {
    /// Stands in the user name or the name shown, or in the e-mail address.
    pub q: Option<String>,
    /// Whether the e-mail address is looked through too.
    pub by_email: bool,
    /// Only those of this role.
    pub role: Option<Role>,
    /// Only those suspended, or only the others.
    pub suspended: Option<bool>,
}

/// Whom bans are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanKind {
    /// Accounts.
    User,
    /// Devices.
    Device,
    /// Networks.
    Network,
}

/// Which bans are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BanQuery {
    /// Only of this kind.
    pub kind: Option<BanKind>,
    /// Only of this user.
    pub user: Option<UserId>,
}

/// A ban, and who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanRecord {
    /// The ban.
    pub ban: Ban,
    /// Name and role of the user that it is for.
    pub user: Option<(String, Role)>,
    /// Name and role of who made it; `None`: the operator, by a command.
    pub by: Option<(String, Role)>,
}

/// Somebody who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    /// The viewer.
    pub viewer: ViewerId,
    /// The signed-in user, if any, by id and name.
    pub user: Option<(UserId, String)>,
    /// The device.
    pub device: Option<DeviceId>,
    /// The address.
    pub ip: Option<IpAddr>,
    /// Since when.
    pub joined_at: Time,
    /// The last sign of life that is written.
    pub last_seen: Time,
    /// What the player calls itself.
    pub user_agent: Option<String>,
}

/// What came of giving a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleOutcome {
    /// It is given.
    Given,
    /// No other administrator would be left.
    LastAdmin,
    /// There is no such user.
    NotFound,
}

/// What came of a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanOutcome {
    /// It is in force.
    Kept,
    /// Somebody of a higher rank made the one that it would replace.
    Outranked,
    /// No other administrator would be left who is not suspended.
    LastAdmin,
}

/// Keeps what those do who run the server, each act with its entry of the audit log.
#[async_trait]
pub trait AdminStore: Send + Sync {
    /// Accounts by name, as of a time; erased ones not.
    async fn accounts(&self, query: &AccountQuery, of: (Slice, Time)) -> Result<Listed<Account>>;

    /// One account, as of a time.
    async fn account(&self, id: UserId, now: Time) -> Result<Option<Account>>;

    /// Gives a role, unless nobody would be left to administer.
    async fn set_role(&self, user: UserId, role: Role, entry: &AuditEntry) -> Result<RoleOutcome>;

    /// Keeps a ban instead of an earlier one for the same, which moderators can only do to bans of moderators. `rank`: the
    /// role of whoever makes it.
    async fn keep_ban(&self, ban: &Ban, rank: Role, entry: &AuditEntry) -> Result<BanOutcome>;

    /// Removes a ban; false if there is none.
    async fn take_ban(&self, id: BanId, entry: &AuditEntry) -> Result<bool>;

    /// Bans in force at a time, the latest first.
    async fn ban_records(&self, query: &BanQuery, of: (Slice, Time)) -> Result<Listed<BanRecord>>;

    /// One ban, if it is in force.
    async fn ban_record(&self, id: BanId, now: Time) -> Result<Option<BanRecord>>;

    /// Who watches a session, the first first.
    async fn watchers(&self, session: BroadcastId, slice: Slice) -> Result<Listed<Watcher>>;

    /// Entries of the audit log since a time that are [`super::CHANGES`], in their order.
    async fn changes_since(&self, since: Time) -> Result<Vec<AuditId>>;
}
