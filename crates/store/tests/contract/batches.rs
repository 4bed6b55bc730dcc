//! Writes that share a transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use tallylight_core::Error;
use tallylight_core::clock::Time;
use tallylight_core::event::{EventType, LeaveReason};
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::viewer::{JoinOutcome, NewViewer, SignOfLife};
use tallylight_store::Limits;
use time::Duration;
use tokio::task::JoinSet;

use crate::harness::{Db, NOON, patient};

pub async fn an_event_is_logged_under_the_next_number(db: Db) {
    let show = db.show(0).await;
    let counts = db.append(show.id, db.event(EventType::BroadcastUpdated)).await.unwrap().unwrap();
    assert_eq!(counts.seq, 2);
    assert_eq!(db.logged(&show).await, ["broadcast.created", "broadcast.updated"]);
    let nowhere = BroadcastId(db.id());
    assert_eq!(db.append(nowhere, db.event(EventType::BroadcastUpdated)).await.unwrap(), None);
}

pub async fn many_events_at_once_are_numbered_without_a_gap(db: Db) {
    let db = Arc::new(db);
    let shows = [db.show(0).await, db.show(0).await, db.show(0).await];
    let mut tasks = JoinSet::new();
    for show in shows.iter().cycle().take(300) {
        let (db, id) = (db.clone(), show.id);
        tasks.spawn(async move {
            (id, db.append(id, db.event(EventType::BroadcastUpdated)).await.unwrap().unwrap().seq)
        });
    }
    let answered: BTreeSet<_> = tasks.join_all().await.into_iter().collect();
    assert_eq!(answered.len(), 300, "no number was given twice");
    for show in &shows {
        assert_eq!(db.log(show).await.len(), 101);
    }
}

pub async fn a_sign_of_life_is_kept_and_never_goes_back(db: Db) {
    let show = db.show(0).await;
    let ((here, _), (gone, _)) = (db.watches(&show).await, db.watches(&show).await);
    db.goes(&gone, LeaveReason::Left, None).await.unwrap();
    let later = NOON + Duration::seconds(20);
    let signs = |at: Time| {
        [&here, &gone].map(|viewer| SignOfLife { viewer: viewer.id, session_id: show.id, at }).to_vec()
    };
    db.note_seen(signs(later)).await.unwrap();
    db.note_seen(signs(later - Duration::seconds(5))).await.unwrap();
    let seen = |viewer: NewViewer| db.database.last_seen(viewer.id);
    assert_eq!((seen(here).await, seen(gone).await), (later, NOON));
}

pub async fn a_write_that_cannot_be_done_fails_alone(db: Db) {
    let db = Arc::new(db);
    let show = db.show(0).await;
    let mut tasks = JoinSet::new();
    for number in 0..40 {
        let db = db.clone();
        // The thirteenth says to be somebody who is not in the database.
        let user_id = (number == 13).then(|| UserId(db.id()));
        let viewer = NewViewer { user_id, ..db.new_viewer(&show) };
        tasks.spawn(async move { (number, db.join(&viewer, db.event(EventType::ViewerJoined)).await) });
    }
    for (number, outcome) in tasks.join_all().await {
        match outcome {
            Ok(JoinOutcome::Joined(..)) => assert_ne!(number, 13),
            Err(Error::NotFound("account")) => assert_eq!(number, 13),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(db.counts(&show).await.viewers, 39);
    assert_eq!(db.log(&show).await.len(), 40);
}

pub async fn who_comes_when_too_many_wait_is_refused_at_once(db: Db) {
    let show = db.show(0).await;
    let db = db.reopened_with(Limits { queue: 2, ..patient() }).await;
    let appends = (0..5).map(|_| db.append(show.id, db.event(EventType::BroadcastUpdated)));
    let outcomes = futures_util::future::join_all(appends).await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::Busy(_)))).count();
    // All five ask before the writer has its first turn.
    assert_eq!((done, refused), (2, 3));
    assert_eq!(db.log(&show).await.len(), 3);
}

pub async fn a_database_that_is_held_up_is_waited_for_and_no_longer(db: Db) {
    let show = db.show(0).await;
    let impatient = Limits { timeout: std::time::Duration::from_secs(5), ..Limits::default() };
    let db = db.reopened_with(impatient).await;
    let hold = db.database.hold_up().await;
    let outcome = db.append(show.id, db.event(EventType::BroadcastUpdated)).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    let viewer = db.new_viewer(&show);
    let joining = async { db.joins(&viewer).await };
    let letting_go = async { drop(hold) };
    let (joined, ()) = tokio::join!(joining, letting_go);
    assert!(matches!(joined, JoinOutcome::Joined(..)));
    assert_eq!(db.logged(&show).await, ["broadcast.created", "viewer.joined"]);
}

pub async fn two_stores_on_one_database_share_places_and_numbers(db: Db) {
    let show = db.show(10).await;
    let stores = [db.database.open(patient()).await.unwrap(), db.database.open(patient()).await.unwrap()];
    let mut tasks = JoinSet::new();
    for store in stores.iter().cycle().take(64) {
        let (store, viewer, event) = (store.clone(), db.new_viewer(&show), db.event(EventType::ViewerJoined));
        tasks.spawn(async move { store.join(&viewer, event).await.unwrap() });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, JoinOutcome::Joined(..))).count(), 10);
    assert_eq!(db.counts(&show).await.viewers, 10);
    assert_eq!(db.log(&show).await.len(), 11);
}

/// As many as come in life, who do not wait for each other.
pub async fn what_comes_steadily_is_written_again_once_the_database_is_back(db: Db) {
    let show = db.show(0).await;
    let impatient = Limits { timeout: std::time::Duration::from_secs(1), ..Limits::default() };
    let db = Arc::new(db.reopened_with(impatient).await);
    let hold = db.database.hold_up().await;
    let (told, mut outcomes) = tokio::sync::mpsc::unbounded_channel();
    let load = {
        let (db, show) = (db.clone(), show.clone());
        tokio::spawn(async move {
            let mut arrivals = tokio::time::interval(std::time::Duration::from_millis(4));
            loop {
                arrivals.tick().await;
                let (db, show, told) = (db.clone(), show.id, told.clone());
                tokio::spawn(async move {
                    told.send(db.append(show, db.event(EventType::BroadcastUpdated)).await.is_ok())
                });
            }
        })
    };
    // Long enough that everybody in the queue has waited as long as one may.
    for _ in 0..200 {
        assert_eq!(outcomes.recv().await, Some(false));
    }
    drop(hold);
    let recovered = async { while outcomes.recv().await != Some(true) {} };
    assert!(
        tokio::time::timeout(std::time::Duration::from_secs(30), recovered).await.is_ok(),
        "it never recovers"
    );
    load.abort();
}
