//! The server's machine: the real managers, started as `tallylight serve` starts them, and a tick a second.

mod calls;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallylight_core::audit_log::AuditLog;
use tallylight_core::broadcast::BroadcastSettings;
use tallylight_core::chat::ChatSettings;
use tallylight_core::clock::Clock;
use tallylight_core::directory::{Part, Query, Scope, Sort};
use tallylight_core::ids::{BroadcastId, Ids, UserId};
use tallylight_core::ledger::Ledger;
use tallylight_core::secret::Secret;
use tallylight_core::session::{SessionParts, SessionSettings};
use tallylight_core::standing::Standing;
use tallylight_core::user::StreamKeys;
use tallylight_core::viewer::Counts;
use tallylight_core::{BroadcastManager, Result, SessionManager};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::clocks::{ServerClock, Wall};
use crate::dice::Dice;
use crate::judge::{Judge, TIMEOUT};
use crate::machine::Machine;
use crate::network::{Host, Network};
use crate::remote::Remote;
use crate::trace::Trace;

pub use calls::{Calls, Seated};

/// Shorter than anybody would set it, so that it runs out within a run.
pub const SETTINGS: SessionSettings = SessionSettings {
    heartbeat_interval: Duration::from_secs(5),
    viewer_timeout: TIMEOUT,
    reconnect_window: Duration::from_secs(20),
    idle_timeout: Duration::from_secs(40),
    chat: ChatSettings::DEFAULT,
};

/// What a run is made of. Clones share it.
#[derive(Clone)]
pub struct Parts {
    /// Chance.
    pub dice: Dice,
    /// The server's wall clock.
    pub wall: Arc<Wall>,
    /// What happened.
    pub trace: Trace,
    /// All machines.
    pub network: Network,
    /// The database's.
    pub machine: Arc<Machine>,
    /// Who watches.
    pub judge: Arc<Judge>,
    /// Ids of every start of the server.
    pub ids: Arc<dyn Ids>,
}

/// The managers of one start.
pub struct Managers {
    /// Broadcasts.
    pub broadcasts: BroadcastManager,
    /// Viewers and encoders.
    pub sessions: Arc<SessionManager>,
}

impl Managers {
    fn new(parts: &Parts, boot: u32) -> Result<Self> {
        let (network, machine, dice) = (parts.network.clone(), parts.machine.clone(), parts.dice.clone());
        let store = Arc::new(Remote::new(network, machine, dice, boot));
        let clock: Arc<dyn Clock> = Arc::new(ServerClock::boot(&parts.wall));
        let (secret, ids) = (Secret::new(&[7; 32]), parts.ids.clone());
        let keys = Arc::new(StreamKeys::new(&secret, ids.clone())?);
        let audit = AuditLog::new(parts.machine.database.clone(), clock.clone(), ids.clone());
        let ledger = Arc::new(Ledger::new(store.clone(), clock, ids));
        let session_parts = SessionParts {
            ledger: ledger.clone(),
            store: store.clone(),
            logs: parts.machine.database.clone(),
            bans: parts.machine.database.clone(),
            invitations: parts.machine.database.clone(),
            users: store,
            keys: keys.clone(),
            standing: Arc::new(Standing::new(time::Duration::minutes(15))),
            settings: SETTINGS,
        };
        let sessions = Arc::new(SessionManager::new(session_parts, &secret)?);
        let settings = BroadcastSettings { allow_reported_viewers: true, max_open_broadcasts: 100 };
        let broadcasts = BroadcastManager::new(ledger, sessions.clone(), keys, Arc::new(audit), settings);
        Ok(Self { broadcasts, sessions })
    }

    /// Every open broadcast that the server knows, with the numbers that it shows.
    pub fn shown(&self, owners: &[UserId]) -> BTreeMap<BroadcastId, Counts> {
        let scopes = owners.iter().map(|owner| Scope::PrivateOf(*owner)).chain([Scope::Public]);
        scopes.flat_map(|scope| self.list(scope)).collect()
    }

    /// Those of one scope, in the order of a list.
    pub fn list(&self, scope: Scope) -> Vec<(BroadcastId, Counts)> {
        let query = Query { scope, sort: Sort::StartedAt, ..Query::default() };
        let page = self.broadcasts.get_active_broadcasts(&query, Part { offset: 0, limit: 1_000 });
        page.items.iter().map(|item| (item.id, item.counts)).collect()
    }
}

/// The machine on which the server is started again and again. Clones share it.
#[derive(Clone)]
pub struct Server {
    parts: Parts,
    current: Arc<Mutex<Option<Arc<Managers>>>>,
}

impl Server {
    /// Nothing runs on it yet.
    pub fn new(parts: &Parts) -> Self {
        Self { parts: parts.clone(), current: Arc::default() }
    }

    /// The managers, once what was open is restored.
    pub fn managers(&self) -> Option<Arc<Managers>> {
        self.lock().clone()
    }

    /// The machine starts; the server as often as it must until it is ready.
    pub fn start(&self) {
        self.parts.network.start(Host::Server);
        self.parts.network.run(Host::Server, self.clone().run());
    }

    /// The machine dies.
    pub fn crash(&self) {
        self.parts.network.crash(Host::Server);
        *self.lock() = None;
    }

    async fn run(self) {
        let managers = loop {
            match self.boot().await {
                Ok(managers) => break managers,
                Err(error) => self.parts.trace.note("server", format_args!("does not start: {error}")),
            }
            sleep(Duration::from_secs(1)).await;
        };
        *self.lock() = Some(managers.clone());
        self.parts.judge.ready();
        self.parts.trace.note("server", "is ready");
        self.keep_time(&managers).await;
    }

    async fn boot(&self) -> Result<Arc<Managers>> {
        let boot = self.parts.judge.boots();
        let managers = Arc::new(Managers::new(&self.parts, boot)?);
        managers.sessions.restore().await?;
        Ok(managers)
    }

    async fn keep_time(&self, managers: &Managers) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if let Err(error) = managers.sessions.tick().await {
                self.parts.trace.note("server", format_args!("tick: {error}"));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Managers>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
