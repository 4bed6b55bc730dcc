//! One run, from its seed to its verdict.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tallylight_core::Caller;
use tallylight_core::caller::Access;
use tallylight_core::ids::{BroadcastId, Ids, UserId};
use tallylight_core::user::{Role, SealedKey, User};
use tokio::runtime::Builder;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::clocks::Wall;
use crate::database::Database;
use crate::dice::{Dice, SeededIds};
use crate::fate::{DAY, Fate};
use crate::judge::Judge;
use crate::machine::Machine;
use crate::network::{Host, Network, Weather};
use crate::people::{Evening, Owner, Person, Viewer};
use crate::server::{Parts, Server};
use crate::trace::Trace;

/// How long it takes at most until everything is settled and everybody who went is found to be gone.
const EVENING: Duration = Duration::from_secs(30);
/// How many of the last lines of a trace tell what went wrong.
const TOLD: usize = 60;

/// What came of a run.
pub struct Verdict {
    /// From which it can be had again.
    pub seed: u64,
    /// All that happened.
    pub trace: Vec<String>,
    /// What was wrong, if anything was.
    pub failure: Option<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(failure) = &self.failure else { return write!(f, "seed {} went well", self.seed) };
        let skipped = self.trace.len().saturating_sub(TOLD);
        writeln!(f, "seed {}: {failure}\n… {skipped} lines", self.seed)?;
        self.trace[skipped..].iter().try_for_each(|line| writeln!(f, "{line}"))?;
        let again = "scripts/cargo-test -p tallylight-simulation one_seed --no-capture";
        writeln!(f, "\nThe same again, with every line:\n  SIMULATION_SEED={} {again}", self.seed)
    }
}

/// Runs a seed.
///
/// # Errors
/// When no runtime can be made.
pub fn run(seed: u64) -> std::io::Result<Verdict> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    Ok(runtime.block_on(async {
        let play = Play::new(seed);
        let judge = play.parts.judge.clone();
        tokio::select! {
            biased;
            () = judge.failed() => {}
            () = play.goes_on() => {}
        }
        Verdict { seed, trace: play.parts.trace.take(), failure: judge.failure() }
    }))
}

/// Everything and everybody of a run.
struct Play {
    parts: Parts,
    server: Server,
    fate: Fate,
    owners: Vec<Owner>,
    viewers: Vec<Viewer>,
    evening: Evening,
}

impl Play {
    fn new(seed: u64) -> Self {
        let (dice, wall) = (Dice::new(seed), Wall::start());
        let (network, trace) = (Network::new(dice.clone()), Trace::new(wall.clone()));
        let judge = Arc::new(Judge::new(wall.clone(), trace.clone()));
        let witness = judge.clone();
        let database = Arc::new(Database::default());
        let machine = Machine::new(
            database,
            dice.clone(),
            Box::new(move |database, boot| witness.committed(database, boot)),
        );
        let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(&dice));
        let parts = Parts { dice, wall, trace, network, machine: Arc::new(machine), judge, ids };
        let server = Server::new(&parts);
        let places = parts.dice.number(2..5) as usize;
        let fate = Fate::new(&parts, &server, places);
        let mut play = Self {
            parts,
            server,
            fate,
            owners: Vec::new(),
            viewers: Vec::new(),
            evening: Evening::default(),
        };
        play.invites(places);
        play
    }

    fn invites(&mut self, places: usize) {
        for place in 0..places {
            self.parts.network.start(Host::Place(place));
            self.parts.network.set_weather((Host::Place(place), Host::Server), Weather::FAR);
        }
        for number in 0..self.parts.dice.number(1..3) {
            let caller = self.account(number);
            let owner = self.person(format!("owner {number}"), number as usize % places);
            self.owners.push(owner.owner(caller));
        }
        for number in 0..self.parts.dice.number(5..16) {
            let viewer = self.person(format!("viewer {number}"), number as usize % places);
            self.viewers.push(Viewer::new(viewer));
        }
    }

    fn person(&self, name: String, place: usize) -> Person {
        Person::new(name, (&self.parts, &self.server), place, &self.evening)
    }

    /// An account, kept without the cost of a password.
    fn account(&self, number: u32) -> Caller {
        let hash = [u8::try_from(number).unwrap_or_default(); 32];
        let user = User {
            id: UserId(uuid::Uuid::from_u128(u128::from(number) + 1)),
            username: format!("owner-{number}"),
            display_name: format!("Owner {number}"),
            email: format!("owner-{number}@example.org"),
            password_hash: "none".into(),
            role: Role::Broadcaster,
            stream_key: SealedKey { hash, sealed: Vec::new() },
            default_title: None,
            erased_at: None,
            created_at: self.parts.wall.now(),
        };
        if self.parts.machine.database.insert_user(&user).is_err() {
            self.parts.judge.fail("an account is there twice".into());
        }
        Caller::User(user.identity(Access::Server))
    }

    async fn goes_on(&self) {
        let looks = async {
            let mut looks = interval(Duration::from_millis(500));
            looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                looks.tick().await;
                self.looks();
            }
        };
        tokio::select! {
            biased;
            () = self.passes() => {}
            () = looks => {}
        }
    }

    async fn passes(&self) {
        self.parts.network.start(Host::Database);
        self.server.start();
        self.everybody_begins();
        tokio::select! {
            biased;
            () = sleep(DAY) => {}
            () = self.fate.clone().strikes_inside() => {}
            () = self.fate.clone().strikes_outside() => {}
        }
        self.fate.relents();
        self.evening.falls();
        sleep(EVENING).await;
        self.closes().await;
    }

    /// Exactly those have a place who know that they have; when everything has ended, nobody.
    async fn closes(&self) {
        let open = self.parts.machine.database.open_broadcasts();
        let is_open = |show| open.iter().any(|open| open.id == show);
        // Of an end a moment ago somebody may not have heard yet.
        let watching = self.viewers.iter().filter_map(Viewer::watches).filter(|(_, show)| is_open(*show));
        let watching: Vec<_> = watching.map(|(viewer, _)| viewer).collect();
        self.parts.trace.note("judge", format_args!("{} watch at the end", watching.len()));
        self.parts.judge.closes(&self.parts.machine.database, &watching);
        for owner in &self.owners {
            for id in self.open_of(owner) {
                owner.ends(id).await;
            }
        }
        self.parts.judge.closes(&self.parts.machine.database, &[]);
        self.looks();
    }

    fn everybody_begins(&self) {
        for owner in &self.owners {
            tokio::spawn(owner.clone().live());
            tokio::spawn(owner.clone().encodes());
        }
        for viewer in &self.viewers {
            tokio::spawn(viewer.clone().live());
        }
    }

    /// Looks at what the server shows, if it is there to show it.
    fn looks(&self) {
        if self.parts.network.reap() {
            self.parts.judge.fail("something panicked; it says what above".into());
        }
        if let Some(managers) = self.server.managers() {
            let owners: Vec<_> = self.owners.iter().filter_map(Owner::id).collect();
            self.parts.judge.looks(&self.parts.machine.database, &managers.shown(&owners));
        }
    }

    fn open_of(&self, owner: &Owner) -> Vec<BroadcastId> {
        let open = self.parts.machine.database.open_broadcasts();
        open.iter().filter(|open| Some(open.owner) == owner.id()).map(|open| open.id).collect()
    }
}
