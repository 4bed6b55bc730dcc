//! API keys: made, used, revoked.

use std::sync::Arc;
use std::time::Duration;

use tallylight_core::caller::Access;
use tallylight_core::expiry::Expiry;
use tallylight_core::ids::{KeyId, SystemIds};
use tallylight_core::key::{ApiKey, KeyManager, KeyParts, NewKeyRequest, Tally, UsageQuery};
use tallylight_core::scope::Scope;
use tallylight_core::session::JoinRequest;
use tallylight_core::standing::Standing;
use tallylight_core::user::Role;
use tallylight_core::viewer::Client;
use tallylight_core::{Caller, Error};
use uuid::Uuid;

use crate::admin::{admin_of, worlds};
use crate::world::{ANYBODY, NOON, World, by, refusal};

const GET: &str = "GET /api/broadcasts/{id}";

fn key_for(scopes: &[&str]) -> NewKeyRequest {
    let scopes = scopes.iter().map(|name| (*name).to_owned()).collect();
    NewKeyRequest { name: "bot".into(), scopes, expiry: Expiry::default() }
}

impl World {
    /// A key and the program that has it.
    async fn program(&self, owner: &Caller, scopes: &[&str]) -> (ApiKey, Caller) {
        let (key, text) = self.api_keys.create(by(owner), key_for(scopes)).await.unwrap();
        (key, self.users.authenticate(&text).unwrap())
    }

    /// What a command or another server makes keys with.
    fn beside(&self) -> KeyManager {
        KeyManager::new(KeyParts {
            store: self.store.clone(),
            clock: self.clock.clone(),
            ids: Arc::new(SystemIds::default()),
            standing: Arc::new(Standing::new(time::Duration::minutes(15))),
            audit: self.audit.clone(),
            max_keys: 3,
        })
    }

    async fn tally(&self, owner: &Caller) -> Tally {
        self.api_keys.list(owner).await.unwrap()[0].1
    }
}

#[tokio::test]
async fn a_key_stands_for_its_owner_as_far_as_its_scopes_until_it_is_revoked() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let (key, text) =
        world.api_keys.create(by(&ada), key_for(&["publish", "events:read", "publish"])).await.unwrap();
    assert!(text.starts_with("tl_") && text.ends_with(&key.hint));
    let bot = world.users.authenticate(&text).unwrap();
    assert_eq!((bot.user_id(), bot.has(Scope::Publish)), (ada.user_id(), true));
    assert!(!bot.has(Scope::EventsWrite));
    assert_eq!(world.api_keys.list(&ada).await.unwrap(), [(key.clone(), Tally::default())]);

    let bob = world.user("bob").await;
    assert_eq!(refusal(world.api_keys.revoke(by(&bob), key.id).await), "not found");
    assert_eq!(refusal(world.api_keys.read(&bob, key.id).await), "not found");
    assert!(world.users.vet_again(&bot).is_ok());
    assert!(world.standing.key(key.id).is_some());
    world.api_keys.revoke(by(&ada), key.id).await.unwrap();
    assert!(world.standing.key(key.id).is_none());
    assert_eq!(refusal(world.users.authenticate(&text)), "unauthenticated");
    assert_eq!(refusal(world.users.vet_again(&bot)), "unauthenticated");
    world.turn(1);
    assert_eq!(refusal(world.api_keys.revoke(by(&ada), key.id).await), "not found");
    let world = world.restarted().await;
    assert_eq!(refusal(world.users.authenticate(&text)), "unauthenticated");
}

#[tokio::test]
async fn a_key_lasts_over_a_restart_and_no_longer_than_it_was_made_for() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let expiry = Expiry { seconds: Some(60), at: None };
    let request = NewKeyRequest { expiry, ..key_for(&["publish"]) };
    let (key, text) = world.api_keys.create(by(&ada), request).await.unwrap();
    assert_eq!(key.expires_at, Some(NOON + Duration::from_secs(60)));
    let world = world.restarted().await;
    world.turn(59);
    let bot = world.users.authenticate(&text).unwrap();
    world.turn(1);
    assert_eq!(refusal(world.users.authenticate(&text)), "unauthenticated");
    assert_eq!(refusal(world.users.vet_again(&bot)), "unauthenticated");
    assert_eq!(world.api_keys.list(&ada).await.unwrap().len(), 1, "its owner still sees it");
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_by_name() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let long = "x".repeat(65);
    for (name, scopes, field) in [
        ("", &["publish"][..], "name"),
        (long.as_str(), &["publish"], "name"),
        ("nul\0", &["publish"], "name"),
        ("bot", &[], "scopes"),
        ("bot", &["publish", "publish:all"], "scopes[1]"),
        ("bot", &["*"], "scopes[0]"),
    ] {
        let request = NewKeyRequest { name: name.into(), ..key_for(scopes) };
        let Err(Error::Invalid(fields)) = world.api_keys.create(by(&ada), request).await else {
            panic!("{field}")
        };
        assert_eq!(fields[0].field, field);
    }
    assert_eq!(refusal(world.api_keys.create(by(&ANYBODY), key_for(&["publish"])).await), "unauthenticated");
}

#[tokio::test]
async fn only_those_who_keep_order_make_keys_that_do() {
    let world = World::new().await;
    for (name, role, outcome) in [
        ("vic", Role::Viewer, "forbidden"),
        ("bob", Role::Broadcaster, "forbidden"),
        ("mod", Role::Moderator, "accepted"),
        ("ada", Role::Admin, "accepted"),
    ] {
        let user = world.user_with_role(name, role).await;
        for scope in ["admin:read", "admin:write"] {
            assert_eq!(refusal(world.api_keys.create(by(&user), key_for(&[scope])).await), outcome, "{name}");
        }
    }
}

#[tokio::test]
async fn keys_make_see_and_revoke_no_keys() {
    let world = World::new().await;
    let ada = world.user_with_role("ada", Role::Admin).await;
    let every: Vec<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let (key, bot) = world.program(&ada, &every).await;
    assert_eq!(refusal(world.api_keys.create(by(&bot), key_for(&["publish"])).await), "forbidden");
    assert_eq!(refusal(world.api_keys.list(&bot).await), "forbidden");
    assert_eq!(refusal(world.api_keys.read(&bot, key.id).await), "forbidden");
    assert_eq!(refusal(world.api_keys.revoke(by(&bot), key.id).await), "forbidden");
}

#[tokio::test]
async fn nobody_has_more_keys_than_allowed() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    for _ in 0..3 {
        world.program(&ada, &["publish"]).await;
    }
    assert_eq!(refusal(world.api_keys.create(by(&ada), key_for(&["publish"])).await), "forbidden");
    world.program(&bob, &["publish"]).await;
    let key = world.api_keys.list(&ada).await.unwrap().remove(0).0;
    world.api_keys.revoke(by(&ada), key.id).await.unwrap();
    world.program(&ada, &["publish"]).await;
}

#[tokio::test]
async fn a_key_that_was_revoked_is_forgotten_in_time_and_so_is_what_was_counted() {
    let world = World::new().await;
    let ada = world.user_with_role("ada", Role::Admin).await;
    let ((gone, _), (bot, _)) =
        (world.program(&ada, &["publish"]).await, world.program(&ada, &["publish"]).await);
    for key in [gone.id, bot.id] {
        world.api_keys.count(key, GET.into(), 200);
    }
    world.api_keys.write_usage().await.unwrap();
    world.api_keys.revoke(by(&ada), gone.id).await.unwrap();
    let counted = async || {
        let (since, until) = (NOON - Duration::from_secs(86_400), NOON + Duration::from_secs(86_400));
        let query = UsageQuery { since, until, key: None, user: None, limit: 10, offset: 0 };
        world.api_keys.usage(by(&ada), &query).await.unwrap().1
    };
    world.turn(90 * 86_400);
    assert_eq!((world.api_keys.forget_past().await.unwrap(), counted().await), (0, 2));
    world.turn(1);
    assert_eq!(
        (world.api_keys.forget_past().await.unwrap(), counted().await),
        (2, 1),
        "the key and its line"
    );
    world.turn(311 * 86_400);
    assert_eq!((world.api_keys.forget_past().await.unwrap(), counted().await), (1, 0));
    assert_eq!(world.api_keys.list(&ada).await.unwrap().len(), 1, "what works stays");
}

#[tokio::test]
async fn what_a_key_is_used_for_is_counted_by_day_and_endpoint_over_restarts() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let (key, _) = world.program(&ada, &["publish"]).await;
    for status in [200, 304, 404, 429, 500] {
        world.api_keys.count(key.id, GET.into(), status);
    }
    world.api_keys.count(key.id, "POST /api/broadcasts".into(), 201);
    assert_eq!(world.tally(&ada).await, Tally { requests: 6, refused: 2, failed: 1 });

    let world = world.restarted().await;
    world.turn(86_400);
    world.api_keys.count(key.id, GET.into(), 200);
    world.api_keys.write_usage().await.unwrap();
    world.api_keys.count(key.id, GET.into(), 200);
    let (key, lines) = world.api_keys.read(&ada, key.id).await.unwrap();
    assert_eq!(key.last_used_at, Some(NOON + Duration::from_secs(86_400)));
    let lines: Vec<_> =
        lines.iter().map(|line| (line.day.day(), line.endpoint.as_str(), line.tally)).collect();
    let five = Tally { requests: 5, refused: 2, failed: 1 };
    let two = Tally { requests: 2, ..Tally::default() };
    let one = Tally { requests: 1, ..Tally::default() };
    assert_eq!(lines, [(2, GET, two), (1, GET, five), (1, "POST /api/broadcasts", one)]);

    world.turn(30 * 86_400);
    assert_eq!(world.tally(&ada).await, Tally::default(), "that was more than 30 days ago");
}

#[tokio::test]
async fn administrators_see_what_all_keys_are_used_for() {
    let world = World::new().await;
    let (ada, bob) = (world.user_with_role("ada", Role::Admin).await, world.user("bob").await);
    let (key, _) = world.program(&bob, &["publish"]).await;
    world.api_keys.count(key.id, GET.into(), 200);
    let (since, until) = (world.api_keys.since(), NOON);
    let query = UsageQuery { since, until, key: None, user: bob.user_id(), limit: 10, offset: 0 };
    let (lines, total) = world.api_keys.usage(by(&ada), &query).await.unwrap();
    assert_eq!((lines[0].user.as_str(), lines[0].line.tally.requests, total), ("bob", 1, 1));
    assert_eq!(refusal(world.api_keys.usage(by(&bob), &query).await), "forbidden");
}

#[tokio::test]
async fn a_program_joins_for_somebody_only_by_a_key_that_may() {
    let world = World::new().await;
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let show = world.show(&ada).await;
    let (_, may) = world.program(&ada, &["viewers:write"]).await;
    let (_, elsewhere) = world.program(&eve, &["viewers:write"]).await;
    let (_, may_not) = world.program(&eve, &["broadcasts:read", "chat:write"]).await;
    let join = async |caller: &Caller, user_id| {
        let request = JoinRequest { user_id, ..JoinRequest::default() };
        world.broadcasts.join_broadcast(caller, show, request, Client::default()).await
    };
    assert_eq!(refusal(join(&may_not, bob.user_id()).await), "forbidden");
    assert_eq!(refusal(join(&eve, bob.user_id()).await), "forbidden");
    assert_eq!(refusal(join(&elsewhere, bob.user_id()).await), "forbidden", "it is not eve's broadcast");
    assert_eq!(refusal(join(&ANYBODY, bob.user_id()).await), "forbidden");
    let nobody = tallylight_core::ids::UserId(Uuid::from_u128(1));
    assert_eq!(refusal(join(&may, Some(nobody)).await), "invalid");
    join(&may, ada.user_id()).await.unwrap();
    join(&may, bob.user_id()).await.unwrap();
    join(&elsewhere, None).await.unwrap();
    join(&bob, bob.user_id()).await.unwrap();
    let who: Vec<_> = world.log(show).await.into_iter().filter_map(|event| event.user_id).skip(1).collect();
    let [bob, eve] = [&bob, &eve].map(|user| user.user_id().unwrap());
    assert_eq!(who, [bob, eve, bob]);
}

#[tokio::test]
async fn whoever_acts_for_somebody_sees_no_more_by_it() {
    let world = World::new().await;
    let (ada, eve) = (world.user("ada").await, world.user("eve").await);
    let show = world.show(&ada).await;
    let (_, bot) = world.program(&eve, &["viewers:write"]).await;
    world.sets_visibility(&ada, show, tallylight_core::broadcast::Visibility::Private).await;
    let request = JoinRequest { user_id: ada.user_id(), ..JoinRequest::default() };
    let refused = world.broadcasts.join_broadcast(&bot, show, request, Client::default()).await;
    assert_eq!(refusal(refused), "not found");
}

#[tokio::test]
async fn a_made_up_key_id_is_nobody() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let Caller::User(identity) = &ada else { panic!("ada is somebody") };
    let scopes = Scope::ALL.iter().copied().collect();
    let access = Access::Key(KeyId(Uuid::from_u128(9)), scopes);
    let made_up = Caller::User(tallylight_core::caller::Identity { access, ..identity.clone() });
    assert_eq!(refusal(world.users.vet_again(&made_up)), "unauthenticated");
}

#[tokio::test]
async fn a_server_takes_over_keys_that_others_made_and_revoked() {
    for world in worlds().await {
        let (ada, bob) = (world.user("ada").await, world.user("bob").await);
        let (_, mine) = world.api_keys.create(by(&bob), key_for(&["publish"])).await.unwrap();
        let other = world.beside();
        let admin = admin_of(&world);
        let latest = admin.latest_changes().await.unwrap();
        let (key, text) = other.create(by(&ada), key_for(&["publish"])).await.unwrap();
        assert_eq!(
            refusal(world.users.authenticate(&text)),
            "unauthenticated",
            "the server does not know yet"
        );
        assert_eq!(admin.latest_changes().await.unwrap().len(), latest.len() + 1, "written with the key");
        let mut changes = world.standing.changes();
        assert!(admin.reload().await.unwrap() && !changes.has_changed().unwrap(), "nobody may do less");
        let bot = world.users.authenticate(&text).unwrap();
        assert_eq!(bot.user_id(), ada.user_id());

        other.revoke(by(&ada), key.id).await.unwrap();
        assert_eq!(admin.latest_changes().await.unwrap().len(), latest.len() + 2);
        assert!(world.users.vet_again(&bot).is_ok());
        assert!(
            admin.reload().await.unwrap() && changes.has_changed().unwrap(),
            "open connections are looked at"
        );
        changes.mark_unchanged();
        assert_eq!(refusal(world.users.vet_again(&bot)), "unauthenticated");
        assert!(world.users.authenticate(&mine).is_ok());
        assert!(admin.reload().await.unwrap() && !changes.has_changed().unwrap(), "nothing new");
    }
}
