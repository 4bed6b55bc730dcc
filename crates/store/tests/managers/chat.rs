//! Speaking, reacting, and keeping order.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tallylight_core::analytics::{Interval, Period};
use tallylight_core::broadcast::Visibility;
use tallylight_core::chat::{NewBan, Reaction, Reactor};
use tallylight_core::event::Event;
use tallylight_core::ids::{BroadcastId, EventId, ViewerId};
use tallylight_core::store::BanStore;
use tallylight_core::user::Role;
use tallylight_core::{Caller, Error, Result};

use crate::world::{ANYBODY, NOON, World, refusal};

async fn say(world: &World, who: &Caller, show: BroadcastId, text: &str) -> Result<Event> {
    world.sessions.say(who, show, text.into()).await
}

async fn react(world: &World, by: Reactor<'_>, show: BroadcastId) -> Result<Event> {
    world.sessions.react(by, show, Reaction::Heart).await
}

/// What everybody reads.
async fn chat(world: &World, show: BroadcastId) -> Vec<Value> {
    let page = world.sessions.chat_messages(&ANYBODY, show, None, 50).await.unwrap();
    page.items.into_iter().map(|event| event.data).collect()
}

async fn texts(world: &World, show: BroadcastId) -> Vec<String> {
    let text = |data: Value| data["text"].as_str().unwrap_or("(deleted)").to_owned();
    chat(world, show).await.into_iter().map(text).collect()
}

async fn ban(world: &World, by: &Caller, show: BroadcastId, user: &str, seconds: Option<u32>) -> Result<()> {
    let ban = NewBan { user: user.into(), seconds, reason: Some(" spam ".into()) };
    world.sessions.ban(by, show, ban).await.map(|_| ())
}

#[tokio::test]
async fn whoever_is_signed_in_speaks_and_everybody_reads() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mia = world.user_with_role("mia", Role::Moderator).await;
    let root = world.user_with_role("root", Role::Admin).await;
    let show = world.show(&ada).await;
    let said = say(&world, &bob, show, " <b>hello</b>\r\n").await.unwrap();
    assert_eq!(
        said.data,
        json!({"text": "<b>hello</b>", "user": "bob", "display_name": "BOB", "role": "viewer"})
    );
    assert_eq!((said.user_id, said.seq, said.created_at), (bob.user_id(), 2, NOON));
    assert_eq!(world.log(show).await[1], said, "it is on disk as it was answered");
    assert_eq!(world.state(show).await.counts.seq, 2);
    for (who, role) in [(&ada, "owner"), (&mia, "moderator"), (&root, "admin")] {
        assert_eq!(say(&world, who, show, "hi").await.unwrap().data["role"], role);
    }
    assert_eq!(texts(&world, show).await, ["<b>hello</b>", "hi", "hi", "hi"]);
    assert_eq!(refusal(say(&world, &ANYBODY, show, "hi").await), "unauthenticated");
    assert_eq!(refusal(say(&world, &bob, show, " \n").await), "invalid");
    assert_eq!(refusal(say(&world, &bob, show, &"x".repeat(501)).await), "invalid");
}

#[tokio::test]
async fn in_private_only_the_owner_speaks_and_after_the_end_nobody() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mia = world.user_with_role("mia", Role::Moderator).await;
    let show = world.show(&ada).await;
    let message = say(&world, &bob, show, "hello").await.unwrap().id;
    world.sets_visibility(&ada, show, Visibility::Private).await;
    for who in [&bob, &mia] {
        assert_eq!(refusal(say(&world, who, show, "hello?").await), "not found");
        assert_eq!(refusal(react(&world, Reactor::Caller(who), show).await), "not found");
        assert_eq!(refusal(world.sessions.chat_messages(who, show, None, 50).await), "not found");
        assert_eq!(refusal(world.sessions.delete_message(who, show, message).await), "not found");
        assert_eq!(refusal(world.sessions.bans(who, show).await), "not found");
        assert_eq!(refusal(ban(&world, who, show, "bob", None).await), "not found");
    }
    say(&world, &ada, show, "just me").await.unwrap();
    world.sets_visibility(&ada, show, Visibility::Public).await;
    world.ends(&ada, show).await;
    assert_eq!(refusal(say(&world, &ada, show, "bye").await), "ended");
    assert_eq!(refusal(react(&world, Reactor::Caller(&bob), show).await), "ended");
    world.sessions.delete_message(&mia, show, message).await.unwrap();
    assert_eq!(
        texts(&world, show).await,
        ["(deleted)", "just me"],
        "it is read and kept in order all the same"
    );
}

#[tokio::test]
async fn a_viewer_who_is_there_reacts_without_signing_in() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    let eve = world.watcher(show).await;
    let heart = react(&world, Reactor::Viewer(eve.viewer), show).await.unwrap();
    assert_eq!(
        (heart.kind.as_str(), heart.data, heart.user_id),
        ("reaction", json!({"reaction": "heart"}), None)
    );
    let token = eve.viewer_token.as_str();
    let by_token = |who: Caller, token: Option<&'static str>| {
        let (world, token) = (&world, token.map(str::to_owned));
        async move {
            let fire = Reaction::Fire;
            world.sessions.react_by_token(&who, show, token.as_deref(), fire).await.map(|event| event.user_id)
        }
    };
    let fire = world.sessions.react_by_token(&ANYBODY, show, Some(token), Reaction::Fire).await.unwrap();
    assert_eq!(fire.user_id, None);
    assert_eq!(by_token(bob.clone(), None).await.unwrap(), bob.user_id());
    assert_eq!(refusal(by_token(ANYBODY, None).await), "unauthenticated");
    assert_eq!(refusal(by_token(ANYBODY, Some("nonsense")).await), "gone");
    let signed_in = world.join(&bob, show).await.unwrap();
    let known = react(&world, Reactor::Viewer(signed_in.viewer), show).await.unwrap();
    assert_eq!(known.user_id, bob.user_id(), "it is that user's reaction");
    let preview = world.join(&ada, show).await.unwrap();
    let own = world.sessions.react_by_token(&ANYBODY, show, Some(&preview.viewer_token), Reaction::Wow).await;
    assert_eq!(own.unwrap().user_id, ada.user_id());
    world.sessions.leave(show, token).await.unwrap();
    assert_eq!(refusal(react(&world, Reactor::Viewer(eve.viewer), show).await), "gone");
    let elsewhere = world.show(&ada).await;
    assert_eq!(refusal(react(&world, Reactor::Viewer(signed_in.viewer), elsewhere).await), "gone");
    world.sets_visibility(&ada, show, Visibility::Private).await;
    assert_eq!(refusal(react(&world, Reactor::Viewer(signed_in.viewer), show).await), "not found");
    assert_eq!(refusal(react(&world, Reactor::Viewer(ViewerId(eve.viewer.0)), show).await), "not found");
}

#[tokio::test]
async fn who_is_too_fast_waits() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (show, other) = (world.show(&ada).await, world.show(&ada).await);
    for _ in 0..5 {
        say(&world, &bob, show, "hello").await.unwrap();
    }
    let Err(Error::TooManyRequests { retry_after }) = say(&world, &bob, show, "hello").await else {
        panic!()
    };
    assert_eq!(retry_after, Duration::from_secs(2));
    say(&world, &bob, other, "hello").await.unwrap();
    say(&world, &ada, show, "hello").await.unwrap();
    world.pass(1).await;
    assert_eq!(refusal(say(&world, &bob, show, "hello").await), "too many requests");
    world.pass(1).await;
    say(&world, &bob, show, "hello").await.unwrap();
    assert_eq!(refusal(say(&world, &bob, show, "hello").await), "too many requests");
    assert_eq!(refusal(say(&world, &bob, show, "").await), "invalid", "what is wrong is told first");

    let eve = world.watcher(show).await;
    for _ in 0..10 {
        react(&world, Reactor::Viewer(eve.viewer), show).await.unwrap();
    }
    assert_eq!(refusal(react(&world, Reactor::Viewer(eve.viewer), show).await), "too many requests");
    react(&world, Reactor::Caller(&bob), show).await.unwrap();
    world.pass(1).await;
    for accepted in [true, true, false] {
        assert_eq!(react(&world, Reactor::Viewer(eve.viewer), show).await.is_ok(), accepted);
    }
}

#[tokio::test]
async fn a_set_wall_clock_makes_nobody_wait_longer() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    for _ in 0..5 {
        say(&world, &ada, show, "hello").await.unwrap();
    }
    world.jump(time::Duration::days(-1)).await;
    world.pass(2).await;
    say(&world, &ada, show, "hello").await.unwrap();
}

#[tokio::test]
async fn messages_are_read_back_page_by_page() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    for number in 0..7 {
        say(&world, &ada, show, &number.to_string()).await.unwrap();
        world.turn(2);
        react(&world, Reactor::Caller(&ada), show).await.unwrap();
    }
    let (mut before, mut pages) = (None, Vec::new());
    loop {
        let page = world.sessions.chat_messages(&ANYBODY, show, before, 3).await.unwrap();
        pages.push(
            page.items.iter().map(|it| it.data["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        );
        before = page.next_before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec!["4", "5", "6"], vec!["1", "2", "3"], vec!["0"]]);
    let whole = world.sessions.chat_messages(&ANYBODY, show, None, 7).await.unwrap();
    assert_eq!((whole.items.len(), whole.next_before), (7, None), "there is nothing older, and it says so");
    let first = world.sessions.chat_messages(&ANYBODY, show, Some(2), 7).await.unwrap();
    assert!(first.items.is_empty());
}

#[tokio::test]
async fn a_message_is_deleted_by_whoever_may_and_told_of_once() {
    let world = World::new().await;
    let (ada, bob, cid) = (world.user("ada").await, world.user("bob").await, world.user("cid").await);
    let mia = world.user_with_role("mia", Role::Moderator).await;
    let show = world.show(&ada).await;
    let mut said = Vec::new();
    for text in ["one", "two", "three"] {
        said.push(say(&world, &bob, show, text).await.unwrap());
    }
    let delete = |who: &Caller, id| {
        let (world, who) = (&world, who.clone());
        async move { world.sessions.delete_message(&who, show, id).await }
    };
    assert_eq!(refusal(delete(&cid, said[0].id).await), "forbidden");
    assert_eq!(refusal(delete(&ANYBODY, said[0].id).await), "unauthenticated");
    for (who, said) in [&bob, &ada, &mia].into_iter().zip(&said) {
        delete(who, said.id).await.unwrap();
        delete(who, said.id).await.unwrap();
    }
    assert_eq!(chat(&world, show).await, vec![json!({"deleted": true}); 3]);
    let log = world.log(show).await;
    let by: Vec<_> = log[4..].iter().map(|event| event.data["by"].as_str().unwrap()).collect();
    assert_eq!(by, ["author", "owner", "moderator"]);
    assert_eq!((&log[4].data["message_id"], &log[4].data["message_seq"]), (&json!(said[0].id), &json!(2)));
    assert_eq!(log[4].user_id, bob.user_id());
    assert_eq!(world.state(show).await.counts.seq, 7);
    let other = world.show(&ada).await;
    assert_eq!(refusal(world.sessions.delete_message(&ada, other, said[0].id).await), "not found");
    assert_eq!(refusal(delete(&ada, log[0].id).await), "not found", "that is no message");
    assert_eq!(refusal(delete(&ada, EventId(uuid::Uuid::nil())).await), "not found");
}

#[tokio::test]
async fn a_ban_holds_on_all_broadcasts_of_an_owner_until_it_ends() {
    let world = World::new().await;
    let (ada, bob, cid) = (world.user("ada").await, world.user("bob").await, world.user("cid").await);
    let (show, other) = (world.show(&ada).await, world.show(&ada).await);
    let elsewhere = world.show(&cid).await;
    say(&world, &bob, show, "spam").await.unwrap();
    let seat = world.join(&bob, show).await.unwrap();
    ban(&world, &ada, show, "bob", Some(60)).await.unwrap();
    for show in [show, other] {
        let Err(Error::Banned { until }) = say(&world, &bob, show, "spam").await else { panic!() };
        assert_eq!(until, Some(NOON + time::Duration::seconds(60)));
        assert_eq!(refusal(react(&world, Reactor::Caller(&bob), show).await), "banned");
    }
    assert_eq!(
        refusal(react(&world, Reactor::Viewer(seat.viewer), show).await),
        "banned",
        "the viewer is bob"
    );
    say(&world, &bob, elsewhere, "hello").await.unwrap();
    assert_eq!(texts(&world, show).await, ["spam"], "what was said stays");
    let kept = world.sessions.bans(&ada, other).await.unwrap();
    assert_eq!((kept[0].user.as_str(), kept[0].by.as_str()), ("bob", "ada"));
    assert_eq!(kept[0].reason.as_deref(), Some("spam"));
    world.pass(60).await;
    say(&world, &bob, show, "sorry").await.unwrap();
    assert!(world.sessions.bans(&ada, show).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_ban_for_good_outlives_a_restart_and_ends_when_it_is_lifted() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mia = world.user_with_role("mia", Role::Moderator).await;
    let show = world.show(&ada).await;
    ban(&world, &mia, show, "bob", None).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(refusal(say(&world, &bob, show, "hello").await), "banned");
    world.sessions.unban(&ada, show, bob.user_id().unwrap()).await.unwrap();
    world.sessions.unban(&ada, show, bob.user_id().unwrap()).await.unwrap();
    say(&world, &bob, show, "hello").await.unwrap();
}

#[tokio::test]
async fn nobody_bans_those_who_keep_order_and_nobody_else_bans() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mia = world.user_with_role("mia", Role::Moderator).await;
    let root = world.user_with_role("root", Role::Admin).await;
    let show = world.show(&ada).await;
    for (by, user) in [(&mia, "ada"), (&ada, "mia"), (&ada, "root"), (&root, "mia"), (&ada, "ada")] {
        assert_eq!(refusal(ban(&world, by, show, user, None).await), "forbidden", "{user}");
    }
    assert_eq!(refusal(ban(&world, &bob, show, "ada", None).await), "forbidden");
    assert_eq!(refusal(world.sessions.bans(&bob, show).await), "forbidden");
    assert_eq!(refusal(world.sessions.unban(&bob, show, bob.user_id().unwrap()).await), "forbidden");
    assert_eq!(refusal(ban(&world, &ANYBODY, show, "bob", None).await), "unauthenticated");
    for (user, seconds) in [("nobody", None), ("bob@example.org", None), ("bob", Some(0)), ("bob\0", None)] {
        assert_eq!(refusal(ban(&world, &ada, show, user, seconds).await), "invalid", "{user}");
    }
    assert!(world.sessions.bans(&ada, show).await.unwrap().is_empty());
}

#[tokio::test]
async fn neither_speaking_nor_reading_asks_the_database_each_time() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    for _ in 0..4 {
        say(&world, &bob, show, "hello").await.unwrap();
    }
    for _ in 0..10 {
        assert_eq!(texts(&world, show).await.len(), 4);
    }
    let reads =
        || (world.door.ban_reads.load(Ordering::Relaxed), world.door.log_reads.load(Ordering::Relaxed));
    assert_eq!(reads(), (1, 1));
    ban(&world, &ada, show, "bob", None).await.unwrap();
    assert_eq!(refusal(say(&world, &bob, show, "hello").await), "banned");
    say(&world, &ada, show, "hello").await.unwrap();
    assert_eq!(texts(&world, show).await.len(), 5);
    assert_eq!(reads(), (2, 2), "what changed is read anew, once");
}

#[tokio::test]
async fn what_was_kept_without_an_answer_is_found_all_the_same() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    say(&world, &bob, show, "hello").await.unwrap();
    assert_eq!(texts(&world, show).await, ["hello"]);
    world.door.loses_answers.store(true, Ordering::Relaxed);
    assert!(matches!(say(&world, &bob, show, "again").await, Err(Error::Unavailable(_))));
    assert!(matches!(ban(&world, &ada, show, "bob", None).await, Err(Error::Unavailable(_))));
    world.door.loses_answers.store(false, Ordering::Relaxed);
    assert_eq!(texts(&world, show).await, ["hello", "again"]);
    assert_eq!(refusal(say(&world, &bob, show, "and again").await), "banned");
    world.pass(5).await;
    assert_eq!(world.state(show).await.counts.seq, 3, "memory has caught up");
}

#[tokio::test]
async fn what_the_database_keeps_late_is_found_soon() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    ban(&world, &ada, show, "bob", None).await.unwrap();
    let kept = world.sessions.bans(&ada, show).await.unwrap();
    world.sessions.unban(&ada, show, bob.user_id().unwrap()).await.unwrap();
    world.door.loses_answers.store(true, Ordering::Relaxed);
    assert!(matches!(say(&world, &bob, show, "hello").await, Err(Error::Unavailable(_))));
    world.door.loses_answers.store(false, Ordering::Relaxed);
    say(&world, &bob, show, "again").await.unwrap();
    // A ban that was asked for, given up, and committed after all.
    world.store.ban(&kept[0]).await.unwrap();
    world.pass(5).await;
    assert_eq!(refusal(say(&world, &bob, show, "and again").await), "banned");
}

#[tokio::test]
async fn what_was_deleted_still_counts() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    let eve = world.watcher(show).await;
    let said = say(&world, &bob, show, "hello").await.unwrap();
    world.sessions.add_up_logs().await.unwrap();
    react(&world, Reactor::Viewer(eve.viewer), show).await.unwrap();
    world.sessions.delete_message(&bob, show, said.id).await.unwrap();
    world.turn(60);
    assert_eq!(world.audit(show, (Period::All, Some(Interval::TenSeconds))).await, Vec::<String>::new());
    world.sessions.add_up_logs().await.unwrap();
    assert_eq!(world.audit(show, (Period::All, Some(Interval::Minute))).await, Vec::<String>::new());
}
