//! Viewers and the numbers of a session.

use async_trait::async_trait;
use tallylight_core::clock::Time;
use tallylight_core::event::{Event, NewEvent};
use tallylight_core::ids::{BroadcastId, UserId, ViewerId};
use tallylight_core::quality::{Quality, QualityRow, Span};
use tallylight_core::store::{Eviction, SessionStore};
use tallylight_core::viewer::{Counts, Departure, JoinOutcome, NewViewer, Seat, SignOfLife};
use tallylight_core::{Error, Result};

use crate::Store;
use crate::batch::{Outcome, Write};
use crate::events;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::sql;
use crate::transaction::Transaction;

#[async_trait]
impl SessionStore for Store {
    async fn join(&self, viewer: &NewViewer, event: NewEvent) -> Result<JoinOutcome> {
        match self.gatherer.write(Write::Join(viewer.clone(), event)).await? {
            Outcome::Join(outcome) => Ok(outcome),
            other => Err(mixed_up(&other)),
        }
    }

    async fn leave(&self, departure: &Departure, event: NewEvent) -> Result<Option<Counts>> {
        self.counts_after(Write::Leave(*departure, event)).await
    }

    async fn append(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        self.counts_after(Write::Append(session, event)).await
    }

    async fn note_seen(&self, signs: Vec<SignOfLife>) -> Result<()> {
        self.gatherer.write(Write::Seen(signs)).await.map(|_| ())
    }

    async fn seats(&self) -> Result<Vec<Seat>> {
        let text = "SELECT id, session_id, user_id, generation FROM active_viewers WHERE left_at IS NULL";
        self.database.all_rows(sql(text)).await?.iter().map(seat).collect()
    }

    async fn user_of_viewer(&self, session: BroadcastId, viewer: ViewerId) -> Result<Option<UserId>> {
        let text = "SELECT user_id FROM active_viewers WHERE id = $1 AND session_id = $2";
        let row = self.database.row(sql(text).bind(viewer.0).bind(session.0)).await?;
        let user = row.map(|row| row.some_id("user_id")).transpose()?;
        Ok(user.flatten().map(UserId))
    }

    async fn events(&self, session: BroadcastId, after: u64, limit: u32) -> Result<Vec<Event>> {
        self.read_events(session, after, limit).await
    }

    async fn save_quality(&self, rows: Vec<QualityRow>) -> Result<()> {
        self.write_quality(rows).await
    }

    async fn quality(&self, session: BroadcastId, span: Span) -> Result<Vec<(Time, Quality)>> {
        self.read_quality(session, span).await
    }
}

impl Store {
    async fn counts_after(&self, write: Write) -> Result<Option<Counts>> {
        match self.gatherer.write(write).await? {
            Outcome::Counts(counts) => Ok(counts),
            other => Err(mixed_up(&other)),
        }
    }
}

fn mixed_up(outcome: &Outcome) -> Error {
    Error::Internal(format!("a write was answered with another's outcome: {outcome:?}"))
}

fn seat(row: &Row) -> Result<Seat> {
    Ok(Seat {
        viewer: ViewerId(row.id("id")?),
        session_id: BroadcastId(row.id("session_id")?),
        user_id: row.some_id("user_id")?.map(UserId),
        generation: row.count("generation")?,
    })
}

/// Ends every stay in a session, each with its event; returns the numbers after it.
pub async fn evict(
    transaction: &mut Transaction,
    session: BroadcastId,
    eviction: &Eviction<'_>,
    (at, mut counts): (Time, Counts),
) -> Result<Counts, Failure> {
    let text =
        "UPDATE active_viewers SET left_at = $1, left_reason = $2 WHERE session_id = $3 AND left_at IS NULL
                RETURNING id";
    let statement = sql(text).bind(at).bind(eviction.reason.name()).bind(session.0);
    let rows = transaction.rows(&statement).await?;
    let mut viewers = rows.iter().map(|row| row.id("id").map(ViewerId)).collect::<Result<Vec<_>>>()?;
    viewers.sort_unstable();
    let left = viewers.into_iter().map(|viewer| (eviction.event)(viewer)).collect::<Result<Vec<_>>>()?;
    let numbered: Vec<_> =
        left.iter().zip(counts.seq + 1..).map(|(event, seq)| (session, seq, event)).collect();
    events::append_all(transaction, &numbered).await?;
    counts.seq += numbered.len() as u64;
    Ok(Counts { viewers: 0, ..counts })
}
