//! Broadcasts: inserted, read, and changed under their revision.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};
use tallylight_core::Result;
use tallylight_core::broadcast::{Broadcast, Ingest, MediaAddresses, Snapshot};
use tallylight_core::event::NewEvent;
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::store::{BroadcastStore, Change};
use tallylight_core::user::SealedKey;
use tallylight_core::viewer::Counts;

use crate::dialect::{Columns, error, json, time};
use crate::{SqliteStore, events, sessions};

type Tx = Transaction<'static, Sqlite>;

/// Reads rows as [`snapshot`] takes them; a condition is added behind it.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT b.*, u.username, c.seq, c.viewers, c.peak FROM broadcast_sessions b
             JOIN users u ON u.id = b.user_id JOIN session_counters c ON c.session_id = b.id WHERE ",
            $condition
        )
    };
}

#[async_trait]
impl BroadcastStore for SqliteStore {
    async fn insert_broadcast(&self, broadcast: &Broadcast, events: Vec<NewEvent>) -> Result<Counts> {
        let mut tx = self.begin().await?;
        insert(&mut tx, broadcast).await?;
        let sql = "INSERT INTO session_counters (session_id) VALUES ($1)";
        sqlx::query(sql).bind(broadcast.id.0).execute(&mut *tx).await.map_err(error)?;
        update(&mut tx, broadcast).await?;
        let counts = log(&mut tx, broadcast.id, Counts::default(), &events).await?;
        tx.commit().await.map_err(error)?;
        Ok(counts)
    }

    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Snapshot>> {
        let sql = select!("b.id = $1 AND b.deleted_at IS NULL");
        let row = sqlx::query(sql).bind(id.0).fetch_optional(&self.readers).await.map_err(error)?;
        row.as_ref().map(snapshot).transpose()
    }

    async fn save_broadcast(&self, change: Change<'_>) -> Result<Option<Counts>> {
        let mut tx = self.begin().await?;
        let id = change.after.id;
        let sql = "SELECT c.seq, c.viewers, c.peak FROM broadcast_sessions b
                   JOIN session_counters c ON c.session_id = b.id WHERE b.id = $1 AND b.revision = $2";
        let row = sqlx::query(sql).bind(id.0).bind(change.before.revision).fetch_optional(&mut *tx).await;
        let Some(row) = row.map_err(error)? else { return Ok(None) };
        let mut counts = sessions::counts(&row)?;
        update(&mut tx, change.after).await?;
        if let Some(eviction) = &change.evict {
            counts = sessions::evict(&mut tx, id, eviction, change.at, counts).await?;
        }
        let counts = log(&mut tx, id, counts, &change.events).await?;
        if change.after.deleted_at.is_some() {
            blank(&mut tx, id).await?;
        }
        tx.commit().await.map_err(error)?;
        Ok(Some(counts))
    }

    async fn open_broadcasts(&self) -> Result<Vec<Snapshot>> {
        let sql = select!("b.ended_at IS NULL");
        let rows = sqlx::query(sql).fetch_all(&self.readers).await.map_err(error)?;
        rows.iter().map(snapshot).collect()
    }

    async fn broadcast_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<Snapshot>> {
        let sql = select!("b.stream_key_hash = $1 AND b.deleted_at IS NULL");
        let row =
            sqlx::query(sql).bind(hash.as_slice()).fetch_optional(&self.readers).await.map_err(error)?;
        row.as_ref().map(snapshot).transpose()
    }
}

async fn log(tx: &mut Tx, id: BroadcastId, mut counts: Counts, events: &[NewEvent]) -> Result<Counts> {
    for event in events {
        counts.seq += 1;
        events::append(tx, id, counts.seq, event).await?;
    }
    sessions::write_counts(tx, id, counts).await?;
    Ok(counts)
}

/// Blanks what a removed broadcast's people wrote into the log, and from where they watched. Rows and numbers stay.
async fn blank(tx: &mut Tx, id: BroadcastId) -> Result<()> {
    let sql = "UPDATE session_events SET event_data = '{}'
               WHERE session_id = $1 AND event_type IN ('broadcast.created', 'broadcast.updated')";
    sqlx::query(sql).bind(id.0).execute(&mut **tx).await.map_err(error)?;
    let sql = "UPDATE active_viewers SET user_agent = NULL, ip_address = NULL WHERE session_id = $1";
    sqlx::query(sql).bind(id.0).execute(&mut **tx).await.map_err(error)?;
    Ok(())
}

async fn insert(tx: &mut Tx, b: &Broadcast) -> Result<()> {
    let sql = "INSERT INTO broadcast_sessions
                 (id, user_id, title, created_at, started_at, stream_key_hash, stream_key_sealed)
               VALUES ($1, $2, $3, $4, $4, $5, $6)";
    sqlx::query(sql)
        .bind(b.id.0)
        .bind(b.owner.0)
        .bind(&b.title)
        .bind(time(b.created_at))
        .bind(b.stream_key.hash.as_slice())
        .bind(&b.stream_key.sealed)
        .execute(&mut **tx)
        .await
        .map_err(error)?;
    Ok(())
}

async fn update(tx: &mut Tx, b: &Broadcast) -> Result<()> {
    let sql = "UPDATE broadcast_sessions SET
                 title = $2, status = $3, visibility = $4, started_at = $5, ended_at = $6, max_viewers = $7,
                 rtmp_url = $8, hls_url = $9, webrtc_endpoint = $10, metadata = $11, ai_intent = $12, tags = $13,
                 is_featured = $14, description = $15, reported_viewers = $16, ingest_state = $17,
                 interrupted_until = $18, stream_key_hash = $19, stream_key_sealed = $20, deleted_at = $21,
                 revision = $22
               WHERE id = $1";
    sqlx::query(sql)
        .bind(b.id.0)
        .bind(&b.title)
        .bind(b.status.name())
        .bind(b.visibility.name())
        .bind(time(b.started_at))
        .bind(b.ended_at.map(time))
        .bind(b.max_viewers)
        .bind(&b.elsewhere.rtmp_url)
        .bind(&b.elsewhere.hls_url)
        .bind(&b.elsewhere.webrtc_endpoint)
        .bind(json(&b.metadata)?)
        .bind(&b.ai_intent)
        .bind(json(&b.tags)?)
        .bind(b.is_featured)
        .bind(&b.description)
        .bind(b.reported_viewers)
        .bind(b.ingest.state.name())
        .bind(b.ingest.interrupted_until.map(time))
        .bind(b.stream_key.hash.as_slice())
        .bind(&b.stream_key.sealed)
        .bind(b.deleted_at.map(time))
        .bind(b.revision)
        .execute(&mut **tx)
        .await
        .map_err(error)?;
    Ok(())
}

fn snapshot(row: &SqliteRow) -> Result<Snapshot> {
    let broadcast = Broadcast {
        id: BroadcastId(row.uuid("id")?),
        owner: UserId(row.uuid("user_id")?),
        owner_name: row.column("username")?,
        title: row.column("title")?,
        description: row.column("description")?,
        status: row.name("status")?,
        visibility: row.name("visibility")?,
        created_at: row.time("created_at")?,
        started_at: row.time("started_at")?,
        ended_at: row.some_time("ended_at")?,
        max_viewers: row.count("max_viewers")?,
        elsewhere: MediaAddresses {
            rtmp_url: row.column("rtmp_url")?,
            hls_url: row.column("hls_url")?,
            webrtc_endpoint: row.column("webrtc_endpoint")?,
        },
        metadata: row.object("metadata")?,
        ai_intent: row.column("ai_intent")?,
        tags: row.json("tags")?,
        is_featured: row.column("is_featured")?,
        reported_viewers: row.count("reported_viewers")?,
        ingest: Ingest {
            state: row.name("ingest_state")?,
            interrupted_until: row.some_time("interrupted_until")?,
        },
        stream_key: SealedKey {
            hash: row.hash("stream_key_hash")?,
            sealed: row.column("stream_key_sealed")?,
        },
        deleted_at: row.some_time("deleted_at")?,
        revision: row.column("revision")?,
    };
    Ok(Snapshot { broadcast: Arc::new(broadcast), counts: sessions::counts(row)? })
}
