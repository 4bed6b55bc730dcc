//! The event log: numbered inside the transaction that caused it.

use tallylight_core::Result;
use tallylight_core::event::{Event, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, UserId};

use crate::Store;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Bulk, json, sql};
use crate::transaction::Transaction;

/// Writes events under numbers that the caller took from their sessions' counters.
pub async fn append_all(
    transaction: &mut Transaction,
    events: &[(BroadcastId, u64, &NewEvent)],
) -> Result<(), Failure> {
    let text = "INSERT INTO session_events (id, session_id, event_type, event_data, created_at, user_id, seq)
                SELECT column1, column2, column3, column4, column5, column6, column7 FROM {rows}";
    let row = |(session, seq, event): &(BroadcastId, u64, &NewEvent)| {
        Ok(vec![
            event.id.0.into(),
            session.0.into(),
            event.kind.name().into(),
            json(&event.data)?,
            event.created_at.into(),
            event.user_id.map(|id| id.0).into(),
            (*seq).into(),
        ])
    };
    // Neighbours in the index by session come one after the other.
    let mut events: Vec<_> = events.iter().collect();
    events.sort_unstable_by_key(|(session, seq, _)| (*session, *seq));
    let rows = events.into_iter().map(row).collect::<Result<_>>()?;
    transaction.bulk(&Bulk { text, rows }).await
}

impl Store {
    pub(crate) async fn read_events(
        &self,
        session: BroadcastId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let text = "SELECT id, seq, event_type, event_data, created_at, user_id, metadata FROM session_events
                    WHERE session_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = self.database.rows(sql(text).bind(session.0).bind(after).bind(limit)).await?;
        rows.iter().map(|row| event(session, row)).collect()
    }
}

fn event(session: BroadcastId, row: &Row) -> Result<Event> {
    Ok(Event {
        id: EventId(row.id("id")?),
        session_id: session,
        seq: row.count("seq")?,
        kind: row.text("event_type")?,
        data: row.json("event_data")?,
        created_at: row.time("created_at")?,
        user_id: row.some_id("user_id")?.map(UserId),
        metadata: row.json("metadata")?,
    })
}
