//! Broadcasts: inserted, read, and changed under their revision.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::broadcast::{Broadcast, Epoch, Ingest, MediaAddresses, Snapshot};
use tallylight_core::clock::Time;
use tallylight_core::directory::Query;
use tallylight_core::event::NewEvent;
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::store::{BroadcastStore, Change};
use tallylight_core::user::SealedKey;
use tallylight_core::viewer::Counts;

use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{json, sql};
use crate::transaction::Transaction;
use crate::{Store, batch, events, past, sessions};

/// The time that a removed viewer may take, on a slow machine.
const PER_VIEWER: Duration = Duration::from_micros(200);
/// The time that blanking a long log may take.
const BLANKING: Duration = Duration::from_secs(30);

/// Reads rows as [`snapshot`] takes them; a condition is added behind it.
macro_rules! select {
    ($($condition:literal),+) => {
        concat!(
            "SELECT b.id, b.user_id, u.username, b.title, b.description, CAST(b.status AS TEXT) AS status,
               CAST(b.visibility AS TEXT) AS visibility, b.created_at, b.started_at, b.ended_at, b.max_viewers,
               b.rtmp_url, b.hls_url, b.webrtc_endpoint, b.metadata, b.ai_intent, b.tags, b.is_featured,
               b.reported_viewers, b.ingest_state, b.interrupted_until, b.stream_key_hash, b.stream_key_sealed,
               b.deleted_at, b.revision, b.epoch, c.seq, c.viewers, c.peak
             FROM broadcast_sessions b
             JOIN users u ON u.id = b.user_id JOIN session_counters c ON c.session_id = b.id WHERE ",
            $($condition),+
        )
    };
}
pub(crate) use select;

#[async_trait]
impl BroadcastStore for Store {
    async fn insert_broadcast(&self, broadcast: &Broadcast, events: Vec<NewEvent>) -> Result<Counts> {
        Ok(self.database.transact(&Insert { broadcast, events: &events }).await?)
    }

    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Snapshot>> {
        let text = select!("b.id = $1 AND b.deleted_at IS NULL");
        self.database.row(sql(text).bind(id.0)).await?.as_ref().map(snapshot).transpose()
    }

    async fn save_broadcast(&self, change: Change<'_>) -> Result<Option<Counts>> {
        Ok(self.database.transact(&Save(change)).await?)
    }

    async fn open_broadcasts(&self) -> Result<Vec<Snapshot>> {
        self.database.all_rows(sql(select!("b.ended_at IS NULL"))).await?.iter().map(snapshot).collect()
    }

    async fn live_at(&self, time: Time, query: &Query, limit: u32) -> Result<Vec<Snapshot>> {
        past::live_at(&self.database, time, query, limit).await
    }

    async fn viewers_at(&self, time: Time, sessions: &[BroadcastId]) -> Result<Vec<(BroadcastId, u32)>> {
        past::viewers_at(&self.database, time, sessions).await
    }

    async fn broadcast_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<Snapshot>> {
        let text = select!("b.stream_key_hash = $1 AND b.deleted_at IS NULL");
        self.database.row(sql(text).bind(hash)).await?.as_ref().map(snapshot).transpose()
    }
}

struct Insert<'a> {
    broadcast: &'a Broadcast,
    events: &'a [NewEvent],
}

#[async_trait]
impl Work for Insert<'_> {
    type Done = Counts;

    async fn run(&self, transaction: &mut Transaction) -> Result<Counts, Failure> {
        // An earlier try may have been committed: then everything is there already.
        if insert(transaction, self.broadcast).await? {
            update(transaction, self.broadcast).await?;
            let text = "INSERT INTO session_counters (session_id) VALUES ($1)";
            transaction.execute(&sql(text).bind(self.broadcast.id.0)).await?;
            log(transaction, self.broadcast.id, Counts::default(), (Counts::default(), self.events)).await?;
        }
        Ok(Counts { seq: self.events.len() as u64, ..Counts::default() })
    }
}

struct Save<'a>(Change<'a>);

#[async_trait]
impl Work for Save<'_> {
    type Done = Option<Counts>;

    fn extra_time(&self) -> Duration {
        let evicting = self.0.evict.as_ref().map_or(Duration::ZERO, |eviction| PER_VIEWER * eviction.viewers);
        evicting + self.0.after.deleted_at.map_or(Duration::ZERO, |_| BLANKING)
    }

    async fn run(&self, transaction: &mut Transaction) -> Result<Option<Counts>, Failure> {
        let (change, id) = (&self.0, self.0.after.id);
        batch::lock(transaction, &BTreeSet::from([id])).await?;
        let text = "SELECT b.revision, c.seq, c.viewers, c.peak FROM broadcast_sessions b
                    JOIN session_counters c ON c.session_id = b.id WHERE b.id = $1";
        let Some(row) = transaction.row(&sql(text).bind(id.0)).await? else { return Ok(None) };
        let before = batch::counts(&row)?;
        let revision: i64 = row.count("revision")?;
        if transaction.in_doubt && was_kept(transaction, change, revision).await? {
            return Ok(Some(before));
        }
        if revision != change.before.revision {
            return Ok(None);
        }
        update(transaction, change.after).await?;
        let after = match &change.evict {
            Some(eviction) => {
                let whom = sessions::Whom::of(eviction.reason);
                sessions::evict(transaction, id, (eviction, whom), (change.at, before)).await?
            }
            None => before,
        };
        let counts = log(transaction, id, before, (after, &change.events)).await?;
        if change.after.deleted_at.is_some() {
            blank(transaction, id).await?;
        }
        Ok(Some(counts))
    }
}

/// Whether this very change was committed by an earlier try; others may have followed since. One that logs nothing can be
/// taken for another's; both come to the same then.
async fn was_kept(
    transaction: &mut Transaction,
    change: &Change<'_>,
    revision: i64,
) -> Result<bool, Failure> {
    match change.events.first() {
        Some(event) => batch::is_logged(transaction, event.id).await,
        None => Ok(revision == change.after.revision),
    }
}

/// Writes events and the numbers after them.
async fn log(
    transaction: &mut Transaction,
    id: BroadcastId,
    before: Counts,
    (mut counts, events): (Counts, &[NewEvent]),
) -> Result<Counts, Failure> {
    let numbered: Vec<_> =
        events.iter().zip(counts.seq + 1..).map(|(event, seq)| (id, seq, Cow::Borrowed(event))).collect();
    events::append_all(transaction, &numbered).await?;
    counts.seq += numbered.len() as u64;
    batch::write_counts(transaction, &[(id, before, counts)]).await?;
    mirror(transaction, id).await?;
    Ok(counts)
}

/// Shows integrators the viewers together with those reported.
async fn mirror(transaction: &mut Transaction, id: BroadcastId) -> Result<(), Failure> {
    let text = "UPDATE broadcast_sessions SET viewer_count = reported_viewers
                  + (SELECT viewers FROM session_counters WHERE session_id = $1)
                WHERE id = $1";
    transaction.execute(&sql(text).bind(id.0)).await.map(|_| ())
}

/// Blanks what a removed broadcast's people wrote into the log, and from where they watched. Rows and numbers stay.
async fn blank(transaction: &mut Transaction, id: BroadcastId) -> Result<(), Failure> {
    let text = "UPDATE session_events SET event_data = '{}', metadata = '{}'
                WHERE session_id = $1 AND event_type NOT IN ('viewer.joined', 'viewer.left')
                  AND (event_type IN ('broadcast.created', 'broadcast.updated') OR event_type NOT LIKE 'broadcast.%')";
    transaction.execute(&sql(text).bind(id.0)).await?;
    let text = "UPDATE active_viewers SET user_agent = NULL, ip_address = NULL WHERE session_id = $1";
    transaction.execute(&sql(text).bind(id.0)).await?;
    let text = "UPDATE join_tokens SET name = NULL WHERE session_id = $1";
    transaction.execute(&sql(text).bind(id.0)).await?;
    Ok(())
}

/// Inserts the row that [`update`] fills; false if it is there.
async fn insert(transaction: &mut Transaction, b: &Broadcast) -> Result<bool, Failure> {
    let text = "INSERT INTO broadcast_sessions
                  (id, user_id, title, created_at, started_at, stream_key_hash, stream_key_sealed, epoch)
                VALUES ($1, $2, $3, $4, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
    let statement = sql(text)
        .bind(b.id.0)
        .bind(b.owner.0)
        .bind(&b.title)
        .bind(b.created_at)
        .bind(&b.stream_key.hash)
        .bind(&b.stream_key.sealed)
        .bind(b.epoch.0);
    Ok(transaction.execute(&statement).await? == 1)
}

async fn update(transaction: &mut Transaction, b: &Broadcast) -> Result<(), Failure> {
    let text = "UPDATE broadcast_sessions SET
                  title = $2, status = $3, visibility = $4, started_at = $5, ended_at = $6, max_viewers = $7,
                  rtmp_url = $8, hls_url = $9, webrtc_endpoint = $10, metadata = $11, ai_intent = $12, tags = $13,
                  is_featured = $14, description = $15, reported_viewers = $16, ingest_state = $17,
                  interrupted_until = $18, stream_key_hash = $19, stream_key_sealed = $20, deleted_at = $21,
                  revision = $22
                WHERE id = $1";
    let statement = sql(text)
        .bind(b.id.0)
        .bind(&b.title)
        .bind(b.status.name())
        .bind(b.visibility.name())
        .bind(b.started_at)
        .bind(b.ended_at)
        .bind(b.max_viewers)
        .bind(&b.elsewhere.rtmp_url)
        .bind(&b.elsewhere.hls_url)
        .bind(&b.elsewhere.webrtc_endpoint)
        .bind(json(&b.metadata)?)
        .bind(&b.ai_intent)
        .bind(&b.tags)
        .bind(b.is_featured)
        .bind(&b.description)
        .bind(b.reported_viewers)
        .bind(b.ingest.state.name())
        .bind(b.ingest.interrupted_until)
        .bind(&b.stream_key.hash)
        .bind(&b.stream_key.sealed)
        .bind(b.deleted_at)
        .bind(b.revision);
    transaction.execute(&statement).await.map(|_| ())
}

pub(crate) fn snapshot(row: &Row) -> Result<Snapshot> {
    let broadcast = Broadcast {
        id: BroadcastId(row.id("id")?),
        owner: UserId(row.id("user_id")?),
        owner_name: row.text("username")?,
        title: row.text("title")?,
        description: row.some_text("description")?,
        status: row.name("status")?,
        visibility: row.name("visibility")?,
        created_at: row.time("created_at")?,
        started_at: row.time("started_at")?,
        ended_at: row.some_time("ended_at")?,
        max_viewers: row.count("max_viewers")?,
        elsewhere: MediaAddresses {
            rtmp_url: row.some_text("rtmp_url")?,
            hls_url: row.some_text("hls_url")?,
            webrtc_endpoint: row.some_text("webrtc_endpoint")?,
        },
        metadata: row.json("metadata")?,
        ai_intent: row.some_text("ai_intent")?,
        tags: row.tags("tags")?,
        is_featured: row.get("is_featured")?,
        reported_viewers: row.count("reported_viewers")?,
        ingest: Ingest {
            state: row.name("ingest_state")?,
            interrupted_until: row.some_time("interrupted_until")?,
        },
        stream_key: SealedKey { hash: row.hash("stream_key_hash")?, sealed: row.get("stream_key_sealed")? },
        deleted_at: row.some_time("deleted_at")?,
        revision: row.count("revision")?,
        epoch: Epoch(row.count("epoch")?),
    };
    Ok(Snapshot { broadcast: Arc::new(broadcast), counts: batch::counts(row)? })
}
