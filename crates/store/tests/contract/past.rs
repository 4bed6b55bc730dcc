//! Who was live at another time, and how many watched.

use tallylight_core::broadcast::{Broadcast, Status, Visibility};
use tallylight_core::clock::Time;
use tallylight_core::directory::{Query, Scope};
use tallylight_core::event::{EventType, NewEvent, joined};
use tallylight_core::ids::{BroadcastId, ViewerId};
use tallylight_core::user::User;
use time::Duration;

use crate::harness::{Db, NOON};

/// So many minutes after noon.
fn minute(number: i64) -> Time {
    NOON + Duration::minutes(number)
}

/// A kept broadcast that was live from one minute to before another; `None`: it still is.
async fn show(db: &Db, from: i64, to: Option<i64>) -> Broadcast {
    let made = db.show(0).await;
    let change = |show: &mut Broadcast| {
        show.started_at = minute(from);
        show.ended_at = to.map(minute);
        show.status = if to.is_some() { Status::Ended } else { Status::Active };
    };
    db.saves(&made, change).await.unwrap()
}

fn of(scope: Scope) -> Query {
    Query { scope, ..Query::default() }
}

async fn found(db: &Db, at: Time, query: &Query) -> Vec<BroadcastId> {
    let mut ids: Vec<_> = db.live_at(at, query, 100).await.unwrap().iter().map(|show| show.id).collect();
    ids.sort();
    ids
}

async fn live(db: &Db, at: Time, scope: Scope) -> Vec<BroadcastId> {
    found(db, at, &of(scope)).await
}

pub async fn who_was_live_then_is_found_and_nobody_else(db: Db) {
    let (early, late, open) =
        (show(&db, 0, Some(10)).await, show(&db, 5, Some(20)).await, show(&db, 10, None).await);
    let hidden = show(&db, 0, None).await;
    let hidden = db.saves(&hidden, |show| show.visibility = Visibility::Private).await.unwrap();
    let closed = show(&db, 0, None).await;
    let closed = db.saves(&closed, |show| show.status = Status::Private).await.unwrap();
    let removed = show(&db, 0, Some(20)).await;
    db.saves(&removed, |show| show.deleted_at = Some(NOON)).await.unwrap();

    let before = minute(0) - Duration::microseconds(1);
    assert!(live(&db, before, Scope::Public).await.is_empty());
    assert_eq!(live(&db, minute(0), Scope::Public).await, [early.id], "from the moment at which it began");
    assert_eq!(live(&db, minute(9), Scope::Public).await, [early.id, late.id]);
    assert_eq!(
        live(&db, minute(10), Scope::Public).await,
        [late.id, open.id],
        "before the moment at which it ended"
    );
    assert_eq!(live(&db, minute(99), Scope::Public).await, [open.id]);
    for private in [&hidden, &closed] {
        assert_eq!(live(&db, minute(9), Scope::PrivateOf(private.owner)).await, [private.id]);
    }
    assert!(live(&db, minute(9), Scope::PrivateOf(early.owner)).await.is_empty());
    let read = db.live_at(minute(9), &of(Scope::Public), 100).await.unwrap();
    let read = read.into_iter().find(|show| show.id == early.id).unwrap();
    assert_eq!(Some(read), db.broadcast(early.id).await.unwrap());
}

pub async fn who_was_live_then_is_found_by_broadcaster_and_by_being_featured(db: Db) {
    let (ada, bob) = (db.user("ada").await, db.user("bob").await);
    let live_of = async |owner: &User, is_featured, visibility| {
        let made = db.show_of(owner, 0).await;
        let change = |show: &mut Broadcast| {
            *show = Broadcast { started_at: minute(0), is_featured, visibility, ..show.clone() };
        };
        db.saves(&made, change).await.unwrap()
    };
    let plain = live_of(&ada, false, Visibility::Public).await;
    let other = live_of(&bob, false, Visibility::Public).await;
    let featured = live_of(&ada, true, Visibility::Public).await;
    let hidden = live_of(&ada, false, Visibility::Private).await;

    let then = async |query| found(&db, minute(1), &query).await;
    let by = |user: &str| Query { user: Some(user.into()), ..Query::default() };
    assert_eq!(then(by("ada")).await, [plain.id, featured.id]);
    assert_eq!(then(by("bob")).await, [other.id]);
    assert!(then(by("nobody")).await.is_empty());
    let which = |is_featured, query| Query { featured: Some(is_featured), ..query };
    assert_eq!(then(which(true, Query::default())).await, [featured.id]);
    assert_eq!(then(which(false, Query::default())).await, [plain.id, other.id]);
    assert_eq!(then(which(false, by("ada"))).await, [plain.id]);
    let own = of(Scope::PrivateOf(ada.id));
    assert_eq!(then(which(false, own.clone())).await, [hidden.id]);
    assert!(then(which(true, own)).await.is_empty());
}

pub async fn the_viewers_of_then_are_counted_from_the_log(db: Db) {
    let (crowded, quiet) = (db.show(0).await, db.show(0).await);
    let at = |kind, data, minutes| NewEvent { data, created_at: minute(minutes), ..db.event(kind) };
    for (minutes, number) in [(1, 1), (2, 2), (5, 3)] {
        let viewer = ViewerId(uuid::Uuid::from_u128(number));
        let event = at(EventType::ViewerJoined, joined(viewer, "somebody"), minutes);
        db.append(crowded.id, event).await.unwrap();
    }
    // A time-out is logged late, under the moment at which the time ran out.
    let gone = serde_json::json!({"person": "somebody", "watched": 120.0});
    db.append(crowded.id, at(EventType::ViewerLeft, gone, 3)).await.unwrap();
    db.append(crowded.id, at(EventType::BroadcastUpdated, serde_json::json!({}), 1)).await.unwrap();

    let counts = async || {
        for (minutes, count) in [(0, 0), (1, 1), (2, 2), (3, 1), (4, 1), (5, 2), (99, 2)] {
            let mut found = db.viewers_at(minute(minutes), &[quiet.id, crowded.id]).await.unwrap();
            found.sort();
            assert_eq!(found, [(crowded.id, count), (quiet.id, 0)], "minute {minutes}");
        }
    };
    counts().await;
    db.add_up(crowded.id).await.unwrap();
    counts().await;
    // Between two events of the same ten seconds.
    let soon = minute(5) + Duration::seconds(1);
    let event =
        NewEvent { created_at: soon, ..at(EventType::ViewerJoined, joined(ViewerId(db.id()), "eve"), 0) };
    db.append(crowded.id, event).await.unwrap();
    assert_eq!(db.viewers_at(soon, &[crowded.id]).await.unwrap(), [(crowded.id, 3)]);
    db.add_up(crowded.id).await.unwrap();
    let found = db.viewers_at(minute(5), &[crowded.id]).await.unwrap();
    assert_eq!(found, [(crowded.id, 2)]);
    assert_eq!(db.viewers_at(soon, &[crowded.id]).await.unwrap(), [(crowded.id, 3)]);
    assert!(db.viewers_at(NOON, &[]).await.unwrap().is_empty());
    assert_eq!(db.viewers_at(NOON, &vec![quiet.id; 300]).await.unwrap().len(), 300);
}

pub async fn no_more_are_read_than_asked_for(db: Db) {
    for _ in 0..3 {
        show(&db, 0, None).await;
    }
    assert_eq!(db.live_at(minute(1), &Query::default(), 2).await.unwrap().len(), 2);
}
