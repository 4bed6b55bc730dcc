//! What is noted and not written yet.
//!
//! Whoever does the same again and again within a minute gets two entries, the second with how often, and of what one
//! does, or all do together, so much is kept in a minute as a person can read: nobody can fill the disk by trying
//! passwords. What those do who run the server is always kept, so that nobody hides it behind noise.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};

use super::AuditEntry;
use crate::ids::UserId;

/// For how long the same is counted instead of being written again.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How many different acts of an action are kept singly in a window, of one and of all.
const MOST_OF_ONE: usize = 100;
const MOST_OF_ALL: usize = 500;
/// How many entries wait for the database; what comes then is lost, and counted.
pub const MOST_WAITING: usize = 10_000;

/// Whose acts are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    User(UserId),
    /// Strangers, by where they are.
    From(Option<IpNet>),
    /// All whose acts are too many to be told apart.
    Anybody,
}

/// Who does what to whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    action: String,
    who: Who,
    target: Option<String>,
}

/// What stands for the targets of acts that are counted together.
const OTHERS: &str = "others";

/// Those who are as good as one: who has an IPv6 address of a network of 64 bits has them all.
fn neighbours(ip: IpAddr) -> IpNet {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpNet::from(IpAddr::V4(ip)),
        IpAddr::V6(ip) => IpNet::V6(Ipv6Net::new_assert(ip, 64).trunc()),
    }
}

/// What an act counts towards.
fn bounds(kind: &Kind) -> [(String, Who); 2] {
    [kind.who.clone(), Who::Anybody].map(|who| (kind.action.clone(), who))
}

/// The same, again.
#[derive(Debug)]
struct Repeated {
    since: Duration,
    /// Whether it is one of those that are bounded.
    is_bounded: bool,
    times: u64,
    /// The latest.
    latest: Option<AuditEntry>,
}

impl Repeated {
    /// What was counted and not told yet.
    fn tell(&mut self, kind: &Kind) -> Option<AuditEntry> {
        let mut entry = self.latest.take()?;
        if kind.who == Who::Anybody {
            (entry.actor_id, entry.actor, entry.key_id, entry.ip) = (None, None, None, None);
        }
        entry.target.clone_from(&kind.target);
        entry.details.insert("times".into(), std::mem::take(&mut self.times).into());
        Some(entry)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    waiting: VecDeque<AuditEntry>,
    counted: HashMap<Kind, Repeated>,
    /// How many different ones of an action are bounded, of each and of all.
    bounded: HashMap<(String, Who), usize>,
    lost: u64,
}

impl Book {
    /// Takes in an entry. `runs_server`: by somebody who does.
    pub fn note(&mut self, entry: AuditEntry, runs_server: bool, now: Duration) {
        let kind = self.kind_of(&entry, runs_server);
        if let Some(repeated) = self.counted.get_mut(&kind) {
            repeated.times += 1;
            repeated.latest = Some(entry);
            return;
        }
        if !runs_server {
            bounds(&kind).into_iter().for_each(|bound| *self.bounded.entry(bound).or_default() += 1);
        }
        let repeated = Repeated { since: now, is_bounded: !runs_server, times: 0, latest: None };
        self.counted.insert(kind, repeated);
        self.wait(entry);
    }

    /// As what an entry is counted: by itself, with other acts of the same, or with everybody's.
    fn kind_of(&self, entry: &AuditEntry, runs_server: bool) -> Kind {
        let who = entry.actor_id.map_or_else(|| Who::From(entry.ip.map(neighbours)), Who::User);
        let single = Kind { action: entry.action.clone(), who, target: entry.target.clone() };
        let has_room = |who: Who, most| {
            self.bounded.get(&(single.action.clone(), who)).is_none_or(|bounded| *bounded < most)
        };
        let has_room_for_all = has_room(Who::Anybody, MOST_OF_ALL);
        let fits = has_room_for_all && has_room(single.who.clone(), MOST_OF_ONE);
        if runs_server || fits || self.counted.contains_key(&single) {
            return single;
        }
        let others = Kind { target: Some(OTHERS.into()), ..single };
        if has_room_for_all || self.counted.contains_key(&others) {
            return others;
        }
        Kind { who: Who::Anybody, ..others }
    }

    fn wait(&mut self, entry: AuditEntry) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(entry);
        } else {
            self.lost += 1;
        }
    }

    /// What is to be written, the oldest first; what was counted when its window is over, or all of it so far, which
    /// begins no other window. It stays here until it is known to be written.
    pub fn due(&mut self, now: Duration, all: bool) -> Vec<AuditEntry> {
        let is_over = |repeated: &Repeated| now.saturating_sub(repeated.since) >= WINDOW;
        let mut told: Vec<_> = if all {
            self.counted.iter_mut().filter_map(|(kind, repeated)| repeated.tell(kind)).collect()
        } else {
            Vec::new()
        };
        for (kind, mut repeated) in self.counted.extract_if(|_, repeated| is_over(repeated)) {
            told.extend(repeated.tell(&kind));
            for bound in bounds(&kind).into_iter().filter(|_| repeated.is_bounded) {
                if let Some(bounded) = self.bounded.get_mut(&bound) {
                    *bounded = bounded.saturating_sub(1);
                }
            }
        }
        self.bounded.retain(|_, bounded| *bounded > 0);
        told.sort_by_key(|entry| entry.id);
        told.into_iter().for_each(|entry| self.wait(entry));
        self.waiting.iter().cloned().collect()
    }

    /// How many entries wait to be written.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
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

    /// Somebody's act; without a user, by a stranger from there.
    fn by(user: Option<u128>, ip: &str, entry: AuditEntry) -> AuditEntry {
        let actor_id = user.map(|user| UserId(Uuid::from_u128(user)));
        AuditEntry {
            actor_id,
            actor: user.map(|user| user.to_string()),
            ip: Some(ip.parse().unwrap()),
            ..entry
        }
    }

    #[test]
    fn the_first_of_a_minute_is_told_at_once_and_the_others_are_counted() {
        let mut book = Book::default();
        (1..=500).for_each(|id| book.note(entry(id, "ada"), false, at(0)));
        assert_eq!(book.take(at(1), false), [entry(1, "ada")]);
        assert!(book.take(at(59), false).is_empty());
        let counted = book.take(at(60), false);
        assert_eq!((counted.len(), &counted[0].details["times"]), (1, &json!(499)));
        book.note(entry(501, "ada"), false, at(61));
        assert_eq!(book.take(at(61), false), [entry(501, "ada")], "a new minute");
    }

    #[test]
    fn whoever_has_all_written_begins_no_other_minute() {
        let mut book = Book::default();
        (1..=10).for_each(|id| book.note(entry(id, "ada"), false, at(0)));
        let told = book.take(at(1), true);
        assert_eq!((told.len(), &told[1].details["times"]), (2, &json!(9)));
        (11..=1_000).for_each(|id| book.note(entry(id, &id.to_string()), false, at(2)));
        assert_eq!(book.take(at(2), false).len(), MOST_OF_ONE, "ada's still counts");
        (0..10).for_each(|_| book.note(entry(1_001, "ada"), false, at(3)));
        assert!(book.take(at(3), false).is_empty());
        assert_eq!(book.take(at(60), false).last().unwrap().details["times"], json!(10));
    }

    #[test]
    fn an_attacker_who_tries_every_account_fills_no_disk_and_hides_nobody_else() {
        let mut book = Book::default();
        for id in 1..=50_000 {
            let ip = format!("2001:db8::{:x}", id % 65_536);
            book.note(by(None, &ip, entry(id, &format!("user {id}"))), false, at(0));
        }
        assert_eq!(book.take(at(1), false).len(), MOST_OF_ONE + 1, "of one network of 64 bits");
        let others = [
            by(None, "2001:db8:0:1::1", entry(50_001, "ada")),
            by(Some(1), "2001:db8::1", entry(50_002, "bob")),
        ];
        others.iter().for_each(|other| book.note(other.clone(), false, at(2)));
        assert_eq!(book.take(at(2), false), others);
        let rest = book.take(at(60), false);
        assert_eq!((rest.len(), rest[0].target.as_deref()), (1, Some(OTHERS)));
        assert_eq!(rest[0].details["times"], json!(50_000 - MOST_OF_ONE - 1));
    }

    #[test]
    fn attackers_from_everywhere_hide_nothing_that_is_done_by_those_who_run_the_server() {
        let mut book = Book::default();
        for id in 1..=50_000_u128 {
            let ip = format!("10.{}.{}.7", id / 256, id % 256);
            book.note(by(None, &ip, entry(id, &format!("user {id}"))), false, at(0));
        }
        assert_eq!(book.take(at(1), false).len(), MOST_OF_ALL + 1);
        let acts: Vec<_> =
            (1..=200).map(|id| by(Some(1), "10.0.0.1", entry(60_000 + id, &id.to_string()))).collect();
        acts.iter().for_each(|act| book.note(act.clone(), true, at(1)));
        assert_eq!(book.take(at(2), false), acts);
        let rest = book.take(at(60), false);
        assert_eq!((rest.len(), &rest[0].actor, rest[0].ip), (1, &None, None), "it was nobody in particular");
        assert!(book.bounded.is_empty() && book.counted.len() == acts.len());
        book.take(at(61), false);
        assert!(book.counted.is_empty());
    }

    #[test]
    fn what_is_not_known_to_be_written_comes_first_again_and_waits_within_a_bound() {
        let mut book = Book::default();
        book.note(entry(1, "ada"), false, at(0));
        assert_eq!(book.due(at(0), true), [entry(1, "ada")]);
        book.note(entry(2, "bob"), false, at(0));
        assert_eq!(book.take(at(0), true), [entry(1, "ada"), entry(2, "bob")]);
        (0..MOST_WAITING as u128 + 5).for_each(|id| book.wait(entry(id, "ada")));
        assert_eq!((book.take(at(0), true).len(), book.take_lost(), book.take_lost()), (MOST_WAITING, 5, 0));
    }
}
