//! The event log: numbered inside the transaction that caused it.

use std::borrow::Cow;

use tallylight_core::Result;
use tallylight_core::event::{Event, EventQuery, EventType, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, UserId};

use crate::Store;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Bulk, Statement, json, sql};
use crate::transaction::Transaction;

/// An event and the number that it has in its session.
pub type Numbered<'a> = (BroadcastId, u64, Cow<'a, NewEvent>);

/// Writes events under numbers that the caller took from their sessions' counters.
pub async fn append_all(transaction: &mut Transaction, events: &[Numbered<'_>]) -> Result<(), Failure> {
    let text = "INSERT INTO session_events (id, session_id, event_type, event_data, created_at, user_id, metadata, seq)
                SELECT column1, column2, column3, column4, column5, column6, column7, column8 FROM {rows}";
    let row = |(session, seq, event): &Numbered<'_>| {
        Ok(vec![
            event.id.0.into(),
            session.0.into(),
            event.kind.as_ref().into(),
            json(&event.data)?,
            event.created_at.into(),
            event.user_id.map(|id| id.0).into(),
            json(&event.metadata)?,
            (*seq).into(),
        ])
    };
    // Neighbours in the index by session come one after the other.
    let mut events: Vec<_> = events.iter().collect();
    events.sort_unstable_by_key(|(session, seq, _)| (*session, *seq));
    let rows = events.into_iter().map(row).collect::<Result<_>>()?;
    transaction.bulk(&Bulk { text, rows }).await
}

/// Reads events as [`event`] takes them; conditions and an order are added behind it.
macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT id, seq, event_type, event_data, created_at, user_id, metadata FROM session_events
             WHERE session_id = $1 AND seq > $2 AND seq < $3 ",
            $($rest),+
        )
    };
}

/// The index by type leaves out what viewers do; a database uses it where a text says that this is not asked for.
macro_rules! select_kind {
    ($order:literal) => {
        (
            select!("AND event_type = $5 ORDER BY seq", $order, " LIMIT $4"),
            select!(
                "AND event_type = $5 AND event_type NOT IN ('viewer.joined', 'viewer.left')
                 ORDER BY seq",
                $order,
                " LIMIT $4"
            ),
        )
    };
}

impl Store {
    pub(crate) async fn read_events(&self, session: BroadcastId, query: &EventQuery) -> Result<Vec<Event>> {
        let statements: Vec<Statement> = match query.kinds.as_slice() {
            [] => vec![page(session, query)],
            kinds => kinds.iter().map(|kind| bound(session, query, Some(kind))).collect(),
        };
        let mut events: Vec<Event> = Vec::new();
        for statement in statements {
            for row in self.database.rows(statement).await? {
                events.push(event(session, &row)?);
            }
        }
        events.sort_unstable_by_key(|event| event.seq);
        if query.newest_first {
            events.reverse();
        }
        events.truncate(query.limit as usize);
        Ok(events)
    }
}

/// Reads events of whatever type.
pub fn page(session: BroadcastId, query: &EventQuery) -> Statement {
    bound(session, query, None)
}

fn bound(session: BroadcastId, query: &EventQuery, kind: Option<&String>) -> Statement {
    let (all, (viewers, others)) = match query.newest_first {
        true => (select!("ORDER BY seq DESC LIMIT $4"), select_kind!(" DESC")),
        false => (select!("ORDER BY seq LIMIT $4"), select_kind!("")),
    };
    let of_viewers = [EventType::ViewerJoined.name(), EventType::ViewerLeft.name()];
    let text = match kind {
        None => all,
        Some(kind) if of_viewers.contains(&kind.as_str()) => viewers,
        Some(_) => others,
    };
    let before = query.before.unwrap_or(u64::MAX);
    let statement = sql(text).bind(session.0).bind(query.after).bind(before).bind(query.limit);
    match kind {
        Some(kind) => statement.bind(kind),
        None => statement,
    }
}

/// An event as its row tells it.
pub fn event(session: BroadcastId, row: &Row) -> Result<Event> {
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
