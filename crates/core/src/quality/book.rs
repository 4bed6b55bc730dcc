//! What the viewers of this server tell, in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::beacon::Beacon;
use super::cmcd::Cmcd;
use super::follower::Mode;
use super::playing::Playing;
use super::rows::{QualityRow, Rows};
use super::{BUCKETS, Quality};
use crate::clock::Time;
use crate::ids::{BroadcastId, ViewerId};
use crate::presence::Presence;

/// How often sums are written.
const INTERVAL: Duration = Duration::from_secs(5);

/// Follows every viewer who reports and keeps the sums until they are written. It holds no more viewers than are there,
/// and a bounded number of sums.
#[derive(Debug, Default)]
pub struct QualityBook(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    viewers: HashMap<ViewerId, Heard>,
    /// Whose a playback session of CMCD is: segments of public broadcasts carry no token.
    playback_sessions: HashMap<(BroadcastId, String), ViewerId>,
    rows: Rows,
    written_at: Option<Duration>,
    /// Whether it was said that sums were lost.
    has_complained: bool,
}

#[derive(Debug)]
struct Heard {
    playing: Playing,
    playback_session: Option<String>,
}

/// A place in the book: who, where, and when on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub session: BroadcastId,
    pub viewer: ViewerId,
    pub now: Duration,
}

impl QualityBook {
    /// What a beacon adds.
    pub(crate) fn beacon(&self, entry: Entry, beacon: &Beacon) -> Quality {
        self.lock().heard(entry).playing.beacon(beacon, entry.now)
    }

    /// What a report with a request adds. From now on its playback session is known as this viewer's.
    pub(crate) fn request(&self, entry: Entry, report: &Cmcd) -> Quality {
        let mut pages = self.lock();
        if let Some(session) = &report.session {
            pages.know(entry, session);
        }
        pages.heard(entry).playing.cmcd(report, Mode::Requests, entry.now)
    }

    /// What reports of events add.
    pub(crate) fn events(&self, entry: Entry, reports: &[Cmcd]) -> Quality {
        let mut pages = self.lock();
        let heard = pages.heard(entry);
        let mut sum = Quality::default();
        for report in reports {
            sum.add(&heard.playing.cmcd(report, Mode::Events, entry.now));
        }
        sum
    }

    /// Whose a playback session is.
    pub(crate) fn viewer_of(&self, session: BroadcastId, playback_session: &str) -> Option<ViewerId> {
        self.lock().playback_sessions.get(&(session, playback_session.to_owned())).copied()
    }

    /// Forgets viewers who have gone.
    pub(crate) fn forget_gone(&self, presence: &Presence) {
        let pages = &mut *self.lock();
        presence.retain_there(&mut pages.viewers);
        pages.playback_sessions.retain(|_, viewer| pages.viewers.contains_key(viewer));
    }

    /// Adds to the sums. Answers how many were lost by that, the first time that any are.
    pub(crate) fn add(
        &self,
        session: BroadcastId,
        told: &Quality,
        now: Time,
        ids: [Uuid; BUCKETS.len()],
    ) -> Option<usize> {
        let mut pages = self.lock();
        pages.rows.add(session, now, told, ids);
        let lost = pages.rows.forget_beyond_bound();
        let is_news = lost > 0 && !pages.has_complained;
        pages.has_complained |= lost > 0;
        is_news.then_some(lost)
    }

    /// What is to be written.
    pub(crate) fn unwritten(&self) -> Vec<QualityRow> {
        self.lock().rows.unwritten()
    }

    /// Whether it is time to write.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.lock().written_at.is_none_or(|at| now.saturating_sub(at) >= INTERVAL)
    }

    /// Notes what was written; the rest is tried at the next occasion.
    pub(crate) fn written(&self, rows: &[QualityRow], wall: Time) {
        let mut pages = self.lock();
        pages.has_complained = false;
        pages.rows.written(rows);
        pages.rows.forget_over(wall);
    }

    /// Notes that writing was tried.
    pub(crate) fn tried(&self, now: Duration) {
        self.lock().written_at = Some(now);
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn heard(&mut self, entry: Entry) -> &mut Heard {
        let fresh = || Heard { playing: Playing::new(entry.now), playback_session: None };
        self.viewers.entry(entry.viewer).or_insert_with(fresh)
    }

    /// A viewer has one playback session at a time; one that is another's stays the other's.
    fn know(&mut self, entry: Entry, session: &str) {
        let heard = self.heard(entry);
        if heard.playback_session.as_deref() == Some(session) {
            return;
        }
        let before = heard.playback_session.replace(session.to_owned());
        if let Some(before) = before
            && self.playback_sessions.get(&(entry.session, before.clone())) == Some(&entry.viewer)
        {
            self.playback_sessions.remove(&(entry.session, before));
        }
        self.playback_sessions.entry((entry.session, session.to_owned())).or_insert(entry.viewer);
    }
}
