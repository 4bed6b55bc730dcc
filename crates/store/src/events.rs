//! The event log: numbered inside the transaction that caused it.

use std::borrow::Cow;

use async_trait::async_trait;
use serde_json::Map;
use tallylight_core::Result;
use tallylight_core::event::{Event, EventQuery, EventType, Excerpt, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, UserId};

use crate::Store;
use crate::database::Work;
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

/// How much of a log is read at once, in bytes of JSON. Taken apart, JSON may need thirty times its room.
const MOST_BYTES: u64 = 2 * 1024 * 1024;

/// The numbers and lengths of events; conditions and an order are added behind it.
macro_rules! heads {
    ($($rest:literal),+) => {
        concat!(
            "SELECT seq, CAST(LENGTH(CAST(event_data AS TEXT)) + LENGTH(CAST(metadata AS TEXT)) AS BIGINT) AS bytes
             FROM session_events
             WHERE session_id = $1 AND seq > $2 AND seq < $3 ",
            $($rest),+
        )
    };
}

/// The index by type leaves out what viewers do; a database uses it where a text says that this is not asked for.
macro_rules! heads_of_kind {
    ($order:literal) => {
        (
            heads!("AND event_type = $5 ORDER BY seq", $order, " LIMIT $4"),
            heads!(
                "AND event_type = $5 AND event_type NOT IN ('viewer.joined', 'viewer.left')
                 ORDER BY seq",
                $order,
                " LIMIT $4"
            ),
        )
    };
}

impl Store {
    pub(crate) async fn read_events(&self, session: BroadcastId, query: &EventQuery) -> Result<Excerpt> {
        Ok(self.database.as_of_one_moment(&ReadEvents { session, query }).await?)
    }

    pub(crate) async fn read_event(&self, session: BroadcastId, id: EventId) -> Result<Option<Event>> {
        let text = "SELECT id, seq, event_type, event_data, created_at, user_id, metadata FROM session_events
                    WHERE id = $1 AND session_id = $2";
        let row = self.database.row(sql(text).bind(id.0).bind(session.0)).await?;
        row.map(|row| event(session, &row)).transpose()
    }
}

/// Reads events: first which, then those that are not too much together.
struct ReadEvents<'a> {
    session: BroadcastId,
    query: &'a EventQuery,
}

#[async_trait]
impl Work for ReadEvents<'_> {
    type Done = Excerpt;

    async fn run(&self, transaction: &mut Transaction) -> Result<Excerpt, Failure> {
        let (numbers, is_cut) = self.choose(transaction).await?;
        let text = "SELECT id, seq, event_type, event_data, created_at, user_id, metadata FROM session_events
                    WHERE (session_id, seq) IN (SELECT column1, column2 FROM {rows})";
        let rows = numbers.into_iter().map(|seq| vec![self.session.0.into(), seq.into()]).collect();
        let rows = transaction.bulk_rows(&Bulk { text, rows }).await?;
        let mut events = rows.iter().map(|row| event(self.session, row)).collect::<Result<Vec<_>>>()?;
        events.sort_unstable_by_key(|event| event.seq);
        if self.query.newest_first {
            events.reverse();
        }
        Ok(Excerpt { events, is_cut })
    }
}

impl ReadEvents<'_> {
    /// The numbers of those that are read, and whether there may be more.
    async fn choose(&self, transaction: &mut Transaction) -> Result<(Vec<u64>, bool), Failure> {
        let statements: Vec<Statement> = match self.query.kinds.as_slice() {
            [] if self.query.without_viewers => vec![self.heads_without_viewers()],
            [] => vec![self.heads(None)],
            kinds => kinds.iter().map(|kind| self.heads(Some(kind))).collect(),
        };
        let mut heads: Vec<(u64, u64)> = Vec::new();
        for statement in &statements {
            for row in transaction.rows(statement).await? {
                heads.push((row.count("seq")?, row.count("bytes")?));
            }
        }
        heads.sort_unstable();
        heads.dedup();
        if self.query.newest_first {
            heads.reverse();
        }
        let limit = self.query.limit as usize;
        let mut bytes = 0;
        let fitting = heads.iter().take(limit).take_while(|(_, length)| {
            let is_first = bytes == 0;
            bytes += length;
            is_first || bytes <= MOST_BYTES
        });
        let numbers: Vec<u64> = fitting.map(|(seq, _)| *seq).collect();
        let is_cut = numbers.len() == limit || numbers.len() < heads.len();
        Ok((numbers, is_cut))
    }

    /// Goes through the numbers, not through the index by type: who reads this is near the end of the log.
    fn heads_without_viewers(&self) -> Statement {
        self.bound(match self.query.newest_first {
            true => {
                heads!("AND event_type NOT IN ('viewer.joined', 'viewer.left') ORDER BY seq DESC LIMIT $4")
            }
            false => heads!("AND event_type NOT IN ('viewer.joined', 'viewer.left') ORDER BY seq LIMIT $4"),
        })
    }

    fn bound(&self, text: &'static str) -> Statement {
        let EventQuery { after, before, limit, .. } = self.query;
        sql(text).bind(self.session.0).bind(*after).bind(before.unwrap_or(u64::MAX)).bind(*limit)
    }

    fn heads(&self, kind: Option<&String>) -> Statement {
        let (all, (viewers, others)) = match self.query.newest_first {
            true => (heads!("ORDER BY seq DESC LIMIT $4"), heads_of_kind!(" DESC")),
            false => (heads!("ORDER BY seq LIMIT $4"), heads_of_kind!("")),
        };
        let of_viewers = [EventType::ViewerJoined.name(), EventType::ViewerLeft.name()];
        let text = match kind {
            None => all,
            Some(kind) if of_viewers.contains(&kind.as_str()) => viewers,
            Some(_) => others,
        };
        let statement = self.bound(text);
        match kind {
            Some(kind) => statement.bind(kind),
            None => statement,
        }
    }
}

/// Reads the next events of a log after a number, as [`short`] takes them.
pub fn tail(session: BroadcastId, after: u64, limit: u32) -> Statement {
    let text = "SELECT id, seq, event_type, created_at, user_id,
                  CASE WHEN event_type IN ('viewer.joined', 'viewer.left') THEN event_data ELSE '{}' END AS event_data
                FROM session_events WHERE session_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    sql(text).bind(session.0).bind(after).bind(limit)
}

/// An event as far as sums are made of it: nobody knows how much others than the server itself attached.
pub fn short(session: BroadcastId, row: &Row) -> Result<Event> {
    let metadata = Map::new();
    Ok(Event {
        id: EventId(row.id("id")?),
        session_id: session,
        seq: row.count("seq")?,
        kind: row.text("event_type")?,
        data: row.json("event_data")?,
        created_at: row.time("created_at")?,
        user_id: row.some_id("user_id")?.map(UserId),
        metadata,
    })
}

/// An event as its row tells it.
pub fn event(session: BroadcastId, row: &Row) -> Result<Event> {
    Ok(Event { metadata: row.json("metadata")?, ..short(session, row)? })
}
