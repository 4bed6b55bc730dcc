//! Whole lists in their order, kept so that whoever pages through one meets each broadcast once.
//!
//! A ranking is what a cursor points into. It is named by its content: while the order stays the same, so does the
//! cursor, whatever the counts do. Each time a cursor is handed out its ranking is good for another minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Cursor, Directory, Page, Part, Query, RankingId};
use crate::ids::BroadcastId;

/// How long a cursor is good.
const CURSOR_LIFE: Duration = Duration::from_secs(60);
/// How many bytes of rankings are kept; the least recently used go first. One query over 100,000 broadcasts whose order
/// changes every second comes to 96 MB in a minute.
const MAX_BYTES: u64 = 128 << 20;
/// How many bytes of queries are remembered with their latest ranking: anybody may ask for anything.
const MAX_QUERY_BYTES: u64 = 4 << 20;
/// What a cache spends on an entry beside what is in it, in bytes.
const ENTRY_BYTES: usize = 256;
/// From this many open broadcasts on, sorting them all at each change would be most of what the server does.
const LARGE: usize = 2_000;
/// How old a list of a large directory may be.
const LARGE_AGE: Duration = Duration::from_secs(1);

/// All that a query asked for at one moment, in order.
#[derive(Debug)]
pub struct Ranking {
    id: RankingId,
    query: Query,
    ids: Box<[BroadcastId]>,
    /// Until when cursors into it are good, in milliseconds of the monotonic clock.
    good_until: AtomicU64,
}

impl Ranking {
    /// What it answers.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// A part of it as it is now: those that have gone from the list are left out, and the next ones move up.
    pub fn page(&self, directory: &Directory, part: Part, now: Duration) -> Page {
        let rest = self.ids.get(part.offset..).unwrap_or_default();
        let (items, next) = directory.pick(rest, self.query.scope, part.limit);
        let place = next.and_then(|skipped| u32::try_from(part.offset + skipped).ok());
        if place.is_some() {
            self.renew(now);
        }
        let next = place.map(|place| Cursor { ranking: self.id, place });
        Page { items, total: self.ids.len(), next }
    }

    fn renew(&self, now: Duration) {
        self.good_until.fetch_max(millis(now + CURSOR_LIFE), Ordering::Relaxed);
    }

    fn is_good(&self, now: Duration) -> bool {
        millis(now) < self.good_until.load(Ordering::Relaxed)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// When something was taken from the directory.
#[derive(Debug, Clone, Copy)]
struct Moment {
    version: u64,
    at: Duration,
    is_large: bool,
}

impl Moment {
    fn is_current(&self, directory: &Directory, now: Duration) -> bool {
        self.version == directory.version() || (self.is_large && now.saturating_sub(self.at) < LARGE_AGE)
    }
}

/// What a page was made from, by which it is known whether it may be shown again.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    moment: Moment,
    next: Option<RankingId>,
}

/// Keeps rankings for as long as somebody holds a cursor.
#[derive(Debug)]
pub struct Rankings {
    kept: Cache<RankingId, Arc<Ranking>>,
    latest: Cache<Query, (Moment, RankingId)>,
}

impl Default for Rankings {
    fn default() -> Self {
        Self::within(MAX_BYTES)
    }
}

impl Rankings {
    /// Keeps no more than so many bytes of rankings.
    pub(super) fn within(max_bytes: u64) -> Self {
        let weight = |query: &Query, rest: usize| {
            let bytes = ENTRY_BYTES + size_of::<Query>() + query.text_bytes() + rest;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let bytes =
            move |_: &RankingId, ranking: &Arc<Ranking>| weight(&ranking.query, size_of_val(&*ranking.ids));
        let query_bytes = move |query: &Query, _: &(Moment, RankingId)| weight(query, 0);
        // Whether a cursor is good is decided by the clock handed in; idle time here only frees memory.
        let kept = Cache::builder().max_capacity(max_bytes).weigher(bytes).time_to_idle(2 * CURSOR_LIFE);
        let latest = Cache::builder().max_capacity(MAX_QUERY_BYTES).weigher(query_bytes);
        Self { kept: kept.eviction_policy(EvictionPolicy::lru()).build(), latest: latest.build() }
    }

    /// A part of what a query asks for now, and what it was made from.
    pub fn list(&self, directory: &Directory, query: &Query, part: Part, now: Duration) -> (Page, Mark) {
        let (ranking, moment) = self.current(directory, query, now);
        let page = ranking.page(directory, part, now);
        let next = page.next.map(|cursor| cursor.ranking);
        (page, Mark { moment, next })
    }

    /// The ranking that a cursor points into, while the cursor is good.
    pub fn find(&self, cursor: &Cursor, now: Duration) -> Option<Arc<Ranking>> {
        self.kept.get(&cursor.ranking).filter(|ranking| ranking.is_good(now))
    }

    /// Whether a page made from this may be shown again; its cursor is good for another minute then.
    pub fn may_be_shown_again(&self, directory: &Directory, mark: &Mark, now: Duration) -> bool {
        let renew = |id| {
            self.kept.get(&id).is_some_and(|ranking| {
                ranking.renew(now);
                true
            })
        };
        mark.moment.is_current(directory, now) && mark.next.is_none_or(renew)
    }

    fn current(&self, directory: &Directory, query: &Query, now: Duration) -> (Arc<Ranking>, Moment) {
        if let Some((moment, id)) = self.latest.get(query)
            && moment.is_current(directory, now)
            && let Some(ranking) = self.kept.get(&id)
        {
            return (ranking, moment);
        }
        // Read before the list, so that a change under way makes the list old, not the other way round.
        let version = directory.version();
        let moment = Moment { version, at: now, is_large: directory.len() >= LARGE };
        let ids = directory.ranked(query);
        let id = RankingId::of(query, &ids);
        // One and the same for all who make it at once, so that each renews what the others hand out.
        let ranking = self.kept.get_with(id, || {
            Arc::new(Ranking { id, query: query.clone(), ids: ids.into(), good_until: AtomicU64::default() })
        });
        // The cache evicts in its maintenance alone, which comes too rarely to hold the bound by itself.
        self.kept.run_pending_tasks();
        self.latest.insert(query.clone(), (moment, id));
        (ranking, moment)
    }
}
