//! What is kept about a person, read without an index by person: all rows are gone through, a part at a time.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::broadcast::Snapshot;
use tallylight_core::event::Event;
use tallylight_core::ids::{BroadcastId, UserId, ViewerId};
use tallylight_core::store::{Found, Listed, Scan, Slice, Stay};
use tallylight_core::viewer::{Client, DeviceId};
use uuid::Uuid;

use crate::broadcasts::{select, snapshot};
use crate::database::Work;
use crate::events::event;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Statement, sql};
use crate::transaction::Transaction;

/// The last of the next so many ids after one, if there are more behind it.
async fn end(transaction: &mut Transaction, text: &'static str, scan: Scan) -> Result<Option<Uuid>, Failure> {
    let statement = sql(text).bind(scan.after.unwrap_or_default()).bind(scan.most.saturating_sub(1));
    Ok(transaction.row(&statement).await?.map(|row| row.id("id")).transpose()?)
}

fn within(text: &'static str, scan: Scan, until: Option<Uuid>, user: UserId) -> Statement {
    sql(text).bind(scan.after.unwrap_or_default()).bind(until).bind(user.0)
}

/// Reads the events of a user in a part of all logs.
pub struct ReadEvents(pub UserId, pub Scan);

#[async_trait]
impl Work for ReadEvents {
    type Done = Found<Event>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let Self(user, scan) = self;
        let text = "SELECT id FROM session_events WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";
        let next = end(transaction, text, *scan).await?;
        let text = "SELECT id, session_id, seq, event_type, event_data, created_at, user_id, metadata
                    FROM session_events
                    WHERE id > $1 AND ($2 IS NULL OR id <= $2) AND user_id = $3 ORDER BY id";
        let rows = transaction.rows(&within(text, *scan, next, *user)).await?;
        let read = |row: &Row| event(BroadcastId(row.id("session_id")?), row);
        Ok(Found { items: rows.iter().map(read).collect::<Result<_>>()?, next })
    }
}

/// Where a part of all viewers ends.
pub struct EndOfStays(pub Scan);

#[async_trait]
impl Work for EndOfStays {
    type Done = Option<Uuid>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let text = "SELECT id FROM active_viewers WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";
        end(transaction, text, self.0).await
    }
}

/// Reads where a user watched, in a part of all viewers.
pub struct ReadStays(pub UserId, pub Scan);

#[async_trait]
impl Work for ReadStays {
    type Done = Found<Stay>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let Self(user, scan) = self;
        let next = EndOfStays(*scan).run(transaction).await?;
        let text = "SELECT id, session_id, joined_at, last_seen, left_at, left_reason, user_agent, device,
                      CAST(ip_address AS TEXT) AS ip_address
                    FROM active_viewers
                    WHERE id > $1 AND ($2 IS NULL OR id <= $2) AND user_id = $3 ORDER BY id";
        let rows = transaction.rows(&within(text, *scan, next, *user)).await?;
        Ok(Found { items: rows.iter().map(stay).collect::<Result<_>>()?, next })
    }
}

fn stay(row: &Row) -> Result<Stay> {
    // PostgreSQL writes the length of the network behind it.
    let ip = row.some_text("ip_address")?;
    let ip = ip.and_then(|ip| ip.split('/').next().and_then(|ip| ip.parse().ok()));
    let device = row.some_text("device")?.as_deref().and_then(DeviceId::parse);
    Ok(Stay {
        viewer: ViewerId(row.id("id")?),
        session_id: BroadcastId(row.id("session_id")?),
        joined_at: row.time("joined_at")?,
        last_seen: row.time("last_seen")?,
        left_at: row.some_time("left_at")?,
        left_reason: row.some_text("left_reason")?,
        client: Client { ip, user_agent: row.some_text("user_agent")?, device },
    })
}

/// Reads broadcasts of a user in the order of their ids, deleted ones not.
pub fn broadcasts(user: UserId, scan: Scan) -> Statement {
    let text = select!("b.user_id = $1 AND b.deleted_at IS NULL AND b.id > $2 ORDER BY b.id LIMIT $3");
    sql(text).bind(user.0).bind(scan.after.unwrap_or_default()).bind(scan.most)
}

/// Reads public broadcasts of a user that have ended, the latest first.
pub struct ReadPast(pub UserId, pub Slice);

#[async_trait]
impl Work for ReadPast {
    type Done = Listed<Snapshot>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let Self(user, slice) = self;
        let text = "SELECT COUNT(*) AS total FROM broadcast_sessions
                    WHERE user_id = $1 AND deleted_at IS NULL AND ended_at IS NOT NULL AND visibility = 'public'";
        let count = transaction.row(&sql(text).bind(user.0)).await?;
        let text = select!(
            "b.user_id = $1 AND b.deleted_at IS NULL AND b.ended_at IS NOT NULL AND b.visibility = 'public'
             ORDER BY b.created_at DESC, b.id DESC LIMIT $2 OFFSET $3"
        );
        let rows = transaction.rows(&sql(text).bind(user.0).bind(slice.limit).bind(slice.offset)).await?;
        let items = rows.iter().map(snapshot).collect::<Result<_>>()?;
        Ok(Listed { items, total: count.map_or(Ok(0), |row| row.count("total"))? })
    }
}
