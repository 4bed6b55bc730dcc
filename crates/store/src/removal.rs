//! The end of a session's data: whole sessions, a part at a time, so that nobody else waits long.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::clock::Time;
use tallylight_core::ids::BroadcastId;

use crate::Store;
use crate::database::Work;
use crate::failure::Failure;
use crate::statement::sql;
use crate::transaction::Transaction;

/// How many rows go in one transaction.
const PART: u32 = 5_000;

/// Removes up to `$2` rows of session `$1` of a table that may have many.
const MANY: &[&str] = &[
    "DELETE FROM session_events WHERE id IN (SELECT id FROM session_events WHERE session_id = $1 LIMIT $2)",
    "DELETE FROM active_viewers WHERE id IN (SELECT id FROM active_viewers WHERE session_id = $1 LIMIT $2)",
    "DELETE FROM session_quality WHERE id IN (SELECT id FROM session_quality WHERE session_id = $1 LIMIT $2)",
    "DELETE FROM session_people WHERE session_id = $1 AND person IN
       (SELECT person FROM session_people WHERE session_id = $1 LIMIT $2)",
    "DELETE FROM session_rollups WHERE session_id = $1 AND starts_at IN
       (SELECT starts_at FROM session_rollups WHERE session_id = $1 LIMIT $2)",
];

/// Removes what is left, and sums that somebody was adding meanwhile.
const LAST: &[&str] = &[
    "DELETE FROM join_tokens WHERE session_id = $1",
    "DELETE FROM session_people WHERE session_id = $1",
    "DELETE FROM session_rollups WHERE session_id = $1",
    "DELETE FROM session_progress WHERE session_id = $1",
    "DELETE FROM session_counters WHERE session_id = $1",
    "DELETE FROM broadcast_sessions WHERE id = $1",
];

impl Store {
    /// Removes the session that ended first, if that was before a time. One that was begun before a crash is gone on
    /// with: from its first part on it is as good as deleted.
    pub(crate) async fn remove_one_ended(&self, before: Time) -> Result<Option<BroadcastId>> {
        let text = "SELECT id FROM broadcast_sessions WHERE ended_at < $1 ORDER BY ended_at LIMIT 1";
        let Some(row) = self.database.row(sql(text).bind(before)).await? else { return Ok(None) };
        let id = BroadcastId(row.id("id")?);
        self.database.transact(&Hide(id, before)).await?;
        for text in MANY {
            while self.database.transact(&RemovePart(id, text)).await? > 0 {}
        }
        self.database.transact(&RemoveRest(id)).await?;
        Ok(Some(id))
    }
}

/// From here on nobody finds it, and no change of it that was under way can be saved.
struct Hide(BroadcastId, Time);

#[async_trait]
impl Work for Hide {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        let text = "UPDATE broadcast_sessions SET deleted_at = COALESCE(deleted_at, $2), revision = revision + 1 WHERE id = $1";
        transaction.execute(&sql(text).bind(self.0.0).bind(self.1)).await.map(|_| ())
    }
}

struct RemovePart(BroadcastId, &'static str);

#[async_trait]
impl Work for RemovePart {
    type Done = u64;

    async fn run(&self, transaction: &mut Transaction) -> Result<u64, Failure> {
        transaction.execute(&sql(self.1).bind(self.0.0).bind(PART)).await
    }
}

struct RemoveRest(BroadcastId);

#[async_trait]
impl Work for RemoveRest {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        for text in LAST {
            transaction.execute(&sql(text).bind(self.0.0)).await?;
        }
        Ok(())
    }
}
