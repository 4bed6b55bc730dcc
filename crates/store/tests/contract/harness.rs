//! A fresh database for each story, and short ways to fill it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use serde_json::{Map, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, SqliteConnection};
use tallylight_core::Result;
use tallylight_core::broadcast::{Broadcast, Epoch, Ingest, IngestState, MediaAddresses, Status, Visibility};
use tallylight_core::clock::Time;
use tallylight_core::event::{Event, EventQuery, EventType, LeaveReason, NewEvent, joined};
use tallylight_core::ids::{BroadcastId, EventId, SignInId, UserId, ViewerId};
use tallylight_core::store::{
    BanStore, BroadcastStore, Change, Eviction, InvitationStore, KeyStore, LogStore, SessionStore, UserStore,
};
use tallylight_core::user::{Role, SealedKey, SignIn, User};
use tallylight_core::viewer::{Client, Counts, Departure, DeviceId, JoinOutcome, NewViewer, Seat};
use tallylight_store::{Limits, Location};
use tallylight_testkit::{Durability, PgBouncer, TestDatabase};
use tempfile::TempDir;
use time::macros::datetime;
use uuid::Uuid;

/// When every story begins.
pub const NOON: Time = datetime!(2026-05-01 12:00:00.123456 UTC);

/// All that a database keeps.
pub trait Store:
    BroadcastStore + SessionStore + UserStore + LogStore + BanStore + KeyStore + InvitationStore
{
}

impl<T: BroadcastStore + SessionStore + UserStore + LogStore + BanStore + KeyStore + InvitationStore> Store
    for T
{
}

/// A database that can be opened again, and looked at behind the store's back.
#[async_trait]
pub trait Database: Send + Sync {
    /// An empty one.
    fn new() -> Self
    where
        Self: Sized;

    /// Where it is.
    fn location(&self) -> Location;

    /// Opens it.
    async fn open(&self, limits: Limits) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(tallylight_store::Store::open(&self.location(), limits).await?))
    }

    /// Executes statements behind the store's back.
    async fn script(&self, text: &'static str);

    /// Keeps everybody else from writing, until it is dropped.
    async fn hold_up(&self) -> Box<dyn Send>;

    /// What its server has logged.
    fn log(&self) -> String {
        String::new()
    }

    /// When a viewer last showed that it was there.
    async fn last_seen(&self, viewer: ViewerId) -> Time;

    /// The column that integrators read.
    async fn viewer_count(&self, id: BroadcastId) -> i64;

    /// Notes a migration that only a later version knows.
    async fn migrate_as_a_newer_version(&self);
}

/// A file in a folder of its own.
pub struct Sqlite(TempDir);

impl Sqlite {
    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.0.path().join("tallylight.db")).connect().await.unwrap()
    }
}

#[async_trait]
impl Database for Sqlite {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn location(&self) -> Location {
        Location::File(self.0.path().join("tallylight.db"))
    }

    async fn script(&self, text: &'static str) {
        sqlx::raw_sql(text).execute(&mut self.connect().await).await.unwrap();
    }

    async fn hold_up(&self) -> Box<dyn Send> {
        let mut connection = self.connect().await;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        Box::new(connection)
    }

    async fn last_seen(&self, viewer: ViewerId) -> Time {
        let query = sqlx::query_scalar("SELECT last_seen FROM active_viewers WHERE id = $1").bind(viewer.0);
        let micros: i64 = query.fetch_one(&mut self.connect().await).await.unwrap();
        Time::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap()
    }

    async fn viewer_count(&self, id: BroadcastId) -> i64 {
        let mut connection = self.connect().await;
        let query = sqlx::query("SELECT viewer_count FROM broadcast_sessions WHERE id = $1").bind(id.0);
        let count = query.fetch_one(&mut connection).await.unwrap().get(0);
        connection.close().await.unwrap();
        count
    }

    async fn migrate_as_a_newer_version(&self) {
        let mut connection = self.connect().await;
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (99990101000000, 'from the future', TRUE, x'00', 0)";
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// A database of PostgreSQL: of a server that the tests share.
pub struct Postgres(TestDatabase);

/// The same behind PgBouncer, as Debian ships it, which hands each transaction to whatever session is free.
pub struct Pooled {
    bouncer: PgBouncer,
    database: String,
    server: tallylight_testkit::Postgres,
}

/// A database of PostgreSQL: how it is reached by the store, and directly.
pub trait OnServer: Send + Sync {
    fn make() -> Self
    where
        Self: Sized;
    fn url(&self) -> String;
    fn direct_url(&self) -> String;
    fn log(&self) -> String {
        String::new()
    }
}

impl OnServer for Postgres {
    fn make() -> Self {
        Self(tallylight_testkit::database())
    }

    fn url(&self) -> String {
        self.0.url().to_owned()
    }

    fn direct_url(&self) -> String {
        self.url()
    }
}

impl OnServer for Pooled {
    fn make() -> Self {
        let server = tallylight_testkit::Postgres::start(Durability::Fast);
        let database = server.create_database().rsplit('/').next().unwrap().to_owned();
        Self { bouncer: PgBouncer::start(&server, "transaction"), database, server }
    }

    fn url(&self) -> String {
        self.bouncer.url(&self.database)
    }

    fn direct_url(&self) -> String {
        self.server.url(&self.database)
    }
}

#[async_trait]
impl<T: OnServer> Database for T {
    fn new() -> Self {
        T::make()
    }

    fn location(&self) -> Location {
        Location::Server(self.url())
    }

    fn log(&self) -> String {
        OnServer::log(self)
    }

    async fn script(&self, text: &'static str) {
        let mut connection = PgConnection::connect(&self.direct_url()).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    }

    async fn hold_up(&self) -> Box<dyn Send> {
        let mut connection = PgConnection::connect(&self.direct_url()).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE session_counters").execute(&mut connection).await.unwrap();
        Box::new(connection)
    }

    async fn last_seen(&self, viewer: ViewerId) -> Time {
        let query = sqlx::query_scalar("SELECT last_seen FROM active_viewers WHERE id = $1").bind(viewer.0);
        query.fetch_one(&mut PgConnection::connect(&self.direct_url()).await.unwrap()).await.unwrap()
    }

    async fn viewer_count(&self, id: BroadcastId) -> i64 {
        let query = sqlx::query_scalar("SELECT viewer_count::bigint FROM broadcast_sessions WHERE id = $1")
            .bind(id.0);
        query.fetch_one(&mut PgConnection::connect(&self.direct_url()).await.unwrap()).await.unwrap()
    }

    async fn migrate_as_a_newer_version(&self) {
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (99990101000000, 'from the future', TRUE, '', 0)";
        sqlx::query(sql)
            .execute(&mut PgConnection::connect(&self.direct_url()).await.unwrap())
            .await
            .unwrap();
    }
}

/// The database of the simulation: whatever it is taken for there, it must keep the same contract.
pub struct Simulated(Arc<tallylight_simulation::Database>);

#[async_trait]
impl Database for Simulated {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn location(&self) -> Location {
        unreachable!("it is nowhere but in memory")
    }

    async fn open(&self, _limits: Limits) -> Result<Arc<dyn Store>> {
        Ok(self.0.clone())
    }

    async fn script(&self, _text: &'static str) {
        unreachable!("it knows no SQL")
    }

    async fn hold_up(&self) -> Box<dyn Send> {
        unreachable!("its transactions take no time")
    }

    async fn last_seen(&self, viewer: ViewerId) -> Time {
        self.0.last_seen(viewer).unwrap()
    }

    async fn viewer_count(&self, id: BroadcastId) -> i64 {
        self.0.viewer_count(id).unwrap().into()
    }

    async fn migrate_as_a_newer_version(&self) {
        unreachable!("it has no schema")
    }
}

/// A store in use by a story.
pub struct Db {
    pub database: Box<dyn Database>,
    store: Option<Arc<dyn Store>>,
    last_id: AtomicU64,
}

impl Deref for Db {
    type Target = Arc<dyn Store>;

    fn deref(&self) -> &Arc<dyn Store> {
        self.store.as_ref().unwrap()
    }
}

/// A disk that stands still for a moment is nothing that these tests are about.
pub fn patient() -> Limits {
    let long = std::time::Duration::from_secs(60);
    Limits { connect_timeout: long, timeout: long, ..Limits::default() }
}

impl Db {
    pub async fn fresh<D: Database + 'static>() -> Self {
        let database = Box::new(D::new());
        let store = database.open(patient()).await.unwrap();
        Self { database, store: Some(store), last_id: AtomicU64::new(0) }
    }

    /// Drops the store, as a process that ends does, and opens the same database again.
    pub async fn reopened(self) -> Self {
        self.reopened_with(patient()).await
    }

    /// As [`Db::reopened`], with limits of its own.
    pub async fn reopened_with(mut self, limits: Limits) -> Self {
        drop(self.store.take());
        self.store = Some(self.database.open(limits).await.unwrap());
        self
    }

    pub fn id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.last_id.fetch_add(1, Ordering::Relaxed) + 1))
    }

    pub fn key(&self) -> SealedKey {
        let id = self.id();
        SealedKey { hash: tallylight_core::secret::sha256(id.as_bytes()), sealed: id.as_bytes().to_vec() }
    }

    /// A user who is not kept yet.
    pub fn new_user(&self, name: &str) -> User {
        User {
            id: UserId(self.id()),
            username: name.into(),
            display_name: format!("{name} the Great"),
            email: format!("{name}@Example.org"),
            password_hash: "$argon2id$…".into(),
            role: Role::Broadcaster,
            stream_key: self.key(),
            default_title: None,
            erased_at: None,
            created_at: NOON,
        }
    }

    pub async fn user(&self, name: &str) -> User {
        let user = self.new_user(name);
        assert_eq!(self.insert_user(&user).await.unwrap(), Ok(()));
        user
    }

    pub async fn sign_in_of(&self, user: &User) -> SignIn {
        let sign_in = SignIn {
            id: SignInId(self.id()),
            user_id: user.id,
            secret_hash: [1; 32],
            client: Client::default(),
            created_at: NOON,
            used_at: NOON,
            expires_at: NOON + time::Duration::days(30),
        };
        assert!(self.insert_sign_in(&sign_in, &user.password_hash).await.unwrap());
        sign_in
    }

    /// A broadcast that is not kept yet, each field set to something of its own.
    pub fn new_broadcast(&self, owner: &User) -> Broadcast {
        Broadcast {
            id: BroadcastId(self.id()),
            owner: owner.id,
            owner_name: owner.username.clone(),
            title: "Launch day 🚀".into(),
            description: Some("Ten, nine, eight".into()),
            status: Status::Paused,
            visibility: Visibility::Public,
            created_at: NOON,
            started_at: NOON + time::Duration::microseconds(1),
            ended_at: None,
            max_viewers: 2_000_000_000,
            elsewhere: MediaAddresses {
                rtmp_url: Some("rtmp://cdn.example/in".into()),
                hls_url: Some("https://cdn.example/out.m3u8".into()),
                webrtc_endpoint: Some("https://cdn.example/whep".into()),
            },
            metadata: json!({"rocket": {"stages": [1, 2]}}).as_object().unwrap().clone(),
            ai_intent: Some("science".into()),
            tags: vec!["space".into(), "Größe".into()],
            is_featured: true,
            reported_viewers: 10_000_000,
            ingest: Ingest { state: IngestState::Interrupted, interrupted_until: Some(NOON) },
            stream_key: self.key(),
            deleted_at: None,
            revision: 0,
            epoch: Epoch(1),
        }
    }

    /// A kept, public broadcast on air, with one event.
    pub async fn show(&self, max_viewers: u32) -> Broadcast {
        let owner = self.user(&format!("owner-{}", self.id().as_u128())).await;
        self.show_of(&owner, max_viewers).await
    }

    pub async fn show_of(&self, owner: &User, max_viewers: u32) -> Broadcast {
        let show = Broadcast {
            status: Status::Active,
            max_viewers,
            reported_viewers: 0,
            ..self.new_broadcast(owner)
        };
        self.insert_broadcast(&show, vec![self.event(EventType::BroadcastCreated)]).await.unwrap();
        show
    }

    pub fn event(&self, kind: EventType) -> NewEvent {
        NewEvent {
            id: EventId(self.id()),
            kind: kind.into(),
            data: json!({"why": "it is told"}),
            metadata: json!({"of": {"a": "test"}}).as_object().unwrap().clone(),
            created_at: NOON,
            user_id: None,
        }
    }

    /// Keeps the next state of a broadcast with one event, without an eviction.
    pub async fn saves(&self, before: &Broadcast, change: impl FnOnce(&mut Broadcast)) -> Option<Broadcast> {
        let mut after = Broadcast { revision: before.revision + 1, ..before.clone() };
        change(&mut after);
        let events = vec![self.event(EventType::BroadcastUpdated)];
        let change = Change { before, after: &after, events, evict: None, at: NOON };
        self.save_broadcast(change).await.unwrap().map(|_| after)
    }

    /// Ends a broadcast, as the managers do.
    pub async fn ends(&self, before: &Broadcast) -> Counts {
        let mut after = Broadcast { revision: before.revision + 1, ..before.clone() };
        after.status = Status::Ended;
        after.ended_at = Some(NOON);
        self.evicts(before, &after, LeaveReason::Ended).await
    }

    pub async fn evicts(&self, before: &Broadcast, after: &Broadcast, reason: LeaveReason) -> Counts {
        let event = || Ok(EventId(self.id()));
        let evict = Some(Eviction { reason, viewers: 0, event: &event });
        let events = vec![self.event(EventType::BroadcastEnded)];
        let change = Change { before, after, events, evict, at: NOON };
        self.save_broadcast(change).await.unwrap().unwrap()
    }

    pub fn new_viewer(&self, show: &Broadcast) -> NewViewer {
        let device = DeviceId::parse("0123456789abcdef");
        let client = Client { ip: "2001:db8::1".parse().ok(), user_agent: Some("VLC".into()), device };
        NewViewer {
            id: ViewerId(self.id()),
            session_id: show.id,
            user_id: None,
            person: "somebody".into(),
            at: NOON,
            client,
            invitation: None,
        }
    }

    pub async fn joins(&self, viewer: &NewViewer) -> JoinOutcome {
        let data = joined(viewer.id, &viewer.person);
        let event = NewEvent { data, user_id: viewer.user_id, ..self.event(EventType::ViewerJoined) };
        self.join(viewer, event).await.unwrap()
    }

    /// A new viewer who takes a place.
    pub async fn watches(&self, show: &Broadcast) -> (NewViewer, Seat) {
        let viewer = self.new_viewer(show);
        let JoinOutcome::Joined(seat, _) = self.joins(&viewer).await else { panic!("there is room") };
        (viewer, seat)
    }

    /// A viewer goes, in whatever stay (`None`) or in this one only.
    pub async fn goes(
        &self,
        viewer: &NewViewer,
        reason: LeaveReason,
        generation: Option<i64>,
    ) -> Option<Counts> {
        self.goes_at(viewer, (reason, generation), NOON).await
    }

    /// As [`Db::goes`], at a time.
    pub async fn goes_at(
        &self,
        viewer: &NewViewer,
        (reason, generation): (LeaveReason, Option<i64>),
        at: Time,
    ) -> Option<Counts> {
        let (event, session_id) = (EventId(self.id()), viewer.session_id);
        let departure = Departure { viewer: viewer.id, session_id, generation, reason, at, event };
        self.leave(&departure).await.unwrap()
    }

    pub async fn counts(&self, show: &Broadcast) -> Counts {
        self.broadcast(show.id).await.unwrap().unwrap().counts
    }

    /// The whole log, known to be numbered 1, 2, 3 … without a gap.
    pub async fn log(&self, show: &Broadcast) -> Vec<Event> {
        let events = self.events(show.id, &EventQuery::after(0, 10_000)).await.unwrap().events;
        let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>(), "a gap or a double");
        events
    }

    pub async fn logged(&self, show: &Broadcast) -> Vec<String> {
        self.log(show).await.into_iter().map(|event| event.kind).collect()
    }
}

/// An empty object.
pub fn nothing() -> Map<String, serde_json::Value> {
    Map::new()
}
