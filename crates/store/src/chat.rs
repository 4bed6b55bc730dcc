//! Messages that are deleted, and who may not speak.

use std::collections::HashMap;

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::chat::{self, Ban};
use tallylight_core::event::EventType;
use tallylight_core::ids::{BroadcastId, EventId, UserId};
use tallylight_core::store::BanStore;

use crate::Store;
use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Bulk, json, sql};
use crate::transaction::Transaction;

/// Of these events the messages that may still be deleted, and in which session each is.
pub async fn messages(
    transaction: &mut Transaction,
    events: impl Iterator<Item = EventId>,
) -> Result<HashMap<EventId, BroadcastId>, Failure> {
    let text = "SELECT id, session_id, event_type, event_data FROM session_events
                WHERE id IN (SELECT column1 FROM {rows})";
    let rows = events.map(|id| vec![id.0.into()]).collect();
    let mut found = HashMap::new();
    for row in transaction.bulk_rows(&Bulk { text, rows }).await? {
        let is_message = row.text("event_type")? == EventType::ChatMessage.name();
        if is_message && !chat::is_deleted(&row.json("event_data")?) {
            found.insert(EventId(row.id("id")?), BroadcastId(row.id("session_id")?));
        }
    }
    Ok(found)
}

/// Takes out of messages what was said.
pub fn blanked<'a>(messages: impl IntoIterator<Item = &'a EventId>) -> Result<Bulk> {
    let text = "UPDATE session_events AS e SET event_data = v.column2 FROM {rows} WHERE e.id = v.column1";
    let blank = json(&chat::blank())?;
    Ok(Bulk { text, rows: messages.into_iter().map(|id| vec![id.0.into(), blank.clone()]).collect() })
}

#[async_trait]
impl BanStore for Store {
    async fn ban(&self, ban: &Ban) -> Result<()> {
        Ok(self.database.transact(&KeepBan(ban)).await?)
    }

    async fn unban(&self, owner: UserId, user: UserId) -> Result<()> {
        Ok(self.database.transact(&Lift(owner, user)).await?)
    }

    async fn bans(&self, owner: UserId) -> Result<Vec<Ban>> {
        let text = "SELECT b.owner_id, b.user_id, u.username, b.until, b.reason, b.created_by, m.username AS by_name,
                      b.created_at
                    FROM chat_bans b JOIN users u ON u.id = b.user_id JOIN users m ON m.id = b.created_by
                    WHERE b.owner_id = $1 ORDER BY b.created_at DESC, b.user_id DESC";
        self.database.rows(sql(text).bind(owner.0)).await?.iter().map(ban).collect()
    }
}

struct KeepBan<'a>(&'a Ban);

#[async_trait]
impl Work for KeepBan<'_> {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        let Ban { owner, user_id, until, reason, by_id, created_at, .. } = self.0;
        let over = "DELETE FROM chat_bans WHERE owner_id = $1 AND until <= $2";
        transaction.execute(&sql(over).bind(owner.0).bind(*created_at)).await?;
        let text = "INSERT INTO chat_bans (owner_id, user_id, until, reason, created_by, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6)
                    ON CONFLICT (owner_id, user_id) DO UPDATE SET until = excluded.until, reason = excluded.reason,
                      created_by = excluded.created_by, created_at = excluded.created_at";
        let statement = sql(text).bind(owner.0).bind(user_id.0).bind(*until).bind(reason);
        transaction.execute(&statement.bind(by_id.0).bind(*created_at)).await.map(|_| ())
    }
}

struct Lift(UserId, UserId);

#[async_trait]
impl Work for Lift {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        let text = "DELETE FROM chat_bans WHERE owner_id = $1 AND user_id = $2";
        transaction.execute(&sql(text).bind(self.0.0).bind(self.1.0)).await.map(|_| ())
    }
}

/// A ban as its row tells it.
pub fn ban(row: &Row) -> Result<Ban> {
    Ok(Ban {
        owner: UserId(row.id("owner_id")?),
        user_id: UserId(row.id("user_id")?),
        user: row.text("username")?,
        until: row.some_time("until")?,
        reason: row.some_text("reason")?,
        by_id: UserId(row.id("created_by")?),
        by: row.text("by_name")?,
        created_at: row.time("created_at")?,
    })
}
