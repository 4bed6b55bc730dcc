//! Roles, bans, and who is there, over both databases.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use tallylight_core::admin::{
    Account, AccountQuery, AdminManager, AdminParts, AdminStore, BanKind, BanOutcome, BanQuery, BanRecord,
    NewBan, RoleOutcome, Watcher,
};
use tallylight_core::audit_log::{AuditEntry, AuditQuery};
use tallylight_core::ban::{Ban, BanTarget};
use tallylight_core::broadcast::Status;
use tallylight_core::caller::{Access, Identity};
use tallylight_core::clock::Time;
use tallylight_core::ids::{AuditId, BanId, BroadcastId, KeyId, SystemIds, UserId};
use tallylight_core::publishers::Cut;
use tallylight_core::scope::{Scope, Scopes};
use tallylight_core::session::{JoinRequest, Refusal};
use tallylight_core::store::{Listed, Slice};
use tallylight_core::user::Role;
use tallylight_core::viewer::{Client, DeviceId};
use tallylight_core::{Caller, Error, Result};
use time::Duration;

use crate::world::{ANYBODY, Home, Settings, World, refusal};

const ALL: Slice = Slice { offset: 0, limit: 100 };

pub async fn worlds() -> [World; 2] {
    [World::new().await, World::at(Home::server(), Settings::default()).await]
}

pub fn admin_of(world: &World) -> AdminManager {
    over(world, world.store.clone())
}

fn over(world: &World, store: Arc<dyn AdminStore>) -> AdminManager {
    AdminManager::new(AdminParts {
        store,
        access: world.store.clone(),
        standing: world.standing.clone(),
        audit: world.audit.clone(),
        clock: world.clock.clone(),
        ids: Arc::new(SystemIds::default()),
    })
}

fn at(ip: &str) -> Client {
    Client { ip: Some(ip.parse().unwrap()), ..Client::default() }
}

fn desk() -> Client {
    at("192.0.2.1")
}

fn ban(target: BanTarget) -> NewBan {
    NewBan { target, until: None, reason: Some("spam".into()) }
}

fn network(text: &str) -> NewBan {
    ban(NewBan::network(text).unwrap())
}

fn id(caller: &Caller) -> UserId {
    caller.user_id().unwrap()
}

async fn joins_from(world: &World, caller: &Caller, show: BroadcastId, client: Client) -> Result<String> {
    let joined = world.broadcasts.join_broadcast(caller, show, JoinRequest::default(), client).await?;
    Ok(joined.viewer_token)
}

async fn enforced(world: &World) {
    world.sessions.expel();
    world.sessions.write_expulsions().await.unwrap();
}

async fn reasons(world: &World, show: BroadcastId) -> Vec<String> {
    let left = world.log(show).await.into_iter().filter(|event| event.kind == "viewer.left");
    left.map(|event| event.data["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn accounts_are_found_by_name_role_and_suspension() {
    for world in worlds().await {
        let admin = admin_of(&world);
        let root = world.user_with_role("root", Role::Admin).await;
        let order = world.user_with_role("order", Role::Moderator).await;
        let (ada, _) = (world.user("ada_l").await, world.user("adam").await);
        let client = desk();
        admin.ban((&root, &client), ban(BanTarget::User(id(&ada)))).await.unwrap();
        let finds = async |by: &Caller, query: AccountQuery, part| {
            let page = admin.accounts((by, &client), query, part).await.unwrap();
            let names: Vec<_> = page.items.into_iter().map(|account| account.username).collect();
            (names.join(" "), page.total)
        };
        let of = |q: &str| AccountQuery { q: Some(q.into()), ..AccountQuery::default() };
        let everybody = ("ada_l adam order root".to_owned(), 4);
        assert_eq!(finds(&root, AccountQuery::default(), ALL).await, everybody);
        assert_eq!(
            finds(&root, AccountQuery::default(), Slice { offset: 1, limit: 2 }).await,
            ("adam order".into(), 4)
        );
        assert_eq!(
            finds(&root, AccountQuery::default(), Slice { offset: 9, limit: 2 }).await,
            (String::new(), 4)
        );
        assert_eq!(finds(&root, of("ADA"), ALL).await, ("ada_l adam".into(), 2));
        assert_eq!(finds(&root, of("a_l"), ALL).await.0, "ada_l", "a wildcard is a character");
        assert_eq!(finds(&root, of("%"), ALL).await.0, "");
        assert_eq!(finds(&root, of("order@example"), ALL).await.0, "order");
        assert_eq!(finds(&order, of("order@example"), ALL).await.0, "", "addresses are for administrators");
        let role = AccountQuery { role: Some(Role::Broadcaster), ..AccountQuery::default() };
        assert_eq!(finds(&order, role.clone(), ALL).await.0, "ada_l adam");
        assert_eq!(
            finds(&root, AccountQuery { suspended: Some(true), ..role.clone() }, ALL).await.0,
            "ada_l"
        );
        assert_eq!(finds(&root, AccountQuery { suspended: Some(false), ..role }, ALL).await.0, "adam");
        let read = admin.account((&order, &client), id(&ada)).await.unwrap();
        assert_eq!(read.suspension.unwrap().reason.as_deref(), Some("spam"));
        assert_eq!(refusal(admin.account((&ada, &client), id(&ada)).await), "forbidden");
        assert_eq!(refusal(admin.account((&root, &client), UserId(uuid::Uuid::nil())).await), "not found");
    }
}

#[tokio::test]
async fn there_is_always_an_administrator_left() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let by = (&root, &client);
        assert!(matches!(admin.give_role(by, id(&root), Role::Viewer).await, Err(Error::LastAdmin)));
        let ada = world.user("ada").await;
        admin.give_role(by, id(&ada), Role::Admin).await.unwrap();
        admin.ban(by, ban(BanTarget::User(id(&ada)))).await.unwrap();
        let alone = admin.give_role(by, id(&root), Role::Viewer).await;
        assert!(matches!(alone, Err(Error::LastAdmin)), "who is suspended administers nothing");
        assert!(admin.unsuspend(by, id(&ada)).await.unwrap());

        let other = Caller::User(world.store_user("ada").await.identity(Access::Server));
        let (first, second) = tokio::join!(
            admin.give_role(by, id(&ada), Role::Viewer),
            admin.give_role((&other, &client), id(&root), Role::Viewer),
        );
        assert!(first.is_ok() != second.is_ok(), "of two who demote each other one stays");
        let log = world.audit.read(&AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap();
        let roles = log.iter().filter(|entry| entry.action == "user.role_changed").count();
        assert_eq!(roles, 2, "what was refused is not written as done");
    }
}

#[tokio::test]
async fn moderators_keep_order_among_those_who_do_not() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let order = world.user_with_role("order", Role::Moderator).await;
        let (ada, other) = (world.user("ada").await, world.user_with_role("other", Role::Moderator).await);
        let (root_by, order_by) = ((&root, &client), (&order, &client));
        let made = admin.ban(order_by, ban(BanTarget::User(id(&ada)))).await.unwrap();
        assert_eq!((made.user.unwrap().0.as_str(), made.by.unwrap().0.as_str()), ("ada", "order"));
        for spared in [&root, &other, &order] {
            let refused = admin.ban(order_by, ban(BanTarget::User(id(spared)))).await;
            assert_eq!(refusal(refused), "forbidden");
        }
        assert_eq!(refusal(admin.ban(root_by, ban(BanTarget::User(id(&root)))).await), "forbidden");
        assert_eq!(refusal(admin.ban((&ada, &client), network("203.0.113.7")).await), "forbidden");
        assert_eq!(refusal(admin.ban((&ANYBODY, &client), network("203.0.113.7")).await), "unauthenticated");
        assert_eq!(refusal(admin.ban(order_by, network("192.0.2.0/24")).await), "forbidden", "the own one");
        assert_eq!(refusal(admin.give_role(order_by, id(&ada), Role::Moderator).await), "forbidden");
        let of_other = admin.ban(root_by, ban(BanTarget::User(id(&other)))).await.unwrap();
        assert_eq!(refusal(admin.lift(order_by, of_other.ban.id).await), "forbidden");
        admin.lift(order_by, made.ban.id).await.unwrap();
        assert_eq!(refusal(admin.lift(order_by, made.ban.id).await), "not found");
    }
}

#[tokio::test]
async fn what_an_administrator_banned_no_moderator_replaces_or_lifts() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let order = world.user_with_role("order", Role::Moderator).await;
        let other = world.user_with_role("other", Role::Moderator).await;
        let (root_by, order_by, other_by) = ((&root, &client), (&order, &client), (&other, &client));
        let roots = admin.ban(root_by, network("203.0.113.0/24")).await.unwrap().ban;
        world.turn(1);
        let soon = Some(world.sessions.now() + Duration::seconds(1));
        let operators = admin.suspend((&ANYBODY, &client), network("198.51.100.7")).await.unwrap().ban;
        for made in [&roots, &operators] {
            let shorter = NewBan { target: made.target.clone(), until: soon, reason: None };
            assert_eq!(refusal(admin.ban(order_by, shorter).await), "forbidden");
            assert_eq!(refusal(admin.lift(order_by, made.id).await), "forbidden");
        }
        let kept = admin.bans((&root, &client), &BanQuery::default(), ALL).await.unwrap().items;
        assert!(kept.iter().map(|record| &record.ban).eq([&operators, &roots]), "{kept:?}");
        let now = world.sessions.now() + Duration::seconds(2);
        assert!(world.standing.refuse_from(Some("203.0.113.9".parse().unwrap()), None, now).is_err());

        let orders = admin.ban(order_by, network("192.0.2.128/25")).await.unwrap();
        let others = admin.ban(other_by, NewBan { until: soon, ..network("192.0.2.128/25") }).await.unwrap();
        assert_eq!(refusal(admin.lift(order_by, orders.ban.id).await), "not found", "it was replaced");
        admin.lift(order_by, others.ban.id).await.unwrap();
        let refused = admin.ban(order_by, network("203.0.112.0/23")).await;
        assert!(matches!(refused, Err(Error::Invalid(fields)) if fields[0].field == "network"));
        admin.ban(root_by, network("203.0.112.0/23")).await.unwrap();
        assert_eq!(admin.unban((&ANYBODY, &client), roots.id).await.unwrap(), roots);
        admin.ban(order_by, network("203.0.113.0/24")).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_suspends_the_last_administrator_nor_do_two_each_other() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let operator = (&ANYBODY, &client);
        let suspends = async |by: (&Caller, &Client), whom: &Caller| {
            admin.suspend(by, ban(BanTarget::User(id(whom)))).await
        };
        assert_eq!(refusal(suspends(operator, &root).await), "last admin");
        assert!(world.standing.is_calm(), "nor is it so in memory");
        let ada = world.user_with_role("ada", Role::Admin).await;
        let (first, second) = tokio::join!(
            admin.ban((&root, &client), ban(BanTarget::User(id(&ada)))),
            admin.ban((&ada, &client), ban(BanTarget::User(id(&root)))),
        );
        assert!(first.is_ok() != second.is_ok(), "of two who ban each other one stays");
        let (gone, stays) = if first.is_ok() { (&ada, &root) } else { (&root, &ada) };
        suspends(operator, gone).await.unwrap();
        assert_eq!(refusal(suspends(operator, stays).await), "last admin");
    }
}

#[tokio::test]
async fn who_administers_is_decided_in_person() {
    let world = World::new().await;
    let (admin, client) = (admin_of(&world), desk());
    let root = world.user_with_role("root", Role::Admin).await;
    let ada = world.user("ada").await;
    let Caller::User(identity) = root.clone() else { unreachable!("root is somebody") };
    let scopes = [Scope::AdminWrite].into_iter().collect::<Scopes>();
    let access = Access::Key(KeyId(uuid::Uuid::nil()), scopes);
    let key = Caller::User(Identity { access, ..identity });
    let gives = async |by: &Caller, role| admin.give_role((by, &client), id(&ada), role).await;
    for role in [Role::Moderator, Role::Admin] {
        assert_eq!(refusal(gives(&key, role).await), "forbidden");
    }
    gives(&key, Role::Viewer).await.unwrap();
    gives(&key, Role::Broadcaster).await.unwrap();
    gives(&root, Role::Moderator).await.unwrap();
}

#[tokio::test]
async fn bans_are_listed_replaced_and_over_when_their_time_is() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let (ada, by) = (world.user("ada").await, (&root, &client));
        let device = DeviceId::parse("0123456789abcdef").unwrap();
        let until = Some(crate::world::NOON + Duration::hours(1));
        admin.ban(by, NewBan { until, ..ban(BanTarget::User(id(&ada))) }).await.unwrap();
        world.turn(1);
        admin.ban(by, ban(BanTarget::Device(device.clone()))).await.unwrap();
        world.turn(1);
        admin.ban(by, network("203.0.113.9/24")).await.unwrap();
        world.turn(1);
        admin.ban(by, NewBan { reason: None, ..network("203.0.113.0/24") }).await.unwrap();
        let lists = async |query: BanQuery, part| {
            let page = admin.bans((&root, &client), &query, part).await.unwrap();
            (page.items.into_iter().map(|record| record.ban.target).collect::<Vec<_>>(), page.total)
        };
        let (user, net) = (BanTarget::User(id(&ada)), NewBan::network("203.0.113.0/24").unwrap());
        let all = vec![net.clone(), BanTarget::Device(device), user.clone()];
        assert_eq!(
            lists(BanQuery::default(), ALL).await,
            (all.clone(), 3),
            "one ban a target, the latest first"
        );
        assert_eq!(
            lists(BanQuery::default(), Slice { offset: 1, limit: 1 }).await,
            (vec![all[1].clone()], 3)
        );
        let networks = BanQuery { kind: Some(BanKind::Network), user: None };
        assert_eq!(lists(networks, ALL).await, (vec![net], 1));
        let of_ada = BanQuery { kind: None, user: Some(id(&ada)) };
        assert_eq!(lists(of_ada.clone(), ALL).await, (vec![user], 1));
        world.turn(3_600);
        assert_eq!(lists(of_ada, ALL).await, (vec![], 0));
        assert!(world.standing.refuse_user(id(&ada), world.sessions.now()).is_ok());
    }
}

#[tokio::test]
async fn who_is_shut_out_goes_at_once_and_does_not_come_back() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let (ada, bob, by) = (world.user("ada").await, world.user("bob").await, (&root, &client));
        let show = world.show(&ada).await;
        let device = Client { device: DeviceId::parse("0123456789abcdef"), ..at("198.51.100.1") };
        let bobs = joins_from(&world, &bob, show, at("198.51.100.2")).await.unwrap();
        let near = joins_from(&world, &ANYBODY, show, at("203.0.113.7")).await.unwrap();
        let phone = joins_from(&world, &ANYBODY, show, device.clone()).await.unwrap();
        let stays = joins_from(&world, &ANYBODY, show, at("203.0.114.7")).await.unwrap();
        let seen = admin.watchers(by, show, ALL).await.unwrap();
        assert_eq!(seen.total, 4);
        assert!(seen.items.iter().any(|watcher| watcher.device == device.device && watcher.ip == device.ip));
        assert!(seen.items.iter().any(|watcher| watcher.user == Some((id(&bob), "bob".into()))));

        let world = world.restarted().await;
        let admin = admin_of(&world);
        admin.ban(by, ban(BanTarget::User(id(&bob)))).await.unwrap();
        admin.ban(by, network("203.0.113.0/24")).await.unwrap();
        admin.ban(by, ban(BanTarget::Device(device.device.clone().unwrap()))).await.unwrap();
        world.sessions.expel();
        for gone in [&bobs, &near, &phone] {
            assert_eq!(refusal(world.sessions.heartbeat(show, gone)), "gone", "before anything is written");
        }
        world.sessions.write_expulsions().await.unwrap();
        assert_eq!(reasons(&world, show).await, ["removed"; 3]);
        assert_eq!(
            (world.count(show).await, refusal(world.sessions.heartbeat(show, &stays))),
            (1, "accepted")
        );

        for (caller, from) in [(&bob, at("198.51.100.2")), (&ANYBODY, at("203.0.113.8")), (&ANYBODY, device)]
        {
            let refused = joins_from(&world, caller, show, from).await.unwrap_err();
            assert!(matches!(refused, Error::Suspended { .. } | Error::ShutOut { .. }), "{refused}");
        }
        let bans = admin.bans((&root, &client), &BanQuery::default(), ALL).await.unwrap().items;
        for record in bans {
            admin.lift(by, record.ban.id).await.unwrap();
        }
        assert_eq!(refusal(world.join_again(show, &bobs).await), "gone", "a viewer who was removed stays so");
        assert!(joins_from(&world, &bob, show, at("203.0.113.8")).await.is_ok());
        assert!(world.agrees_with_its_log(show).await);
    }
}

#[tokio::test]
async fn who_may_not_broadcast_any_more_is_cut_and_ends() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let (ada, bob, by) = (world.user("ada").await, world.user("bob").await, (&root, &client));
        let (adas, bobs) = (world.show(&ada).await, world.show(&bob).await);
        let (key, other) = (world.goes_live(&ada, adas).await, world.goes_live(&bob, bobs).await);
        admin.ban(by, ban(BanTarget::User(id(&ada)))).await.unwrap();
        admin.give_role(by, id(&bob), Role::Viewer).await.unwrap();
        enforced(&world).await;
        assert_eq!((*key.cut.borrow(), *other.cut.borrow()), (Some(Cut::NotAllowed), Some(Cut::NotAllowed)));
        for (owner, show) in [(&ada, adas), (&bob, bobs)] {
            let ended = world.store_state(show).await;
            assert_eq!(ended.status, Status::Ended);
            let key = world.stream_key(owner, show).await;
            assert_eq!(world.sessions.admit(&key, None).await.unwrap_err(), Refusal::NotAllowed);
            let lasting = world.users.stream_key(owner).await.unwrap();
            assert_eq!(world.sessions.admit(&lasting, None).await.unwrap_err(), Refusal::NotAllowed);
        }
    }
}

#[tokio::test]
async fn an_encoder_of_a_network_that_is_shut_out_is_cut_and_its_broadcast_waits() {
    let world = World::new().await;
    let (admin, client) = (admin_of(&world), desk());
    let root = world.user_with_role("root", Role::Admin).await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let key = world.stream_key(&ada, show).await;
    let from: Option<IpAddr> = Some("203.0.113.7".parse().unwrap());
    let encoder = world.sessions.admit(&key, from).await.unwrap();
    world.sessions.media_started(show, encoder.publish).await.unwrap();
    admin.ban((&root, &client), network("203.0.113.0/24")).await.unwrap();
    enforced(&world).await;
    assert_eq!(*encoder.cut.borrow(), Some(Cut::ShutOut));
    assert_eq!(world.sessions.admit(&key, from).await.unwrap_err(), Refusal::ShutOut);
    assert!(world.sessions.is_open(show), "its owner may go on from elsewhere");
    assert!(world.sessions.admit(&key, Some("198.51.100.1".parse().unwrap())).await.is_ok());
}

#[tokio::test]
async fn what_others_write_is_noticed() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let (ada, bob) = (world.user("ada").await, world.user("bob").await);
        let latest = admin.latest_changes().await.unwrap();
        let standing = Arc::new(tallylight_core::standing::Standing::new(Duration::minutes(15)));
        let command = AdminManager::new(AdminParts {
            store: world.store.clone(),
            access: world.store.clone(),
            standing,
            audit: world.audit.clone(),
            clock: world.clock.clone(),
            ids: Arc::new(SystemIds::default()),
        });
        let operator = (&ANYBODY, &client);
        command.suspend(operator, ban(BanTarget::User(id(&ada)))).await.unwrap();
        command.change_role(operator, id(&bob), Role::Viewer).await.unwrap();
        assert!(world.standing.is_calm(), "the server does not know yet");
        assert_eq!(admin.latest_changes().await.unwrap().len(), latest.len() + 2);
        let mut changes = world.standing.changes();
        assert!(admin.reload().await.unwrap() && changes.has_changed().unwrap());
        assert!(world.standing.refuse_user(id(&ada), world.sessions.now()).is_err());
        assert!(world.standing.refuse_broadcaster(id(&bob), world.sessions.now()).is_err());
        changes.mark_unchanged();
        assert!(admin.reload().await.unwrap() && !changes.has_changed().unwrap(), "nothing new");
        assert!(command.unsuspend(operator, id(&ada)).await.unwrap());
        assert!(!command.unsuspend(operator, id(&ada)).await.unwrap(), "there is nothing to lift");
        admin.reload().await.unwrap();
        assert!(world.standing.refuse_user(id(&ada), world.sessions.now()).is_ok());
        assert_eq!(refusal(admin.give_role((&root, &client), id(&bob), Role::Broadcaster).await), "accepted");
    }
}

#[tokio::test]
async fn of_two_who_ban_the_same_at_once_one_ban_is_left() {
    for world in worlds().await {
        let (admin, client) = (admin_of(&world), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let by = (&root, &client);
        for turn in 0..10 {
            let device =
                || ban(BanTarget::Device(DeviceId::parse(&format!("device-0123456789-{turn}")).unwrap()));
            let (first, second) = tokio::join!(admin.ban(by, device()), admin.ban(by, device()));
            first.and(second).unwrap();
        }
        assert_eq!(
            admin.bans((&root, &Client::default()), &BanQuery::default(), ALL).await.unwrap().total,
            10
        );
    }
}

/// A database of which no answer comes back: everything is kept, or nothing.
struct Mute {
    store: Arc<tallylight_store::Store>,
    keeps: AtomicU8,
}

impl Mute {
    fn answer<T>(&self) -> Result<T> {
        Err(Error::Unavailable("no answer".into()))
    }

    fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Relaxed) > 0
    }
}

#[async_trait]
impl AdminStore for Mute {
    async fn accounts(&self, query: &AccountQuery, of: (Slice, Time)) -> Result<Listed<Account>> {
        self.store.accounts(query, of).await
    }

    async fn account(&self, id: UserId, now: Time) -> Result<Option<Account>> {
        self.store.account(id, now).await
    }

    async fn set_role(&self, user: UserId, role: Role, entry: &AuditEntry) -> Result<RoleOutcome> {
        if self.keeps() {
            self.store.set_role(user, role, entry).await?;
        }
        self.answer()
    }

    async fn keep_ban(&self, ban: &Ban, rank: Role, entry: &AuditEntry) -> Result<BanOutcome> {
        if self.keeps() {
            self.store.keep_ban(ban, rank, entry).await?;
        }
        self.answer()
    }

    async fn take_ban(&self, id: BanId, entry: &AuditEntry) -> Result<bool> {
        if self.keeps() {
            self.store.take_ban(id, entry).await?;
        }
        self.answer()
    }

    async fn ban_records(&self, query: &BanQuery, of: (Slice, Time)) -> Result<Listed<BanRecord>> {
        self.store.ban_records(query, of).await
    }

    async fn ban_record(&self, id: BanId, now: Time) -> Result<Option<BanRecord>> {
        self.store.ban_record(id, now).await
    }

    async fn watchers(&self, session: BroadcastId, part: Slice) -> Result<Listed<Watcher>> {
        self.store.watchers(session, part).await
    }

    async fn changes_since(&self, since: Time) -> Result<Vec<AuditId>> {
        self.store.changes_since(since).await
    }
}

#[tokio::test]
async fn while_an_outcome_is_not_known_the_stricter_one_holds_and_then_the_true_one() {
    for keeps in [false, true] {
        let world = World::new().await;
        let mute = Mute { store: world.store.clone(), keeps: AtomicU8::new(u8::from(keeps)) };
        let (admin, mute, client) = (admin_of(&world), over(&world, Arc::new(mute)), desk());
        let root = world.user_with_role("root", Role::Admin).await;
        let (ada, bob, by) = (world.user("ada").await, world.user("bob").await, (&root, &client));
        let eve = world.user("eve").await;
        let of_eve = admin.ban(by, ban(BanTarget::User(id(&eve)))).await.unwrap().ban.id;
        let now = world.sessions.now();
        assert!(mute.ban(by, ban(BanTarget::User(id(&ada)))).await.is_err());
        assert!(mute.give_role(by, id(&bob), Role::Viewer).await.is_err());
        assert!(mute.lift(by, of_eve).await.is_err());
        let may = |user: &Caller| world.standing.refuse_broadcaster(id(user), now).is_ok();
        assert_eq!((may(&ada), may(&bob), may(&eve)), (false, false, false));
        assert!(admin.reload().await.unwrap());
        assert_eq!((may(&ada), may(&bob), may(&eve)), (!keeps, !keeps, keeps));
    }
}
