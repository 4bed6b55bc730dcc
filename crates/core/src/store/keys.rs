//! What keys need kept.

use async_trait::async_trait;

use crate::audit_log::AuditEntry;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{KeyId, UserId};
use crate::key::{ApiKey, Tally, UsageLine, UsageQuery, UsageRow, UsedBy};

/// Until when what is over is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastKeys {
    /// Keys that were revoked before this, and what they were used for.
    pub revoked: Time,
    /// What any key was used for on days before this.
    pub used: Time,
}

/// Keeps API keys and how they are used.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Keeps a new key with the entry of the audit log about it, unless its owner has so many that were not revoked, or so
    /// many with those that were; false if so.
    async fn insert_key(&self, key: &ApiKey, at_most: (usize, usize), entry: &AuditEntry) -> Result<bool>;

    /// The keys of a user that were not revoked, the newest first, and what each was used for since a time.
    async fn keys_of(&self, user: UserId, since: Time) -> Result<Vec<(ApiKey, Tally)>>;

    /// Revokes a key of a user at the time of the entry of the audit log about it, and keeps that too; false if there is
    /// none, or it was revoked before.
    async fn revoke_key(&self, user: UserId, id: KeyId, entry: &AuditEntry) -> Result<bool>;

    /// Keeps rows of usage, each as it now is, and when keys were used last. Doing it twice comes to the same. What is
    /// told of a key that is not there is left out.
    async fn save_usage(&self, rows: &[UsageRow], used: &[(KeyId, Time)]) -> Result<()>;

    /// Removes up to `limit` rows of each kind that are over; how many went.
    async fn remove_past_keys(&self, past: PastKeys, limit: u32) -> Result<u64>;

    /// What a key was used for since a time, by day and endpoint, the latest day first.
    async fn usage_of(&self, key: KeyId, since: Time) -> Result<Vec<UsageLine>>;

    /// What keys were used for, by day, key and endpoint, the latest day first; and how many such lines there are.
    async fn usage(&self, query: &UsageQuery) -> Result<(Vec<UsedBy>, u64)>;
}
