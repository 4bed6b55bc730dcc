//! One's own account, changed by oneself, and a forgotten password.

use std::future::poll_fn;
use std::pin::pin;

use futures_util::future::join_all;
use tallylight_core::Caller;
use tallylight_core::audit_log::{Action, AuditQuery};
use tallylight_core::caller::Access;
use tallylight_core::expiry::Expiry;
use tallylight_core::ids::KeyId;
use tallylight_core::key::NewKeyRequest;
use tallylight_core::scope::{Scope, Scopes};
use tallylight_core::store::AuditStore;
use tallylight_core::user::{AccountUpdate, SignedIn};
use tallylight_core::viewer::Client;

use crate::world::{World, by, refusal, registration};

const PASSWORD: &str = "correct horse";
const NEW: &str = "battery staple";

async fn registers(world: &World, name: &str) -> (SignedIn, Caller) {
    let signed_in = world.users.register(registration(name), Client::default()).await.unwrap();
    let caller = world.users.authenticate(&signed_in.access_token).unwrap();
    (signed_in, caller)
}

async fn signs_in(world: &World, login: &str, password: &str) -> tallylight_core::Result<SignedIn> {
    world.users.sign_in(login, password.into(), Client::default()).await
}

fn password(current: Option<&str>) -> AccountUpdate {
    let current_password = current.map(str::to_owned);
    AccountUpdate { password: Some(NEW.into()), current_password, ..AccountUpdate::default() }
}

fn email(address: &str) -> AccountUpdate {
    let (email, current_password) = (Some(address.into()), Some(PASSWORD.into()));
    AccountUpdate { email, current_password, ..AccountUpdate::default() }
}

/// The token out of the mail that was sent last, known to be the only one.
fn token(world: &World, to: &str) -> String {
    let [mail] = world.mails.take().try_into().unwrap();
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), (to, "Choose a new password"));
    let (_, link) = mail.text.split_once("https://live.example/reset#token=").unwrap();
    link.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn one_changes_ones_profile_and_what_is_not_named_stays() {
    let world = World::new().await;
    let (_, ada) = registers(&world, "ada").await;
    let named = AccountUpdate { display_name: Some("Ada L.".into()), ..AccountUpdate::default() };
    world.users.update_me(&ada, named, &Client::default()).await.unwrap();
    let titled = AccountUpdate { default_title: Some(Some("Live!".into())), ..AccountUpdate::default() };
    let user = world.users.update_me(&ada, titled, &Client::default()).await.unwrap();
    assert_eq!((user.display_name.as_str(), user.default_title.as_deref()), ("Ada L.", Some("Live!")));
    let plain = AccountUpdate { default_title: Some(None), ..AccountUpdate::default() };
    let user = world.users.update_me(&ada, plain, &Client::default()).await.unwrap();
    assert_eq!((user.display_name.as_str(), user.default_title), ("Ada L.", None));
    assert!(world.mails.take().is_empty());
    for bad in ["", "a\0b", &"x".repeat(65)] {
        let update = AccountUpdate { display_name: Some(bad.into()), ..AccountUpdate::default() };
        assert_eq!(
            refusal(world.users.update_me(&ada, update, &Client::default()).await),
            "invalid",
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_all_other_sign_ins() {
    let world = World::new().await;
    let (_, ada) = registers(&world, "ada").await;
    let phone = signs_in(&world, "ada", PASSWORD).await.unwrap();
    assert_eq!(refusal(world.users.update_me(&ada, password(None), &Client::default()).await), "invalid");
    assert_eq!(
        refusal(world.users.update_me(&ada, password(Some(NEW)), &Client::default()).await),
        "forbidden"
    );
    world.users.update_me(&ada, password(Some(PASSWORD)), &Client::default()).await.unwrap();
    assert_eq!(refusal(world.users.authenticate(&phone.access_token)), "unauthenticated");
    assert_eq!(refusal(world.users.refresh(&phone.refresh_token).await), "unauthenticated");
    world.users.vet_again(&ada).expect("whoever changed it stays signed in");
    assert_eq!(refusal(signs_in(&world, "ada", PASSWORD).await), "unauthenticated");
    signs_in(&world, "ada", NEW).await.unwrap();
    let told = world.mails.take();
    assert_eq!(
        (told[0].to.as_str(), told[0].subject.as_str()),
        ("ada@example.org", "Your password was changed")
    );
}

#[tokio::test]
async fn a_new_address_is_told_to_the_old_one_and_is_nobody_elses() {
    let world = World::new().await;
    let (_, ada) = registers(&world, "ada").await;
    registers(&world, "bob").await;
    assert_eq!(
        refusal(world.users.update_me(&ada, email("BOB@example.org"), &Client::default()).await),
        "taken"
    );
    assert_eq!(refusal(world.users.update_me(&ada, email("nowhere"), &Client::default()).await), "invalid");
    let user = world.users.update_me(&ada, email("Ada@new.example"), &Client::default()).await.unwrap();
    assert_eq!(user.email, "Ada@new.example");
    let told = world.mails.take();
    assert_eq!((told.len(), told[0].to.as_str()), (1, "ada@example.org"));
    signs_in(&world, "ada@NEW.example", PASSWORD).await.unwrap();
    assert_eq!(refusal(signs_in(&world, "ada@example.org", PASSWORD).await), "unauthenticated");
    world.users.vet_again(&ada).expect("a new address ends no sign-in");
}

#[tokio::test]
async fn a_key_changes_the_profile_and_nothing_by_which_one_enters() {
    let world = World::new().await;
    let (signed_in, _) = registers(&world, "ada").await;
    let scopes: Scopes = Scope::ALL.iter().copied().collect();
    let key = Caller::User(signed_in.user.identity(Access::Key(KeyId(signed_in.user.id.0), scopes)));
    for update in [password(Some(PASSWORD)), email("eve@example.org")] {
        assert_eq!(refusal(world.users.update_me(&key, update, &Client::default()).await), "forbidden");
    }
    let named = AccountUpdate { display_name: Some("Bot".into()), ..AccountUpdate::default() };
    assert_eq!(world.users.update_me(&key, named, &Client::default()).await.unwrap().display_name, "Bot");
}

#[tokio::test]
async fn of_two_who_change_a_password_at_once_one_does() {
    let world = World::new().await;
    let (_, ada) = registers(&world, "ada").await;
    let other = AccountUpdate { password: Some("another staple".into()), ..password(Some(PASSWORD)) };
    let client = Client::default();
    let (first, second) = tokio::join!(
        world.users.update_me(&ada, password(Some(PASSWORD)), &client),
        world.users.update_me(&ada, other, &client)
    );
    let (holds, outcomes) = match first.is_ok() {
        true => (NEW, [refusal(first), refusal(second)]),
        false => ("another staple", [refusal(second), refusal(first)]),
    };
    // Whoever comes while the other is looked at is to come again; whoever comes after it does not know the password.
    assert!(["too many requests", "forbidden"].contains(&outcomes[1]), "{outcomes:?}");
    assert_eq!(outcomes[0], "accepted");
    signs_in(&world, "ada", holds).await.expect("the password is that of whoever was accepted");
}

#[tokio::test]
async fn one_user_hashes_one_password_at_a_time_and_keeps_nobody_waiting() {
    let world = World::new().await;
    let ((_, ada), (_, bob)) = (registers(&world, "ada").await, registers(&world, "bob").await);
    let (client, guess) = (Client::default(), || password(Some("wrong horse")));
    let guesses = join_all((0..100).map(|_| world.users.update_me(&ada, guess(), &client)));
    let of_bob = world.users.update_me(&bob, password(Some(PASSWORD)), &client);
    let mut both = pin!(async { tokio::join!(guesses, of_bob) });
    // All of it runs on this thread, so that nothing goes on unseen between two looks. How many guesses have a turn
    // one after the other is up to the machine.
    let (outcomes, of_bob) = poll_fn(|context| {
        let poll = both.as_mut().poll(context);
        let (hashed, _) = world.users.hashing();
        assert!(hashed <= 2, "{hashed} of two people's passwords at a time");
        poll
    })
    .await;
    of_bob.expect("there is a place for bob");
    for outcome in outcomes.into_iter().map(refusal) {
        assert!(["forbidden", "too many requests"].contains(&outcome), "{outcome}");
    }
    world.users.update_me(&ada, password(Some(PASSWORD)), &client).await.expect("her turn comes again");
}

#[tokio::test]
async fn a_wrong_password_for_a_change_is_noted_in_the_audit_log() {
    let world = World::new().await;
    let (signed_in, ada) = registers(&world, "ada").await;
    let client = Client { ip: "203.0.113.7".parse().ok(), ..Client::default() };
    world.users.update_me(&ada, password(Some("wrong horse")), &client).await.unwrap_err();
    world.users.erase_me((&ada, &client), "wrong horse".into(), &world.broadcasts).await.unwrap_err();
    world.audit.write(true).await.unwrap();
    let action = Some(Action::PasswordRefused.name().to_owned());
    let query = AuditQuery { action, limit: 10, ..AuditQuery::default() };
    let noted = world.store.audit_log(&query).await.unwrap();
    assert!(!noted.is_empty() && noted.iter().all(|entry| entry.actor_id == Some(signed_in.user.id)));
    assert_eq!(noted[0].ip, client.ip);
}

#[tokio::test]
async fn a_link_by_mail_replaces_a_forgotten_password_once() {
    let world = World::new().await;
    let (laptop, ada) = registers(&world, "ada").await;
    world.users.ask_for_reset("ada@example.org", &Client::default()).await.unwrap();
    let token = token(&world, "ada@example.org");
    assert_eq!(
        refusal(world.users.reset_password(&token, "short".into(), &Client::default()).await),
        "invalid"
    );
    world.users.reset_password(&token, NEW.into(), &Client::default()).await.unwrap();
    assert_eq!(refusal(world.users.vet_again(&ada)), "unauthenticated", "all sign-ins have ended");
    assert_eq!(refusal(world.users.refresh(&laptop.refresh_token).await), "unauthenticated");
    signs_in(&world, "ada", NEW).await.unwrap();
    assert_eq!(world.mails.take()[0].subject, "Your password was changed");
    let again = world.users.reset_password(&token, "a third one".into(), &Client::default()).await;
    assert_eq!(refusal(again), "unauthenticated");
}

#[tokio::test]
async fn a_link_dies_with_its_time_and_with_any_change() {
    let world = World::new().await;
    let (_, ada) = registers(&world, "ada").await;
    world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    let late = token(&world, "ada@example.org");
    world.turn(1_800);
    assert_eq!(
        refusal(world.users.reset_password(&late, NEW.into(), &Client::default()).await),
        "unauthenticated"
    );
    world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    let moved = token(&world, "ada@example.org");
    world.users.update_me(&ada, email("ada@new.example"), &Client::default()).await.unwrap();
    assert_eq!(
        refusal(world.users.reset_password(&moved, NEW.into(), &Client::default()).await),
        "unauthenticated"
    );
    signs_in(&world, "ada", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn nobody_is_told_whether_there_is_an_account_and_nobodys_mail_is_flooded() {
    let world = World::new().await;
    registers(&world, "ada").await;
    world.users.ask_for_reset("eve", &Client::default()).await.unwrap();
    assert!(world.mails.take().is_empty());
    for _ in 0..3 {
        world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    }
    assert_eq!(world.mails.take().len(), 1);
    world.turn(60);
    world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    assert_eq!(world.mails.take().len(), 1);
}

#[tokio::test]
async fn a_link_that_could_not_be_sent_is_asked_for_again_at_once() {
    let world = World::new().await;
    registers(&world, "ada").await;
    world.mails.set_full(true);
    world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    world.mails.set_full(false);
    world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    assert!(world.mails.take()[0].is_awaited);
    world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    assert!(world.mails.take().is_empty());
}

#[tokio::test]
async fn an_account_writes_to_nobody_as_often_as_it_likes() {
    let world = World::new().await;
    let (_, eve) = registers(&world, "eve").await;
    let change =
        |new: &str, current: &str| AccountUpdate { password: Some(new.into()), ..password(Some(current)) };
    for turn in 0..10 {
        let (new, current) = if turn % 2 == 0 { (NEW, PASSWORD) } else { (PASSWORD, NEW) };
        world.users.update_me(&eve, change(new, current), &Client::default()).await.unwrap();
    }
    let told = world.mails.take();
    assert!(told.len() == 4 && told.iter().all(|mail| !mail.is_awaited));
    world.users.ask_for_reset("eve", &Client::default()).await.unwrap();
    assert_eq!(world.mails.take().len(), 1, "a link is no notice");
    world.turn(600);
    world.users.update_me(&eve, change(NEW, PASSWORD), &Client::default()).await.unwrap();
    assert_eq!(world.mails.take().len(), 1);
}

#[tokio::test]
async fn an_address_is_written_to_no_more_often_by_several_accounts() {
    let world = World::new().await;
    let victim = "victim@example.org";
    for name in ["eve", "mallory", "trudy"] {
        let (_, caller) = registers(&world, name).await;
        world.users.update_me(&caller, email(victim), &Client::default()).await.unwrap();
        world.users.ask_for_reset(name, &Client::default()).await.unwrap();
        for _ in 0..2 {
            let update = AccountUpdate { password: Some(PASSWORD.into()), ..email(victim) };
            world.users.update_me(&caller, update, &Client::default()).await.unwrap();
        }
        let away = email(&format!("{name}@elsewhere.example"));
        world.users.update_me(&caller, away, &Client::default()).await.unwrap();
    }
    let mails = world.mails.take();
    let to_victim =
        |subject: &str| mails.iter().filter(|mail| mail.to == victim && mail.subject == subject).count();
    assert_eq!(to_victim("Choose a new password"), 1);
    assert_eq!(to_victim("Your password was changed") + to_victim("Your e-mail address was changed"), 4);
}

#[tokio::test]
async fn whoever_changes_a_password_is_told_of_keys_that_still_work() {
    let world = World::new().await;
    let (_, ada) = registers(&world, "ada").await;
    let change = async |new: &str, current: &str| {
        let update = AccountUpdate { password: Some(new.into()), ..password(Some(current)) };
        world.users.update_me(&ada, update, &Client::default()).await.unwrap();
        world.mails.take().remove(0).text
    };
    assert!(!change(NEW, PASSWORD).await.contains("API key"));
    for _ in 0..2 {
        let scopes = vec!["publish".to_owned()];
        let request = NewKeyRequest { name: "bot".into(), scopes, expiry: Expiry::default() };
        world.api_keys.create(by(&ada), request).await.unwrap();
    }
    assert!(change(PASSWORD, NEW).await.contains("2 API keys of yours still work"));
    let key = world.api_keys.list(&ada).await.unwrap().remove(0).0;
    world.api_keys.revoke(by(&ada), key.id).await.unwrap();
    let told = change(NEW, PASSWORD).await;
    assert!(told.contains("One API key of yours still works: look at it at https://live.example/account"));
}

#[tokio::test]
async fn a_link_is_taken_for_nothing_else_and_nothing_else_for_a_link() {
    let world = World::new().await;
    let (signed_in, ada) = registers(&world, "ada").await;
    world.users.ask_for_reset("ada", &Client::default()).await.unwrap();
    let token = token(&world, "ada@example.org");
    assert_eq!(refusal(world.users.authenticate(&token)), "unauthenticated");
    assert_eq!(refusal(world.users.refresh(&token).await), "unauthenticated");
    let key = world.users.stream_key(&ada).await.unwrap();
    for other in [&signed_in.access_token, &signed_in.refresh_token, &key] {
        let outcome = world.users.reset_password(other, NEW.into(), &Client::default()).await;
        assert_eq!(refusal(outcome), "unauthenticated");
    }
}
