//! Builds the server out of its parts and starts it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tallylight_api::live::{Live, LiveParts};
use tallylight_api::sight::{Platform, Sight};
use tallylight_core::broadcast::BroadcastSettings;
use tallylight_core::clock::{Clock, SystemClock};
use tallylight_core::ids::{Ids, SystemIds};
use tallylight_core::ledger::Ledger;
use tallylight_core::secret::Secret;
use tallylight_core::session::SessionParts;
use tallylight_core::user::{StreamKeys, UserParts};
use tallylight_core::{BroadcastManager, SessionManager, UserManager};
use tallylight_media::{hls, rtmp};
use tallylight_store::{Claim, Store};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::ingest::{Figures, Ingest};
use crate::keeper::Keeper;
use crate::lock::lock;
use crate::logs::LogKeeper;
use crate::settings::Settings;
use crate::{http, secret, sight, tls};

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
    /// What is known of the server.
    pub sight: Arc<Sight>,
    public_url: String,
    is_tls: bool,
    store: Store,
    /// Held as long as the data is ours.
    _lock: (File, Claim),
    stop: CancellationToken,
    tasks: TaskTracker,
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
    let http_listener = listen(settings.listen, "listen").await?;
    let rtmp_listener = listen(settings.rtmp_listen, "rtmp_listen").await?;
    let tls = tls::acceptor(&settings)?;
    raise_file_limit();
    let (http, rtmp) = (http_listener.local_addr()?, rtmp_listener.local_addr()?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::default());
    let secret = secret::load(&settings.secret, data_dir, ids.as_ref())?;
    let (store, claim) = open_database(&settings).await?;
    let managers = Managers::new(&settings, &store, &secret, (clock.clone(), ids.clone()))?;
    managers.sessions.restore().await.context("what was open could not be restored")?;
    let setup_token = managers.users.offer_set_up().await?;
    let origin = Arc::new(hls::Origin::new(settings.hls()));
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());

    let (ingest, connections) = (Arc::<Figures>::default(), Arc::<rtmp::Figures>::default());
    let encoders = Ingest {
        figures: ingest.clone(),
        sessions: managers.sessions.clone(),
        origin: origin.clone(),
        clock: clock.clone(),
        stop: stop.clone(),
    };
    let requests = rtmp::serve_counted(rtmp_listener, settings.rtmp(), connections.clone(), stop.clone());
    tasks.spawn(encoders.run(requests));
    keep(&settings, &managers.sessions, (&origin, &clock), (&tasks, &stop));
    let (users, sessions) = (managers.users.clone(), managers.sessions.clone());
    let live = Live::start(LiveParts {
        sessions: managers.sessions.clone(),
        users: managers.users.clone(),
        clock: clock.clone(),
        limits: settings.live(),
    })
    .context("live connections cannot be served")?;
    tasks.spawn(live.clone().run(stop.clone()));
    let places = Arc::new(Semaphore::new(settings.http_max_connections));
    let platform = Platform {
        sessions: managers.sessions.clone(),
        users: managers.users.clone(),
        live: live.clone(),
        origin: origin.clone(),
    };
    let parts = sight::Parts {
        platform,
        store: store.clone(),
        encoders: ingest,
        rtmp: connections,
        places: places.clone(),
    };
    let sight =
        sight::start(parts, &settings, clock.clone(), (&tasks, &stop)).inspect_err(|_| stop.cancel())?;
    let app = tallylight_api::app(tallylight_api::Parts {
        broadcasts: managers.broadcasts,
        sessions: managers.sessions,
        users: managers.users,
        origin,
        live,
        settings: settings.http(rtmp.port())?,
        sight: sight.clone(),
        clock,
        ids,
    });
    tasks.spawn(http::serve((http_listener, tls), app, (settings.http_limits(), places), stop.clone()));
    let is_tls = settings.has_tls();
    let (rtmp_app, public_url) = (settings.rtmp_app, settings.public_url);
    Ok(Running {
        http,
        rtmp,
        rtmp_app,
        setup_token,
        users,
        sessions,
        sight,
        public_url,
        is_tls,
        store,
        _lock: (lock, claim),
        stop,
        tasks,
    })
}

/// Starts what time brings to sessions, their media and their logs.
fn keep(
    settings: &Settings,
    sessions: &Arc<SessionManager>,
    (origin, clock): (&Arc<hls::Origin>, &Arc<dyn Clock>),
    (tasks, stop): (&TaskTracker, &CancellationToken),
) {
    let keeper = Keeper {
        sessions: sessions.clone(),
        origin: origin.clone(),
        clock: clock.clone(),
        linger: settings.ended_media_linger(),
    };
    tasks.spawn(keeper.run(stop.clone()));
    let retention = (settings.session_retention > 0).then(|| Duration::from_secs(settings.session_retention));
    let logs = LogKeeper { sessions: sessions.clone(), retention };
    tasks.spawn(logs.run(stop.clone()));
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

struct Managers {
    broadcasts: Arc<BroadcastManager>,
    sessions: Arc<SessionManager>,
    users: Arc<UserManager>,
}

impl Managers {
    fn new(
        settings: &Settings,
        store: &Store,
        secret: &Secret,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
    ) -> anyhow::Result<Self> {
        let store = Arc::new(store.clone());
        let keys = Arc::new(StreamKeys::new(secret, ids.clone())?);
        let ledger = Arc::new(Ledger::new(store.clone(), clock.clone(), ids.clone()));
        let parts = SessionParts {
            ledger: ledger.clone(),
            store: store.clone(),
            logs: store.clone(),
            bans: store.clone(),
            users: store.clone(),
            keys: keys.clone(),
            settings: settings.sessions(),
        };
        let sessions = Arc::new(SessionManager::new(parts, secret)?);
        let broadcast_settings = BroadcastSettings {
            allow_reported_viewers: settings.allow_reported_viewers,
            max_open_broadcasts: settings.max_open_broadcasts,
        };
        let broadcasts = BroadcastManager::new(ledger, sessions.clone(), keys.clone(), broadcast_settings);
        let parts = UserParts { store, clock, ids, keys, settings: settings.users() };
        let users = UserManager::new(parts, secret, settings.password_hashes_at_once)?;
        Ok(Self { broadcasts: Arc::new(broadcasts), sessions, users: Arc::new(users) })
    }
}

impl Running {
    /// The address that people open.
    pub fn base_url(&self) -> String {
        if self.public_url.is_empty() {
            let scheme = if self.is_tls { "https" } else { "http" };
            format!("{scheme}://{}", self.http)
        } else {
            self.public_url.trim_end_matches('/').to_owned()
        }
    }

    /// Closes the database under the server, for tests of what is seen then.
    pub async fn close_database(&self) {
        self.store.close().await;
    }

    /// Lets requests under way finish, tells encoders, writes what viewers told last, and closes the database.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.sessions.write_quality().await {
            warn!(%error, "the last figures of playback are lost");
        }
        self.store.close().await;
    }
}
