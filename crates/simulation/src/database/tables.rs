//! What is kept, in the order of ids, so that nothing depends on how a table happens to be laid out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tallylight_core::broadcast::{Broadcast, Snapshot};
use tallylight_core::chat::Ban;
use tallylight_core::clock::Time;
use tallylight_core::event::{Event, LeaveReason, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, JoinTokenId, SignInId, UserId, ViewerId};
use tallylight_core::invitation::Invitation;
use tallylight_core::user::{SignIn, User};
use tallylight_core::viewer::{Counts, Peer};
use tallylight_core::{Error, Result};

#[derive(Default)]
pub struct Tables {
    pub users: BTreeMap<UserId, User>,
    pub sign_ins: BTreeMap<SignInId, SignIn>,
    /// By owner and by whoever is banned.
    pub bans: BTreeMap<(UserId, UserId), Ban>,
    pub rooms: BTreeMap<BroadcastId, Room>,
    pub stays: BTreeMap<ViewerId, Stay>,
    pub event_ids: BTreeSet<EventId>,
    pub invitations: BTreeMap<JoinTokenId, Invitation>,
}

/// A broadcast, its numbers and its log.
pub struct Room {
    pub broadcast: Arc<Broadcast>,
    pub counts: Counts,
    pub log: Vec<Event>,
}

impl Room {
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { broadcast: self.broadcast.clone(), counts: self.counts }
    }
}

/// What is known of a viewer.
pub struct Stay {
    pub session: BroadcastId,
    pub user: Option<UserId>,
    pub person: String,
    pub joined_at: Time,
    pub last_seen: Time,
    /// Counts the viewer's joins.
    pub generation: i64,
    pub left: Option<(Time, LeaveReason)>,
    /// From what it watches.
    pub peer: Peer,
    pub invitation: Option<JoinTokenId>,
}

impl Tables {
    /// A session that viewers and events may be written for.
    pub fn room(&mut self, id: BroadcastId) -> Option<&mut Room> {
        self.rooms.get_mut(&id).filter(|room| room.broadcast.deleted_at.is_none())
    }

    /// Whether these events may be logged: each id is used once, and whoever is named exists. Checked before anything
    /// is changed, so that a write that fails leaves no trace.
    pub fn check<'a>(&self, events: impl IntoIterator<Item = &'a NewEvent>) -> Result<()> {
        let mut ids = BTreeSet::new();
        for event in events {
            self.check_user(event.user_id)?;
            if self.event_ids.contains(&event.id) || !ids.insert(event.id) {
                return Err(Error::Internal(format!("event {} is there already", event.id)));
            }
        }
        Ok(())
    }

    /// Whether a user who is named exists.
    pub fn check_user(&self, user: Option<UserId>) -> Result<()> {
        match user {
            Some(id) if !self.users.contains_key(&id) => Err(Error::NotFound("account")),
            _ => Ok(()),
        }
    }

    /// Logs events that were checked, under the next numbers; the numbers after them.
    pub fn log(&mut self, id: BroadcastId, events: impl IntoIterator<Item = NewEvent>) -> Option<Counts> {
        let room = self.rooms.get_mut(&id)?;
        for event in events {
            room.counts.seq += 1;
            self.event_ids.insert(event.id);
            room.log.push(event.logged(id, room.counts.seq));
        }
        Some(room.counts)
    }
}
