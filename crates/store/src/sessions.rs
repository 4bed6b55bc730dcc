//! Viewers and the numbers of a session.

use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};
use tallylight_core::broadcast::{Status, Visibility};
use tallylight_core::clock::Time;
use tallylight_core::event::{Event, LeaveReason, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, UserId, ViewerId};
use tallylight_core::store::{Eviction, SessionStore};
use tallylight_core::viewer::{Counts, Departure, JoinOutcome, NewViewer, Seat};
use tallylight_core::{Error, Result};

use crate::dialect::{Columns, count, error, ip, time};
use crate::{SqliteStore, events};

type Tx = Transaction<'static, Sqlite>;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn join(&self, viewer: &NewViewer, event: NewEvent) -> Result<JoinOutcome> {
        let mut tx = self.begin().await?;
        let Some(room) = room(&mut tx, viewer.session_id).await? else { return Ok(JoinOutcome::NotFound) };
        if room.private && viewer.user_id != Some(room.owner) {
            return Ok(JoinOutcome::NotFound);
        }
        if room.ended {
            return Ok(JoinOutcome::Ended);
        }
        let stay = stay(&mut tx, viewer).await?;
        let generation = match &stay {
            None => 1,
            Some(stay) if stay.is_present => {
                let seat = renew(&mut tx, viewer).await?;
                tx.commit().await.map_err(error)?;
                return Ok(JoinOutcome::Present(seat));
            }
            Some(stay) if stay.may_return => stay.generation + 1,
            Some(_) => return Ok(JoinOutcome::Gone),
        };
        if room.max > 0 && room.counts.viewers >= room.max {
            return Ok(JoinOutcome::Full);
        }
        let seat = take_place(&mut tx, viewer, generation).await?;
        let counts = Counts {
            viewers: room.counts.viewers + 1,
            peak: room.counts.peak.max(room.counts.viewers + 1),
            seq: room.counts.seq + 1,
        };
        events::append(&mut tx, viewer.session_id, counts.seq, &event).await?;
        write_counts(&mut tx, viewer.session_id, counts).await?;
        tx.commit().await.map_err(error)?;
        Ok(JoinOutcome::Joined(seat, counts))
    }

    async fn leave(&self, departure: &Departure, event: NewEvent) -> Result<Option<Counts>> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE active_viewers SET left_at = $1, left_reason = $2
                   WHERE id = $3 AND session_id = $4 AND left_at IS NULL AND ($5 IS NULL OR generation = $5)";
        let done = sqlx::query(sql)
            .bind(time(departure.at))
            .bind(departure.reason.name())
            .bind(departure.viewer.0)
            .bind(departure.session_id.0)
            .bind(departure.generation)
            .execute(&mut *tx)
            .await
            .map_err(error)?;
        if done.rows_affected() == 0 {
            bar_return(&mut tx, departure).await?;
            tx.commit().await.map_err(error)?;
            return Ok(None);
        }
        let Some(room) = room(&mut tx, departure.session_id).await? else { return Ok(None) };
        let counts = Counts {
            viewers: room.counts.viewers.saturating_sub(1),
            seq: room.counts.seq + 1,
            ..room.counts
        };
        events::append(&mut tx, departure.session_id, counts.seq, &event).await?;
        write_counts(&mut tx, departure.session_id, counts).await?;
        tx.commit().await.map_err(error)?;
        Ok(Some(counts))
    }

    async fn seats(&self) -> Result<Vec<Seat>> {
        let sql = "SELECT id, session_id, user_id, generation FROM active_viewers WHERE left_at IS NULL";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await.map_err(error)?;
        rows.iter().map(seat).collect()
    }

    async fn user_of_viewer(&self, session: BroadcastId, viewer: ViewerId) -> Result<Option<UserId>> {
        let sql = "SELECT user_id FROM active_viewers WHERE id = $1 AND session_id = $2";
        let query = sqlx::query(sql).bind(viewer.0).bind(session.0);
        let row = query.fetch_optional(&self.readers).await.map_err(error)?;
        let user: Option<Option<uuid::Uuid>> = row.map(|row| row.column("user_id")).transpose()?;
        Ok(user.flatten().map(UserId))
    }

    async fn events(&self, session: BroadcastId, after: u64, limit: u32) -> Result<Vec<Event>> {
        let sql = "SELECT id, seq, event_type, event_data, created_at, user_id, metadata FROM session_events
                   WHERE session_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = sqlx::query(sql)
            .bind(session.0)
            .bind(count(after))
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(error)?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Event {
                id: EventId(row.uuid("id")?),
                session_id: session,
                seq: row.count("seq")?,
                kind: row.column("event_type")?,
                data: row.json("event_data")?,
                created_at: row.time("created_at")?,
                user_id: row.column::<Option<uuid::Uuid>>("user_id")?.map(UserId),
                metadata: row.object("metadata")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// A session's numbers and limits.
struct Room {
    owner: UserId,
    private: bool,
    ended: bool,
    max: u32,
    counts: Counts,
}

async fn room(tx: &mut Tx, session: BroadcastId) -> Result<Option<Room>> {
    let sql = "SELECT b.user_id, b.max_viewers, b.status, b.visibility, c.seq, c.viewers, c.peak
               FROM broadcast_sessions b JOIN session_counters c ON c.session_id = b.id
               WHERE b.id = $1 AND b.deleted_at IS NULL";
    let row = sqlx::query(sql).bind(session.0).fetch_optional(&mut **tx).await.map_err(error)?;
    let Some(row) = row else { return Ok(None) };
    let (status, visibility): (Status, Visibility) = (row.name("status")?, row.name("visibility")?);
    Ok(Some(Room {
        owner: UserId(row.uuid("user_id")?),
        private: status == Status::Private || visibility == Visibility::Private,
        ended: status == Status::Ended,
        max: row.count("max_viewers")?,
        counts: counts(&row)?,
    }))
}

/// The numbers of a row that has the columns of `session_counters`.
pub fn counts(row: &sqlx::sqlite::SqliteRow) -> Result<Counts> {
    Ok(Counts { viewers: row.count("viewers")?, peak: row.count("peak")?, seq: row.count("seq")? })
}

/// Writes a session's numbers, and mirrors the viewers where integrators look for them.
pub async fn write_counts(tx: &mut Tx, session: BroadcastId, counts: Counts) -> Result<()> {
    let sql = "UPDATE session_counters SET seq = $1, viewers = $2, peak = $3 WHERE session_id = $4";
    sqlx::query(sql)
        .bind(count(counts.seq))
        .bind(counts.viewers)
        .bind(counts.peak)
        .bind(session.0)
        .execute(&mut **tx)
        .await
        .map_err(error)?;
    let sql = "UPDATE broadcast_sessions SET viewer_count = $1 + reported_viewers WHERE id = $2";
    sqlx::query(sql).bind(counts.viewers).bind(session.0).execute(&mut **tx).await.map_err(error)?;
    Ok(())
}

/// What is known of a viewer who comes (back).
struct Stay {
    generation: i64,
    is_present: bool,
    may_return: bool,
}

async fn stay(tx: &mut Tx, viewer: &NewViewer) -> Result<Option<Stay>> {
    let sql = "SELECT session_id, generation, left_reason FROM active_viewers WHERE id = $1";
    let row = sqlx::query(sql).bind(viewer.id.0).fetch_optional(&mut **tx).await.map_err(error)?;
    let Some(row) = row else { return Ok(None) };
    if row.uuid("session_id")? != viewer.session_id.0 {
        return Err(Error::Internal("a viewer's id is used in two sessions".into()));
    }
    let reason: Option<String> = row.column("left_reason")?;
    Ok(Some(Stay {
        generation: row.column("generation")?,
        is_present: reason.is_none(),
        may_return: reason.as_deref() == Some(LeaveReason::TimedOut.name()),
    }))
}

/// Begins a new stay of a viewer who is there, so that a time-out under way finds another generation.
async fn renew(tx: &mut Tx, viewer: &NewViewer) -> Result<Seat> {
    let sql = "UPDATE active_viewers SET generation = generation + 1, last_seen = $1 WHERE id = $2
               RETURNING id, session_id, user_id, generation";
    let row =
        sqlx::query(sql).bind(time(viewer.at)).bind(viewer.id.0).fetch_one(&mut **tx).await.map_err(error)?;
    seat(&row)
}

/// Who said goodbye after a time-out does not come back either.
async fn bar_return(tx: &mut Tx, departure: &Departure) -> Result<()> {
    if departure.reason == LeaveReason::TimedOut {
        return Ok(());
    }
    let sql =
        "UPDATE active_viewers SET left_reason = $1 WHERE id = $2 AND session_id = $3 AND left_reason = $4";
    sqlx::query(sql)
        .bind(departure.reason.name())
        .bind(departure.viewer.0)
        .bind(departure.session_id.0)
        .bind(LeaveReason::TimedOut.name())
        .execute(&mut **tx)
        .await
        .map_err(error)?;
    Ok(())
}

/// Enters a viewer, or the new stay of one who is back: by then it may have signed in.
async fn take_place(tx: &mut Tx, viewer: &NewViewer, generation: i64) -> Result<Seat> {
    let sql = "INSERT INTO active_viewers
                 (id, session_id, user_id, joined_at, last_seen, user_agent, ip_address, is_authenticated, generation)
               VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8)
               ON CONFLICT (id) DO UPDATE SET last_seen = excluded.last_seen, user_agent = excluded.user_agent,
                 ip_address = excluded.ip_address, generation = excluded.generation,
                 user_id = COALESCE(excluded.user_id, user_id),
                 is_authenticated = MAX(excluded.is_authenticated, is_authenticated),
                 left_at = NULL, left_reason = NULL
               RETURNING id, session_id, user_id, generation";
    let row = sqlx::query(sql)
        .bind(viewer.id.0)
        .bind(viewer.session_id.0)
        .bind(viewer.user_id.map(|id| id.0))
        .bind(time(viewer.at))
        .bind(viewer.client.user_agent.as_deref())
        .bind(ip(viewer.client.ip))
        .bind(viewer.user_id.is_some())
        .bind(generation)
        .fetch_one(&mut **tx)
        .await
        .map_err(error)?;
    seat(&row)
}

fn seat(row: &sqlx::sqlite::SqliteRow) -> Result<Seat> {
    Ok(Seat {
        viewer: ViewerId(row.uuid("id")?),
        session_id: BroadcastId(row.uuid("session_id")?),
        user_id: row.column::<Option<uuid::Uuid>>("user_id")?.map(UserId),
        generation: row.column("generation")?,
    })
}

/// Ends every stay in a session, each with its event; returns the numbers after it.
pub async fn evict(
    tx: &mut Tx,
    session: BroadcastId,
    eviction: &Eviction<'_>,
    at: Time,
    mut counts: Counts,
) -> Result<Counts> {
    let sql =
        "UPDATE active_viewers SET left_at = $1, left_reason = $2 WHERE session_id = $3 AND left_at IS NULL
               RETURNING id";
    let rows = sqlx::query(sql)
        .bind(time(at))
        .bind(eviction.reason.name())
        .bind(session.0)
        .fetch_all(&mut **tx)
        .await
        .map_err(error)?;
    let mut viewers = rows.iter().map(|row| row.uuid("id").map(ViewerId)).collect::<Result<Vec<_>>>()?;
    viewers.sort_unstable();
    for viewer in viewers {
        counts.seq += 1;
        events::append(tx, session, counts.seq, &(eviction.event)(viewer)?).await?;
    }
    Ok(Counts { viewers: 0, ..counts })
}
