//! API keys are not kept: they concern no count.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::audit_log::AuditEntry;
use tallylight_core::clock::Time;
use tallylight_core::ids::{KeyId, UserId};
use tallylight_core::key::{ApiKey, Tally, UsageLine, UsageQuery, UsageRow, UsedBy};
use tallylight_core::store::{KeyStore, PastKeys};

use super::Database;

#[async_trait]
impl KeyStore for Database {
    async fn insert_key(&self, _key: &ApiKey, _at_most: (usize, usize), _entry: &AuditEntry) -> Result<bool> {
        Ok(false)
    }

    async fn keys_of(&self, _user: UserId, _since: Time) -> Result<Vec<(ApiKey, Tally)>> {
        Ok(Vec::new())
    }

    async fn revoke_key(&self, _user: UserId, _id: KeyId, _entry: &AuditEntry) -> Result<bool> {
        Ok(false)
    }

    async fn save_usage(&self, _rows: &[UsageRow], _used: &[(KeyId, Time)]) -> Result<()> {
        Ok(())
    }

    async fn remove_past_keys(&self, _past: PastKeys, _limit: u32) -> Result<u64> {
        Ok(0)
    }

    async fn usage_of(&self, _key: KeyId, _since: Time) -> Result<Vec<UsageLine>> {
        Ok(Vec::new())
    }

    async fn usage(&self, _query: &UsageQuery) -> Result<(Vec<UsedBy>, u64)> {
        Ok((Vec::new(), 0))
    }
}
