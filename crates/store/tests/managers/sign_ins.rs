//! Sign-ins, as their owner sees and ends them.

use tallylight_core::ids::SignInId;
use tallylight_core::store::{AccountStore, Slice};
use tallylight_core::user::SignedIn;
use tallylight_core::viewer::Client;
use tallylight_core::{Caller, caller::Access};

use crate::world::{ANYBODY, World, refusal, registration};

const ALL: Slice = Slice { offset: 0, limit: 100 };

async fn signs_in(world: &World, from: &str) -> SignedIn {
    let client = Client { ip: "203.0.113.7".parse().ok(), user_agent: Some(from.into()), device: None };
    world.users.sign_in("ada", "correct horse".into(), client).await.unwrap()
}

fn sign_in_of(caller: &Caller) -> SignInId {
    match caller.identity().map(|identity| identity.access) {
        Some(Access::SignIn(id)) => id,
        other => panic!("not signed in: {other:?}"),
    }
}

async fn agents(world: &World, caller: &Caller) -> Vec<String> {
    let listed = world.users.sign_ins(caller, ALL).await.unwrap();
    assert_eq!(listed.total, listed.items.len() as u64);
    listed.items.into_iter().map(|sign_in| sign_in.client.user_agent.unwrap_or_default()).collect()
}

#[tokio::test]
async fn one_sees_where_one_is_signed_in_and_nobody_elses() {
    let world = World::new().await;
    world.users.register(registration("ada"), Client::default()).await.unwrap();
    world.users.register(registration("bob"), Client::default()).await.unwrap();
    world.turn(60);
    let laptop = signs_in(&world, "laptop").await;
    world.turn(60);
    signs_in(&world, "phone").await;
    let caller = world.users.authenticate(&laptop.access_token).unwrap();
    assert_eq!(agents(&world, &caller).await, ["phone", "laptop", ""]);
    world.turn(60);
    world.users.refresh(&laptop.refresh_token).await.unwrap();
    assert_eq!(agents(&world, &caller).await, ["laptop", "phone", ""], "the latest used first");
    assert_eq!(refusal(world.users.sign_ins(&ANYBODY, ALL).await), "unauthenticated");
    let one = world.users.sign_ins(&caller, Slice { offset: 1, limit: 1 }).await.unwrap();
    assert_eq!((one.items[0].client.user_agent.as_deref(), one.total), (Some("phone"), 3));
}

#[tokio::test]
async fn an_ended_sign_in_is_refused_at_once_and_after_a_restart_and_the_others_are_not() {
    let world = World::new().await;
    world.users.register(registration("ada"), Client::default()).await.unwrap();
    let (laptop, phone) = (signs_in(&world, "laptop").await, signs_in(&world, "phone").await);
    let caller = world.users.authenticate(&laptop.access_token).unwrap();
    let stolen = world.users.authenticate(&phone.access_token).unwrap();
    world.users.end_sign_in(&caller, sign_in_of(&stolen), &Client::default()).await.unwrap();
    assert_eq!(refusal(world.users.authenticate(&phone.access_token)), "unauthenticated");
    assert_eq!(refusal(world.users.vet_again(&stolen)), "unauthenticated");
    assert_eq!(refusal(world.users.refresh(&phone.refresh_token).await), "unauthenticated");
    let world = world.restarted().await;
    assert_eq!(refusal(world.users.authenticate(&phone.access_token)), "unauthenticated");
    assert!(world.users.authenticate(&laptop.access_token).is_ok());
}

#[tokio::test]
async fn nobody_ends_anothers_sign_in() {
    let world = World::new().await;
    let ada = world.users.register(registration("ada"), Client::default()).await.unwrap();
    let bob = world.users.register(registration("bob"), Client::default()).await.unwrap();
    let (ada_calls, bob_calls) = (
        world.users.authenticate(&ada.access_token).unwrap(),
        world.users.authenticate(&bob.access_token).unwrap(),
    );
    assert_eq!(
        refusal(world.users.end_sign_in(&bob_calls, sign_in_of(&ada_calls), &Client::default()).await),
        "not found"
    );
    assert!(world.users.authenticate(&ada.access_token).is_ok());
    world.users.refresh(&ada.refresh_token).await.unwrap();
}

#[tokio::test]
async fn all_others_end_or_all() {
    let world = World::new().await;
    let first = world.users.register(registration("ada"), Client::default()).await.unwrap();
    let (laptop, phone) = (signs_in(&world, "laptop").await, signs_in(&world, "phone").await);
    let caller = world.users.authenticate(&laptop.access_token).unwrap();
    assert_eq!(world.users.end_sign_ins(&caller, false, &Client::default()).await.unwrap(), 2);
    for ended in [&first, &phone] {
        assert_eq!(refusal(world.users.authenticate(&ended.access_token)), "unauthenticated");
    }
    assert_eq!(agents(&world, &caller).await, ["laptop"]);
    world.turn(1);
    assert_eq!(world.users.end_sign_ins(&caller, true, &Client::default()).await.unwrap(), 1);
    assert_eq!(refusal(world.users.authenticate(&laptop.access_token)), "unauthenticated");
}

#[tokio::test]
async fn a_sign_in_that_ended_is_kept_until_its_last_token_is_over() {
    let world = World::new().await;
    world.users.register(registration("ada"), Client::default()).await.unwrap();
    let (laptop, phone) = (signs_in(&world, "laptop").await, signs_in(&world, "phone").await);
    let caller = world.users.authenticate(&laptop.access_token).unwrap();
    world.users.sign_out(&phone.refresh_token, &Client::default()).await.unwrap();
    assert_eq!(world.users.forget_sign_ins().await.unwrap(), 0);
    world.turn(929);
    assert_eq!(world.users.forget_sign_ins().await.unwrap(), 0);
    world.turn(2);
    assert_eq!(world.users.forget_sign_ins().await.unwrap(), 1);
    assert_eq!(refusal(world.users.authenticate(&phone.access_token)), "unauthenticated", "it has expired");
    world.turn(31 * 86_400);
    assert_eq!(agents(&world, &caller).await, [""; 0], "what ran out is not shown");
    assert_eq!(world.users.forget_sign_ins().await.unwrap(), 2, "those that nobody refreshed");
}

#[tokio::test]
async fn a_sign_in_that_ended_without_an_answer_is_refused_as_soon_as_that_is_read() {
    let world = World::new().await;
    world.users.register(registration("ada"), Client::default()).await.unwrap();
    let (laptop, phone) = (signs_in(&world, "laptop").await, signs_in(&world, "phone").await);
    let ada = world.users.authenticate(&laptop.access_token).unwrap();
    let thief = world.users.authenticate(&phone.access_token).unwrap();
    // It is done, but for the answer.
    let (but, now) = (Some(sign_in_of(&ada)), world.sessions.now());
    world.store.end_sign_ins_of(ada.user_id().unwrap(), but, now).await.unwrap();
    let other = World::new().await;
    other.store.close().await;
    assert!(other.users.end_sign_ins(&ada, false, &Client::default()).await.is_err());
    assert!(other.standing.is_in_doubt(), "nobody knows what came of it");
    assert!(world.users.vet_again(&thief).is_ok(), "nobody was told");
    let mut changes = world.standing.changes();
    assert!(world.standing.reload(world.store.as_ref(), now).await.unwrap());
    assert!(changes.has_changed().unwrap(), "open connections are looked at again");
    assert_eq!(refusal(world.users.vet_again(&thief)), "unauthenticated");
    world.users.vet_again(&ada).unwrap();
    changes.mark_unchanged();
    assert!(
        world.standing.reload(world.store.as_ref(), now).await.unwrap() && !changes.has_changed().unwrap()
    );
}
