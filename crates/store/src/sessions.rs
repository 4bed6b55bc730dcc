//! Viewers and the numbers of a session.

use std::borrow::Cow;

use async_trait::async_trait;
use tallylight_core::clock::Time;
use tallylight_core::event::{EndedStay, Event, EventQuery, Excerpt, LeaveReason, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, JoinTokenId, UserId, ViewerId};
use tallylight_core::quality::{Quality, QualityRow, Span};
use tallylight_core::store::{Eviction, SessionStore};
use tallylight_core::viewer::{
    Counts, Departure, DeviceId, JoinOutcome, KnownViewer, NewViewer, Peer, Seat, SignOfLife,
};
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

    async fn leave(&self, departure: &Departure) -> Result<Option<Counts>> {
        self.counts_after(Write::Leave(*departure)).await
    }

    async fn append(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        self.counts_after(Write::Append(session, event)).await
    }

    async fn say(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        self.counts_after(Write::Say(session, event, None)).await
    }

    async fn say_as_guest(
        &self,
        session: BroadcastId,
        event: NewEvent,
        guest: ViewerId,
    ) -> Result<Option<Counts>> {
        self.counts_after(Write::Say(session, event, Some(guest))).await
    }

    async fn logged_event(&self, session: BroadcastId, event: EventId) -> Result<Option<Event>> {
        self.read_event(session, event).await
    }

    async fn delete_message(
        &self,
        session: BroadcastId,
        message: EventId,
        event: NewEvent,
    ) -> Result<Option<Counts>> {
        self.counts_after(Write::Unsay(session, message, event)).await
    }

    async fn note_seen(&self, signs: Vec<SignOfLife>) -> Result<()> {
        self.gatherer.write(Write::Seen(signs)).await.map(|_| ())
    }

    async fn seats(&self) -> Result<Vec<Seat>> {
        let text =
            "SELECT id, session_id, user_id, generation, join_token_id, CAST(ip_address AS TEXT) AS ip_address, device
                    FROM active_viewers WHERE left_at IS NULL";
        self.database.all_rows(sql(text)).await?.iter().map(seat).collect()
    }

    async fn viewer(&self, session: BroadcastId, viewer: ViewerId) -> Result<Option<KnownViewer>> {
        let text = "SELECT user_id, person, join_token_id FROM active_viewers
                    WHERE id = $1 AND session_id = $2";
        let row = self.database.row(sql(text).bind(viewer.0).bind(session.0)).await?;
        let known = |row: Row| {
            let invitation = row.some_id("join_token_id")?.map(JoinTokenId);
            let user_id = row.some_id("user_id")?.map(UserId);
            Ok(KnownViewer { user_id, person: row.text("person")?, invitation })
        };
        row.map(known).transpose()
    }

    async fn events(&self, session: BroadcastId, query: &EventQuery) -> Result<Excerpt> {
        self.read_events(session, query).await
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
        peer: Peer {
            ip: row.some_ip("ip_address")?,
            device: row.some_text("device")?.as_deref().and_then(DeviceId::parse),
        },
        invitation: row.some_id("join_token_id")?.map(JoinTokenId),
    })
}

/// Who has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    Everybody,
    /// Who is not there by an invitation.
    Uninvited,
    /// Who is there by this one.
    By(JoinTokenId),
}

impl Whom {
    /// Those whom this reason concerns, when a broadcast changes.
    pub fn of(reason: LeaveReason) -> Self {
        if reason == LeaveReason::Private { Self::Uninvited } else { Self::Everybody }
    }
}

/// Makes of a condition the statement that ends stays. A stay never ends before it began.
macro_rules! end_stays {
    ($condition:literal) => {
        concat!(
            "UPDATE active_viewers SET left_at = CASE WHEN joined_at > $1 THEN joined_at ELSE $1 END, left_reason = $2
             WHERE session_id = $3 AND left_at IS NULL",
            $condition,
            " RETURNING id, user_id, person, joined_at"
        )
    };
}

/// Ends stays in a session, each with its event; returns the numbers after it.
pub async fn evict(
    transaction: &mut Transaction,
    session: BroadcastId,
    (eviction, whom): (&Eviction<'_>, Whom),
    (at, mut counts): (Time, Counts),
) -> Result<Counts, Failure> {
    let about = |text| sql(text).bind(at).bind(eviction.reason.name()).bind(session.0);
    let statement = match whom {
        Whom::Everybody => about(end_stays!("")),
        Whom::Uninvited => about(end_stays!(" AND join_token_id IS NULL")),
        Whom::By(invitation) => about(end_stays!(" AND join_token_id = $4")).bind(invitation.0),
    };
    let mut gone = transaction.rows(&statement).await?.iter().map(stay).collect::<Result<Vec<_>>>()?;
    gone.sort_unstable_by_key(|stay| stay.viewer);
    let mut numbered = Vec::with_capacity(gone.len());
    for (gone, seq) in gone.iter().zip(counts.seq + 1..) {
        let (reason, person) = (eviction.reason, gone.person.as_str());
        let Gone { viewer, user_id, joined_at, .. } = *gone;
        let stay = EndedStay { viewer, user_id, person, reason, joined_at, at };
        numbered.push((session, seq, Cow::Owned(NewEvent::left((eviction.event)()?, &stay))));
    }
    events::append_all(transaction, &numbered).await?;
    counts.seq += numbered.len() as u64;
    let gone = u32::try_from(numbered.len()).unwrap_or(u32::MAX);
    let viewers = if whom == Whom::Everybody { 0 } else { counts.viewers.saturating_sub(gone) };
    Ok(Counts { viewers, ..counts })
}

/// A viewer who was there until now.
struct Gone {
    viewer: ViewerId,
    user_id: Option<UserId>,
    person: String,
    joined_at: Time,
}

fn stay(row: &Row) -> Result<Gone> {
    Ok(Gone {
        viewer: ViewerId(row.id("id")?),
        user_id: row.some_id("user_id")?.map(UserId),
        person: row.text("person")?,
        joined_at: row.time("joined_at")?,
    })
}
