//! Commits whose answer is lost: done once, and answered as done.

use std::sync::Arc;

use tallylight_core::Error;
use tallylight_core::caller::Access;
use tallylight_core::clock::SystemClock;
use tallylight_core::event::EventType;
use tallylight_core::idempotency::{Call, Idempotency, Turn};
use tallylight_core::ids::SystemIds;
use tallylight_core::secret::Secret;
use tallylight_core::store::{BroadcastStore, SessionStore};
use tallylight_core::viewer::JoinOutcome;
use tallylight_store::{Limits, Location, Store};

use crate::harness::{Db, patient};
use crate::way::Lossy;

async fn through(way: &Lossy) -> Store {
    Store::open(&Location::Server(way.url.clone()), patient()).await.unwrap()
}

/// As [`through`], where what is not confirmed is to be given up.
async fn for_a_while_through(way: &Lossy) -> Store {
    let limits = Limits { timeout: std::time::Duration::from_secs(4), ..patient() };
    Store::open(&Location::Server(way.url.clone()), limits).await.unwrap()
}

#[tokio::test]
async fn an_event_whose_commit_was_not_confirmed_is_logged_once() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let show = db.show(0).await;
    let way = Lossy::to(&db.database.location()).await;
    let store = through(&way).await;
    way.loses_commits(3);
    let counts = store.append(show.id, db.event(EventType::BroadcastUpdated)).await.unwrap().unwrap();
    assert_eq!((counts.seq, db.log(&show).await.len()), (2, 2));
    assert_eq!(way.losses_left(), 2, "the first try was found in the log");
}

/// The session that hangs holds the locks until it is through, so the next try cannot overtake it.
#[tokio::test]
async fn a_commit_that_comes_late_is_waited_for_and_not_repeated() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let show = db.show(0).await;
    let way = Lossy::to(&db.database.location()).await;
    let store = through(&way).await;
    way.delays_a_commit();
    let counts = store.append(show.id, db.event(EventType::BroadcastUpdated)).await.unwrap().unwrap();
    assert_eq!((counts.seq, db.log(&show).await.len()), (2, 2));
}

#[tokio::test]
async fn a_crowd_whose_commits_are_lost_takes_each_place_once() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let show = db.show(20).await;
    let way = Lossy::to(&db.database.location()).await;
    let store = through(&way).await;
    way.loses_commits(2);
    let viewers: Vec<_> = (0..50).map(|_| db.new_viewer(&show)).collect();
    let joins = viewers.iter().map(|viewer| store.join(viewer, db.event(EventType::ViewerJoined)));
    let outcomes = futures_util::future::join_all(joins).await;
    let joined = outcomes.iter().filter(|outcome| matches!(outcome, Ok(JoinOutcome::Joined(..)))).count();
    let full = outcomes.iter().filter(|outcome| matches!(outcome, Ok(JoinOutcome::Full))).count();
    assert_eq!((joined, full), (20, 30));
    assert_eq!((db.counts(&show).await.viewers, db.log(&show).await.len()), (20, 21));
}

#[tokio::test]
async fn a_change_and_a_new_broadcast_whose_commits_are_lost_are_kept_once() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let owner = db.user("ada").await;
    let way = Lossy::to(&db.database.location()).await;
    let store = through(&way).await;
    let show = db.new_broadcast(&owner);
    way.loses_commits(1);
    store.insert_broadcast(&show, vec![db.event(EventType::BroadcastCreated)]).await.unwrap();
    let after =
        tallylight_core::broadcast::Broadcast { title: "Renamed".into(), revision: 1, ..show.clone() };
    let events = vec![db.event(EventType::BroadcastUpdated)];
    let change = tallylight_core::store::Change {
        before: &show,
        after: &after,
        events,
        evict: None,
        at: crate::harness::NOON,
    };
    way.loses_commits(1);
    let counts = store.save_broadcast(change).await.unwrap();
    assert_eq!(counts.map(|counts| counts.seq), Some(2));
    assert_eq!(db.logged(&show).await, ["broadcast.created", "broadcast.updated"]);
}

fn is_in_doubt<T>(outcome: Result<T, Error>) -> bool {
    let Err(Error::Unavailable(outage)) = outcome else { panic!("there is no answer") };
    outage.in_doubt
}

#[tokio::test]
async fn what_no_commit_confirms_is_in_doubt_and_what_comes_to_none_is_not() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let show = db.show(0).await;
    let owner = db.user("ada").await;
    let way = Lossy::to(&db.database.location()).await;
    let store = for_a_while_through(&way).await;
    way.loses_commits(usize::MAX);
    let new = db.new_broadcast(&owner);
    let made = async || store.insert_broadcast(&new, vec![db.event(EventType::BroadcastCreated)]).await;
    assert!(is_in_doubt(made().await));
    way.breaks_after(0);
    assert!(!is_in_doubt(made().await));
    assert!(!is_in_doubt(store.append(show.id, db.event(EventType::BroadcastUpdated)).await));
}

#[tokio::test]
async fn a_key_whose_taking_was_not_confirmed_is_freed_when_the_database_answers_again() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let way = Lossy::to(&db.database.location()).await;
    let store = Arc::new(for_a_while_through(&way).await);
    let (clock, ids) = (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
    let keys = Idempotency::new(store, clock, ids, &Secret::new(&[7; 32])).unwrap();
    let ada = db.user("ada").await.identity(Access::Server);
    let call =
        Call { caller: &ada, method: "POST", path: "/api/broadcasts", key: "launch", query: "", body: b"{}" };
    way.loses_commits(usize::MAX);
    let first = keys.claim(&call).unwrap();
    assert!(is_in_doubt(keys.begin(&first).await));
    way.loses_commits(0);
    let second = keys.claim(&call).unwrap();
    assert!(matches!(keys.begin(&second).await.unwrap(), Turn::UnderWay));
    keys.give_up(first);
    way.breaks_after(0);
    assert!(keys.settle_all().await.is_err());
    way.breaks_after(usize::MAX);
    keys.settle_all().await.unwrap();
    assert!(matches!(keys.begin(&second).await.unwrap(), Turn::Go));
}

#[tokio::test]
async fn a_key_that_comes_to_be_taken_after_it_was_given_up_is_freed() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let store = Arc::new(Store::open(&db.database.location(), patient()).await.unwrap());
    let (clock, ids) = (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
    let keys = Idempotency::new(store, clock, ids, &Secret::new(&[7; 32])).unwrap();
    let ada = db.user("ada").await.identity(Access::Server);
    let call =
        Call { caller: &ada, method: "POST", path: "/api/broadcasts", key: "launch", query: "", body: b"{}" };
    let late = keys.claim(&call).unwrap();
    keys.give_up(late.clone());
    keys.settle_all().await.unwrap();
    assert!(matches!(keys.begin(&late).await.unwrap(), Turn::Go), "its commit was under way");
    let again = keys.claim(&call).unwrap();
    assert!(matches!(keys.begin(&again).await.unwrap(), Turn::UnderWay));
    keys.settle_all().await.unwrap();
    assert!(matches!(keys.begin(&again).await.unwrap(), Turn::Go));
    keys.settle_all().await.unwrap();
    assert!(matches!(keys.begin(&again).await.unwrap(), Turn::Go), "whoever has it now keeps it");
}
