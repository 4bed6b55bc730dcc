//! Builds the server out of its parts and starts it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tallylight_api::limits::RateLimits;
use tallylight_api::live::{Live, LiveParts};
use tallylight_api::sight::{Platform, Sight};
use tallylight_core::audit_log::AuditLog;
use tallylight_core::clock::{Clock, SystemClock};
use tallylight_core::idempotency::Idempotency;
use tallylight_core::ids::{Ids, SystemIds};
use tallylight_core::ledger::Ledger;
use tallylight_core::secret::Secret;
use tallylight_core::session::SessionParts;
use tallylight_core::{BroadcastManager, KeyManager, SessionManager, UserManager};
use tallylight_media::{hls, rtmp};
use tallylight_store::{Claim, Store};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::accounts::AccountKeeper;
use crate::audit::AuditKeeper;
use crate::enforcer::Enforcer;
use crate::entrance::Entrance;
use crate::ingest::{Figures, Ingest};
use crate::keeper::Keeper;
use crate::lock::lock;
use crate::logs::LogKeeper;
use crate::mail::Letterbox;
use crate::people::{Ground, People};
use crate::settings::Settings;
use crate::{forgetting, http, mail, secret, sight, tls, usage};

/// A server at work.
pub struct Running {
    /// Where the pages and the API are.
    pub http: SocketAddr,
    /// Where encoders publish to.
    pub rtmp: SocketAddr,
    /// The RTMP application name.
    pub rtmp_app: String,
    /// The one-time token to make the administrator with, while there is none.
    pub setup_token: Option<String>,
    /// Accounts, for the demo and for tests.
    pub users: Arc<UserManager>,
    /// Sessions, for tests.
    pub sessions: Arc<SessionManager>,
    /// The live feed, for tests.
    pub live: Arc<Live>,
    /// What is counted, for tests.
    pub sight: Arc<Sight>,
    keys: Arc<KeyManager>,
    audit: Arc<AuditLog>,
    idempotency: Arc<Idempotency>,
    base_url: String,
    store: Store,
    /// Held as long as the data is ours.
    _lock: (File, Claim),
    stop: CancellationToken,
    tasks: TaskTracker,
    /// The post closes when nobody is left who could write.
    post: (CancellationToken, TaskTracker),
}

/// Starts a server.
///
/// # Errors
/// What is wrong, naming the folder, file, setting or port.
pub async fn start(settings: Settings) -> anyhow::Result<Running> {
    let data_dir = &settings.data_dir;
    fs::create_dir_all(data_dir)
        .with_context(|| format!("the data folder {} cannot be made", data_dir.display()))?;
    let lock = lock(data_dir)?;
    let doors = Doors::open(&settings).await?;
    raise_file_limit();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::default());
    let secret = secret::load(&settings.secret, data_dir, ids.as_ref())?;
    let (store, claim) = open_database(&settings).await?;
    let (letterbox, post_office) = mail::open(&settings, (clock.clone(), ids.clone()))?;
    let post =
        Post { letterbox: Arc::new(letterbox), link_base: base_url(&settings, doors.http.local_addr()?) };
    let managers = Managers::new(&settings, (&store, &secret), (clock.clone(), ids), post)?;
    managers
        .people
        .standing
        .restore(&store, clock.now())
        .await
        .context("who may do what could not be restored")?;
    managers.sessions.restore().await.context("what was open could not be restored")?;
    let setup_token = managers.people.users.offer_set_up().await?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (post_stop, post) = (CancellationToken::new(), TaskTracker::new());
    post.spawn(post_office.run(post_stop.clone()));
    post.close();
    let (http, rtmp) = (doors.http.local_addr()?, doors.rtmp.local_addr()?);
    let Served { live, sight } = doors.serve(&settings, &managers, clock, (&stop, &tasks))?;
    Ok(Running {
        http,
        rtmp,
        setup_token,
        users: managers.people.users,
        sessions: managers.sessions,
        keys: managers.people.keys,
        audit: managers.people.audit,
        idempotency: managers.people.idempotency,
        live,
        sight,
        base_url: base_url(&settings, http),
        rtmp_app: settings.rtmp_app,
        store,
        _lock: (lock, claim),
        stop,
        tasks,
        post: (post_stop, post),
    })
}

/// What is at work behind the doors.
struct Served {
    live: Arc<Live>,
    sight: Arc<Sight>,
}

/// Where people and encoders come in. Opened before anything else is done, so that a port that is taken is told at once.
struct Doors {
    http: TcpListener,
    rtmp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Doors {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            http: listen(settings.listen, "listen").await?,
            rtmp: listen(settings.rtmp_listen, "rtmp_listen").await?,
            tls: tls::acceptor(settings)?,
        })
    }

    /// Begins everything that goes on until the stop.
    fn serve(
        self,
        settings: &Settings,
        managers: &Managers,
        clock: Arc<dyn Clock>,
        (stop, tasks): (&CancellationToken, &TaskTracker),
    ) -> anyhow::Result<Served> {
        let Managers { people, broadcasts, sessions, ids, .. } = managers.clone();
        let People { users, keys, idempotency, admin, standing, audit, .. } = people;
        let http = settings.http(self.rtmp.local_addr()?.port())?;
        let origin = Arc::new(hls::Origin::new(settings.hls()));
        let (figures, connections) = (Arc::<Figures>::default(), Arc::<rtmp::Figures>::default());
        let limits = rate_limits(settings, &clock, (stop, tasks));
        let live = managers.live(settings, &clock, &limits)?;
        keep(settings, (&sessions, &origin, &clock), (stop, tasks));
        managers.keep(settings, &live, (stop, tasks));
        let encoders = rtmp::serve_counted(self.rtmp, settings.rtmp(), connections.clone(), stop.clone());
        let ingest = Ingest {
            figures: figures.clone(),
            sessions: sessions.clone(),
            origin: origin.clone(),
            clock: clock.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(ingest.run(encoders));
        tasks.spawn(live.clone().run(stop.clone()));
        let platform = managers.platform(&live, &origin);
        let entrance = Arc::new(Entrance::new(settings)?);
        let parts = sight::Parts {
            platform,
            store: managers.store.clone(),
            encoders: figures,
            rtmp: connections,
            entrance: entrance.clone(),
            limits: limits.clone(),
            mailer: managers.mailer.clone(),
        };
        let sight = sight::start(parts, settings, clock.clone(), (tasks, stop))?;
        let parts = tallylight_api::Parts {
            broadcasts,
            sessions,
            users,
            keys,
            origin,
            live: live.clone(),
            limits,
            idempotency,
            admin,
            standing,
            audit,
            settings: http,
            sight: sight.clone(),
            clock,
            ids,
        };
        let app = tallylight_api::app(parts);
        let limits = (settings.http_limits(), entrance);
        tasks.spawn(http::serve((self.http, self.tls), app, limits, stop.clone()));
        Ok(Served { live, sight })
    }
}

/// Begins to limit how often callers may do what.
fn rate_limits(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    (stop, tasks): (&CancellationToken, &TaskTracker),
) -> Arc<RateLimits> {
    if !settings.rate_limits {
        warn!("rate_limits is off: only sign-ins are limited");
    }
    let limits = Arc::new(RateLimits::new(&settings.limits(), clock.clone()));
    tasks.spawn(limits.clone().run(stop.clone()));
    limits
}

/// Begins what is done from time to time.
fn keep(
    settings: &Settings,
    (sessions, origin, clock): (&Arc<SessionManager>, &Arc<hls::Origin>, &Arc<dyn Clock>),
    (stop, tasks): (&CancellationToken, &TaskTracker),
) {
    let keeper = Keeper {
        sessions: sessions.clone(),
        origin: origin.clone(),
        clock: clock.clone(),
        linger: settings.ended_media_linger(),
    };
    tasks.spawn(keeper.run(stop.clone()));
    let retention = (settings.session_retention > 0).then(|| Duration::from_secs(settings.session_retention));
    tasks.spawn(LogKeeper { sessions: sessions.clone(), retention }.run(stop.clone()));
}

/// Opens the database and claims it.
async fn open_database(settings: &Settings) -> anyhow::Result<(Store, Claim)> {
    let location = settings.location();
    let store = Store::open(&location, settings.database()).await.map_err(|error| anyhow!("{error}"))?;
    let claim = store.claim().await.map_err(|error| anyhow!("{error} ({})", location.name()))?;
    info!(database = location.name(), "opened the database");
    if std::env::var_os("REDIS_URL").is_some() {
        warn!(
            "REDIS_URL is set and not used: this version keeps everything but the database in its own memory"
        );
    }
    Ok((store, claim))
}

/// Lets the process have as many connections as the system allows it: by default that is far fewer.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        warn!(%error, "the limit of open files stays as it is");
    }
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{setting}: {address} cannot be listened on"))
}

/// How people are written to.
struct Post {
    letterbox: Arc<Letterbox>,
    /// With what links begin.
    link_base: String,
}

/// The address that people open.
fn base_url(settings: &Settings, http: SocketAddr) -> String {
    if !settings.public_url.is_empty() {
        return settings.public_url.trim_end_matches('/').to_owned();
    }
    let scheme = if settings.has_tls() { "https" } else { "http" };
    format!("{scheme}://{http}")
}

fn session_parts(
    settings: &Settings,
    (store, ledger): (&Arc<Store>, &Arc<Ledger>),
    people: &People,
) -> SessionParts {
    SessionParts {
        ledger: ledger.clone(),
        store: store.clone(),
        logs: store.clone(),
        bans: store.clone(),
        invitations: store.clone(),
        users: store.clone(),
        keys: people.stream_keys.clone(),
        standing: people.standing.clone(),
        settings: settings.sessions(),
    }
}

#[derive(Clone)]
struct Managers {
    people: People,
    broadcasts: Arc<BroadcastManager>,
    sessions: Arc<SessionManager>,
    store: Store,
    ids: Arc<dyn Ids>,
    mailer: Arc<Letterbox>,
}

impl Managers {
    /// Begins what looks after accounts, keys and who may be here.
    fn keep(&self, settings: &Settings, live: &Arc<Live>, (stop, tasks): (&CancellationToken, &TaskTracker)) {
        let Self { people, broadcasts, sessions, .. } = self.clone();
        let People { users, keys, admin, audit, idempotency, .. } = people;
        tasks.spawn(AccountKeeper { users, broadcasts }.run(stop.clone()));
        tasks.spawn(Enforcer { sessions, admin, live: live.clone() }.run(stop.clone()));
        let audit = AuditKeeper { audit, retention: settings.audit_retention() };
        tasks.spawn(audit.run(stop.clone()));
        tasks.spawn(forgetting::run(idempotency, keys.clone(), stop.clone()));
        tasks.spawn(usage::write(keys, stop.clone()));
    }

    /// What is counted of broadcasts, viewers and live connections.
    fn platform(&self, live: &Arc<Live>, origin: &Arc<hls::Origin>) -> Platform {
        let Self { people: People { users, audit, .. }, sessions, .. } = self.clone();
        Platform { sessions, users, audit, live: live.clone(), origin: origin.clone() }
    }

    /// The live feed, begun.
    fn live(
        &self,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        rates: &Arc<RateLimits>,
    ) -> anyhow::Result<Arc<Live>> {
        let parts = LiveParts {
            sessions: self.sessions.clone(),
            users: self.people.users.clone(),
            keys: self.people.keys.clone(),
            clock: clock.clone(),
            rates: rates.clone(),
            limits: settings.live(),
            places: settings.live_places(),
        };
        Live::start(parts).context("live connections cannot be served")
    }

    fn new(
        settings: &Settings,
        (store, secret): (&Store, &Secret),
        (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
        post: Post,
    ) -> anyhow::Result<Self> {
        let kept = Arc::new(store.clone());
        let ground = Ground { settings, secret, store: kept.clone(), clock: clock.clone(), ids: ids.clone() };
        let people = People::new(ground, (post.letterbox.clone(), post.link_base))?;
        let ledger = Arc::new(Ledger::new(kept.clone(), clock, ids.clone()));
        let parts = session_parts(settings, (&kept, &ledger), &people);
        let sessions = Arc::new(SessionManager::new(parts, secret)?);
        let (stream_keys, audit) = (people.stream_keys.clone(), people.audit.clone());
        let broadcasts =
            BroadcastManager::new(ledger, sessions.clone(), stream_keys, audit, settings.broadcasts());
        let (broadcasts, mailer) = (Arc::new(broadcasts), post.letterbox);
        Ok(Self { people, broadcasts, sessions, store: store.clone(), ids, mailer })
    }
}

impl Running {
    /// The address that people open.
    pub fn base_url(&self) -> String {
        self.base_url.clone()
    }

    /// Closes the database under the server, for tests of what is seen then.
    pub async fn close_database(&self) {
        self.store.close().await;
    }

    /// Lets requests under way finish, tells encoders, writes what viewers told and what was done last, sends the last
    /// mail, and closes the database.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let (post_stop, post) = &self.post;
        post_stop.cancel();
        let (written, settled, ()) =
            tokio::join!(self.audit.write(true), self.idempotency.settle_all(), post.wait());
        if let Err(error) = written {
            warn!(%error, "the last entries of the audit log are lost");
        }
        if let Err(error) = settled {
            warn!(%error, "idempotency keys of calls that are over stay taken");
        }
        if let Err(error) = self.sessions.write_quality().await {
            warn!(%error, "the last figures of playback are lost");
        }
        if let Err(error) = self.keys.write_usage().await {
            warn!(%error, "the last uses of API keys are not counted");
        }
        self.store.close().await;
    }
}
