//! Encoders: admitted, live, gone, back, replaced.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::broadcast::{Broadcast, CreateBroadcast, IngestState, Status, UpdateBroadcast};
use tallylight_core::publishers::Cut;
use tallylight_core::session::Refusal;
use tallylight_core::store::{BroadcastStore, Change};
use tokio::task::JoinSet;

use crate::world::{NOON, Settings, World, by};

#[tokio::test]
async fn the_first_media_starts_the_broadcast() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    world.turn(30);
    world.goes_live(&ada, show).await;
    let live = world.state(show).await;
    assert_eq!((live.ingest.state, live.started_at), (IngestState::Live, NOON + Duration::from_secs(30)));
    assert_eq!(world.logged(show).await, ["broadcast.started"]);
}

#[tokio::test]
async fn an_encoder_that_comes_back_in_time_finds_the_same_broadcast() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let eve = world.watcher(show).await;
    let encoder = world.goes_live(&ada, show).await;
    world.drops(&encoder).await;
    let waiting = world.state(show).await.ingest;
    assert_eq!(waiting.state, IngestState::Interrupted);
    assert_eq!(waiting.interrupted_until, Some(NOON + Duration::from_secs(60)));
    for _ in 0..5 {
        world.pass(10).await;
        world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
    }
    world.turn(9);
    assert_eq!(world.goes_live(&ada, show).await.broadcast.id, show);
    world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
    for _ in 0..10 {
        world.pass(10).await;
        world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
    }
    let after = world.state(show).await;
    assert_eq!((after.status, after.started_at, after.counts.viewers), (Status::Active, NOON, 1));
    let expected = ["viewer.joined", "broadcast.started", "broadcast.interrupted", "broadcast.recovered"];
    assert_eq!(world.logged(show).await, expected);
}

#[tokio::test]
async fn an_encoder_that_does_not_come_back_ends_the_broadcast() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let encoder = world.goes_live(&ada, show).await;
    world.broadcasts.update_broadcast_status(&ada, show, Status::Paused).await.unwrap();
    world.drops(&encoder).await;
    world.pass(59).await;
    assert_eq!(world.state(show).await.status, Status::Paused);
    world.pass(1).await;
    let over = world.state(show).await;
    assert_eq!((over.status, over.ended_at), (Status::Ended, Some(NOON + Duration::from_secs(60))));
    assert_eq!(world.log(show).await.pop().unwrap().data["reason"], "the encoder did not come back");
    let refused = world.sessions.admit(&world.stream_key(&ada, show).await, None).await.unwrap_err();
    assert_eq!(refused, Refusal::Ended);
}

#[tokio::test]
async fn each_interruption_has_a_window_of_its_own() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    for _ in 0..3 {
        let encoder = world.goes_live(&ada, show).await;
        world.pass(100).await;
        world.drops(&encoder).await;
        world.pass(59).await;
        assert_eq!(world.state(show).await.ingest.state, IngestState::Interrupted);
    }
    world.pass(1).await;
    assert_eq!(world.state(show).await.status, Status::Ended);
}

#[tokio::test]
async fn without_a_window_the_end_of_the_encoder_is_the_end() {
    let world = World::with(Settings::reconnect_window(0)).await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let encoder = world.goes_live(&ada, show).await;
    world.drops(&encoder).await;
    assert_eq!(world.state(show).await.status, Status::Ended);
    assert_eq!(*encoder.cut.borrow(), None, "it went by itself");
    let expected = ["broadcast.started", "broadcast.interrupted", "broadcast.ended"];
    assert_eq!(world.logged(show).await, expected);
}

#[tokio::test]
async fn without_a_window_an_encoder_that_sent_nothing_ends_nothing() {
    let world = World::with(Settings::reconnect_window(0)).await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let encoder = world.sessions.admit(&world.stream_key(&ada, show).await, None).await.unwrap();
    world.drops(&encoder).await;
    world.pass(60).await;
    let after = world.state(show).await;
    assert_eq!((after.status, after.ingest.state), (Status::Active, IngestState::Idle));
}

#[tokio::test]
async fn a_replaced_encoder_interrupts_nothing() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let first = world.goes_live(&ada, show).await;
    let second = world.goes_live(&ada, show).await;
    assert_eq!(*first.cut.borrow(), Some(Cut::Replaced));
    world.drops(&first).await;
    assert!(
        !world.sessions.media_started(show, first.publish).await.unwrap(),
        "it is no longer the publisher"
    );
    world.pass(120).await;
    assert_eq!(world.state(show).await.ingest.state, IngestState::Live);
    world.drops(&second).await;
    world.drops(&second).await;
    assert_eq!(world.logged(show).await, ["broadcast.started", "broadcast.interrupted"]);
}

#[tokio::test]
async fn a_broadcast_that_no_encoder_reaches_ends_after_a_day() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let hls_url = Some("https://cdn.example/live.m3u8".to_owned());
    let elsewhere =
        world.create(&ada, CreateBroadcast { hls_url, ..CreateBroadcast::titled("Elsewhere") }).await;
    let show = world.show(&ada).await;
    world.pass(24 * 3600 - 1).await;
    assert_eq!(world.state(show).await.status, Status::Active);
    world.pass(1).await;
    assert_eq!(world.state(show).await.status, Status::Ended);
    assert_eq!(world.log(show).await.pop().unwrap().data["reason"], "no encoder connected");
    assert_eq!(world.state(elsewhere).await.status, Status::Active, "its media is another system's");
}

#[tokio::test]
async fn one_broadcast_that_cannot_end_does_not_keep_the_others_open() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let mut shows = Vec::new();
    for _ in 0..8 {
        let show = world.show(&ada).await;
        let encoder = world.goes_live(&ada, show).await;
        world.drops(&encoder).await;
        shows.push(show);
    }
    let gone = world.broadcasts.broadcast(&ada, shows[0]).await.unwrap();
    let removed = gone.delete(NOON).after;
    let removed = Broadcast { revision: gone.revision + 1, ..removed };
    let change =
        Change { before: &gone.broadcast, after: &removed, events: Vec::new(), evict: None, at: NOON };
    world.store.save_broadcast(change).await.unwrap().expect("removed behind the managers' back");
    world.pass(60).await;
    for show in &shows[1..] {
        assert_eq!(world.state(*show).await.status, Status::Ended);
    }
}

#[tokio::test]
async fn after_a_restart_the_encoder_has_its_whole_window_again() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let (live, waiting) = (world.show(&ada).await, world.show(&ada).await);
    world.goes_live(&ada, live).await;
    let encoder = world.goes_live(&ada, waiting).await;
    world.drops(&encoder).await;
    world.pass(50).await;
    let world = world.restarted().await;
    world.pass(59).await;
    assert_eq!(world.logged(live).await, ["broadcast.started", "broadcast.interrupted"]);
    assert_eq!(world.logged(waiting).await, ["broadcast.started", "broadcast.interrupted"]);
    world.goes_live(&ada, live).await;
    world.pass(1).await;
    assert_eq!(world.state(live).await.ingest.state, IngestState::Live);
    assert_eq!(world.state(waiting).await.status, Status::Ended);
    let until = NOON + Duration::from_secs(50);
    assert_eq!(world.state(waiting).await.ended_at, Some(until + Duration::from_secs(60)));
}

#[tokio::test]
async fn a_lasting_key_feeds_the_newest_open_broadcast() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let key = world.users.stream_key(&ada).await.unwrap();
    let older = world.show(&ada).await;
    world.turn(1);
    let newest = world.show(&ada).await;
    world.turn(1);
    world.show(&world.user("bob").await).await;
    let hls_url = Some("https://cdn.example/live.m3u8".to_owned());
    world.create(&ada, CreateBroadcast { hls_url, ..CreateBroadcast::titled("Elsewhere") }).await;
    assert_eq!(world.sessions.admit(&key, None).await.unwrap().broadcast.id, newest);
    world.ends(&ada, newest).await;
    assert_eq!(world.sessions.admit(&key, None).await.unwrap().broadcast.id, older);
}

#[tokio::test]
async fn a_lasting_key_makes_a_broadcast_when_there_is_none() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let key = world.users.stream_key(&ada).await.unwrap();
    let encoder = world.sessions.admit(&key, None).await.unwrap();
    let made = world.state(encoder.broadcast.id).await;
    assert_eq!((made.title.as_str(), made.status), ("ADA is live", Status::Active));
    assert!(made.is_owned_by(&ada));
    assert_eq!(world.sessions.admit(&key, None).await.unwrap().broadcast.id, made.id);
    world.drops(&encoder).await;
    world.pass(24 * 3600).await;
    assert_eq!(world.state(made.id).await.status, Status::Ended, "no media ever came");
}

#[tokio::test]
async fn many_encoders_with_one_lasting_key_make_one_broadcast() {
    let world = Arc::new(World::new().await);
    let key = world.users.stream_key(&world.user("ada").await).await.unwrap();
    let mut encoders = JoinSet::new();
    for _ in 0..16 {
        let (world, key) = (Arc::clone(&world), key.clone());
        encoders.spawn(async move { world.sessions.admit(&key, None).await.unwrap().broadcast.id });
    }
    let mut fed = encoders.join_all().await;
    fed.dedup();
    assert_eq!(fed.len(), 1);
}

#[tokio::test]
async fn a_key_is_refused_with_the_reason() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let key = world.stream_key(&ada, show).await;
    for wrong in ["", "sk_", "nonsense", &key[1..]] {
        assert_eq!(world.sessions.admit(wrong, None).await.unwrap_err(), Refusal::UnknownKey);
    }
    let hls_url = Some(Some("https://cdn.example/live.m3u8".to_owned()));
    let elsewhere = |hls_url| UpdateBroadcast { hls_url, ..UpdateBroadcast::default() };
    world.broadcasts.update(by(&ada), show, elsewhere(hls_url)).await.unwrap();
    assert_eq!(world.sessions.admit(&key, None).await.unwrap_err(), Refusal::Elsewhere);
    world.broadcasts.update(by(&ada), show, elsewhere(Some(None))).await.unwrap();
    world.sessions.admit(&key, None).await.unwrap();
    world.broadcasts.delete(&ada, show).await.unwrap();
    assert_eq!(world.sessions.admit(&key, None).await.unwrap_err(), Refusal::UnknownKey);
}

#[tokio::test]
async fn a_reset_key_cuts_its_encoder_and_is_good_no_more() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let old = world.stream_key(&ada, show).await;
    let encoder = world.goes_live(&ada, show).await;
    world.broadcasts.reset_stream_key(by(&ada), show).await.unwrap();
    assert_eq!(*encoder.cut.borrow(), Some(Cut::KeyReset));
    assert_eq!(world.sessions.admit(&old, None).await.unwrap_err(), Refusal::UnknownKey);
    world.drops(&encoder).await;
    world.goes_live(&ada, show).await;
    let lasting = world.users.stream_key(&ada).await.unwrap();
    world.users.reset_stream_key(by(&ada)).await.unwrap();
    assert_eq!(world.sessions.admit(&lasting, None).await.unwrap_err(), Refusal::UnknownKey);
}

#[tokio::test]
async fn ending_a_broadcast_cuts_its_encoder() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let encoder = world.goes_live(&ada, show).await;
    world.ends(&ada, show).await;
    assert_eq!(*encoder.cut.borrow(), Some(Cut::Ended));
    assert!(!world.sessions.media_started(show, encoder.publish).await.unwrap());
    world.drops(&encoder).await;
    world.pass(120).await;
    assert_eq!(world.logged(show).await, ["broadcast.started", "broadcast.ended"]);
}
