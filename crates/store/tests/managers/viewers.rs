//! Joining, staying, leaving.

use std::sync::Arc;

use tallylight_core::broadcast::{Status, Visibility};
use tallylight_core::session::JoinRequest;
use tallylight_core::viewer::Client;
use tokio::task::JoinSet;

use crate::world::{ANYBODY, NOON, World, refusal};

#[tokio::test]
async fn a_viewer_who_heartbeats_stays() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let eve = world.watcher(show).await;
    for _ in 0..10 {
        world.pass(5).await;
        world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
    }
    world.pass(14).await;
    assert_eq!(world.count(show).await, 1);
    assert_eq!(world.logged(show).await, ["viewer.joined"]);
}

#[tokio::test]
async fn a_silent_viewer_goes_after_fifteen_seconds_at_that_very_moment() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let eve = world.watcher(show).await;
    world.turn(4);
    world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
    world.pass(17).await;
    assert_eq!(refusal(world.sessions.heartbeat(show, &eve.viewer_token)), "gone");
    assert_eq!(world.count(show).await, 0);
    let left = world.log(show).await.pop().unwrap();
    assert_eq!((left.kind.as_str(), left.created_at), ("viewer.left", NOON + time::Duration::seconds(19)));
    assert_eq!(left.data["reason"], "timed_out");
}

#[tokio::test]
async fn who_timed_out_comes_back_as_the_same_viewer() {
    let world = World::new().await;
    let show = world.show_for(&world.user("ada").await, 1).await;
    let eve = world.watcher(show).await;
    world.pass(15).await;
    let mallory = world.watcher(show).await;
    assert_eq!(refusal(world.join_again(show, &eve.viewer_token).await), "full");
    world.sessions.leave(show, &mallory.viewer_token).await.unwrap();
    let back = world.join_again(show, &eve.viewer_token).await.unwrap();
    assert_eq!((back.viewer, &back.viewer_token), (eve.viewer, &eve.viewer_token));
    assert_eq!(world.count(show).await, 1);
    let log = world.log(show).await;
    assert_eq!(log[1].data, log[5].data, "a new viewer.joined of the same viewer and person");
}

#[tokio::test]
async fn joining_again_while_there_is_the_same_viewer_and_a_sign_of_life() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let eve = world.watcher(show).await;
    world.turn(14);
    assert_eq!(world.join_again(show, &eve.viewer_token).await.unwrap().viewer, eve.viewer);
    world.pass(14).await;
    assert_eq!(world.count(show).await, 1);
    assert_eq!(world.logged(show).await, ["viewer.joined"]);
}

#[tokio::test]
async fn who_left_is_gone_for_good_and_may_say_so_again() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let eve = world.watcher(show).await;
    world.sessions.leave(show, &eve.viewer_token).await.unwrap();
    world.sessions.leave(show, &eve.viewer_token).await.unwrap();
    assert_eq!(refusal(world.sessions.heartbeat(show, &eve.viewer_token)), "gone");
    assert_eq!(refusal(world.join_again(show, &eve.viewer_token).await), "gone");
    assert_eq!(refusal(world.plays(show, &eve.playback_token).await), "gone");
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.left"]);
}

#[tokio::test]
async fn tokens_are_good_for_their_broadcast_and_their_use_only() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let (show, other) = (world.show(&ada).await, world.show(&ada).await);
    let eve = world.watcher(show).await;
    assert_eq!(refusal(world.sessions.heartbeat(other, &eve.viewer_token)), "gone");
    assert_eq!(refusal(world.sessions.heartbeat(show, &eve.playback_token)), "gone");
    assert_eq!(refusal(world.sessions.leave(show, &eve.playback_token).await), "gone");
    assert_eq!(refusal(world.join_again(other, &eve.viewer_token).await), "gone");
    assert_eq!(refusal(world.plays(show, &eve.viewer_token).await), "not found");
    assert_eq!(refusal(world.plays(other, &eve.playback_token).await), "not found");
    assert_eq!((world.count(show).await, world.count(other).await), (1, 0));
}

#[tokio::test]
async fn the_owner_previews_without_counting() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show_for(&ada, 1).await;
    let preview = world.join(&ada, show).await.unwrap();
    world.watcher(show).await;
    world.sessions.heartbeat(show, &preview.viewer_token).unwrap();
    world.plays(show, &preview.playback_token).await.unwrap();
    assert_eq!(preview.playback_token, world.sessions.preview_token(show));
    world.sessions.leave(show, &preview.viewer_token).await.unwrap();
    assert_eq!(world.count(show).await, 1);
    assert_eq!(world.logged(show).await, ["viewer.joined"]);
    world.ends(&ada, show).await;
    assert_eq!(refusal(world.sessions.heartbeat(show, &preview.viewer_token)), "gone");
}

#[tokio::test]
async fn to_strangers_what_is_private_does_not_exist() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (by_status, by_visibility) = (world.show(&ada).await, world.show(&ada).await);
    world.broadcasts.update_broadcast_status(&ada, by_status, Status::Private).await.unwrap();
    world.sets_visibility(&ada, by_visibility, Visibility::Private).await;
    for show in [by_status, by_visibility] {
        for stranger in [&ANYBODY, &bob] {
            assert_eq!(refusal(world.join(stranger, show).await), "not found");
            assert_eq!(refusal(world.broadcasts.broadcast(stranger, show).await), "not found");
        }
        assert_eq!(refusal(world.sessions.enter(show).await), "not found");
        assert!(world.join(&ada, show).await.is_ok());
        assert_eq!(world.count(show).await, 0);
    }
}

#[tokio::test]
async fn turning_private_cuts_everybody_who_watches() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let (eve, bob) = (world.watcher(show).await, world.watcher(show).await);
    world.sets_visibility(&ada, show, Visibility::Private).await;
    for viewer in [&eve, &bob] {
        assert_eq!(refusal(world.sessions.heartbeat(show, &viewer.viewer_token)), "gone");
        assert_eq!(refusal(world.sessions.watch_private(show, &viewer.playback_token)), "not found");
        assert_eq!(refusal(world.plays(show, &viewer.playback_token).await), "not found");
        assert_eq!(refusal(world.join_again(show, &viewer.viewer_token).await), "not found");
    }
    let expected = ["viewer.joined", "viewer.joined", "viewer.left", "viewer.left", "broadcast.updated"];
    assert_eq!(world.logged(show).await, expected);
    world.sets_visibility(&ada, show, Visibility::Public).await;
    assert_eq!(refusal(world.join_again(show, &eve.viewer_token).await), "gone");
    world.watcher(show).await;
    assert_eq!(world.count(show).await, 1);
}

#[tokio::test]
async fn a_crowd_never_exceeds_the_limit() {
    let world = Arc::new(World::new().await);
    let show = world.show_for(&world.user("ada").await, 10).await;
    let mut crowd = JoinSet::new();
    for _ in 0..64 {
        let world = Arc::clone(&world);
        crowd.spawn(async move { refusal(world.join(&ANYBODY, show).await) });
    }
    let mut outcomes = crowd.join_all().await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [["accepted"; 10].as_slice(), ["full"; 54].as_slice()].concat());
    assert_eq!((world.count(show).await, world.log(show).await.len()), (10, 11));
}

#[tokio::test]
async fn the_end_lets_everybody_go_and_nobody_in() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let eve = world.watcher(show).await;
    assert_eq!(world.ends(&ada, show).await.viewer_count(), 0);
    assert_eq!(refusal(world.sessions.heartbeat(show, &eve.viewer_token)), "gone");
    assert_eq!(refusal(world.join(&ANYBODY, show).await), "ended");
    assert_eq!(refusal(world.join_again(show, &eve.viewer_token).await), "ended");
    assert_eq!(refusal(world.sessions.enter(show).await), "ended");
    world.sessions.leave(show, &eve.viewer_token).await.unwrap();
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.left", "broadcast.ended"]);
    world.plays(show, &eve.playback_token).await.expect("the last segments may be played");
    assert_eq!(world.count(show).await, 0);
}

#[tokio::test]
async fn a_plain_player_counts_from_its_first_playlist() {
    let world = World::new().await;
    let show = world.show_for(&world.user("ada").await, 1).await;
    let (_, first) = world.sessions.enter(show).await.unwrap();
    let (_, second) = world.sessions.enter(show).await.unwrap();
    assert_eq!(world.count(show).await, 0);
    let viewer = world.plays(show, &first).await.unwrap();
    assert_eq!(refusal(world.plays(show, &second).await), "full");
    world.turn(14);
    assert_eq!(world.plays(show, &first).await.unwrap(), viewer);
    world.pass(14).await;
    assert_eq!(world.count(show).await, 1);
    world.pass(1).await;
    assert_eq!(world.count(show).await, 0);
    assert_eq!(world.plays(show, &first).await.unwrap(), viewer, "it plays on after a pause");
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.left", "viewer.joined"]);
}

#[tokio::test]
async fn a_signed_in_viewer_whose_player_pauses_stays_the_same_person() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    let joined = world.join(&bob, show).await.unwrap();
    world.pass(15).await;
    world.plays(show, &joined.playback_token).await.unwrap();
    let log = world.log(show).await;
    assert_eq!((&log[3].data, log[3].user_id), (&log[1].data, bob.user_id()));
    let world = world.restarted().await;
    assert_eq!(world.broadcasts.leave_broadcast(&bob, show).await.unwrap(), 1);
}

#[tokio::test]
async fn one_user_is_one_person_per_session_and_cannot_be_followed_to_another() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (show, other) = (world.show(&ada).await, world.show(&ada).await);
    world.join(&bob, show).await.unwrap();
    world.join(&bob, show).await.unwrap();
    world.watcher(show).await;
    world.join(&bob, other).await.unwrap();
    let here = world.log(show).await;
    let there = world.log(other).await;
    assert_eq!(here[1].data["person"], here[2].data["person"]);
    assert_ne!(here[1].data["person"], here[3].data["person"]);
    assert_ne!(here[1].data["person"], there[1].data["person"]);
}

#[tokio::test]
async fn leaving_as_a_user_ends_all_viewers_of_that_user() {
    let world = World::new().await;
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let (show, other) = (world.show(&ada).await, world.show(&ada).await);
    for (caller, id) in [(&bob, show), (&bob, show), (&eve, show), (&bob, other)] {
        world.join(caller, id).await.unwrap();
    }
    assert_eq!(world.broadcasts.leave_broadcast(&bob, show).await.unwrap(), 2);
    assert_eq!(world.broadcasts.leave_broadcast(&bob, show).await.unwrap(), 0);
    assert_eq!((world.count(show).await, world.count(other).await), (1, 1));
    assert_eq!(refusal(world.broadcasts.leave_broadcast(&ANYBODY, show).await), "unauthenticated");
}

#[tokio::test]
async fn a_user_id_is_believed_from_that_user_only() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    let as_bob = || JoinRequest { user_id: bob.user_id(), ..JoinRequest::default() };
    let eve = world.user("eve").await;
    for caller in [&ANYBODY, &eve] {
        let joined = world.broadcasts.join_broadcast(caller, show, as_bob(), Client::default()).await;
        assert_eq!(refusal(joined), "forbidden");
    }
    world.broadcasts.join_broadcast(&bob, show, as_bob(), Client::default()).await.unwrap();
    let invited = JoinRequest { join_token: Some("made up".into()), ..JoinRequest::default() };
    let joined = world.broadcasts.join_broadcast(&bob, show, invited, Client::default()).await;
    assert_eq!(refusal(joined), "join token invalid");
    assert_eq!(world.count(show).await, 1);
}

#[tokio::test]
async fn after_a_restart_every_viewer_has_its_whole_time_again() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let (eve, bob) = (world.watcher(show).await, world.watcher(show).await);
    world.turn(14);
    let world = world.restarted().await;
    world.pass(14).await;
    assert_eq!(world.count(show).await, 2);
    world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
    world.pass(1).await;
    assert_eq!(world.count(show).await, 1);
    assert_eq!(refusal(world.sessions.heartbeat(show, &bob.viewer_token)), "gone");
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.joined", "viewer.left"]);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_sends_nobody_away() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let (show, idle) = (world.show(&ada).await, world.show(&ada).await);
    let eve = world.watcher(show).await;
    let encoder = world.goes_live(&ada, show).await;
    world.drops(&encoder).await;
    for jump in [time::Duration::hours(1), time::Duration::hours(-2), time::Duration::days(1)] {
        world.jump(jump).await;
        world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
    }
    world.pass(14).await;
    assert_eq!(world.count(show).await, 1);
    assert_eq!(world.state(show).await.status, Status::Active);
    assert_eq!(world.state(idle).await.status, Status::Active);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_while_the_server_is_down_sends_nobody_away() {
    for jump in [time::Duration::hours(1), time::Duration::hours(-1), time::Duration::days(1)] {
        let world = World::new().await;
        let ada = world.user("ada").await;
        let (show, idle) = (world.show(&ada).await, world.show(&ada).await);
        world.watcher(show).await;
        world.goes_live(&ada, show).await;
        world.jump(jump).await;
        let world = world.restarted().await;
        world.pass(14).await;
        assert_eq!(world.count(show).await, 1, "{jump}");
        assert_eq!(world.state(show).await.status, Status::Active, "{jump}");
        assert_eq!(world.state(idle).await.status, Status::Active, "{jump}");
    }
}
