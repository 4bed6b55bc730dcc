//! What a session comes to: metrics out of its log.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::SessionManager;
use crate::analytics::report::{Point, experience_total, report, total, whole};
use crate::analytics::{Interval, Metric, Period, Progress, Report, Totals, Window, start_of};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::ids::{BroadcastId, UserId};
use crate::quality::{Quality, Span};

/// How long events may wait to be added up when there are few of them.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// So many events are added up at once.
const MANY: u64 = 500;
/// So many events at most are added up while somebody waits for the totals that they belong to.
const MOST_MEANWHILE: u64 = 10_000;

/// What is asked about a session.
#[derive(Debug, Clone)]
pub struct Question {
    /// How far back.
    pub period: Period,
    /// In which steps; a fitting one by default.
    pub interval: Option<Interval>,
    /// Which metrics.
    pub metrics: Vec<Metric>,
}

/// How far logs are added up.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Sessions with events that are not in their sums, and since when.
    waiting: Mutex<HashMap<BroadcastId, Duration>>,
    /// How far the sums of open sessions go.
    added: Mutex<HashMap<BroadcastId, u64>>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backlog {
    /// Notes that a session has logged something.
    fn note(&self, id: BroadcastId, now: Duration) {
        lock(&self.waiting).entry(id).or_insert(now);
    }

    /// How many wait.
    fn len(&self) -> usize {
        lock(&self.waiting).len()
    }

    /// Takes out those whose time has come; `seq` tells how far the log of an open session goes.
    fn take_due(&self, now: Duration, seq: impl Fn(BroadcastId) -> Option<u64>) -> Vec<BroadcastId> {
        let added = lock(&self.added);
        let is_due = |id: &BroadcastId, since: &mut Duration| {
            let new = seq(*id).map(|seq| seq - added.get(id).copied().unwrap_or_default().min(seq));
            new.is_none_or(|new| new >= MANY) || now.saturating_sub(*since) >= LONGEST_WAIT
        };
        let mut due: Vec<_> = lock(&self.waiting).extract_if(is_due).map(|(id, _)| id).collect();
        due.sort_unstable();
        due
    }

    /// Notes how far an open session is added up; of one that has ended nothing more is to come.
    fn added(&self, id: BroadcastId, seq: Option<u64>) {
        match seq {
            Some(seq) => lock(&self.added).insert(id, seq),
            None => lock(&self.added).remove(&id),
        };
    }
}

impl SessionManager {
    /// How many sessions have events that are not in their sums yet.
    pub fn logs_behind(&self) -> usize {
        self.backlog.len()
    }

    /// Works out metrics of a session, of every event that is in its log by now. Who may see them is the caller's
    /// concern.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for an interval that makes too many points, [`Error::Busy`] while a long
    /// log is added up for the first time, or the store's.
    pub async fn get_session_metrics(&self, id: BroadcastId, question: &Question) -> Result<Report> {
        let broadcast = self.ledger.get(id).await?;
        let end = broadcast.ended_at.unwrap_or(self.clock().now());
        let choose = |log: &Progress| Window::new(question.period, question.interval, log, end);
        let found = self.logs.summary(id, &choose).await;
        if matches!(found, Err(Error::Busy(_))) {
            self.ledger.directory.touch(id);
        }
        let (window, summary) = found?.ok_or(Error::NotFound("log of this broadcast"))?;
        let mut told = Vec::new();
        if question.metrics.iter().any(|metric| metric.is_told_by_players()) {
            // The open step too.
            let to = window.to + time::Duration::SECOND;
            let interval_seconds = window.interval.seconds();
            told = self.playback_quality(id, Span { from: window.from, to, interval_seconds }).await?;
        }
        Ok(report(&summary, window, &told, &question.metrics))
    }

    /// Totals over all broadcasts of the caller, past ones too.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Busy`] while long logs are added up for the first time, or the store's.
    pub async fn get_own_totals(
        &self,
        caller: &Caller,
        period: Period,
        metrics: &[Metric],
    ) -> Result<Totals> {
        let owner = caller.signed_in()?.id;
        self.catch_up(owner).await?;
        let now = self.clock().now();
        let hour = Interval::Hour.seconds();
        let since = period.seconds().map(|seconds| start_of(now - time::Duration::seconds(seconds), hour));
        let sessions = self.logs.summaries_of(owner, since).await?;
        let mut all = Point::default();
        let mut current = 0;
        for session in &sessions {
            let end = session.ended_at.unwrap_or(now);
            let window = Window::in_hours(period, since, &session.summary.progress, end);
            all.join(&whole(&session.summary, &window));
            current += u64::from(session.summary.progress.viewers);
        }
        let mut told = Quality::default();
        if metrics.iter().any(|metric| metric.is_told_by_players()) {
            told = self.logs.quality_of(owner, since).await?;
        }
        let of = |metric: &Metric| {
            let is_told = metric.is_told_by_players();
            let total =
                if is_told { experience_total(*metric, &told) } else { total(*metric, &all, current) };
            (*metric, total)
        };
        let metrics = metrics.iter().map(of).collect();
        Ok(Totals { period, from: since, to: now, broadcasts: sessions.len(), metrics })
    }

    /// Adds up what an owner's sessions have logged, unless that is too much to wait for.
    async fn catch_up(&self, owner: UserId) -> Result<()> {
        let behind = self.logs.behind(Some(owner)).await?;
        let is_too_much = behind.iter().map(|(_, waiting)| waiting).sum::<u64>() > MOST_MEANWHILE;
        for (id, _) in behind {
            if is_too_much {
                self.ledger.directory.touch(id);
            } else {
                self.add_up(id).await?;
            }
        }
        if is_too_much { Err(Error::Busy("adding up the logs of your broadcasts")) } else { Ok(()) }
    }

    /// Adds up what sessions have logged: those with many new events, and those that have waited. To be called every
    /// few seconds; what fails is tried again later.
    ///
    /// # Errors
    /// The store's, of the last session that could not be added up. Some of the others may have been.
    pub async fn add_up_logs(&self) -> std::result::Result<(), (BroadcastId, Error)> {
        let now = self.clock().monotonic();
        for id in self.ledger.directory.take_touched() {
            self.backlog.note(id, now);
        }
        let seq = |id| self.ledger.directory.get(id).map(|open| open.counts.seq);
        let mut due = self.backlog.take_due(now, seq).into_iter();
        let (mut outcome, mut unanswered) = (Ok(()), 0);
        // One that takes the database too long does not stop the others; after two it is taken for away.
        while unanswered < 2
            && let Some(id) = due.next()
        {
            let Err(error) = self.add_up(id).await else { continue };
            self.backlog.note(id, now);
            unanswered += u32::from(matches!(error, Error::Unavailable(_)));
            outcome = Err((id, error));
        }
        due.for_each(|id| self.backlog.note(id, now));
        outcome
    }

    /// Adds up what was logged while nobody was there to do it.
    ///
    /// # Errors
    /// The store's.
    pub async fn find_what_is_behind(&self) -> Result<()> {
        self.logs.behind(None).await?.into_iter().for_each(|(id, _)| self.ledger.directory.touch(id));
        Ok(())
    }

    /// Removes every session that ended so long ago, with its log; how many there were.
    ///
    /// # Errors
    /// The store's; what is left goes at the next call.
    pub async fn remove_ended(&self, retention: Duration) -> Result<usize> {
        let before = self.clock().now() - retention;
        let mut removed = 0;
        while self.logs.remove_ended(before).await?.is_some() {
            removed += 1;
        }
        Ok(removed)
    }

    async fn add_up(&self, id: BroadcastId) -> Result<()> {
        loop {
            let added = self.logs.add_up(id).await?;
            if !added.has_more {
                let is_open = self.ledger.directory.get(id).is_some();
                self.backlog.added(id, is_open.then_some(added.seq));
                return Ok(());
            }
        }
    }
}
