//! API keys and what they are used for.

use async_trait::async_trait;
use tallylight_core::audit_log::AuditEntry;
use tallylight_core::clock::Time;
use tallylight_core::ids::{KeyId, UserId};
use tallylight_core::key::{ApiKey, Tally, UsageLine, UsageQuery, UsageRow, UsedBy};
use tallylight_core::store::{KeyStore, PastKeys};
use tallylight_core::{Error, Result};

use crate::Store;
use crate::access::{api_key, note};
use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Bulk, Value, sql};
use crate::transaction::Transaction;

/// The lines of [`UsageQuery`]; a condition on them stands behind `WHERE`.
macro_rules! used_by {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM (
               SELECT g.key_id, k.name, k.user_id, n.username, g.day, g.endpoint,
                 CAST(SUM(g.requests) AS BIGINT) AS requests, CAST(SUM(g.refused) AS BIGINT) AS refused,
                 CAST(SUM(g.failed) AS BIGINT) AS failed
               FROM api_key_usage g JOIN api_keys k ON k.id = g.key_id JOIN users n ON n.id = k.user_id
               WHERE g.day >= $1 AND g.day < $2 AND ($3 IS NULL OR g.key_id = $3) AND ($4 IS NULL OR k.user_id = $4)
               GROUP BY g.key_id, k.name, k.user_id, n.username, g.day, g.endpoint
             ) AS lines",
            $rest
        )
    };
}

#[async_trait]
impl KeyStore for Store {
    async fn insert_key(&self, key: &ApiKey, at_most: (usize, usize), entry: &AuditEntry) -> Result<bool> {
        Ok(self.database.transact(&Insert { key, at_most, entry }).await?)
    }

    async fn keys_of(&self, user: UserId, since: Time) -> Result<Vec<(ApiKey, Tally)>> {
        let text = "SELECT k.*, s.requests, s.refused, s.failed
                    FROM api_keys k LEFT JOIN (
                      SELECT key_id, CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(refused) AS BIGINT) AS refused,
                        CAST(SUM(failed) AS BIGINT) AS failed
                      FROM api_key_usage
                      WHERE day >= $2 AND key_id IN (SELECT id FROM api_keys WHERE user_id = $1)
                      GROUP BY key_id
                    ) AS s ON s.key_id = k.id
                    WHERE k.user_id = $1 AND k.revoked_at IS NULL ORDER BY k.id DESC";
        let rows = self.database.rows(sql(text).bind(user.0).bind(since)).await?;
        rows.iter().map(|row| Ok((api_key(row)?, tally(row)?))).collect()
    }

    async fn revoke_key(&self, user: UserId, id: KeyId, entry: &AuditEntry) -> Result<bool> {
        Ok(self.database.transact(&Revoke(user, id, entry)).await?)
    }

    async fn save_usage(&self, rows: &[UsageRow], used: &[(KeyId, Time)]) -> Result<()> {
        Ok(self.database.transact(&Save::new(rows, used)).await?)
    }

    async fn remove_past_keys(&self, past: PastKeys, limit: u32) -> Result<u64> {
        Ok(self.database.transact(&RemovePast { past, limit }).await?)
    }

    async fn usage_of(&self, key: KeyId, since: Time) -> Result<Vec<UsageLine>> {
        let text = "SELECT day, endpoint, CAST(SUM(requests) AS BIGINT) AS requests,
                      CAST(SUM(refused) AS BIGINT) AS refused, CAST(SUM(failed) AS BIGINT) AS failed
                    FROM api_key_usage WHERE key_id = $1 AND day >= $2
                    GROUP BY day, endpoint ORDER BY day DESC, endpoint";
        self.database.rows(sql(text).bind(key.0).bind(since)).await?.iter().map(line).collect()
    }

    async fn usage(&self, query: &UsageQuery) -> Result<(Vec<UsedBy>, u64)> {
        let (key, user) = (query.key.map(|id| id.0), query.user.map(|id| id.0));
        let about = |text| sql(text).bind(query.since).bind(query.until).bind(key).bind(user);
        let text = used_by!("*", " ORDER BY lines.day DESC, lines.key_id, lines.endpoint LIMIT $5 OFFSET $6");
        let rows = self.database.rows(about(text).bind(query.limit).bind(query.offset)).await?;
        let total = self.database.row(about(used_by!("COUNT(*) AS total", ""))).await?;
        let total = total.as_ref().map_or(Ok(0), |row| row.count("total"))?;
        Ok((rows.iter().map(by).collect::<Result<_>>()?, total))
    }
}

struct Revoke<'a>(UserId, KeyId, &'a AuditEntry);

#[async_trait]
impl Work for Revoke<'_> {
    type Done = bool;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        let Self(user, id, entry) = *self;
        // The time stands there already when an earlier try was committed unnoticed.
        let text = "UPDATE api_keys SET revoked_at = $1
                    WHERE id = $2 AND user_id = $3 AND (revoked_at IS NULL OR revoked_at = $1)";
        if transaction.execute(&sql(text).bind(entry.at).bind(id.0).bind(user.0)).await? == 0 {
            return Ok(false);
        }
        note(transaction, std::slice::from_ref(entry)).await?;
        Ok(true)
    }
}

struct Insert<'a> {
    key: &'a ApiKey,
    at_most: (usize, usize),
    entry: &'a AuditEntry,
}

#[async_trait]
impl Work for Insert<'_> {
    type Done = bool;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        let key = self.key;
        // Whoever makes several keys at once makes one after the other: they are counted. An account that is closed
        // meanwhile has none.
        let text = match transaction.is_sqlite() {
            true => "SELECT id FROM users WHERE id = $1 AND erased_at IS NULL",
            false => "SELECT id FROM users WHERE id = $1 AND erased_at IS NULL FOR NO KEY UPDATE",
        };
        if transaction.row(&sql(text).bind(key.user_id.0)).await?.is_none() {
            return Err(Error::Unauthenticated("this account is gone").into());
        }
        // But for this one, which an earlier try may have kept.
        let text = "SELECT COUNT(*) AS with_revoked, COUNT(*) - COUNT(revoked_at) AS others
                    FROM api_keys WHERE user_id = $1 AND id <> $2";
        let row = transaction.row(&sql(text).bind(key.user_id.0).bind(key.id.0)).await?;
        let count = |name| row.as_ref().map_or(Ok(0), |row| row.count::<usize>(name));
        if count("others")? >= self.at_most.0 || count("with_revoked")? >= self.at_most.1 {
            return Ok(false);
        }
        let text = "INSERT INTO api_keys (id, user_id, name, key_hash, hint, scopes, created_at, expires_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
        let scopes: Vec<String> = key.scopes.iter().map(|scope| scope.name().to_owned()).collect();
        let statement = sql(text).bind(key.id.0).bind(key.user_id.0).bind(&key.name).bind(&key.hash);
        let statement = statement.bind(&key.hint).bind(&scopes).bind(key.created_at).bind(key.expires_at);
        transaction.execute(&statement).await?;
        note(transaction, std::slice::from_ref(self.entry)).await?;
        Ok(true)
    }
}

/// Removes what is over, a key once nothing is left of what it was used for.
struct RemovePast {
    past: PastKeys,
    limit: u32,
}

#[async_trait]
impl Work for RemovePast {
    type Done = u64;

    async fn run(&self, transaction: &mut Transaction) -> Result<u64, Failure> {
        let Self { past, limit } = self;
        let mut removed = 0;
        for (text, before) in [
            ("DELETE FROM api_key_usage WHERE id IN (SELECT id FROM api_key_usage WHERE day < $1 LIMIT $2)", past.used),
            (
                "DELETE FROM api_key_usage WHERE id IN (
                   SELECT g.id FROM api_keys k JOIN api_key_usage g ON g.key_id = k.id WHERE k.revoked_at < $1 LIMIT $2)",
                past.revoked,
            ),
            (
                "DELETE FROM api_keys WHERE id IN (
                   SELECT k.id FROM api_keys k WHERE k.revoked_at < $1
                     AND NOT EXISTS (SELECT 1 FROM api_key_usage g WHERE g.key_id = k.id) LIMIT $2)",
                past.revoked,
            ),
        ] {
            removed += transaction.execute(&sql(text).bind(before).bind(*limit)).await?;
        }
        Ok(removed)
    }
}

/// Replaces rows whole, so that doing it twice comes to the same.
struct Save {
    rows: Bulk,
    used: Bulk,
}

impl Save {
    fn new(rows: &[UsageRow], used: &[(KeyId, Time)]) -> Self {
        let text = "INSERT INTO api_key_usage (id, key_id, day, endpoint, requests, refused, failed)
                    SELECT v.column1, v.column2, v.column3, v.column4, v.column5, v.column6, v.column7 FROM {rows}
                    WHERE EXISTS (SELECT 1 FROM api_keys k WHERE k.id = v.column2)
                    ON CONFLICT (id) DO UPDATE SET requests = excluded.requests, refused = excluded.refused,
                      failed = excluded.failed";
        let rows = Bulk { text, rows: rows.iter().map(values).collect() };
        let text = "UPDATE api_keys AS k SET last_used_at = v.column2 FROM {rows}
                    WHERE k.id = v.column1 AND (k.last_used_at IS NULL OR k.last_used_at < v.column2)";
        let used = used.iter().map(|(key, at)| vec![key.0.into(), (*at).into()]).collect();
        Self { rows, used: Bulk { text, rows: used } }
    }
}

#[async_trait]
impl Work for Save {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        transaction.bulk(&self.rows).await?;
        transaction.bulk(&self.used).await
    }
}

fn values(row: &UsageRow) -> Vec<Value> {
    let UsageLine { day, endpoint, tally } = &row.line;
    vec![
        row.id.into(),
        row.key.0.into(),
        (*day).into(),
        endpoint.into(),
        tally.requests.into(),
        tally.refused.into(),
        tally.failed.into(),
    ]
}

/// What was counted; nothing where there is none.
fn tally(row: &Row) -> Result<Tally> {
    let count = |name| -> Result<u64> { Ok(row.get::<Option<i64>>(name)?.map_or(0, i64::unsigned_abs)) };
    Ok(Tally { requests: count("requests")?, refused: count("refused")?, failed: count("failed")? })
}

fn line(row: &Row) -> Result<UsageLine> {
    Ok(UsageLine { day: row.time("day")?, endpoint: row.text("endpoint")?, tally: tally(row)? })
}

fn by(row: &Row) -> Result<UsedBy> {
    Ok(UsedBy {
        key: KeyId(row.id("key_id")?),
        name: row.text("name")?,
        user_id: UserId(row.id("user_id")?),
        user: row.text("username")?,
        line: line(row)?,
    })
}
