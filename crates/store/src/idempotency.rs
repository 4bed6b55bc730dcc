//! Keys of calls that are done once, and what was answered.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::clock::Time;
use tallylight_core::idempotency::{Claim, Holder, IdempotencyStore};
use uuid::Uuid;

use crate::Store;
use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Statement, sql};
use crate::transaction::Transaction;

#[async_trait]
impl IdempotencyStore for Store {
    async fn claim_key(&self, claim: &Claim) -> Result<Option<Holder>> {
        Ok(self.database.transact(&Take(claim)).await?)
    }

    async fn keep_answer(&self, claim: &Claim, sealed: &[u8]) -> Result<()> {
        let text = "UPDATE idempotency_keys SET sealed = $1 WHERE id = $2 AND claim = $3";
        let statement = sql(text).bind(&sealed.to_vec()).bind(claim.id).bind(claim.claim);
        self.database.transact(&Alone(statement)).await?;
        Ok(())
    }

    async fn release_key(&self, claim: &Claim) -> Result<()> {
        let text = "DELETE FROM idempotency_keys WHERE id = $1 AND claim = $2 AND sealed IS NULL";
        self.database.transact(&Alone(sql(text).bind(claim.id).bind(claim.claim))).await?;
        Ok(())
    }

    async fn remove_expired_keys(&self, now: Time, limit: u32) -> Result<u64> {
        let text = "DELETE FROM idempotency_keys WHERE id IN
                      (SELECT id FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        Ok(self.database.transact(&Alone(sql(text).bind(now).bind(limit))).await?)
    }

    async fn remove_keys_within(&self, (first, last): (Uuid, Uuid)) -> Result<u64> {
        let text = "DELETE FROM idempotency_keys WHERE id >= $1 AND id <= $2";
        Ok(self.database.transact(&Alone(sql(text).bind(first).bind(last))).await?)
    }
}

/// A statement by itself; how many rows it changed.
struct Alone(Statement);

#[async_trait]
impl Work for Alone {
    type Done = u64;

    async fn run(&self, transaction: &mut Transaction) -> Result<u64, Failure> {
        transaction.execute(&self.0).await
    }
}

struct Take<'a>(&'a Claim);

#[async_trait]
impl Work for Take<'_> {
    type Done = Option<Holder>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Option<Holder>, Failure> {
        let Claim { id, claim, fingerprint, now, expires_at } = self.0;
        let over = "DELETE FROM idempotency_keys WHERE id = $1 AND expires_at <= $2";
        transaction.execute(&sql(over).bind(*id).bind(*now)).await?;
        let text = "INSERT INTO idempotency_keys (id, claim, fingerprint, created_at, expires_at)
                    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";
        let statement = sql(text).bind(*id).bind(*claim).bind(fingerprint).bind(*now).bind(*expires_at);
        transaction.execute(&statement).await?;
        let text = "SELECT claim, fingerprint, sealed FROM idempotency_keys WHERE id = $1";
        let found = transaction.row(&sql(text).bind(*id)).await?;
        Ok(found.as_ref().map(holder).transpose()?)
    }
}

fn holder(row: &Row) -> Result<Holder> {
    Ok(Holder { claim: row.id("claim")?, fingerprint: row.hash("fingerprint")?, sealed: row.get("sealed")? })
}
