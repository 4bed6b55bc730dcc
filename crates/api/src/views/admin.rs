//! What those see who run the server, on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tallylight_core::admin::{Account, BanRecord, Watcher};
use tallylight_core::audit_log::AuditEntry;
use tallylight_core::ban::{Ban, BanTarget};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::RoleView;

/// That a user is suspended.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuspensionView {
    /// The ban, to lift it by.
    pub ban_id: Uuid,
    /// Until when; `null`: for good.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// Why.
    pub reason: Option<String>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    pub id: Uuid,
    pub username: String,
    pub display_name: String,
    /// For administrators; moderators see `null`.
    pub email: Option<String>,
    pub role: RoleView,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// `null`: not suspended.
    pub suspension: Option<SuspensionView>,
}

impl AccountView {
    /// Without the e-mail address, which is not needed to keep order.
    #[must_use]
    pub fn brief(self) -> Self {
        Self { email: None, ..self }
    }
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let suspension = |ban: Ban| SuspensionView { ban_id: ban.id.0, until: ban.until, reason: ban.reason };
        Self {
            id: account.id.0,
            username: account.username,
            display_name: account.display_name,
            email: Some(account.email),
            role: account.role.into(),
            created_at: account.created_at,
            suspension: account.suspension.map(suspension),
        }
    }
}

/// What is changed of an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateAccountRequest {
    /// The new role.
    pub role: RoleView,
}

/// Whom to keep out: exactly one of `user_id`, `device_id` and `network`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerBanRequest {
    /// An account, which is suspended by this.
    pub user_id: Option<Uuid>,
    /// A device, as `/api/admin/viewers` tells it.
    #[schema(min_length = 16, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    pub device_id: Option<String>,
    /// An address, or a network not wider than /8 (IPv4) or /16 (IPv6); of moderators /24 or /48.
    #[schema(example = "203.0.113.0/24")]
    pub network: Option<String>,
    /// Until when, within ten years; for good without it.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Why, for those who keep order.
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub reason: Option<String>,
}

/// A ban from the whole server.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerBanView {
    pub id: Uuid,
    pub user_id: Option<Uuid>,
    /// The name of that user.
    pub user: Option<String>,
    pub device_id: Option<String>,
    pub network: Option<String>,
    /// Until when; `null`: for good.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    pub reason: Option<String>,
    /// Who made it; `null`: the operator, by a command.
    pub created_by: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl From<BanRecord> for ServerBanView {
    fn from(record: BanRecord) -> Self {
        let BanRecord { ban, user, by } = record;
        let (mut user_id, mut device_id, mut network) = (None, None, None);
        match ban.target {
            BanTarget::User(id) => user_id = Some(id.0),
            BanTarget::Device(device) => device_id = Some(device.as_str().to_owned()),
            BanTarget::Network(it) => network = Some(it.to_string()),
        }
        Self {
            id: ban.id.0,
            user_id,
            user: user.map(|(name, _)| name),
            device_id,
            network,
            until: ban.until,
            reason: ban.reason,
            created_by: by.map(|(name, _)| name),
            created_at: ban.created_at,
        }
    }
}

/// Somebody who watches, and from where.
#[derive(Debug, Serialize, ToSchema)]
pub struct WatcherView {
    pub viewer_id: Uuid,
    pub user_id: Option<Uuid>,
    /// The name of that user.
    pub user: Option<String>,
    pub device_id: Option<String>,
    pub ip: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub joined_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    pub user_agent: Option<String>,
}

impl From<Watcher> for WatcherView {
    fn from(watcher: Watcher) -> Self {
        let (user_id, user) = watcher.user.map_or((None, None), |(id, name)| (Some(id.0), Some(name)));
        Self {
            viewer_id: watcher.viewer.0,
            user_id,
            user,
            device_id: watcher.device.map(|device| device.as_str().to_owned()),
            ip: watcher.ip.map(|ip| ip.to_string()),
            joined_at: watcher.joined_at,
            last_seen: watcher.last_seen,
            user_agent: watcher.user_agent,
        }
    }
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntryView {
    pub id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What, such as `user.role_changed`.
    pub action: String,
    /// Who; `null`: nobody known, or the operator.
    pub actor_id: Option<Uuid>,
    /// The actor's name then.
    pub actor: Option<String>,
    /// By which API key, if by one.
    pub key_id: Option<Uuid>,
    /// To whom or what.
    pub target: Option<String>,
    /// From where.
    pub ip: Option<String>,
    /// More; `times`: so often within a minute, beside the first.
    pub details: Map<String, Value>,
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.0,
            at: entry.at,
            action: entry.action,
            actor_id: entry.actor_id.map(|id| id.0),
            actor: entry.actor,
            key_id: entry.key_id.map(|id| id.0),
            target: entry.target,
            ip: entry.ip.map(|ip| ip.to_string()),
            details: entry.details,
        }
    }
}

/// Entries of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditList {
    /// The newest first.
    pub items: Vec<AuditEntryView>,
    /// So many at the most.
    pub limit: u32,
    /// Read on with this cursor; `null` when there is nothing older.
    pub next_cursor: Option<Uuid>,
}
