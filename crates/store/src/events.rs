//! The event log: numbered inside the transaction that caused it.

use sqlx::{Sqlite, Transaction};
use tallylight_core::Result;
use tallylight_core::event::NewEvent;
use tallylight_core::ids::BroadcastId;

use crate::dialect::{count, error, json, time};

/// Writes one event under a number that the caller took from the session's counters.
pub async fn append(
    tx: &mut Transaction<'_, Sqlite>,
    session: BroadcastId,
    seq: u64,
    event: &NewEvent,
) -> Result<()> {
    let sql = "INSERT INTO session_events (id, session_id, event_type, event_data, created_at, user_id, seq)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(sql)
        .bind(event.id.0)
        .bind(session.0)
        .bind(event.kind.name())
        .bind(json(&event.data)?)
        .bind(time(event.created_at))
        .bind(event.user_id.map(|id| id.0))
        .bind(count(seq))
        .execute(&mut **tx)
        .await
        .map_err(error)?;
    Ok(())
}
