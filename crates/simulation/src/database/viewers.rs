//! Viewers and the log: places under `max_viewers`, stays with their generations, numbers without a gap.

use tallylight_core::chat;
use tallylight_core::event::{EndedStay, Event, EventQuery, Excerpt, LeaveReason, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, ViewerId};
use tallylight_core::viewer::{
    Counts, Departure, JoinOutcome, KnownViewer, NewViewer, Peer, Seat, SignOfLife,
};
use tallylight_core::{Error, Result};

use super::Database;
use super::tables::{Stay, Tables};

impl Database {
    /// Gives a viewer a place under `max_viewers`, if there is one.
    ///
    /// # Errors
    /// For a viewer of another session, an unknown user, or an event's id that is used already.
    pub fn join(&self, viewer: &NewViewer, event: NewEvent) -> Result<JoinOutcome> {
        let mut tables = self.lock();
        let is_present = match tables.door(viewer)? {
            Door::Shut(outcome) => return Ok(outcome),
            Door::Present => true,
            Door::Open => false,
        };
        if is_present {
            return Ok(JoinOutcome::Present(tables.take_place(viewer, true)));
        }
        tables.check_user(viewer.user_id)?;
        tables.check([&event])?;
        let seat = tables.take_place(viewer, false);
        if let Some(room) = tables.room(viewer.session_id) {
            room.counts.viewers += 1;
            room.counts.peak = room.counts.peak.max(room.counts.viewers);
        }
        let counts = tables.log(viewer.session_id, [event]).unwrap_or_default();
        Ok(JoinOutcome::Joined(seat, counts))
    }

    /// Ends a viewer's stay and logs it.
    ///
    /// # Errors
    /// For an event's id that is used already.
    pub fn leave(&self, departure: &Departure) -> Result<Option<Counts>> {
        let mut tables = self.lock();
        let tables = &mut *tables;
        if tables.room(departure.session_id).is_none() {
            return Ok(None);
        }
        let of_session = |stay: &&mut Stay| stay.session == departure.session_id;
        let Some(stay) = tables.stays.get_mut(&departure.viewer).filter(of_session) else { return Ok(None) };
        if let Some((_, reason)) = &mut stay.left {
            // Who says goodbye after a time-out does not come back either.
            if departure.reason != LeaveReason::TimedOut && *reason == LeaveReason::TimedOut {
                *reason = departure.reason;
            }
            return Ok(None);
        }
        if departure.generation.is_some_and(|generation| generation != stay.generation) {
            return Ok(None);
        }
        let ended = EndedStay {
            viewer: departure.viewer,
            user_id: stay.user,
            person: &stay.person,
            reason: departure.reason,
            joined_at: stay.joined_at,
            at: departure.at,
        };
        let event = NewEvent::left(departure.event, &ended);
        tables.check([&event])?;
        if let Some(stay) = tables.stays.get_mut(&departure.viewer) {
            stay.left = Some((event.created_at, departure.reason));
        }
        if let Some(room) = tables.room(departure.session_id) {
            room.counts.viewers = room.counts.viewers.saturating_sub(1);
        }
        Ok(tables.log(departure.session_id, [event]))
    }

    /// Logs an event.
    ///
    /// # Errors
    /// For an unknown user, or an event's id that is used already.
    pub fn append(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        let mut tables = self.lock();
        if tables.room(session).is_none() {
            return Ok(None);
        }
        tables.check([&event])?;
        Ok(tables.log(session, [event]))
    }

    /// Logs what somebody says or how somebody reacts, while the session is open to them.
    ///
    /// # Errors
    /// For an unknown user, or an event's id that is used already.
    pub fn say(
        &self,
        session: BroadcastId,
        event: NewEvent,
        guest: Option<ViewerId>,
    ) -> Result<Option<Counts>> {
        let mut tables = self.lock();
        let guest = guest.and_then(|guest| tables.stays.get(&guest)).filter(|stay| stay.session == session);
        let is_guest = guest.is_some_and(|stay| stay.invitation.is_some() && stay.left.is_none());
        let Some(room) = tables.room(session) else { return Ok(None) };
        let is_owner = event.user_id == Some(room.broadcast.owner);
        let is_shut = room.broadcast.is_private() && !is_owner && !is_guest;
        if is_shut || room.broadcast.ended_at.is_some() {
            return Ok(None);
        }
        tables.check([&event])?;
        Ok(tables.log(session, [event]))
    }

    /// Blanks a message of a session and logs that.
    ///
    /// # Errors
    /// For an unknown user, or an event's id that is used already.
    pub fn delete_message(
        &self,
        session: BroadcastId,
        message: EventId,
        event: NewEvent,
    ) -> Result<Option<Counts>> {
        let mut tables = self.lock();
        tables.check([&event])?;
        let log = tables.room(session).into_iter().flat_map(|room| &mut room.log);
        let mut messages = log.filter(|event| chat::is_message(event) && !chat::is_deleted(&event.data));
        let Some(found) = messages.find(|event| event.id == message) else { return Ok(None) };
        found.data = chat::blank();
        Ok(tables.log(session, [event]))
    }

    /// Reads one event of a session's log.
    pub fn event(&self, session: BroadcastId, event: EventId) -> Option<Event> {
        let tables = self.lock();
        tables.rooms.get(&session)?.log.iter().find(|logged| logged.id == event).cloned()
    }

    /// Notes the latest signs of life of viewers who are there.
    pub fn note_seen(&self, signs: &[SignOfLife]) {
        let mut tables = self.lock();
        for sign in signs {
            if let Some(stay) = tables.stays.get_mut(&sign.viewer).filter(|stay| stay.left.is_none()) {
                stay.last_seen = stay.last_seen.max(sign.at);
            }
        }
    }

    /// Everybody who is there.
    pub fn seats(&self) -> Vec<Seat> {
        let tables = self.lock();
        let there = tables.stays.iter().filter(|(_, stay)| stay.left.is_none());
        there.map(|(viewer, stay)| stay.seat(*viewer)).collect()
    }

    /// What is known of somebody who is or was a viewer of a session.
    pub fn viewer(&self, session: BroadcastId, viewer: ViewerId) -> Option<KnownViewer> {
        let tables = self.lock();
        let stay = tables.stays.get(&viewer).filter(|stay| stay.session == session)?;
        Some(KnownViewer { user_id: stay.user, person: stay.person.clone(), invitation: stay.invitation })
    }

    /// Events of a session's log.
    pub fn events(&self, session: BroadcastId, query: &EventQuery) -> Excerpt {
        let tables = self.lock();
        let asked_for = |event: &&Event| {
            event.seq > query.after
                && query.before.is_none_or(|before| event.seq < before)
                && (query.kinds.is_empty() || query.kinds.contains(&event.kind))
                && !(query.without_viewers && event.kind.starts_with("viewer."))
        };
        let log = tables.rooms.get(&session).into_iter().flat_map(|room| &room.log).filter(asked_for);
        let mut events: Vec<_> = log.cloned().collect();
        if query.newest_first {
            events.reverse();
        }
        let limit = query.limit as usize;
        let is_cut = events.len() >= limit;
        events.truncate(limit);
        Excerpt { events, is_cut }
    }
}

/// Whether somebody may come in.
enum Door {
    Open,
    Present,
    Shut(JoinOutcome),
}

impl Tables {
    fn door(&mut self, viewer: &NewViewer) -> Result<Door> {
        let Some(room) = self.room(viewer.session_id) else { return Ok(Door::Shut(JoinOutcome::NotFound)) };
        let (broadcast, viewers) = (room.broadcast.clone(), room.counts.viewers);
        let is_guest = self.stays.get(&viewer.id).is_some_and(|stay| stay.invitation.is_some());
        let is_invited = is_guest || self.admits(viewer);
        if viewer.invitation.is_some() && !is_invited {
            return Ok(Door::Shut(JoinOutcome::Uninvited));
        }
        if broadcast.is_private() && viewer.user_id != Some(broadcast.owner) && !is_invited {
            return Ok(Door::Shut(JoinOutcome::NotFound));
        }
        if broadcast.ended_at.is_some() {
            return Ok(Door::Shut(JoinOutcome::Ended));
        }
        match self.stays.get(&viewer.id) {
            Some(stay) if stay.session != viewer.session_id => {
                return Err(Error::Internal("a viewer's id is used in two sessions".into()));
            }
            Some(stay) => match stay.left {
                None => return Ok(Door::Present),
                Some((_, LeaveReason::TimedOut)) => {}
                Some(_) => return Ok(Door::Shut(JoinOutcome::Gone)),
            },
            None => {}
        }
        let is_full = broadcast.max_viewers > 0 && viewers >= broadcast.max_viewers;
        Ok(if is_full { Door::Shut(JoinOutcome::Full) } else { Door::Open })
    }

    fn admits(&self, viewer: &NewViewer) -> bool {
        let shown = viewer.invitation.and_then(|id| self.invitations.get(&id));
        shown.is_some_and(|shown| shown.admits(viewer.session_id, viewer.user_id, viewer.at))
    }

    /// Uses the invitation that a viewer shows up by one, unless it came by one before.
    fn use_invitation(&mut self, viewer: &NewViewer) {
        if self.stays.get(&viewer.id).is_some_and(|stay| stay.invitation.is_some()) {
            return;
        }
        if let Some(shown) = viewer.invitation.and_then(|id| self.invitations.get_mut(&id)) {
            shown.uses += 1;
        }
    }

    /// Begins a stay, or a new one of a viewer who is there, so that a time-out under way finds another generation.
    fn take_place(&mut self, viewer: &NewViewer, is_present: bool) -> Seat {
        self.use_invitation(viewer);
        let stay = self.stays.entry(viewer.id).or_insert_with(|| Stay {
            session: viewer.session_id,
            user: None,
            person: viewer.person.clone(),
            joined_at: viewer.at,
            last_seen: viewer.at,
            generation: 0,
            left: None,
            peer: Peer::default(),
            invitation: None,
        });
        stay.generation += 1;
        stay.peer = viewer.client.peer();
        stay.left = None;
        stay.invitation = stay.invitation.or(viewer.invitation);
        if is_present {
            stay.last_seen = stay.last_seen.max(viewer.at);
        } else {
            stay.user = viewer.user_id.or(stay.user);
            stay.person.clone_from(&viewer.person);
            (stay.joined_at, stay.last_seen) = (viewer.at, viewer.at);
        }
        stay.seat(viewer.id)
    }
}

impl Stay {
    fn seat(&self, viewer: ViewerId) -> Seat {
        let Self { session: session_id, user: user_id, generation, invitation, .. } = *self;
        Seat { viewer, session_id, user_id, generation, invitation, peer: self.peer.clone() }
    }
}
