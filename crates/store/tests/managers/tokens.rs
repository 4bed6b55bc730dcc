//! Tokens against each other and against many at once.

use std::sync::Arc;

use futures_util::future::join_all;
use tallylight_core::ids::{Ids, SignInId, SystemIds};
use tallylight_core::store::{AccountChange, AccountStore, UserStore};
use tallylight_core::user::{SignIn, User};
use tallylight_core::viewer::Client;
use tokio::task::JoinSet;

use crate::world::{Home, NOON, Settings, World, refusal, registration};

/// As on SQLite, where the writer is one: here a hundred connections compete.
#[tokio::test]
async fn of_a_hundred_refreshes_at_once_on_postgres_one_wins_and_the_family_ends() {
    let world = Arc::new(World::at(Home::server(), Settings::default()).await);
    let signed_in = world.users.register(registration("ada"), Client::default()).await.unwrap();
    let other = world.users.sign_in("ada", "correct horse".into(), Client::default()).await.unwrap();
    let mut thieves = JoinSet::new();
    for _ in 0..100 {
        let (world, token) = (Arc::clone(&world), signed_in.refresh_token.clone());
        thieves.spawn(async move { world.users.refresh(&token).await });
    }
    let outcomes = thieves.join_all().await;
    let winners: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(refusal(world.users.refresh(&winners[0].refresh_token).await), "unauthenticated");
    assert_eq!(refusal(world.users.authenticate(&winners[0].access_token)), "unauthenticated");
    world.users.refresh(&other.refresh_token).await.expect("another family is not harmed");
}

async fn no_sign_in_outlives_the_password_that_it_was_made_by(home: Home) {
    let world = World::at(home, Settings::default()).await;
    world.user("ada").await;
    let (store, ada) = (&world.store, world.store_user("ada").await);
    let change = AccountChange { password_hash: Some("another".into()), ..AccountChange::default() };
    let many: Vec<SignIn> = (0..20).map(|_| sign_in_of(&ada)).collect();
    let begun = join_all(many.iter().map(|sign_in| store.insert_sign_in(sign_in, &ada.password_hash)));
    let (begun, changed) = tokio::join!(begun, store.change_account(&ada, &change, (None, NOON)));
    let ended = changed.unwrap().unwrap().unwrap();
    for (sign_in, begun) in many.iter().zip(begun) {
        let was_ended = ended.contains(&sign_in.id);
        assert_eq!(begun.unwrap(), was_ended, "who came in before is put out, and nobody comes in after");
    }
    assert!(!store.insert_sign_in(&sign_in_of(&ada), &ada.password_hash).await.unwrap());
    assert!(store.insert_sign_in(&sign_in_of(&ada), "another").await.unwrap());
}

#[tokio::test]
async fn no_sign_in_outlives_its_password_on_sqlite() {
    no_sign_in_outlives_the_password_that_it_was_made_by(Home::file()).await;
}

#[tokio::test]
async fn no_sign_in_outlives_its_password_on_postgres() {
    no_sign_in_outlives_the_password_that_it_was_made_by(Home::server()).await;
}

fn sign_in_of(user: &User) -> SignIn {
    let client = Client::default();
    let (secret_hash, expires_at) = ([1; 32], NOON + time::Duration::days(30));
    let id = SignInId(SystemIds::default().uuid(NOON).unwrap());
    SignIn { id, user_id: user.id, secret_hash, client, created_at: NOON, used_at: NOON, expires_at }
}

#[tokio::test]
async fn each_kind_of_token_is_taken_for_no_other() {
    let world = World::new().await;
    let set_up = world.users.offer_set_up().await.unwrap().unwrap();
    let ada = world.users.register(registration("ada"), Client::default()).await.unwrap();
    let caller = world.users.authenticate(&ada.access_token).unwrap();
    let show = world.show(&caller).await;
    let viewer = world.watcher(show).await;
    world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    let mail = world.mails.take().remove(0).text;
    let reset = mail.split_once("#token=").unwrap().1.lines().next().unwrap().to_owned();
    let kinds = [
        ("access", ada.access_token.clone()),
        ("refresh", ada.refresh_token.clone()),
        ("reset", reset),
        ("set-up", set_up),
        ("lasting key", world.users.stream_key(&caller).await.unwrap()),
        ("stream key", world.stream_key(&caller, show).await),
        ("viewer", viewer.viewer_token),
        ("playback", viewer.playback_token),
    ];
    for (kind, token) in &kinds {
        assert_eq!(world.users.authenticate(token).is_ok(), *kind == "access", "{kind} as access");
        assert_eq!(world.sessions.heartbeat(show, token).is_ok(), *kind == "viewer", "{kind} as viewer");
        assert_eq!(world.plays(show, token).await.is_ok(), *kind == "playback", "{kind} as playback");
        if *kind != "reset" {
            let reset = world.users.reset_password(token, "battery staple".into(), &Client::default()).await;
            assert_eq!(refusal(reset), "unauthenticated", "{kind} as reset");
        }
        if *kind != "set-up" {
            let made = world.users.set_up(token, registration("eve"), Client::default()).await;
            assert_eq!(refusal(made), "unauthenticated", "{kind} as set-up");
        }
        if *kind != "refresh" {
            assert_eq!(refusal(world.users.refresh(token).await), "unauthenticated", "{kind} as refresh");
        }
        let publishes = world.sessions.admit(token, None).await.is_ok();
        assert_eq!(publishes, kind.ends_with("key"), "{kind} as stream key");
    }
}
