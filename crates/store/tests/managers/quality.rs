//! What viewers tell of playback, and what is kept of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tallylight_core::broadcast::Visibility;
use tallylight_core::ids::BroadcastId;
use tallylight_core::quality::{Beacon, Cmcd, Quality, Span};
use tallylight_core::session::Joined;

use crate::world::{ANYBODY, NOON, World, refusal};

const FIVE_SECONDS: Beacon =
    Beacon { startup_ms: None, played_ms: 4_000, stalled_ms: 1_000, stalls: 1, failure: None };

impl World {
    /// All that is on disk of a session, in buckets of 10 s: seconds after noon, and what was told.
    async fn told_by_bucket(&self, id: BroadcastId) -> Vec<(i64, Quality)> {
        let to = NOON + Duration::from_secs(86_400);
        let span = Span { from: NOON, to, interval_seconds: 10 };
        let told = self.sessions.playback_quality(id, span).await.unwrap();
        told.into_iter().map(|(at, quality)| ((at - NOON).whole_seconds(), quality)).collect()
    }

    /// All that is on disk of a session.
    async fn told(&self, id: BroadcastId) -> Quality {
        let mut sum = Quality::default();
        self.told_by_bucket(id).await.iter().for_each(|(_, quality)| sum.add(quality));
        sum
    }

    fn beats(&self, id: BroadcastId, viewer: &Joined, beacon: &Beacon) {
        self.sessions.heartbeat(id, &viewer.viewer_token).unwrap();
        self.sessions.report_playback(id, &viewer.viewer_token, beacon);
    }

    fn fetches_playlist(&self, id: BroadcastId, viewer: &Joined, report: &str) {
        let admitted = self.sessions.plays_on(id, &viewer.playback_token).unwrap();
        self.sessions.observe(&admitted, &Cmcd::parse(report));
    }
}

fn watching(quality: &Quality) -> (u64, u64, u64) {
    (quality.played_ms, quality.stalled_ms, quality.stalls)
}

#[tokio::test]
async fn what_a_viewer_tells_is_on_disk_five_seconds_later() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let viewer = world.watcher(show).await;
    world.pass(1).await;
    world.beats(show, &viewer, &Beacon { startup_ms: Some(700), ..FIVE_SECONDS });
    assert!(world.told(show).await.is_empty());
    world.pass(5).await;
    world.beats(show, &viewer, &FIVE_SECONDS);
    world.turn(4);
    world.beats(show, &viewer, &FIVE_SECONDS);
    world.pass(1).await;
    let told = world.told_by_bucket(show).await;
    assert_eq!(
        told.iter().map(|(at, sums)| (*at, sums.played_ms)).collect::<Vec<_>>(),
        [(0, 8_000), (10, 4_000)]
    );
    assert_eq!((told[0].1.viewers, told[0].1.startup_ms, told[1].1.viewers), (1, 700, 0));
}

#[tokio::test]
async fn only_viewers_who_are_there_are_listened_to() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let (show, other) = (world.show(&ada).await, world.show(&ada).await);
    let (preview, silent) = (world.join(&ada, show).await.unwrap(), world.watcher(show).await);
    world.sessions.report_playback(show, &preview.viewer_token, &FIVE_SECONDS);
    world.sessions.report_playback(other, &silent.viewer_token, &FIVE_SECONDS);
    world.sessions.report_playback(show, "nonsense", &FIVE_SECONDS);
    world.pass(16).await;
    world.sessions.report_playback(show, &silent.viewer_token, &FIVE_SECONDS);
    let events = "e=ps,sta=f,ts=1,v=2";
    assert_eq!(refusal(world.sessions.collect(show, &silent.playback_token, events).await), "accepted");
    assert_eq!(refusal(world.sessions.collect(other, &silent.playback_token, events).await), "not found");
    world.sessions.write_quality().await.unwrap();
    assert!(world.told(show).await.is_empty() && world.told(other).await.is_empty());
}

#[tokio::test]
async fn the_last_seconds_are_told_with_the_goodbye() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let viewer = world.watcher(show).await;
    for _ in 0..2 {
        let left = world.sessions.leave_telling(show, &viewer.viewer_token, Some(&FIVE_SECONDS)).await;
        assert_eq!(refusal(left), "accepted");
    }
    world.sessions.report_playback(show, &viewer.viewer_token, &FIVE_SECONDS);
    world.sessions.write_quality().await.unwrap();
    assert_eq!(watching(&world.told(show).await), (4_000, 1_000, 1));
}

#[tokio::test]
async fn a_goodbye_that_is_said_again_tells_its_last_seconds_once() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let viewer = world.watcher(show).await;
    let leaves = || world.sessions.leave_telling(show, &viewer.viewer_token, Some(&FIVE_SECONDS));
    world.door.refuses.store(true, Ordering::Relaxed);
    assert!(leaves().await.is_err());
    world.door.refuses.store(false, Ordering::Relaxed);
    leaves().await.unwrap();
    world.sessions.write_quality().await.unwrap();
    assert_eq!(watching(&world.told(show).await), (4_000, 1_000, 1));
}

#[tokio::test]
async fn media_without_a_token_is_known_by_its_playback_session() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let (eve, mallory) = (world.watcher(show).await, world.watcher(show).await);
    let fetches = |report: &str| world.sessions.observe_public_media(show, &Cmcd::parse(report));
    fetches("bs,sid=\"eve\"");
    world.fetches_playlist(show, &eve, "ot=m,sid=\"eve\"");
    fetches("bs,ot=v,sid=\"eve\"");
    world.fetches_playlist(show, &mallory, "sid=\"eve\"");
    world.sessions.leave(show, &mallory.viewer_token).await.unwrap();
    world.turn(3);
    fetches("bs,ot=v,sid=\"eve\"");
    world.pass(5).await;
    assert_eq!(watching(&world.told(show).await), (0, 0, 2), "nobody takes another's playback session");
    world.sessions.leave(show, &eve.viewer_token).await.unwrap();
    fetches("bs,ot=v,sid=\"eve\"");
    world.pass(5).await;
    assert_eq!(watching(&world.told(show).await), (0, 0, 2), "who has gone is not listened to");
}

#[tokio::test]
async fn who_comes_back_in_a_later_stay_starts_anew() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let viewer = world.watcher(show).await;
    let start = Beacon { startup_ms: Some(500), ..Beacon::default() };
    world.beats(show, &viewer, &start);
    world.beats(show, &viewer, &start);
    world.pass(16).await;
    world.pass(5).await;
    let again = world.join_again(show, &viewer.viewer_token).await.unwrap();
    world.beats(show, &again, &start);
    world.sessions.write_quality().await.unwrap();
    assert_eq!(world.told(show).await.started(), 2);
}

#[tokio::test]
async fn what_cannot_be_written_waits_and_is_written_once() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let viewer = world.watcher(show).await;
    world.beats(show, &viewer, &FIVE_SECONDS);
    world.door.refuses.store(true, Ordering::Relaxed);
    assert!(world.sessions.write_quality().await.is_err());
    world.turn(10);
    world.beats(show, &viewer, &FIVE_SECONDS);
    world.door.refuses.store(false, Ordering::Relaxed);
    world.door.loses_answers.store(true, Ordering::Relaxed);
    assert!(world.sessions.write_quality().await.is_err(), "it is on disk, and nobody knows");
    world.door.loses_answers.store(false, Ordering::Relaxed);
    world.sessions.write_quality().await.unwrap();
    world.sessions.write_quality().await.unwrap();
    let told = world.told_by_bucket(show).await;
    assert_eq!(
        told.iter().map(|(at, sums)| (*at, sums.played_ms)).collect::<Vec<_>>(),
        [(0, 4_000), (10, 4_000)]
    );
}

#[tokio::test]
async fn what_is_refused_for_good_takes_nothing_else_with_it() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let mut shows = Vec::new();
    for _ in 0..5 {
        let show = world.show(&ada).await;
        world.beats(show, &world.watcher(show).await, &FIVE_SECONDS);
        shows.push(show);
    }
    *world.door.poison.lock().unwrap() = Some(shows[1]);
    world.sessions.write_quality().await.unwrap();
    *world.door.poison.lock().unwrap() = None;
    world.sessions.write_quality().await.unwrap();
    let mut stalls = Vec::new();
    for show in shows {
        stalls.push(world.told(show).await.stalls);
    }
    assert_eq!(stalls, [1, 0, 1, 1, 1], "what was given up is not tried again");
}

#[tokio::test]
async fn a_server_that_starts_anew_adds_to_the_same_bucket() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let viewer = world.watcher(show).await;
    world.beats(show, &viewer, &FIVE_SECONDS);
    world.sessions.write_quality().await.unwrap();
    let world = world.restarted().await;
    world.beats(show, &viewer, &FIVE_SECONDS);
    world.sessions.write_quality().await.unwrap();
    assert_eq!(watching(&world.told(show).await), (8_000, 2_000, 2));
}

#[tokio::test]
async fn what_has_ended_tells_players_to_stop_reporting() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let viewer = world.join(&ANYBODY, show).await.unwrap();
    world.ends(&ada, show).await;
    let events = "e=t,sta=p,ts=1,v=2";
    assert_eq!(refusal(world.sessions.collect(show, &viewer.playback_token, events).await), "ended");
}

#[tokio::test]
async fn to_those_who_were_cut_what_turned_private_does_not_exist() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let (eve, preview) = (world.watcher(show).await, world.join(&ada, show).await.unwrap());
    world.sets_visibility(&ada, show, Visibility::Private).await;
    let reports = async |who: &Joined| {
        refusal(world.sessions.collect(show, &who.playback_token, "e=t,sta=p,ts=1,v=2").await)
    };
    assert_eq!((reports(&eve).await, reports(&preview).await), ("not found", "accepted"));
    world.ends(&ada, show).await;
    assert_eq!((reports(&eve).await, reports(&preview).await), ("not found", "ended"));
}
