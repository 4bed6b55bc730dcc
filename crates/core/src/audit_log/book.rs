//! What is noted and not written yet.
//!
//! Whoever does the same again and again within a minute gets two entries, the second with how often, and of each action
//! so many different ones are kept in a minute as a person can read: nobody can fill the disk by trying passwords.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::AuditEntry;
use crate::ids::UserId;

/// For how long the same is counted instead of being written again.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How many different acts of an action are kept singly in a window.
const MOST_A_WINDOW: usize = 100;
/// How many entries wait for the database; what comes then is lost, and counted.
const MOST_WAITING: usize = 10_000;

/// Who does what to whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    action: String,
    actor: Option<UserId>,
    target: Option<String>,
}

/// The same, again.
#[derive(Debug)]
struct Repeated {
    since: Duration,
    times: u64,
    /// The latest.
    latest: Option<AuditEntry>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    waiting: VecDeque<AuditEntry>,
    counted: HashMap<Kind, Repeated>,
    /// How many different ones of an action are counted.
    kinds: HashMap<String, usize>,
    lost: u64,
}

impl Book {
    /// Takes in an entry.
    pub fn note(&mut self, entry: AuditEntry, now: Duration) {
        let (action, actor, target) = (entry.action.clone(), entry.actor_id, entry.target.clone());
        let mut kind = Kind { action, actor, target };
        let many = self.kinds.get(&kind.action).is_some_and(|kinds| *kinds >= MOST_A_WINDOW);
        if many && !self.counted.contains_key(&kind) {
            kind = Kind { actor: None, target: Some("others".into()), ..kind };
        }
        match self.counted.get_mut(&kind) {
            Some(repeated) => {
                repeated.times += 1;
                repeated.latest = Some(entry);
            }
            None => {
                *self.kinds.entry(kind.action.clone()).or_default() += 1;
                self.counted.insert(kind, Repeated { since: now, times: 0, latest: None });
                self.wait(entry);
            }
        }
    }

    fn wait(&mut self, entry: AuditEntry) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(entry);
        } else {
            self.lost += 1;
        }
    }

    /// What is to be written, the oldest first; what was counted when its window is over, or all of it. It stays here
    /// until it is known to be written.
    pub fn due(&mut self, now: Duration, all: bool) -> Vec<AuditEntry> {
        let is_over = |repeated: &Repeated| all || now.saturating_sub(repeated.since) >= WINDOW;
        let mut over: Vec<_> = self.counted.extract_if(|_, repeated| is_over(repeated)).collect();
        over.sort_by_key(|(_, repeated)| repeated.latest.as_ref().map(|entry| entry.id));
        for (kind, repeated) in over {
            if let Some(kinds) = self.kinds.get_mut(&kind.action) {
                *kinds = kinds.saturating_sub(1);
            }
            if let Some(mut entry) = repeated.latest {
                (entry.actor_id, entry.target) = (kind.actor, kind.target);
                entry.details.insert("times".into(), repeated.times.into());
                self.wait(entry);
            }
        }
        self.kinds.retain(|_, kinds| *kinds > 0);
        self.waiting.iter().cloned().collect()
    }

    /// So many of those that were due are written.
    pub fn written(&mut self, count: usize) {
        self.waiting.drain(..count.min(self.waiting.len()));
    }

    /// How many entries were lost since the last call.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};
    use uuid::Uuid;

    use super::*;
    use crate::ids::AuditId;

    impl Book {
        /// Writes what is due.
        fn take(&mut self, now: Duration, all: bool) -> Vec<AuditEntry> {
            let due = self.due(now, all);
            self.written(due.len());
            due
        }
    }

    fn entry(id: u128, target: &str) -> AuditEntry {
        AuditEntry {
            id: AuditId(Uuid::from_u128(id)),
            at: time::macros::datetime!(2026-05-01 12:00 UTC),
            action: "sign_in.failed".into(),
            actor_id: None,
            actor: None,
            key_id: None,
            target: Some(target.into()),
            ip: None,
            details: Map::new(),
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_of_a_minute_is_told_at_once_and_the_others_are_counted() {
        let mut book = Book::default();
        (1..=500).for_each(|id| book.note(entry(id, "ada"), at(0)));
        assert_eq!(book.take(at(1), false), [entry(1, "ada")]);
        assert!(book.take(at(59), false).is_empty());
        let counted = book.take(at(60), false);
        assert_eq!((counted.len(), &counted[0].details["times"]), (1, &json!(499)));
        book.note(entry(501, "ada"), at(61));
        assert_eq!(book.take(at(61), false), [entry(501, "ada")], "a new minute");
    }

    #[test]
    fn an_attacker_who_tries_every_account_fills_no_disk() {
        let mut book = Book::default();
        (1..=50_000).for_each(|id| book.note(entry(id, &format!("user {id}")), at(0)));
        assert_eq!(book.take(at(1), false).len(), MOST_A_WINDOW + 1);
        let rest = book.take(at(60), false);
        assert_eq!((rest.len(), rest[0].target.as_deref()), (1, Some("others")));
        assert_eq!(rest[0].details["times"], json!(50_000 - MOST_A_WINDOW - 1));
    }

    #[test]
    fn what_is_not_known_to_be_written_comes_first_again_and_waits_within_a_bound() {
        let mut book = Book::default();
        book.note(entry(1, "ada"), at(0));
        assert_eq!(book.due(at(0), true), [entry(1, "ada")]);
        book.note(entry(2, "bob"), at(0));
        assert_eq!(book.take(at(0), true), [entry(1, "ada"), entry(2, "bob")]);
        (0..MOST_WAITING as u128 + 5).for_each(|id| book.wait(entry(id, "ada")));
        assert_eq!((book.take(at(0), true).len(), book.take_lost(), book.take_lost()), (MOST_WAITING, 5, 0));
    }
}
