//! Errors, counted by kind and kept with what they happened in. The latest of a kind stay; so does a bounded number of
//! kinds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tallylight_core::clock::{Clock, Time};
use uuid::Uuid;

use super::{Sheet, Source, Trail};

/// How many kinds are kept. The one that was last seen longest ago goes first.
const MAX_KINDS: usize = 200;
/// The most characters of a text that is kept.
const MAX_TEXT: usize = 500;
/// The most fields of an error that are kept.
const MAX_FIELDS: usize = 16;
/// Fields whose values tell one kind of error from another.
const TELLING: [&str; 7] = ["route", "method", "status", "reason", "error", "panic", "rule"];

/// An error as it was logged.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was said.
    pub message: String,
    /// Where in the program.
    pub target: &'static str,
    /// What was said with it.
    pub fields: BTreeMap<&'static str, String>,
    /// How many more of its kind were not logged, just before.
    pub left_out: u64,
}

/// One time that an error happened.
#[derive(Debug, Clone)]
pub struct Occurrence {
    /// When.
    pub at: Time,
    /// While which request was answered: its id, trace, method and route.
    pub request: Option<(Uuid, String, String, String)>,
    /// What was said with it.
    pub fields: BTreeMap<&'static str, String>,
}

/// Errors of one kind.
#[derive(Debug, Clone)]
pub struct ErrorGroup {
    /// What is said each time.
    pub message: String,
    /// Where in the program.
    pub target: &'static str,
    /// How often it happened.
    pub count: u64,
    /// When first.
    pub first_seen: Time,
    /// When last.
    pub last_seen: Time,
    /// The latest of them, the newest first.
    pub occurrences: Vec<Occurrence>,
}

/// What tells kinds apart: the message, and telling fields without anything that looks like an id.
type Key = (String, Vec<(&'static str, String)>);

#[derive(Debug, Default)]
struct Book {
    groups: BTreeMap<Key, ErrorGroup>,
    total: u64,
}

/// The errors of a process. All servers of one process share a book, as they share its log: what is logged does not say
/// which of them it is of.
pub struct ErrorBook {
    clock: Box<dyn Clock>,
    kept: usize,
    book: Mutex<Book>,
}

impl fmt::Debug for ErrorBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorBook").finish_non_exhaustive()
    }
}

impl ErrorBook {
    /// `kept`: how many of each kind are kept.
    pub fn new(clock: impl Clock, kept: usize) -> Self {
        Self { clock: Box::new(clock), kept, book: Mutex::default() }
    }

    /// Notes an error.
    pub fn note(&self, report: Report) {
        let Report { message, target, fields, left_out } = report;
        let cut = |text: String| text.chars().take(MAX_TEXT).collect::<String>();
        let message = cut(message);
        let fields: BTreeMap<_, _> =
            fields.into_iter().take(MAX_FIELDS).map(|(name, text)| (name, cut(text))).collect();
        let at = self.clock.now();
        let request = Trail::current().map(|trail| {
            let (method, route) = (trail.method.to_string(), trail.route.pattern.clone());
            (trail.id, trail.trace.to_string(), method, route)
        });
        let telling = TELLING.iter().filter_map(|name| Some((*name, kind_of(fields.get(name)?))));
        let key = (kind_of(&message), telling.collect());
        let mut book = self.lock();
        book.total += 1 + left_out;
        if !book.groups.contains_key(&key) {
            book.make_room();
        }
        let group = book.groups.entry(key).or_insert_with(|| ErrorGroup {
            message,
            target,
            count: 0,
            first_seen: at,
            last_seen: at,
            occurrences: Vec::new(),
        });
        group.count += 1 + left_out;
        group.last_seen = at;
        group.occurrences.truncate(self.kept.saturating_sub(1));
        group.occurrences.insert(0, Occurrence { at, request, fields });
    }

    /// A part of all kinds, the last seen first; and how many kinds there are.
    pub fn list(&self, offset: usize, limit: usize) -> (Vec<ErrorGroup>, usize) {
        let book = self.lock();
        let mut groups: Vec<_> = book.groups.values().collect();
        groups.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.message.cmp(&b.message)));
        (groups.into_iter().skip(offset).take(limit).cloned().collect(), book.groups.len())
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn make_room(&mut self) {
        if self.groups.len() < MAX_KINDS {
            return;
        }
        let oldest = self.groups.iter().min_by_key(|(_, group)| group.last_seen).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.groups.remove(&oldest);
        }
    }
}

impl Source for Arc<ErrorBook> {
    fn tell(&self, sheet: &mut Sheet) {
        let total = self.lock().total;
        sheet.count("tallylight_errors_total", "Errors and failed answers of this process", total);
    }
}

/// A text without what differs from time to time: each word with a digit in it stands for any such word. Statuses and
/// routes stay as they are, for they have few values.
fn kind_of(text: &str) -> String {
    if text.len() <= 3 || text.starts_with('/') {
        return text.to_owned();
    }
    let part =
        |word: &str| if word.bytes().any(|byte| byte.is_ascii_digit()) { "#" } else { word }.to_owned();
    text.split(' ').map(part).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Time {
            Time::UNIX_EPOCH + self.monotonic()
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    fn report(message: &str, fields: &[(&'static str, &str)]) -> Report {
        let fields = fields.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        Report { message: message.into(), fields, ..Report::default() }
    }

    #[test]
    fn errors_are_grouped_by_what_they_say_and_not_by_what_they_are_about() {
        let book = ErrorBook::new(Hand::default(), 2);
        for id in ["01980a3e-6b2c", "01980a3e-9f55", "01980a3e-0c8a"] {
            book.note(report(
                "a log could not be added up",
                &[("broadcast_id", id), ("error", "row 17 is odd")],
            ));
        }
        book.note(report("a log could not be added up", &[("error", "no answer")]));
        let (groups, total) = book.list(0, 10);
        let told: Vec<_> = groups.iter().map(|group| (group.count, group.occurrences.len())).collect();
        assert_eq!((told, total), (vec![(1, 1), (3, 2)], 2));
        assert_eq!(groups[1].occurrences[0].fields["broadcast_id"], "01980a3e-0c8a", "the newest first");
        assert!(groups[1].first_seen < groups[1].last_seen);
    }

    #[test]
    fn what_was_left_out_of_the_log_counts_too() {
        let book = ErrorBook::new(Hand::default(), 2);
        book.note(Report { left_out: 41, ..report("the database is unavailable", &[]) });
        assert_eq!(book.list(0, 1).0[0].count, 42);
    }

    #[test]
    fn the_book_does_not_grow_for_ever() {
        let book = ErrorBook::new(Hand::default(), 2);
        let letters = |of: usize| [of / 26, of % 26].map(|place| char::from(b'a' + place as u8));
        for kind in 0..MAX_KINDS + 50 {
            book.note(report(&String::from_iter(letters(kind)).repeat(1_000), &[]));
        }
        let (groups, total) = book.list(0, usize::MAX);
        assert_eq!(total, MAX_KINDS);
        assert!(groups.iter().all(|group| group.message.len() == MAX_TEXT));
        assert!(groups[0].message.starts_with(&String::from_iter(letters(MAX_KINDS + 49))));
        assert_eq!(book.list(total - 1, 100).0.len(), 1);
    }
}
