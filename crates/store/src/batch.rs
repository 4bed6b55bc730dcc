//! One transaction for many writes of a node.
//!
//! The sessions concerned are locked in the order of their ids, so that the batches of two nodes never wait for each
//! other in a circle. What each write comes to is decided here, in their order, under the lock: places under
//! `max_viewers` and numbers of the log are given out on what the writes before have left. Then everything is written
//! by a handful of statements, however many writes there are.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use tallylight_core::broadcast::{Status, Visibility};
use tallylight_core::clock::Time;
use tallylight_core::event::{EndedStay, LeaveReason, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, JoinTokenId, UserId, ViewerId};
use tallylight_core::viewer::{Counts, Departure, JoinOutcome, NewViewer, Seat, SignOfLife};
use tallylight_core::{Error, Result};

use crate::chat;
use crate::events::{self, Numbered};
use crate::failure::Failure;
use crate::invitations::Shown;
use crate::row::Row;
use crate::statement::{Bulk, Value, sql};
use crate::transaction::Transaction;

/// A write that may share a transaction with others.
#[derive(Debug)]
pub enum Write {
    Join(NewViewer, NewEvent),
    Leave(Departure),
    Append(BroadcastId, NewEvent),
    /// As an append, while the session is open to whoever does it, as the guest that they may be.
    Say(BroadcastId, NewEvent, Option<ViewerId>),
    /// A message goes, which the event tells.
    Unsay(BroadcastId, EventId, NewEvent),
    Seen(Vec<SignOfLife>),
}

/// What a write came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    Join(JoinOutcome),
    /// The session's numbers after it; `None` if there was nothing to do.
    Counts(Option<Counts>),
    Seen,
}

/// Does all of `writes`; what each came to, and one of the events that prove it.
pub async fn write(
    transaction: &mut Transaction,
    writes: &[&Write],
) -> Result<(Vec<Result<Outcome>>, Option<EventId>), Failure> {
    let sessions: BTreeSet<BroadcastId> = writes.iter().flat_map(|write| write.sessions()).collect();
    let viewers: BTreeSet<ViewerId> = writes.iter().filter_map(|write| write.viewer()).collect();
    let mut hall = Hall::load(transaction, &sessions, &viewers).await?;
    hall.messages = chat::messages(transaction, writes.iter().filter_map(|write| write.message())).await?;
    hall.shown = Shown::load(transaction, writes.iter().filter_map(|write| write.invitation())).await?;
    let outcomes = writes.iter().map(|write| hall.apply(write)).collect();
    hall.save(transaction).await?;
    Ok((outcomes, hall.events.first().map(|(.., event)| event.id)))
}

/// Whether an event is in the log.
pub async fn is_logged(transaction: &mut Transaction, event: EventId) -> Result<bool, Failure> {
    let statement = sql("SELECT id FROM session_events WHERE id = $1").bind(event.0);
    Ok(transaction.row(&statement).await?.is_some())
}

/// Locks sessions against every other writer, in the order of their ids.
pub async fn lock(transaction: &mut Transaction, sessions: &BTreeSet<BroadcastId>) -> Result<(), Failure> {
    if transaction.is_sqlite() {
        return Ok(());
    }
    let text = "SELECT session_id FROM session_counters WHERE session_id IN (SELECT column1 FROM {rows})
                ORDER BY session_id FOR NO KEY UPDATE";
    transaction.bulk(&Bulk { text, rows: rows(sessions.iter().map(|id| id.0)) }).await
}

fn rows(ids: impl Iterator<Item = uuid::Uuid>) -> Vec<Vec<Value>> {
    ids.map(|id| vec![id.into()]).collect()
}

impl Write {
    /// The sessions that it changes.
    pub fn sessions(&self) -> Vec<BroadcastId> {
        match self {
            Self::Join(viewer, _) => vec![viewer.session_id],
            Self::Leave(departure) => vec![departure.session_id],
            Self::Append(session, _) | Self::Say(session, ..) | Self::Unsay(session, ..) => vec![*session],
            Self::Seen(signs) => signs.iter().map(|sign| sign.session_id).collect(),
        }
    }

    fn viewer(&self) -> Option<ViewerId> {
        match self {
            Self::Join(viewer, _) => Some(viewer.id),
            Self::Leave(departure) => Some(departure.viewer),
            Self::Say(.., guest) => *guest,
            Self::Append(..) | Self::Unsay(..) | Self::Seen(_) => None,
        }
    }

    fn invitation(&self) -> Option<JoinTokenId> {
        if let Self::Join(viewer, _) = self { viewer.invitation } else { None }
    }

    fn message(&self) -> Option<EventId> {
        if let Self::Unsay(_, message, _) = self { Some(*message) } else { None }
    }
}

/// A session's numbers and limits.
struct Room {
    owner: UserId,
    is_private: bool,
    has_ended: bool,
    max: u32,
    counts: Counts,
    /// As they were before the batch.
    before: Counts,
}

/// What is known of a viewer.
struct Stay {
    session: BroadcastId,
    user: Option<UserId>,
    person: String,
    joined_at: Time,
    generation: i64,
    left: Option<(Time, String)>,
    invitation: Option<JoinTokenId>,
    /// Not in the table yet.
    is_new: bool,
    is_changed: bool,
    /// Its latest join in this batch.
    joined: Option<NewViewer>,
}

/// The sessions and viewers of a batch, as the writes so far have left them.
struct Hall<'a> {
    rooms: BTreeMap<BroadcastId, Room>,
    stays: HashMap<ViewerId, Stay>,
    events: Vec<Numbered<'a>>,
    seen: BTreeMap<ViewerId, Time>,
    /// Messages that may be deleted, and where they were said.
    messages: HashMap<EventId, BroadcastId>,
    deleted: BTreeSet<EventId>,
    shown: Shown,
}

impl<'a> Hall<'a> {
    async fn load(
        transaction: &mut Transaction,
        sessions: &BTreeSet<BroadcastId>,
        viewers: &BTreeSet<ViewerId>,
    ) -> Result<Self, Failure> {
        lock(transaction, sessions).await?;
        let text = "SELECT b.id, b.user_id, b.max_viewers, CAST(b.status AS TEXT) AS status,
                      CAST(b.visibility AS TEXT) AS visibility, c.seq, c.viewers, c.peak
                    FROM session_counters c JOIN broadcast_sessions b ON b.id = c.session_id
                    WHERE c.session_id IN (SELECT column1 FROM {rows}) AND b.deleted_at IS NULL";
        let found = transaction.bulk_rows(&Bulk { text, rows: rows(sessions.iter().map(|id| id.0)) }).await?;
        let rooms = found.iter().map(room).collect::<Result<_>>()?;
        let text = "SELECT id, session_id, user_id, person, joined_at, generation, left_at, left_reason, join_token_id
                    FROM active_viewers
                    WHERE id IN (SELECT column1 FROM {rows})";
        let found = transaction.bulk_rows(&Bulk { text, rows: rows(viewers.iter().map(|id| id.0)) }).await?;
        let stays = found.iter().map(stay).collect::<Result<_>>()?;
        let (events, seen, messages) = (Vec::new(), BTreeMap::new(), HashMap::new());
        Ok(Self { rooms, stays, events, seen, messages, deleted: BTreeSet::new(), shown: Shown::default() })
    }

    fn apply(&mut self, write: &'a Write) -> Result<Outcome> {
        Ok(match write {
            Write::Join(viewer, event) => Outcome::Join(self.join(viewer, event)?),
            Write::Leave(departure) => Outcome::Counts(self.leave(departure)),
            Write::Append(session, event) => Outcome::Counts(self.log(*session, Cow::Borrowed(event))),
            Write::Say(session, event, guest) => Outcome::Counts(self.say(*session, event, *guest)),
            Write::Unsay(session, message, event) => Outcome::Counts(self.unsay(*session, *message, event)),
            Write::Seen(signs) => {
                signs.iter().for_each(|sign| self.see(sign.viewer, sign.at));
                Outcome::Seen
            }
        })
    }

    fn join(&mut self, viewer: &'a NewViewer, event: &'a NewEvent) -> Result<JoinOutcome> {
        let Some(room) = self.rooms.get_mut(&viewer.session_id) else { return Ok(JoinOutcome::NotFound) };
        let stay = self.stays.get(&viewer.id);
        let is_guest = stay.is_some_and(|stay| stay.invitation.is_some());
        let is_invited = !is_guest && self.shown.admits(viewer);
        if viewer.invitation.is_some() && !is_guest && !is_invited {
            return Ok(JoinOutcome::Uninvited);
        }
        if room.is_private && viewer.user_id != Some(room.owner) && !is_guest && !is_invited {
            return Ok(JoinOutcome::NotFound);
        }
        if room.has_ended {
            return Ok(JoinOutcome::Ended);
        }
        if stay.as_ref().is_some_and(|stay| stay.session != viewer.session_id) {
            return Err(Error::Internal("a viewer's id is used in two sessions".into()));
        }
        let is_present = stay.as_ref().is_some_and(|stay| stay.left.is_none());
        let may_return =
            |stay: &Stay| stay.left.as_ref().is_some_and(|(_, why)| why == LeaveReason::TimedOut.name());
        if !is_present && stay.as_ref().is_some_and(|stay| !may_return(stay)) {
            return Ok(JoinOutcome::Gone);
        }
        if !is_present && room.max > 0 && room.counts.viewers >= room.max {
            return Ok(JoinOutcome::Full);
        }
        if !is_present {
            room.counts.viewers += 1;
            room.counts.peak = room.counts.peak.max(room.counts.viewers);
        }
        if is_invited {
            self.shown.admit(viewer);
        }
        let seat = self.take_place(viewer, is_present);
        if is_present {
            return Ok(JoinOutcome::Present(seat));
        }
        let counts = self.log(viewer.session_id, Cow::Borrowed(event)).unwrap_or_default();
        Ok(JoinOutcome::Joined(seat, counts))
    }

    /// Begins a stay, or a new one of a viewer who is there, so that a time-out under way finds another generation.
    /// Who comes back may have signed in by then.
    fn take_place(&mut self, viewer: &NewViewer, is_present: bool) -> Seat {
        let stay = self.stays.entry(viewer.id).or_insert_with(|| Stay {
            session: viewer.session_id,
            user: None,
            person: viewer.person.clone(),
            joined_at: viewer.at,
            generation: 0,
            left: None,
            invitation: None,
            is_new: true,
            is_changed: true,
            joined: None,
        });
        stay.generation += 1;
        stay.left = None;
        stay.invitation = stay.invitation.or(viewer.invitation);
        stay.is_changed = true;
        if !is_present {
            stay.user = viewer.user_id.or(stay.user);
            stay.person.clone_from(&viewer.person);
            stay.joined_at = viewer.at;
            stay.joined = Some(viewer.clone());
        }
        let (user_id, generation, invitation) = (stay.user, stay.generation, stay.invitation);
        if is_present {
            self.see(viewer.id, viewer.at);
        }
        Seat {
            viewer: viewer.id,
            session_id: viewer.session_id,
            user_id,
            generation,
            invitation,
            peer: viewer.client.peer(),
        }
    }

    fn see(&mut self, viewer: ViewerId, at: Time) {
        let latest = self.seen.entry(viewer).or_insert(at);
        *latest = at.max(*latest);
    }

    fn leave(&mut self, departure: &Departure) -> Option<Counts> {
        let room = self.rooms.get_mut(&departure.session_id)?;
        let stay =
            self.stays.get_mut(&departure.viewer).filter(|stay| stay.session == departure.session_id)?;
        if let Some((_, reason)) = &mut stay.left {
            // Who says goodbye after a time-out does not come back either.
            if departure.reason != LeaveReason::TimedOut && reason == LeaveReason::TimedOut.name() {
                departure.reason.name().clone_into(reason);
                stay.is_changed = true;
            }
            return None;
        }
        if departure.generation.is_some_and(|generation| generation != stay.generation) {
            return None;
        }
        let event = NewEvent::left(
            departure.event,
            &EndedStay {
                viewer: departure.viewer,
                user_id: stay.user,
                person: &stay.person,
                reason: departure.reason,
                joined_at: stay.joined_at,
                at: departure.at,
            },
        );
        stay.left = Some((event.created_at, departure.reason.name().to_owned()));
        stay.is_changed = true;
        room.counts.viewers = room.counts.viewers.saturating_sub(1);
        self.log(departure.session_id, Cow::Owned(event))
    }

    fn say(&mut self, session: BroadcastId, event: &'a NewEvent, guest: Option<ViewerId>) -> Option<Counts> {
        let room = self.rooms.get(&session)?;
        let guest = guest.and_then(|guest| self.stays.get(&guest)).filter(|stay| stay.session == session);
        let is_guest = guest.is_some_and(|stay| stay.invitation.is_some() && stay.left.is_none());
        let is_shut = room.is_private && event.user_id != Some(room.owner) && !is_guest;
        if room.has_ended || is_shut { None } else { self.log(session, Cow::Borrowed(event)) }
    }

    fn unsay(&mut self, session: BroadcastId, message: EventId, event: &'a NewEvent) -> Option<Counts> {
        self.rooms.get(&session)?;
        self.messages.get(&message).filter(|of| **of == session)?;
        if self.deleted.insert(message) { self.log(session, Cow::Borrowed(event)) } else { None }
    }

    /// Gives an event the next number of its session.
    fn log(&mut self, session: BroadcastId, event: Cow<'a, NewEvent>) -> Option<Counts> {
        let room = self.rooms.get_mut(&session)?;
        room.counts.seq += 1;
        self.events.push((session, room.counts.seq, event));
        Some(room.counts)
    }

    async fn save(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        transaction.bulk(&self.entered()).await?;
        transaction.bulk(&self.changed()).await?;
        transaction.bulk(&self.signs()).await?;
        self.shown.save(transaction).await?;
        events::append_all(transaction, &self.events).await?;
        transaction.bulk(&chat::blanked(&self.deleted)?).await?;
        let counts = |(id, room): (&BroadcastId, &Room)| (*id, room.before, room.counts);
        write_counts(transaction, &self.rooms.iter().map(counts).collect::<Vec<_>>()).await
    }

    fn entered(&self) -> Bulk {
        let text = "INSERT INTO active_viewers (id, session_id, user_id, joined_at, last_seen, user_agent, ip_address,
                      is_authenticated, generation, left_at, left_reason, person, device)
                    SELECT column1, column2, column3, column4, column4, column5, column6, column7, column8, column9,
                      column10, column11, column12 FROM {rows}";
        let new = self.stays.iter().filter(|(_, stay)| stay.is_new);
        let row = |(id, stay): (&ViewerId, &Stay)| {
            let joined = stay.joined.as_ref()?;
            Some(vec![
                id.0.into(),
                stay.session.0.into(),
                stay.user.map(|id| id.0).into(),
                joined.at.into(),
                (&joined.client.user_agent).into(),
                joined.client.ip.into(),
                stay.user.is_some().into(),
                stay.generation.into(),
                stay.left_at(),
                stay.left_reason(),
                (&stay.person).into(),
                device(joined),
            ])
        };
        Bulk { text, rows: new.filter_map(row).collect() }
    }

    fn changed(&self) -> Bulk {
        let text = "UPDATE active_viewers AS a SET user_id = v.column2, is_authenticated = v.column3,
                      generation = v.column4, left_at = v.column5, left_reason = v.column6,
                      joined_at = COALESCE(v.column7, a.joined_at),
                      last_seen = COALESCE(v.column7, a.last_seen), person = v.column10,
                      user_agent = COALESCE(v.column8, a.user_agent),
                      ip_address = COALESCE(v.column9, a.ip_address), device = COALESCE(v.column11, a.device)
                    FROM {rows} WHERE a.id = v.column1";
        let changed = self.stays.iter().filter(|(_, stay)| stay.is_changed && !stay.is_new);
        let row = |(id, stay): (&ViewerId, &Stay)| {
            let joined = stay.joined.as_ref();
            vec![
                id.0.into(),
                stay.user.map(|id| id.0).into(),
                stay.user.is_some().into(),
                stay.generation.into(),
                stay.left_at(),
                stay.left_reason(),
                joined.map(|viewer| viewer.at).into(),
                Value::Text(joined.and_then(|viewer| viewer.client.user_agent.clone())),
                Value::Ip(joined.and_then(|viewer| viewer.client.ip)),
                (&stay.person).into(),
                joined.map_or(Value::Text(None), device),
            ]
        };
        Bulk { text, rows: changed.map(row).collect() }
    }

    fn signs(&self) -> Bulk {
        let text = "UPDATE active_viewers AS a SET last_seen = v.column2 FROM {rows}
                    WHERE a.id = v.column1 AND a.left_at IS NULL AND a.last_seen < v.column2";
        Bulk { text, rows: self.seen.iter().map(|(id, at)| vec![id.0.into(), (*at).into()]).collect() }
    }
}

impl Stay {
    fn left_at(&self) -> Value {
        self.left.as_ref().map(|(at, _)| *at).into()
    }

    fn left_reason(&self) -> Value {
        Value::Text(self.left.as_ref().map(|(_, reason)| reason.clone()))
    }
}

fn device(viewer: &NewViewer) -> Value {
    Value::Text(viewer.client.device.as_ref().map(|device| device.as_str().to_owned()))
}

fn room(row: &Row) -> Result<(BroadcastId, Room)> {
    let (status, visibility): (Status, Visibility) = (row.name("status")?, row.name("visibility")?);
    let counts = counts(row)?;
    let room = Room {
        owner: UserId(row.id("user_id")?),
        is_private: status == Status::Private || visibility == Visibility::Private,
        has_ended: status == Status::Ended,
        max: row.count("max_viewers")?,
        counts,
        before: counts,
    };
    Ok((BroadcastId(row.id("id")?), room))
}

fn stay(row: &Row) -> Result<(ViewerId, Stay)> {
    let stay = Stay {
        session: BroadcastId(row.id("session_id")?),
        user: row.some_id("user_id")?.map(UserId),
        person: row.text("person")?,
        joined_at: row.time("joined_at")?,
        generation: row.count("generation")?,
        left: row.some_time("left_at")?.zip(row.some_text("left_reason")?),
        invitation: row.some_id("join_token_id")?.map(JoinTokenId),
        is_new: false,
        is_changed: false,
        joined: None,
    };
    Ok((ViewerId(row.id("id")?), stay))
}

/// The numbers of a row that has the columns of `session_counters`.
pub fn counts(row: &Row) -> Result<Counts> {
    Ok(Counts { viewers: row.count("viewers")?, peak: row.count("peak")?, seq: row.count("seq")? })
}

/// Writes the numbers of sessions that have changed, and mirrors the viewers where integrators look for them.
pub async fn write_counts(
    transaction: &mut Transaction,
    sessions: &[(BroadcastId, Counts, Counts)],
) -> Result<(), Failure> {
    let text =
        "UPDATE session_counters AS c SET seq = v.column2, viewers = v.column3, peak = v.column4 FROM {rows}
                WHERE c.session_id = v.column1";
    let changed = sessions.iter().filter(|(_, before, after)| before != after);
    let row = |(id, _, after): &(BroadcastId, Counts, Counts)| {
        vec![id.0.into(), after.seq.into(), after.viewers.into(), after.peak.into()]
    };
    transaction.bulk(&Bulk { text, rows: changed.map(row).collect() }).await?;
    let text = "UPDATE broadcast_sessions AS b SET viewer_count = v.column2 + b.reported_viewers FROM {rows}
                WHERE b.id = v.column1";
    let changed = sessions.iter().filter(|(_, before, after)| before.viewers != after.viewers);
    let row = |(id, _, after): &(BroadcastId, Counts, Counts)| vec![id.0.into(), after.viewers.into()];
    transaction.bulk(&Bulk { text, rows: changed.map(row).collect() }).await
}
