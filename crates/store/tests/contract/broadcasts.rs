//! Broadcasts: kept, read, and changed under their revision.

use std::sync::Arc;

use serde_json::json;
use tallylight_core::broadcast::{Broadcast, Ingest, IngestState, MediaAddresses, Status, Visibility};
use tallylight_core::event::{EventQuery, EventType, LeaveReason, NewEvent};
use tallylight_core::ids::BroadcastId;
use tallylight_core::store::Change;
use tallylight_core::viewer::Counts;
use tokio::task::JoinSet;

use crate::harness::{Db, NOON, nothing};

pub async fn a_new_broadcast_is_read_back_with_all_its_fields(db: Db) {
    let ada = db.user("ada").await;
    let show = db.new_broadcast(&ada);
    let events = vec![db.event(EventType::BroadcastCreated), db.event(EventType::BroadcastStarted)];
    let counts = db.insert_broadcast(&show, events.clone()).await.unwrap();
    assert_eq!(counts, Counts { viewers: 0, peak: 0, seq: 2 });
    let read = db.broadcast(show.id).await.unwrap().unwrap();
    assert_eq!((&*read.broadcast, read.counts), (&show, counts));
    let log = db.log(&show).await;
    assert_eq!(log.iter().map(|event| event.id).collect::<Vec<_>>(), [events[0].id, events[1].id]);
}

pub async fn an_unknown_broadcast_is_none(db: Db) {
    db.show(0).await;
    assert_eq!(db.broadcast(BroadcastId(db.id())).await.unwrap(), None);
    assert_eq!(db.broadcast_by_stream_key(&[0; 32]).await.unwrap(), None);
    assert!(db.events(BroadcastId(db.id()), &EventQuery::after(0, 10)).await.unwrap().events.is_empty());
}

pub async fn a_change_is_kept_with_all_its_fields_and_events(db: Db) {
    let ada = db.user("ada").await;
    let before = db.show_of(&ada, 0).await;
    let after = Broadcast {
        title: "Over".into(),
        description: None,
        status: Status::Ended,
        visibility: Visibility::Private,
        started_at: NOON + time::Duration::minutes(1),
        ended_at: Some(NOON + time::Duration::minutes(2)),
        max_viewers: 0,
        elsewhere: MediaAddresses::default(),
        metadata: nothing(),
        ai_intent: None,
        tags: Vec::new(),
        is_featured: false,
        reported_viewers: 7,
        ingest: Ingest { state: IngestState::Ended, interrupted_until: None },
        stream_key: db.key(),
        revision: 1,
        ..before.clone()
    };
    let event = NewEvent { user_id: Some(ada.id), ..db.event(EventType::BroadcastEnded) };
    let events = vec![event.clone()];
    let change = Change { before: &before, after: &after, events, evict: None, at: NOON };
    let counts = db.save_broadcast(change).await.unwrap().unwrap();
    let read = db.broadcast(before.id).await.unwrap().unwrap();
    assert_eq!((&*read.broadcast, read.counts), (&after, counts));
    let logged = db.log(&before).await.pop().unwrap();
    assert_eq!((logged.id, logged.kind.as_str(), logged.data), (event.id, "broadcast.ended", event.data));
    assert_eq!((logged.created_at, logged.user_id, logged.metadata), (NOON, Some(ada.id), event.metadata));
}

pub async fn who_decided_on_an_older_state_changes_nothing(db: Db) {
    let show = db.show(0).await;
    let renamed = db.saves(&show, |show| show.title = "First".into()).await.unwrap();
    assert_eq!(db.saves(&show, |show| show.title = "Second".into()).await, None);
    assert_eq!(*db.broadcast(show.id).await.unwrap().unwrap().broadcast, renamed);
    assert_eq!(db.logged(&show).await, ["broadcast.created", "broadcast.updated"]);
}

pub async fn of_many_changes_at_once_one_wins(db: Db) {
    let show = db.show(0).await;
    let db = Arc::new(db);
    let mut owners = JoinSet::new();
    for number in 0..16 {
        let (db, show) = (Arc::clone(&db), show.clone());
        owners.spawn(async move { db.saves(&show, |show| show.title = format!("Take {number}")).await });
    }
    let winners: Vec<_> = owners.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(*db.broadcast(show.id).await.unwrap().unwrap().broadcast, winners[0]);
    assert_eq!(db.log(&show).await.len(), 2);
}

pub async fn only_what_has_not_ended_is_open(db: Db) {
    let (on_air, over, hidden) = (db.show(0).await, db.show(0).await, db.show(0).await);
    let hidden = db.saves(&hidden, |show| show.status = Status::Private).await.unwrap();
    db.ends(&over).await;
    db.watches(&on_air).await;
    let mut open = db.open_broadcasts().await.unwrap();
    open.sort_by_key(|show| show.id);
    assert_eq!(open.iter().map(|show| &*show.broadcast).collect::<Vec<_>>(), [&on_air, &hidden]);
    assert_eq!(open[0].counts, Counts { viewers: 1, peak: 1, seq: 2 });
}

pub async fn a_broadcast_is_found_by_its_stream_key_even_when_ended(db: Db) {
    let show = db.show(0).await;
    db.ends(&show).await;
    let found = db.broadcast_by_stream_key(&show.stream_key.hash).await.unwrap().unwrap();
    assert_eq!((found.id, found.status), (show.id, Status::Ended));
}

pub async fn a_deleted_broadcast_is_gone_and_its_log_stays_without_what_people_wrote(db: Db) {
    let show = db.show(0).await;
    let show = db.saves(&show, |show| show.title = "A name I regret".into()).await.unwrap();
    db.watches(&show).await;
    let poll =
        NewEvent { kind: "poll.opened".into(), data: json!({"by": "ada"}), ..db.event(EventType::Reaction) };
    db.append(show.id, poll).await.unwrap();
    let mut after = Broadcast { revision: show.revision + 1, ..show.clone() };
    (after.status, after.ended_at, after.deleted_at) = (Status::Ended, Some(NOON), Some(NOON));
    db.evicts(&show, &after, LeaveReason::Ended).await;

    assert_eq!(db.broadcast(show.id).await.unwrap(), None);
    assert_eq!(db.broadcast_by_stream_key(&show.stream_key.hash).await.unwrap(), None);
    assert!(db.open_broadcasts().await.unwrap().is_empty());
    let log = db.log(&show).await;
    let kinds: Vec<_> = log.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "broadcast.created",
            "broadcast.updated",
            "viewer.joined",
            "poll.opened",
            "viewer.left",
            "broadcast.ended"
        ]
    );
    assert_eq!(log[3].data, json!({}), "whatever an integrator wrote");
    assert_eq!((&log[0].data, &log[1].data), (&nothing().into(), &nothing().into()), "titles are blanked");
    assert!(log[2].data["person"].is_string(), "figures stay");
}

pub async fn two_broadcasts_never_share_a_stream_key(db: Db) {
    let ada = db.user("ada").await;
    let show = db.show_of(&ada, 0).await;
    let twin = Broadcast { stream_key: show.stream_key.clone(), ..db.new_broadcast(&ada) };
    assert!(db.insert_broadcast(&twin, Vec::new()).await.is_err());
    assert_eq!(db.broadcast(twin.id).await.unwrap(), None);
}

pub async fn integrators_find_the_shown_count_in_the_row(db: Db) {
    let show = db.show(0).await;
    let (viewer, _) = db.watches(&show).await;
    db.watches(&show).await;
    assert_eq!(db.database.viewer_count(show.id).await, 2);
    let show = db.saves(&show, |show| show.reported_viewers = 150).await.unwrap();
    assert_eq!(db.database.viewer_count(show.id).await, 152);
    db.goes(&viewer, LeaveReason::Left, None).await;
    assert_eq!(db.database.viewer_count(show.id).await, 151);
    let over = Broadcast { reported_viewers: 0, ..show.clone() };
    let show = db.saves(&show, |show| *show = Broadcast { revision: show.revision, ..over }).await.unwrap();
    db.ends(&show).await;
    assert_eq!(db.database.viewer_count(show.id).await, 0);
}
