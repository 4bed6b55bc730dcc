//! What is kept about a person, as it is told to that person.

use serde::Serialize;
use serde_json::{Map, Value};
use tallylight_core::audit_log::AuditEntry;
use tallylight_core::ban::Ban;
use tallylight_core::chat;
use tallylight_core::key::ApiKey;
use tallylight_core::store::Stay;
use time::OffsetDateTime;
use uuid::Uuid;

/// An API key, without the key.
#[derive(Serialize)]
pub struct KeyView {
    id: Uuid,
    name: String,
    hint: String,
    scopes: Vec<&'static str>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    revoked_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name,
            hint: key.hint,
            scopes: key.scopes.iter().map(|scope| scope.name()).collect(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// Where somebody watched.
#[derive(Serialize)]
pub struct StayView {
    viewer_id: Uuid,
    session_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    joined_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    left_at: Option<OffsetDateTime>,
    left_reason: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    device_id: Option<String>,
}

impl From<Stay> for StayView {
    fn from(stay: Stay) -> Self {
        Self {
            viewer_id: stay.viewer.0,
            session_id: stay.session_id.0,
            joined_at: stay.joined_at,
            last_seen: stay.last_seen,
            left_at: stay.left_at,
            left_reason: stay.left_reason,
            ip: stay.client.ip.map(|ip| ip.to_string()),
            user_agent: stay.client.user_agent,
            device_id: stay.client.device.map(|device| device.as_str().to_owned()),
        }
    }
}

/// A ban from the server.
#[derive(Serialize)]
pub struct BanView {
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
    reason: Option<String>,
}

impl From<Ban> for BanView {
    fn from(ban: Ban) -> Self {
        Self { created_at: ban.created_at, until: ban.until, reason: ban.reason }
    }
}

/// A ban from the chat of a broadcaster.
#[derive(Serialize)]
pub struct ChatBanView {
    broadcaster_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
    reason: Option<String>,
}

impl From<chat::Ban> for ChatBanView {
    fn from(ban: chat::Ban) -> Self {
        let chat::Ban { owner, created_at, until, reason, .. } = ban;
        Self { broadcaster_id: owner.0, created_at, until, reason }
    }
}

/// An entry of the audit log.
#[derive(Serialize)]
pub struct ActView {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    action: String,
    key_id: Option<Uuid>,
    target: Option<String>,
    ip: Option<String>,
    details: Map<String, Value>,
}

impl From<AuditEntry> for ActView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.0,
            at: entry.at,
            action: entry.action,
            key_id: entry.key_id.map(|id| id.0),
            target: entry.target,
            ip: entry.ip.map(|ip| ip.to_string()),
            details: entry.details,
        }
    }
}
