//! What a list holds, and in which order.

use serde::Serialize;

use super::Entry;
use crate::broadcast::Broadcast;
use crate::ids::{BroadcastId, UserId};

/// Which broadcasts are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
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
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// After so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// Whose broadcasts are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum Scope {
    /// What everybody may see.
    #[default]
    Public,
    /// The private ones of this owner.
    PrivateOf(UserId),
}

impl Scope {
    /// Whether a broadcast belongs here.
    pub fn holds(self, item: &Broadcast) -> bool {
        match self {
            Self::Public => !item.is_private(),
            Self::PrivateOf(owner) => item.is_private() && item.owner == owner,
        }
    }
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Query {
    /// The direction asked for, or the sort's own.
    pub fn direction(&self) -> Order {
        self.order.unwrap_or(match self.sort {
            Sort::ViewerCount | Sort::StartedAt | Sort::Duration => Order::Descending,
            Sort::Title => Order::Ascending,
        })
    }

    /// How many bytes its texts have.
    pub(super) fn text_bytes(&self) -> usize {
        [&self.q, &self.category, &self.tag, &self.user].into_iter().flatten().map(String::len).sum()
    }

    /// Those asked for, each with what it is sorted by.
    pub(super) fn select<'a, K>(
        &self,
        entries: impl Iterator<Item = &'a Entry>,
        key: impl Fn(&Entry) -> K,
    ) -> Vec<(K, BroadcastId)> {
        let matcher = Matcher::new(self);
        let matching = entries.filter(|entry| matcher.matches(entry));
        matching.map(|entry| (key(entry), entry.snapshot.id)).collect()
    }

    /// Sorts; equals keep one order by id, so that pages do not shuffle.
    pub(super) fn sort<K: Ord>(&self, mut keyed: Vec<(K, BroadcastId)>) -> Vec<BroadcastId> {
        match self.direction() {
            Order::Ascending => keyed.sort_unstable(),
            Order::Descending => keyed.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1))),
        }
        keyed.into_iter().map(|(_, id)| id).collect()
    }
}

/// A query with its texts folded once.
struct Matcher<'a> {
    query: &'a Query,
    q: Option<String>,
    category: Option<String>,
    tag: Option<String>,
}

impl<'a> Matcher<'a> {
    fn new(query: &'a Query) -> Self {
        let folded = |text: &Option<String>| text.as_deref().map(str::to_lowercase);
        let q = query.q.as_deref().map(|q| q.trim().to_lowercase()).filter(|q| !q.is_empty());
        Self { query, q, category: folded(&query.category), tag: folded(&query.tag) }
    }

    fn matches(&self, entry: &Entry) -> bool {
        let (query, item) = (self.query, &entry.snapshot);
        query.scope.holds(item)
            && query.featured.is_none_or(|featured| item.is_featured == featured)
            && query.user.as_deref().is_none_or(|user| item.owner_name == user)
            && (self.category.is_none() || entry.words.intent == self.category)
            && self.tag.as_ref().is_none_or(|tag| entry.words.tags.contains(tag))
            && self.q.as_deref().is_none_or(|q| found(entry, q))
    }
}

fn found(entry: &Entry, q: &str) -> bool {
    entry.words.title.contains(q)
        || entry.snapshot.owner_name.contains(q)
        || entry.words.tags.iter().any(|tag| tag.contains(q))
}
