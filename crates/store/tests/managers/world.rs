//! A server without its network: the managers, a database of their own and a clock to turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use tallylight_core::analytics::{Interval, Period};
use tallylight_core::audit::Auditor;
use tallylight_core::audit_log::AuditLog;
use tallylight_core::broadcast::{
    BroadcastSettings, CreateBroadcast, Snapshot, Status, UpdateBroadcast, Visibility,
};
use tallylight_core::caller::Access;
use tallylight_core::chat::ChatSettings;
use tallylight_core::clock::{Clock, Time};
use tallylight_core::event::{Event, EventQuery};
use tallylight_core::idempotency::Idempotency;
use tallylight_core::ids::{BroadcastId, SystemIds, UserId, ViewerId};
use tallylight_core::key::KeyParts;
use tallylight_core::ledger::Ledger;
use tallylight_core::mail::{Mail, Mailer};
use tallylight_core::secret::Secret;
use tallylight_core::session::{Admission, JoinRequest, Joined, SessionParts, SessionSettings};
use tallylight_core::standing::Standing;
use tallylight_core::store::{BroadcastStore, SessionStore, UserStore};
use tallylight_core::user::{Registration, Role, StreamKeys, User, UserParts, UserSettings};
use tallylight_core::viewer::Client;
use tallylight_core::{BroadcastManager, Caller, Error, KeyManager, Result, SessionManager, UserManager};
use tallylight_store::{Limits, Location, Store};
use tallylight_testkit::TestDatabase;
use tempfile::TempDir;
use time::macros::datetime;

use crate::faults::Door;

pub const NOON: Time = datetime!(2026-05-01 12:00 UTC);
pub const ANYBODY: Caller = Caller::Anonymous;

/// A caller, and where it is: nowhere in particular.
pub fn by(caller: &Caller) -> (&Caller, &Client) {
    static NOWHERE: LazyLock<Client> = LazyLock::new(Client::default);
    (caller, &NOWHERE)
}

/// Stands still until a test turns it.
pub struct HandClock(Mutex<(Time, Duration)>);

impl Clock for HandClock {
    fn now(&self) -> Time {
        self.0.lock().unwrap().0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

#[derive(Clone, Copy)]
pub struct Settings {
    pub sessions: SessionSettings,
    pub users: UserSettings,
    pub reported_viewers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sessions: SessionSettings {
                heartbeat_interval: Duration::from_secs(5),
                viewer_timeout: Duration::from_secs(15),
                reconnect_window: Duration::from_secs(60),
                idle_timeout: Duration::from_secs(24 * 3600),
                chat: ChatSettings::DEFAULT,
            },
            users: UserSettings {
                registration: true,
                access_token_seconds: 900,
                refresh_token_seconds: 30 * 86_400,
                reset_seconds: 1_800,
            },
            reported_viewers: true,
        }
    }
}

impl Settings {
    pub fn reconnect_window(seconds: u64) -> Self {
        let mut settings = Self::default();
        settings.sessions.reconnect_window = Duration::from_secs(seconds);
        settings
    }
}

/// Keeps the mails that are sent.
#[derive(Default)]
pub struct Mails {
    sent: Mutex<Vec<Mail>>,
    is_full: AtomicBool,
}

impl Mails {
    /// Those that were sent since the last time.
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    /// From now on none is taken, or they are again.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }
}

impl Mailer for Mails {
    fn send(&self, mail: Mail) -> Result<()> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::Busy("mail"));
        }
        self.sent.lock().unwrap().push(mail);
        Ok(())
    }
}

pub struct World {
    pub store: Arc<Store>,
    /// Through which the managers reach the store.
    pub door: Arc<Door>,
    pub clock: Arc<HandClock>,
    pub users: Arc<UserManager>,
    pub broadcasts: BroadcastManager,
    pub sessions: Arc<SessionManager>,
    pub api_keys: KeyManager,
    pub mails: Arc<Mails>,
    pub standing: Arc<Standing>,
    pub audit: Arc<AuditLog>,
    pub answers: Arc<Idempotency>,
    keys: Arc<StreamKeys>,
    settings: Settings,
    home: Home,
}

/// Where a world's data is; it outlives the process.
pub enum Home {
    File(TempDir),
    Server(TestDatabase),
}

impl Home {
    pub fn file() -> Self {
        Self::File(TempDir::new().unwrap())
    }

    pub fn server() -> Self {
        Self::Server(tallylight_testkit::database())
    }

    fn location(&self) -> Location {
        match self {
            Self::File(folder) => Location::File(folder.path().join("tallylight.db")),
            Self::Server(database) => Location::Server(database.url().to_owned()),
        }
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::at(Home::file(), settings).await
    }

    pub async fn at(home: Home, settings: Settings) -> Self {
        let clock = Arc::new(HandClock(Mutex::new((NOON, Duration::from_secs(1_000)))));
        Self::start(home, clock, settings).await
    }

    async fn start(home: Home, clock: Arc<HandClock>, settings: Settings) -> Self {
        // A disk that stands still for a moment under other tests is no outage.
        let limits = Limits { timeout: Duration::from_secs(60), ..Limits::default() };
        let store = Arc::new(Store::open(&home.location(), limits).await.unwrap());
        let (secret, ids) = (Secret::new(&[7; 32]), Arc::new(SystemIds::default()));
        let keys = Arc::new(StreamKeys::new(&secret, ids.clone()).unwrap());
        let standing = Arc::new(Standing::new(settings.users.token_life()));
        standing.restore(store.as_ref(), clock.now()).await.unwrap();
        let door = Arc::new(Door::new(store.clone()));
        let ledger = Arc::new(Ledger::new(door.clone(), clock.clone(), ids.clone()));
        let parts = SessionParts {
            ledger: ledger.clone(),
            store: door.clone(),
            logs: store.clone(),
            bans: door.clone(),
            invitations: store.clone(),
            users: store.clone(),
            keys: keys.clone(),
            standing: standing.clone(),
            settings: settings.sessions,
        };
        let sessions = Arc::new(SessionManager::new(parts, &secret).unwrap());
        let mails = Arc::new(Mails::default());
        let audit = Arc::new(AuditLog::new(store.clone(), clock.clone(), ids.clone()));
        let parts = KeyParts {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            standing: standing.clone(),
            audit: audit.clone(),
            max_keys: 3,
        };
        let api_keys = KeyManager::new(parts);
        let answers = Idempotency::new(store.clone(), clock.clone(), ids.clone(), &secret).unwrap();
        let answers = Arc::new(answers);
        let parts = UserParts {
            store: store.clone(),
            accounts: store.clone(),
            clock: clock.clone(),
            ids,
            keys: keys.clone(),
            standing: standing.clone(),
            mailer: mails.clone(),
            link_base: "https://live.example".into(),
            audit: audit.clone(),
            answers: answers.clone(),
            settings: settings.users,
        };
        let users = Arc::new(UserManager::new(parts, &secret, 2).unwrap());
        let allow =
            BroadcastSettings { allow_reported_viewers: settings.reported_viewers, max_open_broadcasts: 100 };
        let broadcasts = BroadcastManager::new(ledger, sessions.clone(), keys.clone(), audit.clone(), allow);
        Self {
            store,
            door,
            clock,
            users,
            broadcasts,
            sessions,
            api_keys,
            mails,
            standing,
            audit,
            answers,
            keys,
            settings,
            home,
        }
    }

    /// The process ends and another takes its place; nothing but the database is left. No time passes.
    pub async fn restarted(self) -> Self {
        let Self { home, clock, settings, .. } = self;
        clock.0.lock().unwrap().1 = Duration::ZERO;
        let world = Self::start(home, clock, settings).await;
        world.sessions.restore().await.unwrap();
        world
    }

    /// Time passes on both clocks, and the managers take note.
    pub async fn pass(&self, seconds: u64) {
        self.turn(seconds);
        self.sessions.tick().await.unwrap();
    }

    /// Time passes on both clocks.
    pub fn turn(&self, seconds: u64) {
        let mut clock = self.clock.0.lock().unwrap();
        let time = Duration::from_secs(seconds);
        *clock = (clock.0 + time, clock.1 + time);
    }

    /// Somebody sets the wall clock.
    pub async fn jump(&self, by: time::Duration) {
        self.clock.0.lock().unwrap().0 += by;
        self.sessions.tick().await.unwrap();
    }

    /// A broadcaster, kept without the cost of a password.
    pub async fn user(&self, name: &str) -> Caller {
        self.user_with_role(name, Role::Broadcaster).await
    }

    pub async fn user_with_role(&self, name: &str, role: Role) -> Caller {
        let id = UserId(tallylight_core::ids::Ids::uuid(&SystemIds::default(), NOON).unwrap());
        let user = User {
            id,
            username: name.into(),
            display_name: name.to_uppercase(),
            email: format!("{name}@example.org"),
            password_hash: "none".into(),
            role,
            stream_key: self.keys.generate(&id.0).unwrap(),
            default_title: None,
            erased_at: None,
            created_at: NOON,
        };
        assert_eq!(self.store.insert_user(&user).await.unwrap(), Ok(()));
        Caller::User(user.identity(Access::Server))
    }

    pub async fn show(&self, owner: &Caller) -> BroadcastId {
        self.create(owner, CreateBroadcast::titled("Launch day")).await
    }

    pub async fn show_for(&self, owner: &Caller, max_viewers: u32) -> BroadcastId {
        self.create(owner, CreateBroadcast { max_viewers, ..CreateBroadcast::titled("Small hall") }).await
    }

    pub async fn create(&self, owner: &Caller, request: CreateBroadcast) -> BroadcastId {
        self.broadcasts.create_broadcast(owner, request).await.unwrap().id
    }

    pub async fn ends(&self, owner: &Caller, id: BroadcastId) -> Snapshot {
        self.broadcasts.update_broadcast_status(owner, id, Status::Ended).await.unwrap()
    }

    pub async fn sets_visibility(&self, owner: &Caller, id: BroadcastId, visibility: Visibility) {
        let update = UpdateBroadcast { visibility: Some(visibility), ..UpdateBroadcast::default() };
        self.broadcasts.update(by(owner), id, update).await.unwrap();
    }

    /// The broadcast as the database has it, known to agree with what the managers answer.
    pub async fn state(&self, id: BroadcastId) -> Snapshot {
        let kept = self.store.broadcast(id).await.unwrap().unwrap();
        let owner = self.owner_of(id).await;
        assert_eq!(self.broadcasts.broadcast(&owner, id).await.unwrap(), kept, "memory and disk disagree");
        kept
    }

    /// The broadcast as the database has it.
    pub async fn store_state(&self, id: BroadcastId) -> Snapshot {
        self.store.broadcast(id).await.unwrap().unwrap()
    }

    /// A user as the database has it.
    pub async fn store_user(&self, name: &str) -> User {
        self.store.user_by_login(name).await.unwrap().unwrap()
    }

    /// Whether counts and sums agree with the log.
    pub async fn agrees_with_its_log(&self, id: BroadcastId) -> bool {
        self.audit(id, (Period::All, None)).await.is_empty()
    }

    pub async fn owner_of(&self, id: BroadcastId) -> Caller {
        let owner = self.store.broadcast(id).await.unwrap().unwrap().owner;
        Caller::User(self.store.user(owner).await.unwrap().unwrap().identity(Access::Server))
    }

    pub async fn count(&self, id: BroadcastId) -> u32 {
        self.state(id).await.counts.viewers
    }

    pub async fn join(&self, caller: &Caller, id: BroadcastId) -> Result<Joined> {
        self.broadcasts.join_broadcast(caller, id, JoinRequest::default(), Client::default()).await
    }

    pub async fn join_again(&self, id: BroadcastId, viewer_token: &str) -> Result<Joined> {
        let request = JoinRequest { viewer_token: Some(viewer_token.into()), ..JoinRequest::default() };
        self.broadcasts.join_broadcast(&ANYBODY, id, request, Client::default()).await
    }

    /// Somebody unknown takes a place.
    pub async fn watcher(&self, id: BroadcastId) -> Joined {
        self.join(&ANYBODY, id).await.unwrap()
    }

    /// A player fetches a playlist.
    pub async fn plays(&self, id: BroadcastId, playback_token: &str) -> Result<ViewerId> {
        Ok(self.sessions.play(id, playback_token, Client::default()).await?.pass.viewer)
    }

    pub async fn stream_key(&self, owner: &Caller, id: BroadcastId) -> String {
        let broadcast = self.broadcasts.broadcast(owner, id).await.unwrap();
        self.broadcasts.stream_key(&broadcast).unwrap()
    }

    /// An encoder connects and sends its first media.
    pub async fn goes_live(&self, owner: &Caller, id: BroadcastId) -> Admission {
        let admission = self.sessions.admit(&self.stream_key(owner, id).await, None).await.unwrap();
        assert!(self.sessions.media_started(id, admission.publish).await.unwrap());
        admission
    }

    pub async fn drops(&self, encoder: &Admission) {
        self.sessions.media_stopped(encoder.broadcast.id, encoder.publish, "connection lost").await.unwrap();
    }

    /// Every count and sum of a broadcast, held against its log.
    pub async fn audit(&self, id: BroadcastId, question: (Period, Option<Interval>)) -> Vec<String> {
        let (broadcasts, sessions, logs) = (self.store.clone(), self.store.clone(), self.store.clone());
        let auditor = Auditor { broadcasts, sessions, logs };
        let finding = auditor.audit(id, question, self.clock.now(), &|_| {}).await.unwrap().unwrap();
        assert!(auditor.audit_places().await.unwrap().is_empty());
        finding.faults
    }

    /// The whole log, known to be numbered without a gap.
    pub async fn log(&self, id: BroadcastId) -> Vec<Event> {
        let events = self.store.events(id, &EventQuery::after(0, 100_000)).await.unwrap().events;
        assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "a gap or a double");
        events
    }

    /// What happened after the creation.
    pub async fn logged(&self, id: BroadcastId) -> Vec<String> {
        self.log(id).await.into_iter().skip(1).map(|event| event.kind).collect()
    }
}

pub fn registration(name: &str) -> Registration {
    Registration {
        username: name.into(),
        email: format!("{name}@example.org"),
        password: "correct horse".into(),
        display_name: None,
    }
}

/// The name of a refusal, for comparing.
pub fn refusal<T>(outcome: Result<T>) -> &'static str {
    match outcome {
        Ok(_) => "accepted",
        Err(Error::NotFound(_)) => "not found",
        Err(Error::Unauthenticated(_)) => "unauthenticated",
        Err(Error::Forbidden(_) | Error::WrongPassword) => "forbidden",
        Err(Error::Invalid(_)) => "invalid",
        Err(Error::Taken(_)) => "taken",
        Err(Error::LastAdmin) => "last admin",
        Err(Error::InvalidTransition { .. }) => "invalid transition",
        Err(Error::BroadcastFull) => "full",
        Err(Error::BroadcastEnded) => "ended",
        Err(Error::ViewerGone) => "gone",
        Err(Error::JoinTokenInvalid) => "join token invalid",
        Err(Error::Banned { .. }) => "banned",
        Err(Error::Suspended { .. }) => "suspended",
        Err(Error::ShutOut { .. }) => "shut out",
        Err(Error::TooManyRequests { .. }) => "too many requests",
        Err(other) => panic!("{other}"),
    }
}
