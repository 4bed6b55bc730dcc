//! What owners, administrators and strangers may do with a broadcast.

use std::sync::Arc;

use tallylight_core::broadcast::{CreateBroadcast, Status, UpdateBroadcast, Visibility};
use tallylight_core::directory::{Part, Query, Scope, Sort};
use tallylight_core::ids::BroadcastId;
use tallylight_core::user::Role;
use tokio::task::JoinSet;

use crate::world::{ANYBODY, Settings, World, by, refusal};

fn titled(title: &str) -> UpdateBroadcast {
    UpdateBroadcast { title: Some(title.into()), ..UpdateBroadcast::default() }
}

fn listed(world: &World, scope: Scope) -> Vec<BroadcastId> {
    let query = Query {
        scope,
        q: None,
        category: None,
        tag: None,
        user: None,
        featured: None,
        sort: Sort::StartedAt,
        order: None,
    };
    world
        .broadcasts
        .get_active_broadcasts(&query, Part { offset: 0, limit: 100 })
        .items
        .iter()
        .map(|item| item.id)
        .collect()
}

#[tokio::test]
async fn a_broadcast_is_made_by_those_who_signed_in() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let request = || CreateBroadcast {
        tags: vec!["a".into(), "b".into(), "a".into()],
        ..CreateBroadcast::titled("Hi")
    };
    assert_eq!(refusal(world.broadcasts.create_broadcast(&ANYBODY, request()).await), "unauthenticated");
    let show = world.state(world.create(&ada, request()).await).await;
    assert_eq!(
        (show.tags.as_slice(), show.created_at),
        (["a".to_owned(), "b".into()].as_slice(), show.started_at)
    );
    let ended = CreateBroadcast { status: Status::Ended, ..request() };
    assert_eq!(refusal(world.broadcasts.create_broadcast(&ada, ended).await), "invalid");
    let blank = CreateBroadcast::titled(" ");
    assert_eq!(refusal(world.broadcasts.create_broadcast(&ada, blank).await), "invalid");
}

#[tokio::test]
async fn media_elsewhere_starts_at_once() {
    let world = World::new().await;
    let hls_url = Some("https://cdn.example/live.m3u8".to_owned());
    let request = CreateBroadcast { hls_url, ..CreateBroadcast::titled("Elsewhere") };
    let show = world.create(&world.user("ada").await, request).await;
    assert_eq!(world.logged(show).await, ["broadcast.started"]);
}

#[tokio::test]
async fn only_its_owner_changes_a_broadcast() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let admin = world.user_with_role("root", Role::Admin).await;
    let show = world.show(&ada).await;
    for stranger in [&bob, &admin] {
        assert_eq!(refusal(world.broadcasts.update(by(stranger), show, titled("Mine")).await), "not found");
        assert_eq!(refusal(world.broadcasts.delete(stranger, show).await), "not found");
        assert_eq!(refusal(world.broadcasts.reset_stream_key(by(stranger), show).await), "not found");
    }
    assert_eq!(refusal(world.broadcasts.update(by(&ANYBODY), show, titled("Mine")).await), "unauthenticated");
    world.broadcasts.update(by(&ada), show, titled("Hers")).await.unwrap();
    let event = world.log(show).await.pop().unwrap();
    assert_eq!((event.kind.as_str(), event.user_id), ("broadcast.updated", ada.user_id()));
}

#[tokio::test]
async fn administrators_feature_what_others_made_and_change_nothing_else() {
    let world = World::new().await;
    let (ada, admin) = (world.user("ada").await, world.user_with_role("root", Role::Admin).await);
    let show = world.show(&ada).await;
    let featured = || UpdateBroadcast { is_featured: Some(true), ..UpdateBroadcast::default() };
    assert_eq!(refusal(world.broadcasts.update(by(&ada), show, featured()).await), "forbidden");
    let both = UpdateBroadcast { is_featured: Some(true), ..titled("Mine") };
    assert_eq!(refusal(world.broadcasts.update(by(&admin), show, both).await), "not found");
    assert!(world.broadcasts.update(by(&admin), show, featured()).await.unwrap().is_featured);
    world.sets_visibility(&ada, show, Visibility::Private).await;
    assert_eq!(refusal(world.broadcasts.update(by(&admin), show, featured()).await), "not found");
}

#[tokio::test]
async fn reported_viewers_are_shown_beside_measured_ones_and_limit_nobody() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show_for(&ada, 1).await;
    world.broadcasts.update_viewer_count(&ada, show, 150).await.unwrap();
    world.watcher(show).await;
    assert_eq!((world.state(show).await.viewer_count(), world.count(show).await), (151, 1));
    assert_eq!(refusal(world.broadcasts.update_viewer_count(&ada, show, 10_000_001).await), "invalid");
    assert_eq!(world.ends(&ada, show).await.viewer_count(), 0);
    assert_eq!(refusal(world.broadcasts.update_viewer_count(&ada, show, 1).await), "ended");
    let world = World::with(Settings { reported_viewers: false, ..Settings::default() }).await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    assert_eq!(refusal(world.broadcasts.update_viewer_count(&ada, show, 1).await), "forbidden");
}

#[tokio::test]
async fn private_ones_are_on_their_owners_list_only() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (open, hidden) = (world.show(&ada).await, world.show(&ada).await);
    world.sets_visibility(&ada, hidden, Visibility::Private).await;
    let over = world.show(&ada).await;
    world.ends(&ada, over).await;
    let of = |caller: &tallylight_core::Caller| listed(&world, Scope::PrivateOf(caller.user_id().unwrap()));
    assert_eq!((listed(&world, Scope::Public), of(&ada), of(&bob)), (vec![open], vec![hidden], vec![]));
    let world = world.restarted().await;
    assert_eq!(listed(&world, Scope::Public), [open]);
}

#[tokio::test]
async fn what_is_deleted_is_gone_for_its_owner_too() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let eve = world.watcher(show).await;
    world.broadcasts.delete(&ada, show).await.unwrap();
    assert_eq!(refusal(world.broadcasts.broadcast(&ada, show).await), "not found");
    assert_eq!(refusal(world.broadcasts.delete(&ada, show).await), "not found");
    assert_eq!(refusal(world.join(&ANYBODY, show).await), "not found");
    assert_eq!(refusal(world.sessions.heartbeat(show, &eve.viewer_token)), "gone");
    assert_eq!(refusal(world.plays(show, &eve.playback_token).await), "not found");
    assert!(listed(&world, Scope::Public).is_empty());
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.left", "broadcast.ended"]);
}

#[tokio::test]
async fn changes_at_once_are_all_kept_in_one_order() {
    let world = Arc::new(World::new().await);
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let mut owners = JoinSet::new();
    for number in 0..32 {
        let (world, ada) = (Arc::clone(&world), ada.clone());
        owners.spawn(async move {
            world.broadcasts.update(by(&ada), show, titled(&format!("Take {number}"))).await
        });
    }
    owners.join_all().await.into_iter().for_each(|updated| drop(updated.unwrap()));
    let log = world.log(show).await;
    assert_eq!(log.len(), 33);
    let (last, after) = (log.last().unwrap(), world.state(show).await);
    assert_eq!((last.data["title"].as_str(), after.revision), (Some(after.title.as_str()), 32));
}

#[tokio::test]
async fn joins_and_an_end_at_once_leave_nobody_behind() {
    let world = Arc::new(World::new().await);
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let mut crowd = JoinSet::new();
    for number in 0..32 {
        let (world, ada) = (Arc::clone(&world), ada.clone());
        crowd.spawn(async move {
            if number == 16 {
                world.ends(&ada, show).await;
                return None;
            }
            world.join(&ANYBODY, show).await.ok()
        });
    }
    let joined: Vec<_> = crowd.join_all().await.into_iter().flatten().collect();
    assert_eq!(world.count(show).await, 0);
    for viewer in &joined {
        assert_eq!(refusal(world.sessions.heartbeat(show, &viewer.viewer_token)), "gone");
    }
    let logged = world.logged(show).await;
    let left = logged.iter().filter(|kind| *kind == "viewer.left").count();
    assert_eq!((left, logged.last().map(String::as_str)), (joined.len(), Some("broadcast.ended")));
}
