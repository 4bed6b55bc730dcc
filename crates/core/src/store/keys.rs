//! What keys need kept.

use async_trait::async_trait;

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{KeyId, UserId};
use crate::key::{ApiKey, Tally, UsageLine, UsageQuery, UsageRow, UsedBy};

/// Keeps API keys and how they are used.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Keeps a new key, unless its owner has so many that were not revoked; false if so.
    async fn insert_key(&self, key: &ApiKey, at_most: usize) -> Result<bool>;

    /// The keys of a user that were not revoked, the newest first, and what each was used for since a time.
    async fn keys_of(&self, user: UserId, since: Time) -> Result<Vec<(ApiKey, Tally)>>;

    /// Revokes a key of a user; false if there is none, or it was revoked before.
    async fn revoke_key(&self, user: UserId, id: KeyId, at: Time) -> Result<bool>;

    /// Keeps rows of usage, each as it now is, and when keys were used last. Doing it twice comes to the same. What is
    /// told of a key that is not there is left out.
    async fn save_usage(&self, rows: &[UsageRow], used: &[(KeyId, Time)]) -> Result<()>;

    /// What a key was used for since a time, by day and endpoint, the latest day first.
    async fn usage_of(&self, key: KeyId, since: Time) -> Result<Vec<UsageLine>>;

    /// What keys were used for, by day, key and endpoint, the latest day first; and how many such lines there are.
    async fn usage(&self, query: &UsageQuery) -> Result<(Vec<UsedBy>, u64)>;
}
