//! What keys are used for: counted in memory, written together every few seconds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{Ids, KeyId, UserId};

/// A method and the pattern of an address, such as `GET /api/broadcasts/{id}`: there are only so many.
pub type Endpoint = String;

/// Under what is counted once there are too many endpoints to tell apart.
const OTHER: &str = "other";
/// How many lines are counted at once; beyond that a key's further endpoints are one.
const MOST_LINES: usize = 100_000;

/// How often something was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All requests.
    pub requests: u64,
    /// Those that were refused (4xx).
    pub refused: u64,
    /// Those that failed (5xx).
    pub failed: u64,
}

impl Tally {
    /// One request that was answered with this status.
    pub fn of_status(status: u16) -> Self {
        let (refused, failed) = ((400..500).contains(&status), status >= 500);
        Self { requests: 1, refused: refused.into(), failed: failed.into() }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            refused: self.refused + other.refused,
            failed: self.failed + other.failed,
        }
    }
}

/// One row of `api_key_usage`: what one run of the server counted; several may tell of the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The row's own id.
    pub id: Uuid,
    /// The key.
    pub key: KeyId,
    /// What it was used for.
    pub line: UsageLine,
}

/// What a key was used for on a day at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageLine {
    /// The beginning of the day, UTC.
    pub day: Time,
    /// What was asked for.
    pub endpoint: Endpoint,
    /// How often.
    pub tally: Tally,
}

/// As [`UsageLine`], and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedBy {
    /// The key.
    pub key: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// Whose it is.
    pub user_id: UserId,
    /// The owner's name.
    pub user: String,
    /// What for.
    pub line: UsageLine,
}

/// Which usage is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageQuery {
    /// On this day and later.
    pub since: Time,
    /// On days before this.
    pub until: Time,
    /// Of one key.
    pub key: Option<KeyId>,
    /// Of the keys of one user.
    pub user: Option<UserId>,
    /// At most so many.
    pub limit: u32,
    /// After so many.
    pub offset: u32,
}

/// Counts.
#[derive(Debug, Default)]
pub struct UsageBook(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    lines: HashMap<(KeyId, Time, Endpoint), Line>,
    used: HashMap<KeyId, Time>,
}

/// A line that is being counted, under an id of its own: whoever forgets it and counts on begins another.
#[derive(Debug, Clone, Copy)]
struct Line {
    id: Uuid,
    tally: Tally,
    written: Tally,
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct Unwritten {
    pub rows: Vec<UsageRow>,
    pub used: Vec<(KeyId, Time)>,
}

impl UsageBook {
    /// Counts a request of a key.
    ///
    /// # Errors
    /// As [`Ids::uuid`].
    pub fn count(
        &self,
        key: KeyId,
        endpoint: Endpoint,
        tally: Tally,
        (ids, now): (&dyn Ids, Time),
    ) -> Result<()> {
        let mut pages = self.lock();
        let used = pages.used.entry(key).or_insert(now);
        *used = now.max(*used);
        let is_full = pages.lines.len() >= MOST_LINES;
        let mut line = (key, day_of(now), endpoint);
        if is_full && !pages.lines.contains_key(&line) {
            OTHER.clone_into(&mut line.2);
        }
        match pages.lines.entry(line) {
            Entry::Occupied(mut known) => known.get_mut().tally = known.get().tally.and(tally),
            Entry::Vacant(new) => {
                new.insert(Line { id: ids.uuid(now)?, tally, written: Tally::default() });
            }
        }
        Ok(())
    }

    /// What the database does not have yet, in the order of ids.
    pub fn unwritten(&self) -> Unwritten {
        let pages = self.lock();
        let changed = pages.lines.iter().filter(|(_, line)| line.tally != line.written);
        let row = |((key, day, endpoint), line): (&(KeyId, Time, Endpoint), &Line)| UsageRow {
            id: line.id,
            key: *key,
            line: UsageLine { day: *day, endpoint: endpoint.clone(), tally: line.tally },
        };
        let mut rows: Vec<_> = changed.map(row).collect();
        rows.sort_unstable_by_key(|row| row.id);
        let mut used: Vec<_> = pages.used.iter().map(|(key, at)| (*key, *at)).collect();
        used.sort_unstable();
        Unwritten { rows, used }
    }

    /// Notes what was written, and forgets lines of days that are over.
    pub fn written(&self, written: &Unwritten, now: Time) {
        let mut pages = self.lock();
        for row in &written.rows {
            let line = pages.lines.get_mut(&(row.key, row.line.day, row.line.endpoint.clone()));
            if let Some(line) = line.filter(|line| line.id == row.id) {
                line.written = row.line.tally;
            }
        }
        for (key, at) in &written.used {
            if pages.used.get(key) == Some(at) {
                pages.used.remove(key);
            }
        }
        let (today, is_full) = (day_of(now), pages.lines.len() >= MOST_LINES);
        pages.lines.retain(|(_, day, _), line| line.tally != line.written || (*day >= today && !is_full));
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a time's day, UTC.
pub fn day_of(time: Time) -> Time {
    time.to_offset(time::UtcOffset::UTC).replace_time(time::Time::MIDNIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SystemIds;

    const NOON: Time = time::macros::datetime!(2026-05-01 12:00 UTC);
    const BOT: KeyId = KeyId(Uuid::from_u128(1));

    fn counted(book: &UsageBook, endpoint: &str, status: u16, now: Time) {
        let ids = SystemIds::default();
        book.count(BOT, endpoint.into(), Tally::of_status(status), (&ids, now)).unwrap();
    }

    #[test]
    fn what_is_counted_while_it_is_written_is_written_next() {
        let book = UsageBook::default();
        counted(&book, "GET /api/keys", 200, NOON);
        counted(&book, "GET /api/keys", 404, NOON);
        let first = book.unwritten();
        assert_eq!(first.rows[0].line.tally, Tally { requests: 2, refused: 1, failed: 0 });
        assert_eq!(first.used, [(BOT, NOON)]);
        let later = NOON + time::Duration::seconds(1);
        counted(&book, "GET /api/keys", 503, later);
        book.written(&first, later);
        let second = book.unwritten();
        assert_eq!(second.rows[0].line.tally, Tally { requests: 3, refused: 1, failed: 1 });
        assert_eq!((second.rows[0].id, second.used.as_slice()), (first.rows[0].id, &[(BOT, later)][..]));
        book.written(&second, later);
        assert!(book.unwritten().rows.is_empty() && book.unwritten().used.is_empty());
    }

    #[test]
    fn a_day_that_is_over_is_forgotten_once_it_is_written() {
        let book = UsageBook::default();
        counted(&book, "GET /api/keys", 200, NOON);
        let tomorrow = NOON + time::Duration::days(1);
        counted(&book, "GET /api/keys", 200, tomorrow);
        assert_eq!(book.unwritten().rows.len(), 2);
        book.written(&Unwritten::default(), tomorrow);
        assert_eq!(book.unwritten().rows.len(), 2, "what was not written stays");
        book.written(&book.unwritten(), tomorrow);
        assert_eq!(book.lock().lines.len(), 1);
    }

    #[test]
    fn beyond_a_bound_endpoints_are_not_told_apart() {
        let book = UsageBook::default();
        for number in 0..MOST_LINES + 10 {
            counted(&book, &format!("GET /{number}"), 200, NOON);
        }
        let unwritten = book.unwritten();
        assert_eq!(unwritten.rows.len(), MOST_LINES + 1);
        let others = unwritten.rows.iter().find(|row| row.line.endpoint == OTHER).unwrap();
        assert_eq!(others.line.tally.requests, 10);
        book.written(&unwritten, NOON);
        assert!(book.lock().lines.is_empty(), "there is room again");
    }
}
