//! Accounts and sign-ins.

use std::sync::Arc;

use tallylight_core::Caller;
use tallylight_core::user::{Registration, Role};
use tallylight_core::viewer::Client;
use tokio::task::JoinSet;

use crate::world::{ANYBODY, Settings, World, refusal, registration};

fn client() -> Client {
    Client::default()
}

#[tokio::test]
async fn who_registers_is_a_broadcaster_and_signed_in() {
    let world = World::new().await;
    let signed_in = world.users.register(registration("ada"), client()).await.unwrap();
    assert_eq!((signed_in.user.role, signed_in.user.display_name.as_str()), (Role::Broadcaster, "ada"));
    let caller = world.users.authenticate(&signed_in.access_token).unwrap();
    assert_eq!(world.users.me(&caller).await.unwrap(), signed_in.user);
    world.show(&caller).await;
    assert_eq!(refusal(world.users.me(&ANYBODY).await), "unauthenticated");
}

#[tokio::test]
async fn names_and_addresses_are_taken_once() {
    let world = World::new().await;
    world.users.register(registration("ada"), client()).await.unwrap();
    assert_eq!(refusal(world.users.register(registration("ada"), client()).await), "taken");
    let shouted = Registration { email: "ADA@EXAMPLE.ORG".into(), ..registration("bob") };
    assert_eq!(refusal(world.users.register(shouted, client()).await), "taken");
    for name in ["Ada", "a", "a b", "ä-ö", "ada\0"] {
        assert_eq!(refusal(world.users.register(registration(name), client()).await), "invalid", "{name}");
    }
    let short = Registration { password: "1234567".into(), ..registration("bob") };
    assert_eq!(refusal(world.users.register(short, client()).await), "invalid");
}

#[tokio::test]
async fn one_signs_in_by_name_or_address_and_by_the_right_password_only() {
    let world = World::new().await;
    world.users.register(registration("ada"), client()).await.unwrap();
    for login in ["ada", "Ada", "ada@example.org", "ADA@Example.org"] {
        world.users.sign_in(login, "correct horse".into(), client()).await.unwrap();
    }
    for (login, password) in [("ada", "Correct horse"), ("ada", ""), ("bob", "correct horse")] {
        assert_eq!(refusal(world.users.sign_in(login, password.into(), client()).await), "unauthenticated");
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let world = World::new().await;
    let first = world.users.register(registration("ada"), client()).await.unwrap();
    let second = world.users.refresh(&first.refresh_token).await.unwrap();
    let third = world.users.refresh(&second.refresh_token).await.unwrap();
    assert!(matches!(world.users.authenticate(&third.access_token), Ok(Caller::User(_))));
    assert_eq!(third.user, first.user);
}

#[tokio::test]
async fn a_spent_refresh_token_ends_its_whole_family_and_no_other() {
    let world = World::new().await;
    let laptop = world.users.register(registration("ada"), client()).await.unwrap();
    let phone = world.users.sign_in("ada", "correct horse".into(), client()).await.unwrap();
    let newest = world.users.refresh(&laptop.refresh_token).await.unwrap();
    assert_eq!(refusal(world.users.refresh(&laptop.refresh_token).await), "unauthenticated");
    assert_eq!(refusal(world.users.refresh(&newest.refresh_token).await), "unauthenticated");
    world.users.refresh(&phone.refresh_token).await.unwrap();
}

#[tokio::test]
async fn of_a_hundred_refreshes_at_once_one_wins_and_the_family_ends() {
    let world = Arc::new(World::new().await);
    let signed_in = world.users.register(registration("ada"), client()).await.unwrap();
    let mut thieves = JoinSet::new();
    for _ in 0..100 {
        let (world, token) = (Arc::clone(&world), signed_in.refresh_token.clone());
        thieves.spawn(async move { world.users.refresh(&token).await });
    }
    let outcomes = thieves.join_all().await;
    let winners: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert_eq!(winners.len(), 1);
    let again = world.users.refresh(&winners[0].refresh_token).await;
    assert_eq!(refusal(again), "unauthenticated", "nobody can tell the owner from a thief");
}

#[tokio::test]
async fn a_refresh_token_ends_with_its_time_or_its_sign_out() {
    let world = World::new().await;
    let first = world.users.register(registration("ada"), client()).await.unwrap();
    world.turn(29 * 86_400);
    let second = world.users.refresh(&first.refresh_token).await.unwrap();
    world.turn(29 * 86_400);
    let third = world.users.refresh(&second.refresh_token).await.unwrap();
    world.turn(30 * 86_400);
    assert_eq!(refusal(world.users.refresh(&third.refresh_token).await), "unauthenticated");

    let other = world.users.sign_in("ada", "correct horse".into(), client()).await.unwrap();
    world.users.sign_out(&other.refresh_token, &Client::default()).await.unwrap();
    world.users.sign_out(&other.refresh_token, &Client::default()).await.unwrap();
    assert_eq!(refusal(world.users.refresh(&other.refresh_token).await), "unauthenticated");
}

#[tokio::test]
async fn a_token_made_up_or_cut_short_is_nobodys() {
    let world = World::new().await;
    let ada = world.users.register(registration("ada"), client()).await.unwrap();
    let token = &ada.refresh_token;
    for wrong in ["", "rt_", "rt_AAAA", &token[3..], &token[..token.len() - 1], &ada.access_token] {
        assert_eq!(refusal(world.users.refresh(wrong).await), "unauthenticated", "{wrong}");
        world.users.sign_out(wrong, &Client::default()).await.unwrap();
    }
    assert_eq!(refusal(world.users.authenticate(token)), "unauthenticated");
    world.users.refresh(token).await.expect("the sign-in is not harmed");
}

#[tokio::test]
async fn an_access_token_ends_after_its_time_and_a_short_leeway() {
    let world = World::new().await;
    let ada = world.users.register(registration("ada"), client()).await.unwrap();
    world.turn(900);
    assert!(world.users.authenticate(&ada.access_token).is_ok());
    world.turn(60);
    assert_eq!(refusal(world.users.authenticate(&ada.access_token)), "unauthenticated");
}

#[tokio::test]
async fn the_set_up_link_makes_one_administrator() {
    let world = World::new().await;
    world.users.register(registration("bob"), client()).await.unwrap();
    let token = world.users.offer_set_up().await.unwrap().expect("there is none yet");
    assert_eq!(refusal(world.users.set_up("wrong", registration("eve"), client()).await), "unauthenticated");
    assert_eq!(refusal(world.users.set_up(&token, registration("bob"), client()).await), "taken");
    let ada = world.users.set_up(&token, registration("ada"), client()).await.unwrap();
    assert_eq!(ada.user.role, Role::Admin);
    assert_eq!(refusal(world.users.set_up(&token, registration("eve"), client()).await), "unauthenticated");
    assert_eq!(world.users.offer_set_up().await.unwrap(), None);
}

#[tokio::test]
async fn of_two_set_up_links_only_the_newer_is_good() {
    let world = World::new().await;
    let first = world.users.offer_set_up().await.unwrap().unwrap();
    let second = world.users.offer_set_up().await.unwrap().unwrap();
    assert_eq!(refusal(world.users.set_up(&first, registration("ada"), client()).await), "unauthenticated");
    world.users.set_up(&second, registration("ada"), client()).await.unwrap();
}

#[tokio::test]
async fn the_set_up_link_is_void_once_the_operator_made_an_administrator() {
    let world = World::new().await;
    let token = world.users.offer_set_up().await.unwrap().unwrap();
    world.users.create_user(registration("ada"), Role::Admin).await.unwrap();
    assert_eq!(refusal(world.users.set_up(&token, registration("eve"), client()).await), "unauthenticated");
}

#[tokio::test]
async fn where_registration_is_closed_only_the_operator_makes_accounts() {
    let mut settings = Settings::default();
    settings.users.registration = false;
    let world = World::with(settings).await;
    assert_eq!(refusal(world.users.register(registration("eve"), client()).await), "forbidden");
    let token = world.users.offer_set_up().await.unwrap().unwrap();
    world.users.set_up(&token, registration("ada"), client()).await.unwrap();
    world.users.create_user(registration("bob"), Role::Viewer).await.unwrap();
    world.users.sign_in("bob", "correct horse".into(), client()).await.unwrap();
}

#[tokio::test]
async fn sign_ins_and_keys_outlive_a_restart() {
    let world = World::new().await;
    let ada = world.users.register(registration("ada"), client()).await.unwrap();
    let caller = world.users.authenticate(&ada.access_token).unwrap();
    let (key, show) = (world.users.stream_key(&caller).await.unwrap(), world.show(&caller).await);
    let world = world.restarted().await;
    assert_eq!(world.users.authenticate(&ada.access_token).unwrap(), caller);
    assert_eq!(world.users.stream_key(&caller).await.unwrap(), key);
    assert_eq!(world.sessions.admit(&key, None).await.unwrap().broadcast.id, show);
    world.users.refresh(&ada.refresh_token).await.unwrap();
}
