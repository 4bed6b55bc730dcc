//! Somebody pages through a list while everything in it changes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::broadcast::{Broadcast, Epoch, Ingest, IngestState, MediaAddresses, Visibility};
use crate::clock::Time;
use crate::user::SealedKey;

const NOON: Time = datetime!(2026-05-01 12:00 UTC);
const SECOND: Duration = Duration::from_secs(1);

/// A directory, a clock to turn, and changes that a seed repeats.
struct House {
    directory: Directory,
    rankings: Rankings,
    now: Duration,
    made: u64,
    seed: u64,
}

impl House {
    fn with(broadcasts: u64) -> Self {
        let (directory, rankings) = (Directory::default(), Rankings::default());
        let mut house = Self { directory, rankings, now: 100 * SECOND, made: 0, seed: 1 };
        (0..broadcasts).for_each(|_| house.opens());
        house
    }

    /// Less than `below`.
    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn opens(&mut self) {
        self.made += 1;
        let (number, shuffled) = (self.made, self.random(1_000));
        let started_at = NOON + Duration::from_secs(shuffled);
        let counts = Counts { viewers: u32::try_from(shuffled / 100).unwrap(), peak: 10, seq: 1 };
        let broadcast = Arc::new(broadcast(number, format!("Étude {shuffled}"), started_at));
        self.directory.put(Snapshot { broadcast, counts });
    }

    fn changes(&self, number: u64, change: impl FnOnce(&mut Broadcast)) {
        let Some(mut snapshot) = self.directory.get(id(number)) else { return };
        let broadcast = Arc::make_mut(&mut snapshot.broadcast);
        broadcast.revision += 1;
        change(broadcast);
        self.directory.put(snapshot);
    }

    fn counts(&self, number: u64, viewers: u32) {
        let Some(snapshot) = self.directory.get(id(number)) else { return };
        let seq = snapshot.counts.seq + 1;
        self.directory.count(id(number), Counts { viewers, peak: viewers, seq });
    }

    fn something_happens(&mut self) {
        let number = self.random(self.made) + 1;
        let other = self.random(1_000);
        match self.random(10) {
            0 => self.opens(),
            1 => self.changes(number, |it| it.status = Status::Ended),
            2 => self.changes(number, |it| it.visibility = Visibility::Private),
            3 => self.changes(number, |it| it.title = format!("Nocturne {other}")),
            4 => self.changes(number, |it| it.started_at = NOON - Duration::from_secs(other)),
            _ => self.counts(number, u32::try_from(other).unwrap()),
        }
    }

    fn lists(&self, query: &Query, limit: usize) -> (Page, Mark) {
        self.rankings.list(&self.directory, query, Part { offset: 0, limit }, self.now)
    }

    /// The page behind a cursor; `None` once it has expired.
    fn resumes(&self, cursor: Cursor, limit: usize) -> Option<Page> {
        let ranking = self.rankings.find(&cursor, self.now)?;
        Some(ranking.page(&self.directory, Part { offset: cursor.place as usize, limit }, self.now))
    }
}

fn id(number: u64) -> BroadcastId {
    // Neighbours in time are no neighbours in order.
    BroadcastId(Uuid::from_u64_pair(number.wrapping_mul(0x9E37_79B9_7F4A_7C15), number))
}

fn broadcast(number: u64, title: String, started_at: Time) -> Broadcast {
    Broadcast {
        id: id(number),
        owner: UserId(Uuid::from_u64_pair(1, 1)),
        owner_name: "ada".into(),
        title,
        description: None,
        status: Status::Active,
        visibility: Visibility::Public,
        created_at: NOON,
        started_at,
        ended_at: None,
        max_viewers: 0,
        elsewhere: MediaAddresses::default(),
        metadata: serde_json::Map::new(),
        ai_intent: None,
        tags: Vec::new(),
        is_featured: false,
        reported_viewers: 0,
        ingest: Ingest { state: IngestState::Live, interrupted_until: None },
        stream_key: SealedKey { hash: [0; 32], sealed: Vec::new() },
        deleted_at: None,
        revision: 0,
        epoch: Epoch(1),
    }
}

fn ids(items: &[Snapshot]) -> Vec<BroadcastId> {
    items.iter().map(|item| item.id).collect()
}

/// Pages through ten thousand while a hundred things happen between two pages.
fn pages_through(query: &Query) {
    let mut house = House::with(10_000);
    let begun = house.directory.ranked(query);
    let mut page = house.lists(query, 37).0;
    let mut seen = ids(&page.items);
    while let Some(cursor) = page.next {
        (0..100).for_each(|_| house.something_happens());
        house.now += SECOND;
        let limit = usize::try_from(house.random(100)).unwrap() + 1;
        page = house.resumes(cursor.to_string().parse().unwrap(), limit).unwrap();
        assert!(!page.items.is_empty() && page.items.len() <= limit, "a page in the middle shows something");
        assert_eq!(page.total, begun.len());
        for item in &page.items {
            assert_eq!(Some(item), house.directory.get(item.id).as_ref(), "items are as they are now");
        }
        seen.extend(ids(&page.items));
    }
    let met: HashSet<_> = seen.iter().copied().collect();
    assert_eq!(met.len(), seen.len(), "none twice");
    let in_order: Vec<_> = begun.iter().copied().filter(|id| met.contains(id)).collect();
    assert_eq!(seen, in_order, "only those of the beginning, in its order");
    let here = |id: &BroadcastId| house.directory.get(*id).is_some_and(|it| !it.is_private());
    assert!(begun.iter().filter(|id| here(id)).all(|id| met.contains(id)), "all that are still there");
    assert!(met.len() < begun.len(), "some ended before they were shown");
}

#[test]
fn each_broadcast_is_met_once_by_viewers() {
    pages_through(&Query::default());
}

#[test]
fn each_broadcast_is_met_once_from_the_least_watched_on() {
    pages_through(&Query { order: Some(Order::Ascending), ..Query::default() });
}

#[test]
fn each_broadcast_is_met_once_by_start() {
    pages_through(&Query { sort: Sort::StartedAt, ..Query::default() });
}

#[test]
fn each_broadcast_is_met_once_by_duration() {
    pages_through(&Query { sort: Sort::Duration, ..Query::default() });
}

#[test]
fn each_broadcast_is_met_once_by_title() {
    pages_through(&Query { sort: Sort::Title, q: Some("ÉTUDE".into()), ..Query::default() });
}

#[test]
fn a_cursor_stays_the_same_while_the_order_does() {
    let mut house = House::with(100);
    let before = house.lists(&Query::default(), 20).0;
    let first = &before.items[0];
    house.directory.count(first.id, Counts { viewers: first.counts.viewers + 5, peak: 100, seq: 7 });
    let after = house.lists(&Query::default(), 20).0;
    assert_eq!((after.next, after.items[0].counts.seq), (before.next, 7), "the same order, the newer count");
    let last = id(house.directory.ranked(&Query::default()).len() as u64);
    house.directory.count(last, Counts { viewers: 1_000, peak: 1_000, seq: 9 });
    assert_ne!(house.lists(&Query::default(), 20).0.next, before.next, "another order");
    let other = Query { order: Some(Order::Descending), ..Query::default() };
    assert_ne!(house.lists(&other, 20).0.next, house.lists(&Query::default(), 20).0.next, "another query");
    house.now += SECOND;
    assert_eq!(house.resumes(before.next.unwrap(), 100).unwrap().items.len(), 80);
}

#[test]
fn a_cursor_is_good_for_a_minute_from_when_it_was_last_handed_out() {
    let mut house = House::with(50);
    let (page, mark) = house.lists(&Query::default(), 20);
    let cursor = page.next.unwrap();
    house.now += 59 * SECOND;
    assert!(house.resumes(cursor, 50).is_some(), "the last page hands out nothing and renews nothing");
    house.now += SECOND;
    assert!(house.resumes(cursor, 50).is_none());

    assert!(house.rankings.may_be_shown_again(&house.directory, &mark, house.now));
    house.now += 59 * SECOND;
    assert!(house.resumes(cursor, 20).unwrap().next.is_some(), "shown again, it was handed out again");
    house.now += 59 * SECOND;
    assert!(house.resumes(cursor, 50).is_some(), "so did the page behind it");
    house.now += SECOND;
    assert!(house.resumes(cursor, 50).is_none());
}

#[test]
fn a_page_that_shows_the_rest_goes_on_nowhere() {
    let house = House::with(20);
    assert_eq!(house.lists(&Query::default(), 20).0.next, None);
    let cursor = house.lists(&Query::default(), 19).0.next.unwrap();
    assert_eq!(house.resumes(cursor, 1).unwrap().next, None);
    let gone = house.directory.ranked(&Query::default())[19];
    house.directory.remove(gone);
    let page = house.resumes(cursor, 1).unwrap();
    assert_eq!((page.items.len(), page.next, page.total), (0, None, 20));
    let beyond = Part { offset: 30, limit: 20 };
    let page = house.rankings.list(&house.directory, &Query::default(), beyond, house.now).0;
    assert_eq!((page.items.len(), page.next, page.total), (0, None, 19));
}

#[test]
fn a_small_directory_is_listed_as_it_is_and_a_large_one_as_it_was_within_a_second() {
    for (size, is_large) in [(1_999, false), (2_000, true)] {
        let mut house = House::with(size);
        let (page, mark) = house.lists(&Query::default(), 20);
        house.opens();
        let again = |house: &House| house.rankings.may_be_shown_again(&house.directory, &mark, house.now);
        assert_eq!(again(&house), is_large);
        house.now += SECOND - Duration::from_millis(1);
        assert_eq!(again(&house), is_large);
        assert_eq!(house.lists(&Query::default(), 20).0.total == page.total, is_large);
        house.now += Duration::from_millis(1);
        assert!(!again(&house));
        assert_eq!(house.lists(&Query::default(), 20).0.total, page.total + 1);
    }
}

#[test]
fn when_rankings_take_too_much_room_the_oldest_goes() {
    let house = House { rankings: Rankings::within(5_000), ..House::with(100) };
    let (newest_first, by_title) = (
        Query { sort: Sort::StartedAt, ..Query::default() },
        Query { sort: Sort::Title, ..Query::default() },
    );
    let lists = [Query::default(), newest_first, by_title].map(|query| house.lists(&query, 20));
    let is_there = lists.each_ref().map(|(page, _)| house.resumes(page.next.unwrap(), 20).is_some());
    assert_eq!(is_there, [false, true, true]);
    assert!(!house.rankings.may_be_shown_again(&house.directory, &lists[0].1, house.now), "it is made anew");
    assert!(house.rankings.may_be_shown_again(&house.directory, &lists[2].1, house.now));
}

#[test]
fn a_broadcast_is_found_by_its_words_of_now_whatever_their_case() {
    let house = House::with(1);
    let finds = |query: Query| house.directory.ranked(&query).len();
    let q = |text: &str| finds(Query { q: Some(text.into()), ..Query::default() });
    let tag = |text: &str| finds(Query { tag: Some(text.into()), ..Query::default() });
    let category = |text: &str| finds(Query { category: Some(text.into()), ..Query::default() });
    house.changes(1, |it| {
        it.tags = vec!["ÜBUNG".into(), "Late".into()];
        it.ai_intent = Some("Music".into());
    });
    assert_eq!((q("übu"), tag("Übung"), tag("übu"), category("MUSIC"), category("mus")), (1, 1, 0, 1, 0));
    house.changes(1, |it| it.tags = vec!["Early".into()]);
    assert_eq!((q("übu"), tag("übung"), tag("EARLY"), category("music")), (0, 0, 1, 1));
    house.changes(1, |it| it.ai_intent = None);
    assert_eq!((category("music"), category(""), q("EARL")), (0, 0, 1));
}

#[test]
fn a_long_query_takes_the_room_of_its_text() {
    let house = House { rankings: Rankings::within(5_000), ..House::with(30) };
    let padded = |blanks| Query { q: Some(format!("étude{}", " ".repeat(blanks))), ..Query::default() };
    let [first, second] = [3_000, 3_001].map(|blanks| house.lists(&padded(blanks), 20).0.next.unwrap());
    assert!(house.resumes(first, 20).is_none() && house.resumes(second, 20).is_some());
}
