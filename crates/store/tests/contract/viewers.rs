//! Viewers, counts and the log.

use std::sync::Arc;

use serde_json::json;
use tallylight_core::broadcast::{Broadcast, Status, Visibility};
use tallylight_core::event::{EventQuery, EventType, LeaveReason};
use tallylight_core::ids::{BroadcastId, EventId, UserId};
use tallylight_core::store::Change;
use tallylight_core::viewer::{Counts, JoinOutcome, NewViewer, Seat};
use tokio::task::JoinSet;

use crate::harness::{Db, NOON};

pub async fn a_viewer_takes_a_place_and_is_logged(db: Db) {
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let viewer = NewViewer { user_id: Some(bob.id), ..db.new_viewer(&show) };
    let seat = Seat {
        viewer: viewer.id,
        session_id: show.id,
        user_id: Some(bob.id),
        generation: 1,
        peer: viewer.client.peer(),
        invitation: None,
    };
    let counts = Counts { viewers: 1, peak: 1, seq: 2 };
    assert_eq!(db.joins(&viewer).await, JoinOutcome::Joined(seat.clone(), counts));
    assert_eq!(db.seats().await.unwrap(), [seat]);
    assert_eq!(db.counts(&show).await, counts);
    let event = db.log(&show).await.pop().unwrap();
    assert_eq!((event.kind.as_str(), event.user_id), ("viewer.joined", Some(bob.id)));
    assert_eq!(event.data, tallylight_core::event::joined(viewer.id, "somebody"));
}

pub async fn joining_again_keeps_the_place_and_begins_a_new_stay(db: Db) {
    let show = db.show(1).await;
    let (viewer, seat) = db.watches(&show).await;
    let again = Seat { generation: 2, ..seat };
    assert_eq!(db.joins(&viewer).await, JoinOutcome::Present(again.clone()), "although it is full");
    assert_eq!(db.seats().await.unwrap(), [again]);
    assert_eq!(db.logged(&show).await, ["broadcast.created", "viewer.joined"]);
    assert_eq!(db.counts(&show).await.viewers, 1);
}

pub async fn a_full_broadcast_takes_nobody_else(db: Db) {
    let show = db.show(2).await;
    let (first, _) = db.watches(&show).await;
    db.watches(&show).await;
    let late = db.new_viewer(&show);
    assert_eq!(db.joins(&late).await, JoinOutcome::Full);
    assert_eq!(db.counts(&show).await, Counts { viewers: 2, peak: 2, seq: 3 });
    db.goes(&first, LeaveReason::Left, None).await;
    assert!(matches!(db.joins(&late).await, JoinOutcome::Joined(_, Counts { viewers: 2, .. })));
}

pub async fn a_lowered_limit_evicts_nobody(db: Db) {
    let show = db.show(0).await;
    for _ in 0..3 {
        db.watches(&show).await;
    }
    let show = db.saves(&show, |show| show.max_viewers = 1).await.unwrap();
    assert_eq!(db.counts(&show).await.viewers, 3);
    assert_eq!(db.joins(&db.new_viewer(&show)).await, JoinOutcome::Full);
}

pub async fn who_timed_out_comes_back_as_the_same_viewer(db: Db) {
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let (viewer, seat) = db.watches(&show).await;
    db.goes(&viewer, LeaveReason::TimedOut, Some(seat.generation)).await.unwrap();
    let viewer = NewViewer { user_id: Some(bob.id), ..viewer };
    let back = Seat { generation: 2, user_id: Some(bob.id), ..seat };
    let counts = Counts { viewers: 1, peak: 1, seq: 4 };
    assert_eq!(db.joins(&viewer).await, JoinOutcome::Joined(back.clone(), counts));
    assert_eq!(db.seats().await.unwrap(), [back], "who signed in meanwhile is known by name");
    assert_eq!(db.logged(&show).await[1..], ["viewer.joined", "viewer.left", "viewer.joined"]);
}

pub async fn who_was_signed_in_stays_that_person(db: Db) {
    let (show, other, bob) = (db.show(0).await, db.show(0).await, db.user("bob").await);
    let viewer = NewViewer { user_id: Some(bob.id), ..db.new_viewer(&show) };
    db.joins(&viewer).await;
    db.goes(&viewer, LeaveReason::TimedOut, None).await.unwrap();
    let nameless = NewViewer { user_id: None, ..viewer };
    let JoinOutcome::Joined(seat, _) = db.joins(&nameless).await else { panic!("there is room") };
    assert_eq!(seat.user_id, Some(bob.id));
    assert_eq!(db.viewer(show.id, seat.viewer).await.unwrap().unwrap().user_id, Some(bob.id));
    assert_eq!(db.viewer(other.id, seat.viewer).await.unwrap(), None);
    let (anonymous, _) = db.watches(&show).await;
    assert_eq!(db.viewer(show.id, anonymous.id).await.unwrap().unwrap().user_id, None);
}

pub async fn who_timed_out_comes_back_only_if_there_is_room(db: Db) {
    let show = db.show(1).await;
    let (viewer, _) = db.watches(&show).await;
    db.goes(&viewer, LeaveReason::TimedOut, None).await.unwrap();
    let (other, _) = db.watches(&show).await;
    assert_eq!(db.joins(&viewer).await, JoinOutcome::Full);
    db.goes(&other, LeaveReason::Left, None).await.unwrap();
    assert!(matches!(db.joins(&viewer).await, JoinOutcome::Joined(..)));
}

pub async fn who_left_does_not_come_back(db: Db) {
    let show = db.show(0).await;
    let (viewer, _) = db.watches(&show).await;
    db.goes(&viewer, LeaveReason::Left, None).await.unwrap();
    assert_eq!(db.joins(&viewer).await, JoinOutcome::Gone);
    assert!(db.seats().await.unwrap().is_empty());
}

pub async fn who_says_goodbye_after_a_time_out_does_not_come_back_either(db: Db) {
    let show = db.show(0).await;
    let (viewer, _) = db.watches(&show).await;
    db.goes(&viewer, LeaveReason::TimedOut, None).await.unwrap();
    assert_eq!(db.goes(&viewer, LeaveReason::TimedOut, None).await, None);
    assert_eq!(db.goes(&viewer, LeaveReason::Left, None).await, None);
    assert_eq!(db.joins(&viewer).await, JoinOutcome::Gone);
    assert_eq!(db.logged(&show).await[1..], ["viewer.joined", "viewer.left"]);
}

pub async fn who_left_before_the_end_is_told_that_it_ended(db: Db) {
    let show = db.show(0).await;
    let (viewer, _) = db.watches(&show).await;
    db.goes(&viewer, LeaveReason::Left, None).await.unwrap();
    db.ends(&show).await;
    assert_eq!(db.joins(&viewer).await, JoinOutcome::Ended);
}

pub async fn nobody_joins_what_ended_or_never_was(db: Db) {
    let (show, ada) = (db.show(0).await, db.user("ada").await);
    db.ends(&show).await;
    assert_eq!(db.joins(&db.new_viewer(&show)).await, JoinOutcome::Ended);
    let never = Broadcast { id: BroadcastId(db.id()), ..db.new_broadcast(&ada) };
    assert_eq!(db.joins(&db.new_viewer(&never)).await, JoinOutcome::NotFound);
    assert!(db.seats().await.unwrap().is_empty());
}

pub async fn nobody_uninvited_joins_what_turned_private(db: Db) {
    let ada = db.user("ada").await;
    for make_private in [
        |show: &mut Broadcast| show.status = Status::Private,
        |show: &mut Broadcast| show.visibility = Visibility::Private,
    ] {
        let show = db.show_of(&ada, 0).await;
        let (evicted, _) = db.watches(&show).await;
        let mut after = Broadcast { revision: 1, ..show.clone() };
        make_private(&mut after);
        db.evicts(&show, &after, LeaveReason::Private).await;
        assert_eq!(db.joins(&db.new_viewer(&show)).await, JoinOutcome::NotFound);
        assert_eq!(db.joins(&evicted).await, JoinOutcome::NotFound);
        db.saves(&after, |now| (now.status, now.visibility) = (Status::Active, Visibility::Public))
            .await
            .unwrap();
        assert_eq!(db.joins(&evicted).await, JoinOutcome::Gone, "a token that was taken stays taken");
    }
}

pub async fn a_viewer_of_one_session_is_nobody_in_another(db: Db) {
    let (here, there) = (db.show(0).await, db.show(0).await);
    let (viewer, _) = db.watches(&here).await;
    let elsewhere = NewViewer { session_id: there.id, ..viewer };
    assert_eq!(db.goes(&elsewhere, LeaveReason::Left, None).await, None);
    let event = db.event(EventType::ViewerJoined);
    assert!(db.join(&elsewhere, event).await.is_err());
    assert_eq!((db.counts(&here).await.viewers, db.counts(&there).await.viewers), (1, 0));
}

pub async fn leaving_twice_is_logged_once(db: Db) {
    let show = db.show(0).await;
    let (viewer, _) = db.watches(&show).await;
    let counts = db.goes(&viewer, LeaveReason::Left, None).await;
    assert_eq!(counts, Some(Counts { viewers: 0, peak: 1, seq: 3 }));
    assert_eq!(db.goes(&viewer, LeaveReason::Left, None).await, None);
    assert_eq!(db.goes(&db.new_viewer(&show), LeaveReason::Left, None).await, None, "who never was");
    assert_eq!(db.logged(&show).await[1..], ["viewer.joined", "viewer.left"]);
    assert_eq!(db.counts(&show).await.viewers, 0);
}

pub async fn a_late_time_out_does_not_end_a_later_stay(db: Db) {
    let show = db.show(0).await;
    let (viewer, first) = db.watches(&show).await;
    let JoinOutcome::Present(second) = db.joins(&viewer).await else { panic!("still there") };
    assert_eq!(db.goes(&viewer, LeaveReason::TimedOut, Some(first.generation)).await, None);
    assert_eq!(db.counts(&show).await.viewers, 1);
    let counts = db.goes(&viewer, LeaveReason::TimedOut, Some(second.generation)).await;
    assert_eq!(counts.map(|counts| counts.viewers), Some(0));
}

pub async fn the_peak_stays_when_viewers_go(db: Db) {
    let show = db.show(0).await;
    let (first, _) = db.watches(&show).await;
    let (second, _) = db.watches(&show).await;
    db.goes(&first, LeaveReason::Left, None).await;
    db.goes(&second, LeaveReason::Left, None).await;
    db.watches(&show).await;
    assert_eq!(db.counts(&show).await, Counts { viewers: 1, peak: 2, seq: 6 });
}

pub async fn an_eviction_logs_each_viewer_once_before_its_cause(db: Db) {
    let (show, other) = (db.show(0).await, db.show(0).await);
    let (gone, _) = db.watches(&show).await;
    db.goes(&gone, LeaveReason::Left, None).await;
    let (first, _) = db.watches(&show).await;
    let (second, _) = db.watches(&show).await;
    let (elsewhere, _) = db.watches(&other).await;

    assert_eq!(db.ends(&show).await, Counts { viewers: 0, peak: 2, seq: 8 });
    let log = db.log(&show).await;
    let kinds: Vec<_> = log[5..].iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["viewer.left", "viewer.left", "broadcast.ended"]);
    let left = |viewer: &NewViewer| json!({"viewer_id": viewer.id, "person": "somebody", "reason": "ended", "watched": 0.0});
    assert_eq!([&log[5].data, &log[6].data], [&left(&first), &left(&second)]);
    let seats = db.seats().await.unwrap();
    assert_eq!(seats.iter().map(|seat| seat.viewer).collect::<Vec<_>>(), [elsewhere.id]);
}

pub async fn events_are_read_after_a_number_and_up_to_a_limit(db: Db) {
    let (show, other) = (db.show(0).await, db.show(0).await);
    for _ in 0..4 {
        db.watches(&show).await;
        db.watches(&other).await;
    }
    let numbers = async |after, limit| {
        let events = db.events(show.id, &EventQuery::after(after, limit)).await.unwrap().events;
        assert!(events.iter().all(|event| event.session_id == show.id));
        events.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(numbers(0, 100).await, [1, 2, 3, 4, 5]);
    assert_eq!(numbers(2, 2).await, [3, 4]);
    assert!(numbers(5, 100).await.is_empty());
    assert!(numbers(u64::MAX, 100).await.is_empty());
    assert!(numbers(0, 0).await.is_empty());
}

pub async fn a_failed_change_leaves_no_trace(db: Db) {
    let show = db.show(0).await;
    let (viewer, _) = db.watches(&show).await;
    let before = (db.counts(&show).await, db.log(&show).await);
    let twice = EventId(db.id());
    let event = || tallylight_core::event::NewEvent { id: twice, ..db.event(EventType::BroadcastUpdated) };
    let after = Broadcast { title: "Never".into(), revision: 1, ..show.clone() };
    let change =
        Change { before: &show, after: &after, events: vec![event(), event()], evict: None, at: NOON };
    assert!(db.save_broadcast(change).await.is_err(), "an event's id is used once");
    let stranger = NewViewer { user_id: Some(UserId(db.id())), ..db.new_viewer(&show) };
    assert!(db.join(&stranger, db.event(EventType::ViewerJoined)).await.is_err(), "there is no such user");

    assert_eq!((db.counts(&show).await, db.log(&show).await), before);
    assert_eq!(*db.broadcast(show.id).await.unwrap().unwrap().broadcast, show);
    assert!(db.goes(&viewer, LeaveReason::Left, None).await.is_some(), "the writer is free again");
}

pub async fn sixty_four_who_join_at_once_share_ten_places(db: Db) {
    let show = db.show(10).await;
    let db = Arc::new(db);
    let mut crowd = JoinSet::new();
    for _ in 0..64 {
        let (db, viewer) = (Arc::clone(&db), db.new_viewer(&show));
        crowd.spawn(async move { db.joins(&viewer).await });
    }
    let outcomes = crowd.join_all().await;
    let placed = outcomes.iter().filter(|outcome| matches!(outcome, JoinOutcome::Joined(..))).count();
    let refused = outcomes.iter().filter(|outcome| **outcome == JoinOutcome::Full).count();
    assert_eq!((placed, refused), (10, 54));
    assert_eq!(db.counts(&show).await, Counts { viewers: 10, peak: 10, seq: 11 });
    assert_eq!((db.log(&show).await.len(), db.seats().await.unwrap().len()), (11, 10));
}

pub async fn coming_and_going_at_once_leaves_no_gap_in_the_log(db: Db) {
    let show = db.show(0).await;
    let db = Arc::new(db);
    let mut crowd = JoinSet::new();
    for number in 0..32 {
        let (db, show) = (Arc::clone(&db), show.clone());
        crowd.spawn(async move {
            let (viewer, _) = db.watches(&show).await;
            if number % 2 == 0 {
                db.goes(&viewer, LeaveReason::Left, None).await;
            }
        });
    }
    crowd.join_all().await;
    let counts = db.counts(&show).await;
    assert_eq!((counts.viewers, counts.seq), (16, 49));
    assert_eq!((db.log(&show).await.len(), db.seats().await.unwrap().len()), (49, 16));
}
