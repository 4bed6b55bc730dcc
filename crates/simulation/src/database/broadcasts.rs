//! Broadcasts: inserted, read, and changed under their revision.

use std::sync::Arc;

use serde_json::json;
use tallylight_core::broadcast::{Broadcast, Snapshot};
use tallylight_core::clock::Time;
use tallylight_core::event::{EndedStay, LeaveReason, NewEvent};
use tallylight_core::ids::{BroadcastId, JoinTokenId, ViewerId};
use tallylight_core::store::{Change, Eviction};
use tallylight_core::viewer::Counts;
use tallylight_core::{Error, Result};

use super::Database;
use super::tables::{Room, Stay, Tables};

/// Who has to go.
#[derive(Debug, Clone, Copy)]
pub enum Whom {
    Everybody,
    /// Who is not there by an invitation.
    Uninvited,
    /// Who is there by this one.
    By(JoinTokenId),
}

impl Whom {
    fn of(reason: LeaveReason) -> Self {
        if reason == LeaveReason::Private { Self::Uninvited } else { Self::Everybody }
    }
}

impl Database {
    /// Keeps a new broadcast and its first events; doing it twice comes to the same.
    ///
    /// # Errors
    /// For a stream key or an event's id that is used already, or an unknown owner.
    pub fn insert_broadcast(&self, broadcast: &Broadcast, events: Vec<NewEvent>) -> Result<Counts> {
        let mut tables = self.lock();
        let counts = Counts { seq: events.len() as u64, ..Counts::default() };
        if tables.rooms.contains_key(&broadcast.id) {
            return Ok(counts);
        }
        tables.check_user(Some(broadcast.owner))?;
        tables.check(&events)?;
        tables.check_key(broadcast)?;
        let room =
            Room { broadcast: Arc::new(broadcast.clone()), counts: Counts::default(), log: Vec::new() };
        tables.rooms.insert(broadcast.id, room);
        tables.log(broadcast.id, events);
        Ok(counts)
    }

    /// Reads one, deleted ones not.
    pub fn broadcast(&self, id: BroadcastId) -> Option<Snapshot> {
        self.lock().room(id).map(|room| room.snapshot())
    }

    /// All that have not ended.
    pub fn open_broadcasts(&self) -> Vec<Snapshot> {
        let tables = self.lock();
        tables.rooms.values().filter(|room| room.broadcast.ended_at.is_none()).map(Room::snapshot).collect()
    }

    /// The one whose stream key has this hash.
    pub fn broadcast_by_stream_key(&self, hash: &[u8; 32]) -> Option<Snapshot> {
        let tables = self.lock();
        let found =
            |room: &&Room| room.broadcast.stream_key.hash == *hash && room.broadcast.deleted_at.is_none();
        tables.rooms.values().find(found).map(Room::snapshot)
    }

    /// Keeps a change if its broadcast is still as it was when it was decided.
    ///
    /// # Errors
    /// For a stream key or an event's id that is used already.
    pub fn save_broadcast(&self, change: &Change<'_>) -> Result<Option<Counts>> {
        let mut tables = self.lock();
        let id = change.after.id;
        let is_current = |room: &Room| room.broadcast.revision == change.before.revision;
        if !tables.rooms.get(&id).is_some_and(is_current) {
            return Ok(None);
        }
        let left = match &change.evict {
            Some(eviction) => tables.departures(id, eviction, Whom::of(eviction.reason), change.at)?,
            None => Vec::new(),
        };
        tables.check(left.iter().map(|(_, event)| event).chain(&change.events))?;
        tables.check_key(change.after)?;
        let gone = left.len();
        let mut events = Vec::with_capacity(gone + change.events.len());
        for (viewer, event) in left {
            if let (Some(stay), Some(eviction)) = (tables.stays.get_mut(&viewer), &change.evict) {
                stay.left = Some((event.created_at, eviction.reason));
            }
            events.push(event);
        }
        events.extend(change.events.iter().cloned());
        let Some(room) = tables.rooms.get_mut(&id) else { return Ok(None) };
        room.broadcast = Arc::new(change.after.clone());
        room.counts.viewers = room.counts.viewers.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
        let counts = tables.log(id, events);
        if change.after.deleted_at.is_some() {
            tables.blank(id);
        }
        Ok(counts)
    }

    /// The numbers of a broadcast for which this very change was kept before, by a try whose answer was lost.
    pub fn kept(&self, change: &Change<'_>) -> Option<Counts> {
        let tables = self.lock();
        let room = tables.rooms.get(&change.after.id)?;
        let was_kept = match change.events.first() {
            Some(event) => tables.event_ids.contains(&event.id),
            None => room.broadcast.revision == change.after.revision,
        };
        was_kept.then_some(room.counts)
    }
}

impl Tables {
    fn check_key(&self, broadcast: &Broadcast) -> Result<()> {
        let same = |room: &Room| {
            room.broadcast.id != broadcast.id && room.broadcast.stream_key.hash == broadcast.stream_key.hash
        };
        match self.rooms.values().any(same) {
            true => Err(Error::Internal("two broadcasts cannot share a stream key".into())),
            false => Ok(()),
        }
    }

    /// The `viewer.left` of those who have to go, in the order of their ids.
    pub fn departures(
        &self,
        id: BroadcastId,
        eviction: &Eviction<'_>,
        whom: Whom,
        at: Time,
    ) -> Result<Vec<(ViewerId, NewEvent)>> {
        let has_to_go = |stay: &Stay| match whom {
            Whom::Everybody => true,
            Whom::Uninvited => stay.invitation.is_none(),
            Whom::By(invitation) => stay.invitation == Some(invitation),
        };
        let there = self.stays.iter().filter(|(_, stay)| stay.session == id && stay.left.is_none());
        let there = there.filter(|(_, stay)| has_to_go(stay));
        let left = there.map(|(viewer, stay)| {
            let ended = EndedStay {
                viewer: *viewer,
                user_id: stay.user,
                person: &stay.person,
                reason: eviction.reason,
                joined_at: stay.joined_at,
                at,
            };
            Ok((*viewer, NewEvent::left((eviction.event)()?, &ended)))
        });
        left.collect()
    }

    /// Blanks what a removed broadcast's people wrote into the log.
    fn blank(&mut self, id: BroadcastId) {
        let written = ["broadcast.created", "broadcast.updated"];
        let by_people = |kind: &str| written.contains(&kind) || !kind.starts_with("broadcast.");
        let log = self.rooms.get_mut(&id).into_iter().flat_map(|room| &mut room.log);
        for event in log.filter(|event| !event.kind.starts_with("viewer.") && by_people(&event.kind)) {
            (event.data, event.metadata) = (json!({}), serde_json::Map::new());
        }
        let theirs = self.invitations.values_mut().filter(|invitation| invitation.session_id == id);
        theirs.for_each(|invitation| invitation.name = None);
    }
}
