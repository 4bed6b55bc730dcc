//! The end of an account, and what is told of one, on each database.

use tallylight_core::admin::NewBan as ServerBan;
use tallylight_core::analytics::Period;
use tallylight_core::audit_log::AuditQuery;
use tallylight_core::ban::BanTarget;
use tallylight_core::broadcast::CreateBroadcast;
use tallylight_core::chat::{NewBan, Reaction, Reactor};
use tallylight_core::expiry::Expiry;
use tallylight_core::idempotency::{Call, Turn};
use tallylight_core::ids::BroadcastId;
use tallylight_core::key::NewKeyRequest;
use tallylight_core::session::JoinRequest;
use tallylight_core::store::{AccountStore, AuditStore, Closed, Closing, Scan, Slice, UserStore};
use tallylight_core::user::{ExportPart, Role, Section, SignedIn, StreamKeys, User};
use tallylight_core::viewer::{Client, DeviceId};
use tallylight_core::{Caller, ids::SystemIds, secret::Secret};

use crate::admin::admin_of;
use crate::world::{ANYBODY, Home, NOON, Settings, World, by, refusal, registration};

const PASSWORD: &str = "correct horse";
const ALL: Slice = Slice { offset: 0, limit: 100 };

/// Bob, who has left traces, and where.
struct Story {
    world: World,
    bob: SignedIn,
    bob_calls: Caller,
    /// Of ada, on air.
    stage: BroadcastId,
    /// Of ada, ended.
    past: BroadcastId,
    /// Of bob, on air with an encoder.
    show: BroadcastId,
    /// An API key of bob's.
    key: String,
}

async fn registers(world: &World, name: &str) -> (SignedIn, Caller) {
    let client = Client { ip: "203.0.113.7".parse().ok(), ..Client::default() };
    let signed_in = world.users.register(registration(name), client).await.unwrap();
    let caller = world.users.authenticate(&signed_in.access_token).unwrap();
    (signed_in, caller)
}

/// Bob watches, speaks and reacts.
async fn takes_part(world: &World, bob: &Caller, id: BroadcastId) {
    let client = Client {
        ip: "203.0.113.7".parse().ok(),
        user_agent: Some("bob's phone".into()),
        device: DeviceId::parse("bobs-device-0123456789"),
    };
    world.broadcasts.join_broadcast(bob, id, JoinRequest::default(), client).await.unwrap();
    world.sessions.say(bob, id, "bob's words".into()).await.unwrap();
    world.sessions.react(Reactor::Caller(bob), id, Reaction::Heart).await.unwrap();
}

impl Story {
    async fn at(home: Home) -> Self {
        let world = World::at(home, Settings::default()).await;
        let (_, ada) = registers(&world, "ada").await;
        let (bob, bob_calls) = registers(&world, "bob").await;
        let (past, stage) = (world.show(&ada).await, world.show(&ada).await);
        for id in [past, stage] {
            takes_part(&world, &bob_calls, id).await;
            world.watcher(id).await;
        }
        let ban = NewBan { user: "bob".into(), seconds: None, reason: Some("bob shouts".into()) };
        world.sessions.ban(&ada, stage, ban).await.unwrap();
        world.turn(60);
        world.ends(&ada, past).await;
        let request = CreateBroadcast {
            description: Some("bob's garden".into()),
            tags: vec!["bob".into()],
            ..CreateBroadcast::titled("bob's show")
        };
        let show = world.create(&bob_calls, request).await;
        world.goes_live(&bob_calls, show).await;
        world.watcher(show).await;
        let request = NewKeyRequest {
            name: "bob's bot".into(),
            scopes: vec!["publish".into()],
            expiry: Expiry::default(),
        };
        let (_, key) = world.api_keys.create(by(&bob_calls), request).await.unwrap();
        Self { world, bob, bob_calls, stage, past, show, key }
    }

    fn user(&self) -> &User {
        &self.bob.user
    }

    /// What bob asked for before he was erased, and was let in for.
    async fn bobs_last_requests_come_to_their_end(&self) {
        let world = &self.world;
        let request = NewKeyRequest {
            name: "bob's last".into(),
            scopes: vec!["publish".into()],
            expiry: Expiry::default(),
        };
        assert_eq!(
            refusal(world.api_keys.create((&self.bob_calls, &Client::default()), request).await),
            "unauthenticated"
        );
        world.sessions.say(&self.bob_calls, self.stage, "bob's last words".into()).await.unwrap();
        let last = world.create(&self.bob_calls, CreateBroadcast::titled("bob's last show")).await;
        let settled = (world.sessions.now(), world.sessions.now());
        let is_finished = world.store.finish_erasure(self.user().id, settled).await.unwrap();
        assert!(!is_finished, "{last} is open");
    }

    /// Nothing tells of bob, and every count is what the log comes to.
    async fn bob_is_forgotten(&self) {
        let (world, id) = (&self.world, self.user().id);
        for session in [self.past, self.stage, self.show] {
            for event in world.log(session).await {
                assert!(event.user_id != Some(id), "{event:?}");
                let text = format!("{:?}{:?}", event.data, event.metadata);
                assert!(!text.contains("bob"), "{text}");
            }
            assert_eq!(world.audit(session, (Period::All, None)).await, [""; 0]);
            let kept = format!("{:?}", world.state_of(session).await);
            assert!(!kept.contains("bob"), "{kept}");
        }
        let user = world.store.user(id).await.unwrap().unwrap();
        assert!(user.erased_at.is_some() && user.email.is_empty() && user.role == Role::Viewer);
        assert!(!format!("{user:?}").contains("bob") && user.stream_key != self.user().stream_key);
        assert!(world.standing.identify(&self.key, NOON).is_err());
        let scan = Scan { after: None, most: 1_000 };
        let keys = AccountStore::keys_of(world.store.as_ref(), id, scan).await.unwrap().items;
        assert!(keys.iter().all(|key| key.name.is_empty() && key.revoked_at.is_some()) && keys.len() == 1);
        assert!(world.store.events_of(id, scan).await.unwrap().items.is_empty());
        assert!(world.store.stays_of(id, scan).await.unwrap().items.is_empty());
        assert!(world.store.chat_bans_of(id).await.unwrap().is_empty());
        world.audit.write(true).await.unwrap();
        let query = AuditQuery { limit: 100, ..AuditQuery::default() };
        for entry in world.store.audit_log(&query).await.unwrap() {
            let is_of_bob = entry.actor_id == Some(id) || entry.target == Some(id.to_string());
            assert!(!is_of_bob || !format!("{entry:?}").contains("bob") && entry.ip.is_none(), "{entry:?}");
        }
        assert!(world.store.erasures_begun().await.unwrap().is_empty());
        assert_eq!(world.users.finish_erasures(&world.broadcasts).await.unwrap(), 0);
    }
}

impl World {
    async fn state_of(&self, id: BroadcastId) -> tallylight_core::broadcast::Snapshot {
        use tallylight_core::store::BroadcastStore;
        self.store.broadcast(id).await.unwrap().unwrap()
    }
}

/// A call that somebody sends again under the same key.
fn call(caller: &Caller) -> Call<'_> {
    let caller = caller.identity().unwrap();
    Call { caller, method: "POST", path: "/api/broadcasts", key: "once", query: "", body: b"{}" }
}

async fn repeats(world: &World, caller: &Caller) -> Turn {
    let claim = world.answers.claim(&call(caller)).unwrap();
    world.answers.begin(&claim).await.unwrap()
}

async fn what_somebody_was_answered_goes_with_the_account(home: Home) {
    let story = Story::at(home).await;
    let (world, bob) = (&story.world, &story.bob_calls);
    let bot = world.users.authenticate(&story.key).unwrap();
    let (_, eve) = registers(world, "eve").await;
    for caller in [bob, &bot, &eve] {
        let claim = world.answers.claim(&call(caller)).unwrap();
        assert!(matches!(world.answers.begin(&claim).await.unwrap(), Turn::Go));
        world.answers.keep(claim, b"bob's show").unwrap();
        world.answers.settle_all().await.unwrap();
        assert!(matches!(repeats(world, caller).await, Turn::Replay(_)));
    }
    let client = Client::default();
    world.users.erase_me((bob, &client), PASSWORD.into(), &world.broadcasts).await.unwrap();
    for (caller, is_kept) in [(bob, false), (&bot, false), (&eve, true)] {
        let turn = repeats(world, caller).await;
        assert_eq!(matches!(turn, Turn::Replay(_)), is_kept, "{turn:?}");
    }
}

async fn who_is_erased_is_forgotten_and_everything_still_adds_up(home: Home) {
    let story = Story::at(home).await;
    let world = &story.world;
    let client = Client::default();
    let erase = |password: &str| {
        world.users.erase_me((&story.bob_calls, &client), password.into(), &world.broadcasts)
    };
    assert_eq!(refusal(erase("wrong").await), "forbidden");
    let before = world.count(story.stage).await;
    erase(PASSWORD).await.unwrap();
    story.bobs_last_requests_come_to_their_end().await;
    assert_eq!(world.users.finish_erasures(&world.broadcasts).await.unwrap(), 0, "more may come");
    world.turn(60);
    assert_eq!(world.users.finish_erasures(&world.broadcasts).await.unwrap(), 1);
    story.bob_is_forgotten().await;
    assert_eq!(world.count(story.stage).await, before - 1, "bob has left");
    assert_eq!(world.count(story.show).await, 0, "bob's broadcast has ended");
    let deleted = world.logged(story.stage).await.into_iter().filter(|kind| kind == "chat.deleted");
    assert_eq!(deleted.count(), 2, "those who listen are told");
    assert_eq!(refusal(world.users.vet_again(&story.bob_calls)), "unauthenticated");
    assert_eq!(refusal(world.users.refresh(&story.bob.refresh_token).await), "unauthenticated");
    let login = world.users.sign_in("bob", PASSWORD.into(), Client::default()).await;
    assert_eq!(refusal(login), "unauthenticated");
    assert_eq!(refusal(world.users.profile("bob", ALL).await), "not found");
    let tombstone = world.state_of(story.show).await.owner_name.clone();
    assert_eq!(refusal(world.users.profile(&tombstone, ALL).await), "not found");
    let login = world.users.sign_in(&tombstone, PASSWORD.into(), Client::default()).await;
    assert_eq!(refusal(login), "unauthenticated");
    let (again, _) = registers(world, "bob").await;
    assert_ne!(again.user.id, story.user().id, "name and address are free");
}

async fn an_erasure_that_broke_off_is_gone_on_with_after_a_restart(home: Home) {
    let mut story = Story::at(home).await;
    let keys = StreamKeys::new(&Secret::new(&[7; 32]), std::sync::Arc::new(SystemIds::default())).unwrap();
    let id = story.user().id;
    let stream_key = keys.generate(&id.0).unwrap();
    let closing = Closing { username: "deleted-0123456789".into(), stream_key, at: NOON };
    let closed = story.world.store.close_account(story.user(), &closing).await.unwrap();
    assert!(matches!(closed, Closed::Done(_)));
    let again = story.world.store.close_account(story.user(), &closing).await.unwrap();
    assert_eq!(again, closed, "a try that was committed unnoticed");
    // A part is done when the process is killed.
    let part = Scan { after: None, most: 3 };
    let found = story.world.store.events_of(id, part).await.unwrap();
    story.world.store.blank_events_of(id, (None, found.next)).await.unwrap();
    story.world = story.world.restarted().await;
    assert_eq!(refusal(story.world.users.vet_again(&story.bob_calls)), "unauthenticated");
    assert_eq!(story.world.users.finish_erasures(&story.world.broadcasts).await.unwrap(), 1);
    story.bob_is_forgotten().await;
}

async fn the_last_administrator_stays(home: Home) {
    let world = World::at(home, Settings::default()).await;
    world.users.create_user(registration("root"), Role::Admin).await.unwrap();
    let root = world.users.sign_in("root", PASSWORD.into(), Client::default()).await.unwrap();
    let caller = world.users.authenticate(&root.access_token).unwrap();
    let client = Client::default();
    let erase = || world.users.erase_me((&caller, &client), PASSWORD.into(), &world.broadcasts);
    assert_eq!(refusal(erase().await), "last admin");
    world.users.vet_again(&caller).unwrap();
    let deputy = world.users.create_user(registration("deputy"), Role::Admin).await.unwrap();
    let (admin, client) = (admin_of(&world), Client::default());
    let ban = ServerBan { target: BanTarget::User(deputy.id), until: None, reason: None };
    admin.suspend((&ANYBODY, &client), ban).await.unwrap();
    assert_eq!(refusal(erase().await), "last admin", "who is suspended administers nothing");
    assert!(admin.unsuspend((&ANYBODY, &client), deputy.id).await.unwrap());
    erase().await.unwrap();
}

async fn everything_that_is_kept_is_told_to_whom_it_is_about_and_nothing_of_others(home: Home) {
    let story = Story::at(home).await;
    let users = &story.world.users;
    let export = users.export(&story.bob_calls, &Client::default()).await.unwrap();
    let mut told = Vec::new();
    for section in Section::ALL {
        let mut after = None;
        loop {
            let (part, next) = users.export_part(&export, *section, after).await.unwrap();
            told.push(match part {
                ExportPart::SignIns(all) => ("sign-ins", all.len()),
                ExportPart::Keys(all) => ("keys", all.len()),
                ExportPart::Broadcasts(all) => ("broadcasts", all.len()),
                ExportPart::Stays(all) => ("stays", all.len()),
                ExportPart::Events(all) => {
                    assert!(all.iter().all(|event| event.user_id == Some(story.user().id)));
                    ("messages", all.iter().filter(|event| event.kind == "chat.message").count())
                }
                ExportPart::Bans(all) => ("bans", all.len()),
                ExportPart::ChatBans(all) => ("chat bans", all.len()),
                ExportPart::Acts(all) => ("acts", all.len()),
            });
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    let expected = [
        ("sign-ins", 1),
        ("keys", 1),
        ("broadcasts", 1),
        ("stays", 2),
        ("messages", 2),
        ("bans", 0),
        ("chat bans", 1),
        ("acts", 2),
    ];
    assert_eq!(told, expected);
    let scan = Scan { after: None, most: 2 };
    let first = story.world.store.events_of(story.user().id, scan).await.unwrap();
    assert!(first.next.is_some() && first.items.len() <= 2, "a part at a time");
}

async fn keys_are_told_of_a_part_at_a_time(home: Home) {
    let world = World::at(home, Settings::default()).await;
    let ada = world.user("ada").await;
    let mut made = Vec::new();
    for name in ["one", "two", "three"] {
        let scopes = vec!["publish".to_owned()];
        let request = NewKeyRequest { name: name.into(), scopes, expiry: Expiry::default() };
        made.push(world.api_keys.create(by(&ada), request).await.unwrap().0.id);
    }
    made.sort_unstable();
    let (mut told, mut parts, mut scan) = (Vec::new(), 0, Scan { after: None, most: 2 });
    loop {
        let part = AccountStore::keys_of(world.store.as_ref(), ada.user_id().unwrap(), scan).await.unwrap();
        (parts, scan.after) = (parts + 1, part.next);
        told.extend(part.items.into_iter().map(|key| key.id));
        if scan.after.is_none() {
            break;
        }
    }
    assert_eq!((told, parts), (made, 2));
}

async fn a_profile_shows_public_broadcasts_that_ended_the_latest_first(home: Home) {
    let world = World::at(home, Settings::default()).await;
    let ada = world.user("ada").await;
    let mut ended = Vec::new();
    for title in ["first", "second", "third"] {
        let id = world.create(&ada, CreateBroadcast::titled(title)).await;
        world.turn(1);
        world.ends(&ada, id).await;
        ended.push(id);
    }
    let hidden = world.show(&ada).await;
    world.sets_visibility(&ada, hidden, tallylight_core::broadcast::Visibility::Private).await;
    world.ends(&ada, hidden).await;
    world.show(&ada).await;
    let (user, past) = world.users.profile("ada", Slice { offset: 1, limit: 1 }).await.unwrap();
    assert_eq!((user.display_name.as_str(), past.total, past.items[0].id), ("ADA", 3, ended[1]));
    for unknown in ["eve", "Ada", "ada@example.org", "a\0b", "", "me"] {
        assert_eq!(refusal(world.users.profile(unknown, ALL).await), "not found", "{unknown}");
    }
}

/// Makes a test of each story on each database.
macro_rules! on_each_database {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            #[tokio::test]
            async fn sqlite() { super::$story(crate::world::Home::file()).await }

            #[tokio::test]
            async fn postgres() { super::$story(crate::world::Home::server()).await }
        }
    )+ };
}

on_each_database! {
    what_somebody_was_answered_goes_with_the_account,
    who_is_erased_is_forgotten_and_everything_still_adds_up,
    an_erasure_that_broke_off_is_gone_on_with_after_a_restart,
    the_last_administrator_stays,
    keys_are_told_of_a_part_at_a_time,
    everything_that_is_kept_is_told_to_whom_it_is_about_and_nothing_of_others,
    a_profile_shows_public_broadcasts_that_ended_the_latest_first,
}
