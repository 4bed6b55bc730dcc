//! Holds what is served against the log: every count and sum of a session, worked out anew from its events alone.

use std::collections::HashMap;
use std::sync::Arc;

use crate::analytics::audit::{Audit, Audited, told};
use crate::analytics::report::{Point, points, whole};
use crate::analytics::{Interval, Period, Progress, Summary, Window};
use crate::broadcast::{Snapshot, Status};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::event::EventQuery;
use crate::ids::BroadcastId;
use crate::store::{BroadcastStore, LogStore, SessionStore};

/// How many events are read at a time.
const PAGE: u32 = 1_000;

/// What a session's audit found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which.
    pub id: BroadcastId,
    /// How many events its log has.
    pub events: u64,
    /// What does not agree; none: everything does.
    pub faults: Vec<String>,
}

/// Audits sessions, while a server runs or not.
pub struct Auditor {
    /// Broadcasts and their counts.
    pub broadcasts: Arc<dyn BroadcastStore>,
    /// Viewers and events.
    pub sessions: Arc<dyn SessionStore>,
    /// Sums.
    pub logs: Arc<dyn LogStore>,
}

impl Auditor {
    /// Audits one session as of `now`; `None`: it is not there any more. `passed` is told how many events were gone
    /// through since the last time.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit(
        &self,
        id: BroadcastId,
        (period, interval): (Period, Option<Interval>),
        now: Time,
        passed: &(dyn Fn(u64) + Sync),
    ) -> Result<Option<Finding>> {
        while self.logs.add_up(id).await?.has_more {}
        // The log only grows: what is read first holds for its beginning.
        let Some(counted) = self.broadcasts.broadcast(id).await? else { return Ok(None) };
        let end = counted.ended_at.unwrap_or(now);
        let choose = |log: &Progress| Window::new(period, interval, log, end);
        let Some((window, summary)) = self.logs.summary(id, &choose).await? else { return Ok(None) };
        let mut audit = Audit::new(window);
        let mut faults = Vec::new();
        let mut seq = 0;
        while seq < summary.progress.seq {
            let events = self.sessions.events(id, &EventQuery::after(seq, PAGE)).await?.events;
            if events.is_empty() {
                if self.broadcasts.broadcast(id).await?.is_none() {
                    return Ok(None);
                }
                faults.push(format!("the log ends with {seq}, its sums go to {}", summary.progress.seq));
                break;
            }
            for event in events.iter().filter(|event| event.seq <= summary.progress.seq) {
                audit.apply(event);
                if event.seq == counted.counts.seq {
                    faults.extend(compare_counts(&counted, audit.viewers()));
                }
            }
            passed(events.len() as u64);
            seq = events.last().map_or(u64::MAX, |event| event.seq);
        }
        let audited = audit.finish();
        faults.extend(audited.faults.iter().cloned());
        faults.extend(compare(&summary, &window, &audited));
        Ok(Some(Finding { id, events: summary.progress.seq, faults }))
    }

    /// Holds those who have a place against the counts of open sessions that did not change meanwhile; tells of those
    /// that do not agree.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit_places(&self) -> Result<Vec<Finding>> {
        let before = self.broadcasts.open_broadcasts().await?;
        let seats = self.sessions.seats().await?;
        let after: HashMap<BroadcastId, u64> =
            self.broadcasts.open_broadcasts().await?.iter().map(|open| (open.id, open.counts.seq)).collect();
        let mut places: HashMap<BroadcastId, u64> = HashMap::new();
        seats.iter().for_each(|seat| *places.entry(seat.session_id).or_default() += 1);
        let mut findings = Vec::new();
        for open in before.iter().filter(|open| after.get(&open.id) == Some(&open.counts.seq)) {
            let mut faults = Vec::new();
            let taken = places.get(&open.id).copied().unwrap_or_default();
            differ("places taken", u64::from(open.counts.viewers), taken, &mut faults);
            if !faults.is_empty() {
                findings.push(Finding { id: open.id, events: 0, faults });
            }
        }
        Ok(findings)
    }
}

fn compare_counts(counted: &Snapshot, (viewers, peak): (u64, u64)) -> Vec<String> {
    let counts = counted.counts;
    let mut faults = Vec::new();
    differ("viewers", u64::from(counts.viewers), viewers, &mut faults);
    differ("peak", u64::from(counts.peak), peak, &mut faults);
    if counted.status == Status::Ended && viewers > 0 {
        faults.push(format!("it has ended, and {viewers} viewers never left"));
    }
    faults
}

fn compare(summary: &Summary, window: &Window, audited: &Audited) -> Vec<String> {
    let mut faults = Vec::new();
    differ("viewers in the sums", summary.progress.viewers.into(), audited.viewers, &mut faults);
    differ("peak in the sums", summary.progress.peak.into(), audited.peak, &mut faults);
    let all = whole(summary, window);
    differ("people", all.unique, audited.people, &mut faults);
    let watched = audited.points.iter().map(|point| point.watched).sum();
    if all.watched != watched {
        faults.push(format!("watch time: {} us are served, the log says {watched}", all.watched));
    }
    let served: Vec<Point> = points(summary, window).iter().map(told).collect();
    let wrong = |((start, served), logged): ((Time, &Point), &Point)| {
        let what = format!("from {start}: {served:?} is served, the log says {logged:?}");
        (served != logged).then_some(what)
    };
    let steps = window.steps().zip(&served).zip(&audited.points);
    faults.extend(steps.filter_map(wrong).take(3));
    if served.len() != audited.points.len() {
        faults.push(Error::Internal("the series differ in length".into()).to_string());
    }
    faults
}

fn differ(what: &str, served: u64, logged: u64, faults: &mut Vec<String>) {
    if served != logged {
        faults.push(format!("{what}: {served} are served, the log says {logged}"));
    }
}
