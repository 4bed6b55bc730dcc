//! The sessions that somebody follows, and the reading of their logs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallylight_core::directory::Directory;
use tallylight_core::event::{EventQuery, EventType};
use tallylight_core::ids::BroadcastId;
use tallylight_core::{Error, Result};
use tallylight_realtime::Hub;
use tallylight_realtime::client::Session;
use tallylight_realtime::history::MAX_RECOVERED;
use tallylight_realtime::protocol::Publication;
use tokio::sync::{OnceCell, Semaphore};

use super::room::{MESSAGES, Missed, Reading, Room, Side};
use super::{Feed, json};
use crate::views::log::EventView;

/// For how long what was told is kept for those who come back, when nobody listens.
const RETENTION: Duration = Duration::from_secs(60);
/// How many logs are read at once.
const READERS: usize = 8;
/// How many events are read at once.
const PAGE: u32 = 500;
/// A log is read no oftener: what comes meanwhile is read together.
const PAUSE: Duration = Duration::from_millis(20);
/// After how long reading is tried again when the database did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// How far back of a log is gone through for what somebody missed.
const MOST_READ: u64 = 20_000;

type Cell = Arc<OnceCell<Arc<Room>>>;

/// See the module.
#[derive(Debug)]
pub struct Rooms {
    open: Mutex<HashMap<BroadcastId, Cell>>,
    readers: Semaphore,
}

impl Default for Rooms {
    fn default() -> Self {
        Self { open: Mutex::default(), readers: Semaphore::new(READERS) }
    }
}

impl Rooms {
    /// The one of a session, if somebody follows it.
    pub fn get(&self, id: BroadcastId) -> Option<Arc<Room>> {
        self.lock().get(&id)?.get().cloned()
    }

    /// Tells counts that have changed, and forgets what nobody follows any more.
    pub fn tell_counts(&self, directory: &Directory, hub: &Hub<Session>, now: Duration) {
        let rooms: Vec<Arc<Room>> = self.lock().values().filter_map(|cell| cell.get().cloned()).collect();
        for room in rooms {
            if room.is_unheard(now, RETENTION) {
                self.lock().remove(&room.id);
                directory.news().unfollow(room.id);
                continue;
            }
            let behind = directory.get(room.id).is_some_and(|open| {
                let mut state = room.lock();
                state.snapshot = open;
                state.snapshot.counts.seq > state.last
            });
            room.tell_counts(hub);
            // As a rule it is being read already; a write that was not confirmed has told nobody.
            if behind {
                directory.news().tell(room.id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BroadcastId, Cell>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    /// The room of a session, which is followed from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's.
    pub(super) async fn room(&self, id: BroadcastId) -> Result<Arc<Room>> {
        let cell = Arc::clone(self.rooms.lock().entry(id).or_default());
        let is_new = cell.get().is_none();
        let opened = cell.get_or_try_init(|| self.open(id)).await.cloned();
        if is_new && opened.is_ok() {
            // News that came while it was opened found nobody.
            self.sessions.directory().news().tell(id);
        }
        if opened.is_err() {
            let mut rooms = self.rooms.lock();
            if rooms.get(&id).is_some_and(|known| Arc::ptr_eq(known, &cell) && known.get().is_none()) {
                rooms.remove(&id);
            }
        }
        opened
    }

    async fn open(&self, id: BroadcastId) -> Result<Arc<Room>> {
        let hub = self.hub().ok_or(Error::Busy("starting"))?;
        let news = self.sessions.directory().news();
        // Before anything is read: what comes afterwards is told.
        news.follow(id);
        let opened = async {
            let snapshot = self.sessions.session(id).await?;
            let query = EventQuery {
                before: Some(snapshot.counts.seq + 1),
                kinds: vec![EventType::ChatMessage.name().to_owned()],
                newest_first: true,
                ..EventQuery::after(0, u32::try_from(MESSAGES).unwrap_or_default())
            };
            let mut messages = self.sessions.read_log(id, &query).await?.events;
            messages.retain(|event| !tallylight_core::chat::is_deleted(&event.data));
            Ok(Arc::new(Room::new(hub, snapshot, messages)))
        };
        let opened = opened.await;
        if opened.is_err() {
            news.unfollow(id);
        }
        opened
    }

    /// Tells what a log has gained.
    pub(super) async fn catch_up(&self, room: &Room) {
        let _turn = room.reading.lock().await;
        room.begin_reading();
        let Ok(reader) = self.rooms.readers.acquire().await else { return };
        let read = self.read_on(room).await;
        drop(reader);
        match read {
            Ok(()) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(broadcast_id = %room.id, %error, "a log could not be read for the live feed; trying again");
                tokio::time::sleep(RETRY).await;
                self.sessions.directory().news().tell(room.id);
            }
        }
    }

    async fn read_on(&self, room: &Room) -> Result<()> {
        let Some(hub) = self.hub() else { return Ok(()) };
        loop {
            let logged = self.look_at(room).await?;
            let (last, is_gone) = {
                let state = room.lock();
                (state.last, state.is_gone)
            };
            // What was removed is blanked; whoever listened is told that it is gone.
            if is_gone {
                return Ok(());
            }
            let with_viewers = room.is_owner_there();
            let query = EventQuery { without_viewers: !with_viewers, ..EventQuery::after(last, PAGE) };
            let excerpt = self.sessions.read_log(room.id, &query).await?;
            let newest = excerpt.events.last().map_or(last, |event| event.seq);
            let to = if excerpt.is_cut { newest } else { newest.max(logged) };
            let is_all = !excerpt.is_cut;
            if room.tell(hub, Reading { events: excerpt.events, to, with_viewers }) && is_all {
                return Ok(());
            }
        }
    }

    /// Looks at a session as it is now: how far its log goes, and whether those who listen still may.
    async fn look_at(&self, room: &Room) -> Result<u64> {
        let found = match self.sessions.session(room.id).await {
            Ok(snapshot) => Some(snapshot),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let mut state = room.lock();
        let (was_private, was_gone) = (state.was_private, state.is_gone);
        state.is_gone = found.is_none();
        if let Some(snapshot) = found {
            state.was_private = snapshot.is_private();
            state.snapshot = snapshot;
        }
        let are_rights_less = !was_private && state.was_private || !was_gone && state.is_gone;
        let logged = state.snapshot.counts.seq;
        drop(state);
        if are_rights_less && let Some(hub) = self.hub() {
            hub.check(room.topic(Side::Public));
            hub.check(room.topic(Side::Owner));
        }
        Ok(logged)
    }

    /// Reads what somebody missed after a position up to another.
    pub(super) async fn read_missed(
        &self,
        room: &Room,
        side: Side,
        (after, up_to): (u64, u64),
    ) -> Result<Missed> {
        let deletions = room.lock().deletions;
        let too_much = Missed { after, up_to, deletions, publications: None };
        let most = if side == Side::Owner { MAX_RECOVERED as u64 } else { MOST_READ };
        if up_to.saturating_sub(after) > most {
            return Ok(too_much);
        }
        let query = EventQuery {
            before: Some(up_to + 1),
            without_viewers: side == Side::Public,
            ..EventQuery::after(after, u32::try_from(MAX_RECOVERED + 1).unwrap_or_default())
        };
        let excerpt = self.sessions.read_log(room.id, &query).await?;
        if excerpt.is_cut {
            return Ok(too_much);
        }
        let owner = room.lock().snapshot.owner;
        let publication = |event: tallylight_core::event::Event| {
            let offset = event.seq;
            let view = match side {
                Side::Public => EventView::public(event, owner),
                Side::Owner => Some(EventView::from(event)),
            };
            view.map(|view| Publication { data: json(&view), offset })
        };
        Ok(Missed {
            publications: Some(excerpt.events.into_iter().filter_map(publication).collect()),
            ..too_much
        })
    }
}
