//! The audit log: who did what that administers the server or bears on its safety.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::clock::Time;
use crate::ids::{AuditId, KeyId, UserId};

/// One row of `audit_log`.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// The id, in the order of time.
    pub id: AuditId,
    /// When.
    pub at: Time,
    /// What was done, such as `user.role_changed`.
    pub action: String,
    /// Who did it; `None`: nobody known, or the operator.
    pub actor_id: Option<UserId>,
    /// The actor's name then.
    pub actor: Option<String>,
    /// By which API key, if by one.
    pub key_id: Option<KeyId>,
    /// To whom or what: an id or an address.
    pub target: Option<String>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// More, never a secret.
    pub details: Map<String, Value>,
}

/// Which entries are read: the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only those before this one.
    pub before: Option<AuditId>,
    /// Only those of this action.
    pub action: Option<String>,
    /// Only those of this actor.
    pub actor: Option<UserId>,
    /// So many at the most.
    pub limit: u32,
}
