//! A day of one session with very many viewers: how fast its log is added up, and how long a question about it takes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use tallylight_core::analytics::report::report;
use tallylight_core::analytics::{Metric, Period, Progress, Window};
use tallylight_core::audit::Auditor;
use tallylight_core::clock::{Time, to_micros};
use tallylight_core::event::{EventType, LeaveReason, NewEvent, joined};
use tallylight_core::ids::{BroadcastId, EventId, SystemIds, ViewerId};
use tallylight_core::store::{LogStore, SessionStore};
use tallylight_core::viewer::{Client, Departure, NewViewer};
use tallylight_store::{Limits, Store};

use crate::fill::{Hall, id, now};
use crate::place::Place;

/// Writes at once: they span less time than the shortest stay.
const AT_ONCE: usize = 1_000;
const DAY_MICROS: u64 = 86_400_000_000;
/// In seconds: 12 s to about 2 h.
const SHORTEST_STAY: u64 = 12;
const ASKED: usize = 50;

struct Day {
    begin: Time,
    stays: u64,
    /// The next who comes.
    next: u64,
    /// Those who are there, by when they go.
    there: BinaryHeap<Reverse<(u64, ViewerId)>>,
}

enum Step {
    Join(NewViewer),
    Leave(ViewerId, Time),
}

impl Day {
    /// What happens next in the day.
    fn next(&mut self, session_id: BroadcastId) -> Result<Option<Step>> {
        let comes = (self.next < self.stays).then(|| self.next * (DAY_MICROS / self.stays));
        let goes = self.there.peek().map(|Reverse((at, _))| *at);
        let at = |micros: u64| -> Result<Time> {
            Ok(self.begin + time::Duration::microseconds(micros.try_into()?))
        };
        match (comes, goes) {
            (Some(comes), goes) if goes.is_none_or(|goes| comes <= goes) => {
                let viewer = ViewerId(id()?);
                // Cheap and spread: a few long stays among many short ones.
                let mixed = self.next.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                let seconds = SHORTEST_STAY + (mixed % 85).pow(2);
                let person = format!("{:032x}", mixed % (self.stays / 3 + 1));
                self.next += 1;
                self.there.push(Reverse((comes + seconds * 1_000_000, viewer)));
                let (at, client) = (at(comes)?, Client::default());
                Ok(Some(Step::Join(NewViewer { id: viewer, session_id, user_id: None, person, at, client, invitation: None })))
            }
            (_, Some(goes)) => {
                let at = at(goes)?;
                let gone = self.there.pop().map(|Reverse((_, viewer))| viewer);
                Ok(gone.map(|viewer| Step::Leave(viewer, at)))
            }
            _ => Ok(None),
        }
    }
}

/// Fills a session with so many events, adds them up, asks, and audits the answer.
pub async fn measure(place: &Place, hall: &Hall, events: u64) -> Result<String> {
    let store = Store::open(&place.location(), Limits::default()).await?;
    let session = hall.session(0);
    let begin = to_micros(now());
    let mut day = Day { begin, stays: events / 2, next: 0, there: BinaryHeap::new() };
    let writing = Instant::now();
    loop {
        let mut steps = Vec::with_capacity(AT_ONCE);
        while steps.len() < AT_ONCE
            && let Some(step) = day.next(session)?
        {
            steps.push(step);
        }
        if steps.is_empty() {
            break;
        }
        try_join_all(steps.into_iter().map(|step| write(&store, session, step))).await?;
    }
    let written = writing.elapsed().as_secs_f64();
    eprintln!("      written in {written:.0} s");
    let adding = Instant::now();
    while store.add_up(session).await?.has_more {}
    let added = adding.elapsed().as_secs_f64();
    eprintln!("      added up in {added:.0} s");
    let mut told = format!(
        "events={events} written_per_second={:.0} added_per_second={:.0}",
        events as f64 / written,
        events as f64 / added
    );
    for (name, period) in [("all", Period::All), ("hour", Period::Hour), ("month", Period::Month)] {
        let (p50, p99) = ask(&store, session, period).await?;
        told += &format!(" {name}_p50_ms={p50:.2} {name}_p99_ms={p99:.2}");
    }
    eprintln!("      asked: {told}");
    let auditing = Instant::now();
    audit(store).await?;
    eprintln!("      audited in {:.0} s: the sums agree with the log", auditing.elapsed().as_secs_f64());
    Ok(told)
}

async fn write(store: &Store, session_id: BroadcastId, step: Step) -> Result<()> {
    match step {
        Step::Join(viewer) => {
            let data = joined(viewer.id, &viewer.person);
            let event = NewEvent::new(&SystemIds::default(), viewer.at, EventType::ViewerJoined, data)?;
            store.join(&viewer, event).await?;
        }
        Step::Leave(viewer, at) => {
            let (reason, event) = (LeaveReason::Left, EventId(id()?));
            let departure = Departure { viewer, session_id, generation: None, reason, at, event };
            store.leave(&departure).await?.context("the viewer was not there")?;
        }
    }
    Ok(())
}

/// How long all metrics take, each time anew from the database, in milliseconds.
async fn ask(store: &Store, session: BroadcastId, period: Period) -> Result<(f64, f64)> {
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    for _ in 0..ASKED {
        let began = Instant::now();
        let choose = |log: &Progress| Window::new(period, None, log, log.last_at);
        let (window, summary) = store.summary(session, &choose).await?.context("the log is empty")?;
        let answer = report(&summary, window, &[], Metric::ALL);
        ensure!(!answer.times.is_empty(), "nothing was told");
        latency.saturating_record(u64::try_from(began.elapsed().as_micros())?);
    }
    Ok((latency.value_at_quantile(0.5) as f64 / 1e3, latency.value_at_quantile(0.99) as f64 / 1e3))
}

/// What was told must be what the log says.
async fn audit(store: Store) -> Result<()> {
    let store = std::sync::Arc::new(store);
    let auditor = Auditor { broadcasts: store.clone(), sessions: store.clone(), logs: store.clone() };
    for session in store.sessions().await? {
        let found = auditor.audit(session, (Period::All, None), now(), &|_| {}).await?;
        let faults = found.map(|found| found.faults).unwrap_or_default();
        ensure!(faults.is_empty(), "the sums do not agree with the log: {faults:?}");
    }
    store.close().await;
    Ok(())
}
