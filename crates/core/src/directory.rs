//! Every broadcast that has not ended, in memory, for lists and look-ups.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::broadcast::{Broadcast, Snapshot, Status};
use crate::ids::{BroadcastId, UserId};
use crate::viewer::Counts;

/// Which broadcasts are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Public ones, or the private ones of one owner.
    pub scope: Scope,
    /// In the title, the broadcaster's name or a tag, whatever the case.
    pub q: Option<String>,
    /// Of this intent.
    pub category: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// By this broadcaster.
    pub user: Option<String>,
    /// Featured ones, or the others.
    pub featured: Option<bool>,
    /// By what they are sorted.
    pub sort: Sort,
    /// In which direction; each sort has its own default.
    pub order: Option<Order>,
    /// At most so many.
    pub limit: usize,
    /// After so many.
    pub offset: usize,
}

/// Whose broadcasts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What everybody may see.
    Public,
    /// The private ones of this owner.
    PrivateOf(UserId),
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Most watched first.
    #[default]
    ViewerCount,
    /// Newest first.
    StartedAt,
    /// Longest first.
    Duration,
    /// A to Z.
    Title,
}

/// The direction of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// A part of a list, and how long the whole is.
#[derive(Debug, Clone)]
pub struct Page {
    /// The part.
    pub items: Vec<Snapshot>,
    /// The whole's length.
    pub total: usize,
}

/// Holds every broadcast that has not ended.
#[derive(Debug, Default)]
pub struct Directory {
    open: RwLock<HashMap<BroadcastId, Snapshot>>,
    /// Those about which something was logged since somebody asked.
    touched: Mutex<HashSet<BroadcastId>>,
    version: AtomicU64,
}

impl Directory {
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
        self.read().get(&id).cloned()
    }

    /// Enters a broadcast as the store has it, or takes it out once it ended. Older states and counts than those
    /// known are ignored, so the order in which writers arrive here does not matter; but an end is not remembered.
    pub fn put(&self, snapshot: Snapshot) {
        self.touch(snapshot.id);
        let mut open = self.write();
        let merged = match open.get(&snapshot.id) {
            Some(known) => Snapshot {
                broadcast: if known.revision > snapshot.revision {
                    known.broadcast.clone()
                } else {
                    snapshot.broadcast
                },
                counts: newer(known.counts, snapshot.counts),
            },
            None => snapshot,
        };
        if merged.status == Status::Ended {
            open.remove(&merged.id);
        } else {
            open.insert(merged.id, merged);
        }
        drop(open);
        self.changed();
    }

    /// As [`Directory::put`], if it is known; false if not. What is not known may have ended since it was read.
    pub fn put_known(&self, snapshot: Snapshot) -> bool {
        let mut open = self.write();
        let Some(known) = open.get_mut(&snapshot.id) else { return false };
        if snapshot.revision > known.revision {
            known.broadcast = snapshot.broadcast;
        }
        known.counts = newer(known.counts, snapshot.counts);
        drop(open);
        self.changed();
        true
    }

    /// Forgets one.
    pub fn remove(&self, id: BroadcastId) {
        self.write().remove(&id);
        self.changed();
    }

    /// Notes new counts.
    pub fn count(&self, id: BroadcastId, counts: Counts) {
        self.touch(id);
        if let Some(known) = self.write().get_mut(&id) {
            known.counts = newer(known.counts, counts);
        }
        self.changed();
    }

    /// One part of the list that a query asks for.
    pub fn list(&self, query: &Query) -> Page {
        let matcher = Matcher::new(query);
        let mut items: Vec<Snapshot> =
            self.read().values().filter(|item| matcher.matches(item)).cloned().collect();
        items.sort_by(|a, b| compare(query, a, b));
        let total = items.len();
        let items = items.into_iter().skip(query.offset).take(query.limit).collect();
        Page { items, total }
    }

    /// The newest open broadcast of a user whose media this server takes.
    pub fn newest_of(&self, owner: UserId) -> Option<Snapshot> {
        let open = self.read();
        let theirs = open.values().filter(|item| item.owner == owner && item.is_built_in());
        theirs.max_by_key(|item| (item.created_at, item.id)).cloned()
    }

    /// How many broadcasts a user has open.
    pub fn count_of(&self, owner: UserId) -> usize {
        self.read().values().filter(|item| item.owner == owner).count()
    }

    /// All of them, in the order of their ids.
    pub fn all(&self) -> Vec<Snapshot> {
        let mut all: Vec<_> = self.read().values().cloned().collect();
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

    fn changed(&self) {
        self.version.fetch_add(1, Memory::AcqRel);
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<BroadcastId, Snapshot>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<BroadcastId, Snapshot>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn newer(a: Counts, b: Counts) -> Counts {
    if b.seq >= a.seq { b } else { a }
}

/// A query with its texts folded once.
struct Matcher<'a> {
    query: &'a Query,
    q: Option<String>,
}

impl<'a> Matcher<'a> {
    fn new(query: &'a Query) -> Self {
        Self { query, q: query.q.as_deref().map(|q| q.trim().to_lowercase()).filter(|q| !q.is_empty()) }
    }

    fn matches(&self, item: &Broadcast) -> bool {
        let query = self.query;
        let in_scope = match query.scope {
            Scope::Public => !item.is_private(),
            Scope::PrivateOf(owner) => item.is_private() && item.owner == owner,
        };
        in_scope
            && query.featured.is_none_or(|featured| item.is_featured == featured)
            && query.user.as_deref().is_none_or(|user| item.owner_name == user)
            && query.category.as_deref().is_none_or(|category| same(item.ai_intent.as_deref(), category))
            && query.tag.as_deref().is_none_or(|tag| item.tags.iter().any(|t| same(Some(t), tag)))
            && self.q.as_deref().is_none_or(|q| found(item, q))
    }
}

fn same(value: Option<&str>, wanted: &str) -> bool {
    value.is_some_and(|value| value.to_lowercase() == wanted.to_lowercase())
}

fn found(item: &Broadcast, q: &str) -> bool {
    item.title.to_lowercase().contains(q)
        || item.owner_name.contains(q)
        || item.tags.iter().any(|tag| tag.to_lowercase().contains(q))
}

/// Compares by the query's sort; equals keep one order by id, so that pages do not shuffle.
fn compare(query: &Query, a: &Snapshot, b: &Snapshot) -> Ordering {
    let (ascending, default) = match query.sort {
        Sort::ViewerCount => (a.viewer_count().cmp(&b.viewer_count()), Order::Descending),
        Sort::StartedAt => (a.started_at.cmp(&b.started_at), Order::Descending),
        Sort::Duration => (b.started_at.cmp(&a.started_at), Order::Descending),
        Sort::Title => (a.title.to_lowercase().cmp(&b.title.to_lowercase()), Order::Ascending),
    };
    let directed = match query.order.unwrap_or(default) {
        Order::Ascending => ascending,
        Order::Descending => ascending.reverse(),
    };
    directed.then_with(|| a.id.cmp(&b.id))
}
