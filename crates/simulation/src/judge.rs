//! Watches a run from outside and says at once when something is not as the rules have it.
//!
//! It sees what the database commits, what the server's handlers answer and what the server shows, and knows when
//! which machine was away. From that it knows who may be counted, and when whose time was up.

mod diary;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tallylight_core::broadcast::Status;
use tallylight_core::ids::{BroadcastId, ViewerId};
use tallylight_core::viewer::Counts;
use tokio::sync::Notify;

use crate::clocks::Wall;
use crate::database::{Database, Room};
use crate::fold::{Fold, Step};
use crate::trace::Trace;

pub use diary::Call;
use diary::Diary;

/// How late the server may be, in calm.
const LATE: Duration = Duration::from_secs(5);
/// How long a viewer may be silent.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// How long the server takes at most to look at the time and to write what it brings.
const TICK: Duration = Duration::from_millis(2_500);

/// The judge of a run.
pub struct Judge {
    wall: Arc<Wall>,
    trace: Trace,
    state: Mutex<State>,
    /// Told when something is wrong.
    failed: Notify,
}

#[derive(Default)]
struct State {
    folds: BTreeMap<BroadcastId, Fold>,
    diaries: BTreeMap<ViewerId, Diary>,
    /// When each start of the server began and was ready.
    boots: Vec<(Duration, Option<Duration>)>,
    /// How many faults between the server and its database are going on, and since when there is none.
    faults: u32,
    calm_since: Duration,
    failure: Option<String>,
}

impl Judge {
    /// Of a run that begins.
    pub fn new(wall: Arc<Wall>, trace: Trace) -> Self {
        Self { wall, trace, state: Mutex::default(), failed: Notify::new() }
    }

    /// Waits until something is wrong.
    pub async fn failed(&self) {
        self.failed.notified().await;
    }

    /// What was wrong first.
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    /// Says that something is wrong.
    pub fn fail(&self, what: String) {
        let mut state = self.lock();
        if state.failure.is_none() {
            self.trace.note("JUDGE", &what);
            state.failure = Some(what);
            self.failed.notify_one();
        }
    }

    fn rule(&self, outcome: Result<(), String>) {
        if let Err(what) = outcome {
            self.fail(what);
        }
    }

    /// A fault between the server and its database begins or ends.
    pub fn fault(&self, begins: bool) {
        let mut state = self.lock();
        state.faults = if begins { state.faults + 1 } else { state.faults.saturating_sub(1) };
        state.calm_since = self.wall.elapsed();
    }

    /// Every fault ends, also those that were interrupted.
    pub fn relents(&self) {
        let mut state = self.lock();
        (state.faults, state.calm_since) = (0, self.wall.elapsed());
    }

    /// A start of the server begins; its number.
    pub fn boots(&self) -> u32 {
        let mut state = self.lock();
        state.boots.push((self.wall.elapsed(), None));
        state.diaries.values_mut().for_each(Diary::crash);
        u32::try_from(state.boots.len() - 1).unwrap_or_default()
    }

    /// The server has restored what was open.
    pub fn ready(&self) {
        let (now, mut state) = (self.wall.elapsed(), self.lock());
        if let Some(boot) = state.boots.last_mut() {
            boot.1 = Some(now);
        }
        state.calm_since = now;
        state.diaries.values_mut().for_each(Diary::restore);
    }

    /// Something was committed, asked for by a start of the server.
    pub fn committed(&self, database: &Database, boot: u32) {
        let judged = self.read_logs(database, boot);
        self.rule(judged);
    }

    fn read_logs(&self, database: &Database, boot: u32) -> Result<(), String> {
        let now = self.wall.elapsed();
        let mut state = self.lock();
        let seats = database.seats();
        for (id, room) in database.rooms() {
            let known = state.folds.entry(id).or_default().counts().seq;
            for event in database.log_after(id, usize::try_from(known).unwrap_or_default()) {
                self.trace.note("log", format_args!("{} {} {}", event.seq, event.kind, event.data));
                let step = state.folds.entry(id).or_default().take(&event, now)?;
                self.step(&mut state, step, (&room, boot))?;
            }
            let fold = state.folds.entry(id).or_default();
            let seats = seats.iter().filter(|seat| seat.session_id == id);
            if !seats.map(|seat| seat.viewer).eq(fold.there.keys().copied()) {
                return Err(format!("the places of {id} are not what its log says"));
            }
            if fold.counts() != room.counts {
                return Err(format!("the log of {id} adds up to {:?}, not {:?}", fold.counts(), room.counts));
            }
        }
        Ok(())
    }

    fn step(&self, state: &mut State, step: Step, (room, boot): (&Room, u32)) -> Result<(), String> {
        let now = self.wall.elapsed();
        match step {
            Step::Joined(viewer, at) => {
                if room.max > 0 && room.counts.viewers > room.max {
                    return Err(format!("{} have a place of {}", room.counts.viewers, room.max));
                }
                let lately = now.saturating_sub(Duration::from_secs(60));
                if !self.wall.when(at, lately).iter().any(|at| (lately..=now).contains(at)) {
                    return Err(format!("viewer {viewer} joined at {at}, which is not now"));
                }
                state.diaries.entry(viewer).or_default().joined(now)
            }
            Step::Left(gone) => {
                let boots = state.boots.clone();
                let diary = state.diaries.entry(gone.viewer).or_default();
                diary.left(now);
                match gone.reason.as_str() {
                    "timed_out" => diary.timed_out(&gone, (&self.wall, &boots, boot)),
                    "left" => diary.said_goodbye(&gone, &self.wall),
                    "ended" if room.status == Status::Ended => Ok(()),
                    "private" if room.is_private => Ok(()),
                    reason => Err(format!("viewer {} went because of {reason}", gone.viewer)),
                }
            }
            Step::Other => Ok(()),
        }
    }

    /// A handler of the server begins to do something for a viewer.
    pub fn begins(&self, viewer: ViewerId, call: Call) {
        let now = self.wall.elapsed();
        self.lock().diaries.entry(viewer).or_default().begins(call, now);
    }

    /// It is done, and was accepted, refused, or its outcome is not known.
    pub fn ends(&self, database: &Database, viewer: ViewerId, done: Done) {
        let judged = self.judge_call(database, viewer, &done);
        self.rule(judged);
    }

    fn judge_call(&self, database: &Database, viewer: ViewerId, done: &Done) -> Result<(), String> {
        let (now, mut state) = (self.wall.elapsed(), self.lock());
        let is_calm = state.is_calm_for(LATE + TICK, now);
        let restored = state.boots.last().and_then(|(_, ready)| *ready).unwrap_or(now);
        let place = database.place(viewer);
        let diary = state.diaries.entry(viewer).or_default();
        diary.ends(done, now);
        let told = |what: &str| Err(format!("viewer {viewer} {what}"));
        match (done.call, done.answer) {
            (Call::Leave, Answer::Accepted) if place.is_some() => {
                told("was told that it left, and has a place")
            }
            (Call::Join, Answer::Accepted) if place.is_none() && diary.left_before(done.since) => {
                told("was told that it has a place, and has none")
            }
            (Call::Heartbeat, Answer::Accepted)
                if place.is_none() && is_calm && diary.left_before(now.saturating_sub(LATE + TICK)) =>
            {
                told("is taken for present and has no place")
            }
            (Call::Heartbeat, Answer::Refused) if place.is_some() && diary.is_there(now, restored) => {
                told("was sent away and has a place")
            }
            _ => Ok(()),
        }
    }

    /// What an owner was told to be done is in the log once.
    pub fn titled(&self, id: BroadcastId, title: &str) {
        let logged = self.lock().folds.get(&id).and_then(|fold| fold.titles.get(title)).copied();
        if logged != Some(1) {
            self.fail(format!(
                "the title “{title}” was confirmed and is logged {} times",
                logged.unwrap_or(0)
            ));
        }
    }

    /// Compares what the server shows with what is kept; in calm it is right and no later than it may be.
    pub fn looks(&self, database: &Database, served: &BTreeMap<BroadcastId, Counts>) {
        let judged = self.compare(database, served);
        self.rule(judged);
    }

    fn compare(&self, database: &Database, served: &BTreeMap<BroadcastId, Counts>) -> Result<(), String> {
        let (now, state) = (self.wall.elapsed(), self.lock());
        let is_calm = state.is_calm_for(LATE, now);
        for (id, counts) in served {
            let fold = state.folds.get(id).ok_or_else(|| format!("{id} is shown and not kept"))?;
            let kept = usize::try_from(counts.seq).ok().and_then(|seq| fold.history.get(seq.checked_sub(1)?));
            if kept.is_none_or(|(_, kept)| kept != counts) {
                return Err(format!("{counts:?} of {id} is shown, and the log has {kept:?}"));
            }
        }
        for (id, fold) in state.folds.iter().filter(|_| is_calm) {
            let settled =
                fold.history.iter().rfind(|(at, _)| *at + LATE <= now).map(|(_, counts)| counts.seq);
            let open = database.rooms().get(id).is_some_and(|room| room.status != Status::Ended);
            let unchanged = fold.history.last().is_some_and(|(at, _)| *at + LATE <= now);
            match served.get(id) {
                Some(counts) if settled.is_some_and(|seq| counts.seq < seq) => {
                    return Err(format!("{counts:?} of {id} is shown, {:?} is kept", fold.counts()));
                }
                Some(_) if !open && unchanged => return Err(format!("{id} has ended and is shown")),
                None if open && unchanged => return Err(format!("{id} is open and not shown")),
                _ => {}
            }
        }
        if is_calm { state.nobody_is_left_over(database, now) } else { Ok(()) }
    }

    /// At the end: exactly those have a place who know that they have.
    pub fn closes(&self, database: &Database, watching: &[ViewerId]) {
        let mut watching = watching.to_vec();
        watching.sort_unstable();
        let seats: Vec<_> = database.seats().iter().map(|seat| seat.viewer).collect();
        if seats != watching {
            self.fail(format!("{seats:?} have places, and these watch: {watching:?}"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_calm_for(&self, time: Duration, now: Duration) -> bool {
        let is_ready = self.boots.last().is_some_and(|(_, ready)| ready.is_some());
        self.faults == 0 && is_ready && now >= self.calm_since + time
    }

    /// Everybody who has a place showed a sign of life lately, or was found late because of a fault.
    fn nobody_is_left_over(&self, database: &Database, now: Duration) -> Result<(), String> {
        for seat in database.seats() {
            let latest = self.diaries.get(&seat.viewer).map_or(Duration::ZERO, |diary| diary.latest());
            // A fault may have hidden it from the server until it was found again.
            let known = latest.max(self.calm_since) + LATE;
            if now > known + TIMEOUT + TICK {
                let seen = latest.as_secs_f64();
                return Err(format!("viewer {} was last seen at {seen} and has a place", seat.viewer));
            }
        }
        Ok(())
    }
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Accepted,
    /// It was not done.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// A call that is done.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// What was asked.
    pub call: Call,
    /// What came of it.
    pub answer: Answer,
    /// When it began.
    pub since: Duration,
}
