//! Lists: who is live, a page at a time, and who was live at another time.

use std::sync::Arc;

use super::BroadcastManager;
use crate::broadcast::Snapshot;
use crate::caller::Caller;
use crate::clock::Time;
use crate::directory::{Cursor, Directory, Mark, Page, Part, Query, Ranking, Scope, Sort};
use crate::error::{Error, Result};
use crate::ids::BroadcastId;
use crate::ledger::{Ledger, wait_to_own};
use crate::viewer::Counts;

/// The most broadcasts that were live at one time and are looked through for a list of them: each is read from the
/// database, some kilobytes long.
const MAX_LIVE: u32 = 10_000;

impl BroadcastManager {
    /// One part of the list of those that have not ended. In a large directory it may be a second old.
    pub fn get_active_broadcasts(&self, query: &Query, part: Part) -> Page {
        self.list(query, part).0
    }

    /// As [`BroadcastManager::get_active_broadcasts`], with a mark by which it is known for how long it holds.
    pub fn list(&self, query: &Query, part: Part) -> (Page, Mark) {
        self.rankings.list(&self.ledger.directory, query, part, self.ledger.clock.monotonic())
    }

    /// Whether a page with this mark may be shown again. If so, its cursor is good anew.
    pub fn may_be_shown_again(&self, mark: &Mark) -> bool {
        self.rankings.may_be_shown_again(&self.ledger.directory, mark, self.ledger.clock.monotonic())
    }

    /// The list that a cursor goes on with.
    ///
    /// # Errors
    /// [`Error::CursorExpired`], also where the list is another's.
    pub fn ranking(&self, caller: &Caller, cursor: &Cursor) -> Result<Arc<Ranking>> {
        let found = self.rankings.find(cursor, self.ledger.clock.monotonic()).ok_or(Error::CursorExpired)?;
        match found.query().scope {
            Scope::PrivateOf(owner) if caller.user_id() != Some(owner) => Err(Error::CursorExpired),
            Scope::Public | Scope::PrivateOf(_) => Ok(found),
        }
    }

    /// One part of a list that was begun, as it is now. Whatever has left the list is left out.
    pub fn resume(&self, ranking: &Ranking, part: Part) -> Page {
        ranking.page(&self.ledger.directory, part, self.ledger.clock.monotonic())
    }

    /// One part of the list of those that were live at a time, as they are now, with the viewers measured then.
    ///
    /// # Errors
    /// [`Error::TooManyLive`], [`Error::Busy`], or the store's.
    pub async fn get_broadcasts_live_at(&self, time: Time, query: &Query, part: Part) -> Result<Page> {
        // One at a time: each may read more than all other requests together.
        let turn = wait_to_own(&self.past, "lists of other times").await?;
        let (ledger, query) = (Arc::clone(&self.ledger), query.clone());
        // When the caller hangs up the database still works on it: the turn ends with the work.
        let listing = tokio::spawn(async move {
            let page = live_at(&ledger, time, &query, part).await;
            drop(turn);
            page
        });
        listing
            .await
            .map_err(|error| Error::Internal(format!("a list of another time broke off: {error}")))?
    }
}

async fn live_at(ledger: &Ledger, time: Time, query: &Query, part: Part) -> Result<Page> {
    let live = ledger.store.live_at(time, query, MAX_LIVE + 1).await?;
    if u32::try_from(live.len()).is_ok_and(|count| count > MAX_LIVE) {
        return Err(Error::TooManyLive(MAX_LIVE));
    }
    let past = Directory::of(live.into_iter().map(without_viewers).collect());
    let mut ids = past.ranked(query);
    let total = ids.len();
    if query.sort == Sort::ViewerCount {
        count_at(ledger, time, &past, &ids).await?;
        ids = past.ranked(query);
    }
    let shown = ids.get(part.offset..).unwrap_or_default();
    let shown = &shown[..shown.len().min(part.limit)];
    if query.sort != Sort::ViewerCount {
        count_at(ledger, time, &past, shown).await?;
    }
    Ok(Page { items: past.pick(shown, query.scope, part.limit).0, total, next: None })
}

/// Enters the viewers of that time.
async fn count_at(ledger: &Ledger, time: Time, past: &Directory, ids: &[BroadcastId]) -> Result<()> {
    for (id, viewers) in ledger.store.viewers_at(time, ids).await? {
        past.count(id, Counts { viewers, ..Counts::default() });
    }
    Ok(())
}

/// As of a time whose viewers are not known yet; those that were reported then are not known at all.
fn without_viewers(mut live: Snapshot) -> Snapshot {
    Arc::make_mut(&mut live.broadcast).reported_viewers = 0;
    live.counts = Counts::default();
    live
}
