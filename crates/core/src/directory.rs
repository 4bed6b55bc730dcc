//! Every broadcast that has not ended, in memory, for lists and look-ups.

mod cursor;
mod news;
mod query;
mod ranking;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::hash_map::Entry as MapEntry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::broadcast::{Broadcast, IngestState, Snapshot, Status};
use crate::ids::{BroadcastId, UserId};
use crate::viewer::Counts;

pub use cursor::{Cursor, MalformedCursor, RankingId};
pub use news::News;
pub use query::{Order, Part, Query, Scope, Sort};
pub use ranking::{Mark, Ranking, Rankings};

/// A part of a list, and how long the whole is.
#[derive(Debug, Clone)]
pub struct Page {
    /// The part.
    pub items: Vec<Snapshot>,
    /// The whole's length.
    pub total: usize,
    /// Where the list goes on, if it does.
    pub next: Option<Cursor>,
}

/// What is open, counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many broadcasts there are of a status and a state of ingest; `None`: their media is elsewhere.
    pub broadcasts: HashMap<(Status, Option<IngestState>), usize>,
    /// Measured viewers of all of them.
    pub viewers: u64,
}

/// A broadcast as the directory holds it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    snapshot: Snapshot,
    words: Words,
}

/// The texts by which a broadcast is compared and found: folded once a change, and not once a comparison.
#[derive(Debug, Clone)]
struct Words {
    title: Arc<str>,
    tags: Box<[String]>,
    intent: Option<String>,
}

impl Words {
    fn of(item: &Broadcast) -> Self {
        let (title, tags, intent) = texts(item);
        Self {
            title: title.to_lowercase().into(),
            tags: tags.iter().map(|tag| tag.to_lowercase()).collect(),
            intent: intent.map(str::to_lowercase),
        }
    }
}

fn texts(item: &Broadcast) -> (&str, &[String], Option<&str>) {
    (&item.title, &item.tags, item.ai_intent.as_deref())
}

impl Entry {
    fn new(snapshot: Snapshot) -> Self {
        let words = Words::of(&snapshot);
        Self { snapshot, words }
    }

    /// Takes over a newer state and newer counts.
    fn update(&mut self, newer: Snapshot) {
        if newer.revision >= self.snapshot.revision {
            if texts(&newer) != texts(&self.snapshot) {
                self.words = Words::of(&newer);
            }
            self.snapshot.broadcast = newer.broadcast;
        }
        self.snapshot.counts = newest(self.snapshot.counts, newer.counts);
    }
}

/// Holds every broadcast that has not ended.
#[derive(Debug, Default)]
pub struct Directory {
    open: RwLock<HashMap<BroadcastId, Entry>>,
    /// Those about which something was logged since somebody asked.
    touched: Mutex<HashSet<BroadcastId>>,
    version: AtomicU64,
    news: News,
}

impl Directory {
    /// Holds just these, whether they have ended or not: who was live at another time.
    pub(crate) fn of(snapshots: Vec<Snapshot>) -> Self {
        let open = snapshots.into_iter().map(|snapshot| (snapshot.id, Entry::new(snapshot))).collect();
        Self { open: RwLock::new(open), ..Self::default() }
    }

    /// Rises with every change, so that what was rendered from it is known to be current.
    pub fn version(&self) -> u64 {
        self.version.load(Memory::Acquire)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Looks one up.
    pub fn get(&self, id: BroadcastId) -> Option<Snapshot> {
        self.read().get(&id).map(|entry| entry.snapshot.clone())
    }

    /// Enters a broadcast as the store has it, or takes it out once it ended. Older states and counts than those
    /// known are ignored, so the order in which writers arrive here does not matter; but an end is not remembered.
    pub fn put(&self, snapshot: Snapshot) {
        self.touch(snapshot.id);
        let mut open = self.write();
        let id = snapshot.id;
        let known = match open.entry(id) {
            MapEntry::Occupied(known) => {
                let known = known.into_mut();
                known.update(snapshot);
                known
            }
            MapEntry::Vacant(place) => place.insert(Entry::new(snapshot)),
        };
        if known.snapshot.status == Status::Ended {
            open.remove(&id);
        }
        drop(open);
        self.changed(id);
    }

    /// As [`Directory::put`], if it is known; false if not. What is not known may have ended since it was read.
    pub fn put_known(&self, snapshot: Snapshot) -> bool {
        let mut open = self.write();
        let Some(known) = open.get_mut(&snapshot.id) else { return false };
        let id = snapshot.id;
        known.update(snapshot);
        drop(open);
        self.changed(id);
        true
    }

    /// Forgets one.
    pub fn remove(&self, id: BroadcastId) {
        self.write().remove(&id);
        self.changed(id);
    }

    /// Notes new counts.
    pub fn count(&self, id: BroadcastId, counts: Counts) {
        self.touch(id);
        if let Some(known) = self.write().get_mut(&id) {
            known.snapshot.counts = newest(known.snapshot.counts, counts);
        }
        self.changed(id);
    }

    /// All that a query asks for, in its order. The sort does without the lock.
    pub fn ranked(&self, query: &Query) -> Vec<BroadcastId> {
        match query.sort {
            Sort::ViewerCount => self.ranked_by(query, |entry| entry.snapshot.viewer_count()),
            Sort::StartedAt => self.ranked_by(query, |entry| entry.snapshot.started_at),
            Sort::Duration => self.ranked_by(query, |entry| Reverse(entry.snapshot.started_at)),
            Sort::Title => self.ranked_by(query, |entry| entry.words.title.clone()),
        }
    }

    fn ranked_by<K: Ord>(&self, query: &Query, key: impl Fn(&Entry) -> K) -> Vec<BroadcastId> {
        let keyed = query.select(self.read().values(), key);
        query.sort(keyed)
    }

    /// The first `limit` of these that are here and in this scope, and the place of the next one.
    pub fn pick(&self, ids: &[BroadcastId], scope: Scope, limit: usize) -> (Vec<Snapshot>, Option<usize>) {
        let mut items = Vec::with_capacity(limit.min(ids.len()));
        let open = self.read();
        let here = |id| open.get(id).map(|entry| &entry.snapshot).filter(|item| scope.holds(item));
        for (place, id) in ids.iter().enumerate() {
            let Some(item) = here(id) else { continue };
            if items.len() == limit {
                return (items, Some(place));
            }
            items.push(item.clone());
        }
        (items, None)
    }

    /// The newest open broadcast of a user whose media this server takes.
    pub fn newest_of(&self, owner: UserId) -> Option<Snapshot> {
        let open = self.read();
        let theirs = open.values().map(|entry| &entry.snapshot);
        let theirs = theirs.filter(|item| item.owner == owner && item.is_built_in());
        theirs.max_by_key(|item| (item.created_at, item.id)).cloned()
    }

    /// How many broadcasts a user has open.
    pub fn count_of(&self, owner: UserId) -> usize {
        self.read().values().filter(|entry| entry.snapshot.owner == owner).count()
    }

    /// How many there are of each kind, and how many viewers they have.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for snapshot in self.read().values().map(|entry| &entry.snapshot) {
            let state = snapshot.is_built_in().then_some(snapshot.ingest.state);
            *tally.broadcasts.entry((snapshot.status, state)).or_default() += 1;
            tally.viewers += u64::from(snapshot.counts.viewers);
        }
        tally
    }

    /// All of them, in the order of their ids.
    pub fn all(&self) -> Vec<Snapshot> {
        let mut all: Vec<_> = self.read().values().map(|entry| entry.snapshot.clone()).collect();
        all.sort_unstable_by_key(|item| item.id);
        all
    }

    /// Notes that something was logged about a broadcast, whether it is open or not.
    pub fn touch(&self, id: BroadcastId) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Those about which something was logged since the last call.
    pub fn take_touched(&self) -> HashSet<BroadcastId> {
        std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells of changes of single broadcasts, open or not.
    pub fn news(&self) -> &News {
        &self.news
    }

    fn changed(&self, id: BroadcastId) {
        self.version.fetch_add(1, Memory::AcqRel);
        self.news.tell(id);
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<BroadcastId, Entry>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<BroadcastId, Entry>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn newest(a: Counts, b: Counts) -> Counts {
    if b.seq >= a.seq { b } else { a }
}
