//! What logs add up to, and when they go.

use serde_json::json;
use tallylight_core::analytics::{Interval, Period, Progress, Window};
use tallylight_core::broadcast::Broadcast;
use tallylight_core::clock::Time;
use tallylight_core::event::{EventQuery, EventType, LeaveReason, NewEvent};
use tallylight_core::viewer::NewViewer;
use time::Duration;

use crate::harness::{Db, NOON};

fn after(seconds: i64) -> Time {
    NOON + Duration::seconds(seconds)
}

/// A viewer of a person, from one second to another.
async fn watches(db: &Db, show: &Broadcast, person: &str, (from, to): (i64, i64)) {
    let viewer = NewViewer { person: person.into(), at: after(from), ..db.new_viewer(show) };
    let data = tallylight_core::event::joined(viewer.id, person);
    let event = NewEvent { data, created_at: viewer.at, ..db.event(EventType::ViewerJoined) };
    db.join(&viewer, event).await.unwrap();
    db.goes_at(&viewer, (LeaveReason::Left, None), after(to)).await.unwrap();
}

/// The people and the time watched in the latest so many minutes, up to 20 minutes after noon.
async fn told(db: &Db, show: &Broadcast, period: Period) -> (u64, f64) {
    let choose = |log: &Progress| Window::new(period, Some(Interval::Minute), log, after(1_200));
    let (window, summary) = db.summary(show.id, &choose).await.unwrap().unwrap();
    let whole = tallylight_core::analytics::report::whole(&summary, &window);
    (whole.unique, whole.watched as f64 / 1e6)
}

pub async fn sums_are_of_the_whole_log_however_far_it_is_added_up(db: Db) {
    let show = db.show(0).await;
    watches(&db, &show, "ada", (0, 600)).await;
    let before = (told(&db, &show, Period::All).await, told(&db, &show, Period::FiveMinutes).await);
    assert_eq!(before, ((1, 600.0), (0, 0.0)));
    assert_eq!(db.behind(None).await.unwrap(), [(show.id, 3)]);
    let added = db.add_up(show.id).await.unwrap();
    assert_eq!((added.seq, added.has_more), (3, false));
    assert!(db.behind(None).await.unwrap().is_empty());
    assert_eq!(before, (told(&db, &show, Period::All).await, told(&db, &show, Period::FiveMinutes).await));

    watches(&db, &show, "ada", (1_000, 1_100)).await;
    watches(&db, &show, "bob", (1_000, 1_010)).await;
    let expected = ((2, 710.0), (2, 110.0));
    let part_added = (told(&db, &show, Period::All).await, told(&db, &show, Period::FiveMinutes).await);
    assert_eq!(part_added, expected);
    db.add_up(show.id).await.unwrap();
    assert_eq!(db.add_up(show.id).await.unwrap().seq, 7, "again, nothing is added twice");
    assert_eq!((told(&db, &show, Period::All).await, told(&db, &show, Period::FiveMinutes).await), expected);
}

pub async fn those_who_add_up_at_once_add_nothing_twice(db: Db) {
    let show = db.show(0).await;
    for _ in 0..3 {
        for person in ["ada", "bob", "eve"] {
            watches(&db, &show, person, (0, 10)).await;
        }
        let all = (0..8).map(|_| db.add_up(show.id));
        futures_util::future::try_join_all(all).await.unwrap();
    }
    assert!(db.behind(None).await.unwrap().is_empty());
    assert_eq!(told(&db, &show, Period::All).await, (3, 90.0));
}

pub async fn an_empty_log_and_an_unknown_session_come_to_nothing(db: Db) {
    let nowhere = tallylight_core::ids::BroadcastId(db.id());
    let choose = |log: &Progress| Window::new(Period::All, None, log, NOON);
    assert_eq!(db.summary(nowhere, &choose).await.unwrap(), None);
    assert_eq!(db.add_up(nowhere).await.unwrap().seq, 0);
}

pub async fn an_owner_has_totals_over_all_sessions(db: Db) {
    let (ada, bob) = (db.user("ada").await, db.user("bob").await);
    let (first, second, other) =
        (db.show_of(&ada, 0).await, db.show_of(&ada, 0).await, db.show_of(&bob, 0).await);
    watches(&db, &first, "eve", (0, 100)).await;
    watches(&db, &second, "eve", (4_000, 4_100)).await;
    watches(&db, &second, "kim", (9_000, 9_100)).await;
    watches(&db, &other, "eve", (0, 100)).await;
    let mut behind = db.behind(Some(ada.id)).await.unwrap();
    behind.sort_unstable();
    assert_eq!(behind, [(first.id, 3), (second.id, 5)]);
    for show in [&first, &second, &other] {
        db.add_up(show.id).await.unwrap();
    }
    assert!(db.behind(Some(ada.id)).await.unwrap().is_empty());
    db.ends(&first).await;
    let own = async |since: Option<Time>| {
        let mut own = db.summaries_of(ada.id, since).await.unwrap();
        own.sort_by_key(|own| own.ended_at);
        own.iter()
            .map(|own| (own.summary.people, own.summary.rows.values().map(|it| it.joins).sum::<u64>()))
            .collect::<Vec<_>>()
    };
    assert_eq!(own(None).await, [(2, 2), (1, 1)]);
    assert_eq!(own(Some(after(8_000))).await, [(1, 1)], "from the beginning of that hour");
}

pub async fn a_log_is_read_by_type_and_from_either_end(db: Db) {
    let show = db.show(0).await;
    for kind in ["poll.opened", "poll.closed", "poll.opened"] {
        let event =
            NewEvent { kind: kind.into(), data: json!({"kind": kind}), ..db.event(EventType::Reaction) };
        db.append(show.id, event).await.unwrap();
        watches(&db, &show, "ada", (0, 10)).await;
    }
    let read = async |kinds: &[&str], after, before, newest_first, limit| {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let query = EventQuery { after, before, kinds, newest_first, without_viewers: false, limit };
        let events = db.events(show.id, &query).await.unwrap().events;
        events.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(&["poll.opened"], 0, None, false, 10).await, [2, 8]);
    assert_eq!(read(&["poll.opened", "poll.closed"], 0, None, false, 2).await, [2, 5]);
    assert_eq!(read(&["poll.opened", "viewer.left"], 2, None, false, 10).await, [4, 7, 8, 10]);
    assert_eq!(read(&["viewer.left"], 0, Some(10), true, 1).await, [7]);
    assert_eq!(read(&[], 0, None, true, 3).await, [10, 9, 8]);
    assert_eq!(read(&[], 3, Some(6), true, 10).await, [5, 4]);
    assert!(read(&["poll.never"], 0, None, false, 10).await.is_empty());
}

pub async fn whoever_reads_types_of_a_log_that_grows_misses_nothing(db: Db) {
    const VIEWERS: u64 = 60;
    let show = db.show(0).await;
    let viewers = async {
        for _ in 0..VIEWERS {
            watches(&db, &show, "ada", (0, 10)).await;
        }
    };
    let reader = async {
        let (mut read, mut after) = (Vec::new(), 0);
        while read.len() < 2 * VIEWERS as usize {
            let kinds = vec!["viewer.joined".to_owned(), "viewer.left".to_owned()];
            let query = EventQuery { kinds, ..EventQuery::after(after, 7) };
            read.extend(db.events(show.id, &query).await.unwrap().events.iter().map(|event| event.seq));
            after = read.last().copied().unwrap_or_default();
        }
        read
    };
    let ((), read) = tokio::join!(viewers, reader);
    assert_eq!(read, (2..2 * VIEWERS + 2).collect::<Vec<_>>());
}

pub async fn so_much_of_a_log_is_read_at_once_as_is_good_for_memory(db: Db) {
    let show = db.show(0).await;
    for _ in 0..3 {
        let data = json!({"text": "x".repeat(900_000)});
        db.append(show.id, NewEvent { kind: "slides".into(), data, ..db.event(EventType::Reaction) })
            .await
            .unwrap();
    }
    let read = async |kinds: &[&str], newest_first, limit| {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let query = EventQuery { kinds, newest_first, ..EventQuery::after(0, limit) };
        let read = db.events(show.id, &query).await.unwrap();
        (read.events.iter().map(|event| event.seq).collect::<Vec<_>>(), read.is_cut)
    };
    assert_eq!(read(&[], false, 10).await, (vec![1, 2, 3], true));
    assert_eq!(read(&[], true, 10).await, (vec![4, 3], true));
    assert_eq!(read(&["slides", "broadcast.created"], false, 2).await, (vec![1, 2], true));
    assert_eq!(read(&["broadcast.created"], false, 10).await, (vec![1], false));
    assert!(!db.add_up(show.id).await.unwrap().has_more);
}

pub async fn what_ended_long_ago_goes_whole(db: Db) {
    let (old, new, open) = (db.show(0).await, db.show(0).await, db.show(0).await);
    for show in [&old, &new, &open] {
        watches(&db, show, "ada", (0, 10)).await;
        db.watches(show).await;
        db.invitation(show, 0).await;
        db.add_up(show.id).await.unwrap();
    }
    db.ends(&old).await;
    db.ends(&new).await;
    assert_eq!(db.remove_ended(NOON).await.unwrap(), None, "not before its time");
    let removed = [db.remove_ended(after(1)).await.unwrap(), db.remove_ended(after(1)).await.unwrap()];
    assert!(removed.contains(&Some(old.id)) && removed.contains(&Some(new.id)));
    assert_eq!(db.remove_ended(after(1)).await.unwrap(), None);
    assert_eq!(db.sessions().await.unwrap(), [open.id]);
    assert!(db.broadcast(old.id).await.unwrap().is_none());
    assert!(db.invitations(old.id).await.unwrap().is_empty());
    assert!(db.events(old.id, &EventQuery::after(0, 10)).await.unwrap().events.is_empty());
    assert_eq!(db.counts(&open).await.viewers, 1);
}
