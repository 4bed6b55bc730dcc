//! A database in memory: the semantics of the real ones, as the contract of the store has them, and nothing of their
//! files and connections. What a method does is one transaction: all of it or nothing, and kept when it returns.

mod audit;
mod broadcasts;
mod invitations;
mod keys;
mod store;
mod tables;
mod users;
mod viewers;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tallylight_core::broadcast::Status;
use tallylight_core::clock::Time;
use tallylight_core::event::Event;
use tallylight_core::ids::{BroadcastId, EventId, ViewerId};
use tallylight_core::viewer::Counts;

use tables::Tables;

/// All that is kept. A server that dies leaves it as it is.
#[derive(Default)]
pub struct Database(Mutex<Tables>);

/// A session as the database has it, for those who check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Where it stands.
    pub status: Status,
    /// Whether it is for invited people only.
    pub is_private: bool,
    /// The most viewers at a time; 0: no limit.
    pub max: u32,
    /// Its numbers.
    pub counts: Counts,
}

impl Database {
    /// When a viewer last showed that it was there.
    pub fn last_seen(&self, viewer: ViewerId) -> Option<Time> {
        self.lock().stays.get(&viewer).map(|stay| stay.last_seen)
    }

    /// The count that is shown: viewers and those reported.
    pub fn viewer_count(&self, id: BroadcastId) -> Option<u32> {
        self.lock().rooms.get(&id).map(|room| room.counts.viewers + room.broadcast.reported_viewers)
    }

    /// Every session there ever was.
    pub fn rooms(&self) -> BTreeMap<BroadcastId, Room> {
        let tables = self.lock();
        let room = |(id, kept): (&BroadcastId, &tables::Room)| {
            let broadcast = &kept.broadcast;
            let (status, is_private) = (broadcast.status, broadcast.is_private());
            (*id, Room { status, is_private, max: broadcast.max_viewers, counts: kept.counts })
        };
        tables.rooms.iter().map(room).collect()
    }

    /// Where a viewer has a place, if it has one; and in which of its stays.
    pub fn place(&self, viewer: ViewerId) -> Option<(BroadcastId, i64)> {
        let tables = self.lock();
        let stay = tables.stays.get(&viewer).filter(|stay| stay.left.is_none())?;
        Some((stay.session, stay.generation))
    }

    /// The events of a session after a number.
    pub fn log_after(&self, id: BroadcastId, seq: usize) -> Vec<Event> {
        self.lock().rooms.get(&id).map_or_else(Vec::new, |room| room.log[seq.min(room.log.len())..].to_vec())
    }

    /// Whether an event is in the log.
    pub fn is_logged(&self, event: EventId) -> bool {
        self.lock().event_ids.contains(&event)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
