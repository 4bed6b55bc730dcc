//! The sums that wait to be written.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{BUCKETS, Quality};
use crate::analytics::start_of;
use crate::clock::Time;
use crate::ids::BroadcastId;

/// The most rows that are kept: while they cannot be written, an hour of 80 busy sessions.
pub(super) const MAX_ROWS: usize = 30_000;

/// What this server was told of a session in one bucket of time. Several servers, or one that started anew, have rows of
/// their own for the same bucket: they are added when they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityRow {
    /// Its own id, so that writing it again replaces it.
    pub id: Uuid,
    /// The session.
    pub session_id: BroadcastId,
    /// The length of the bucket: one of [`BUCKETS`].
    pub seconds: u32,
    /// The start of the bucket.
    pub bucket: Time,
    /// All that was told so far.
    pub sums: Quality,
}

/// Rows, those first whose bucket ended first.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<Key, Row>);

/// The end of a bucket, its session, and its length.
type Key = (Time, BroadcastId, u32);

#[derive(Debug)]
struct Row {
    id: Uuid,
    sums: Quality,
    is_written: bool,
}

impl Rows {
    /// Adds to a session's buckets of now, of each length. A row that begins is given that length's id.
    pub fn add(&mut self, session: BroadcastId, now: Time, told: &Quality, ids: [Uuid; BUCKETS.len()]) {
        for (seconds, id) in BUCKETS.into_iter().zip(ids) {
            let row = self.0.entry((start_of(now, seconds) + length(seconds), session, seconds));
            let row = row.or_insert_with(|| Row { id, sums: Quality::default(), is_written: false });
            row.sums.add(told);
            row.is_written = false;
        }
    }

    /// What is to be written, the oldest first.
    pub fn unwritten(&self) -> Vec<QualityRow> {
        let rows = self.0.iter().filter(|(_, row)| !row.is_written);
        let made = |((end, session, seconds), row): (&Key, &Row)| {
            let bucket = *end - length(*seconds);
            QualityRow { id: row.id, session_id: *session, seconds: *seconds, bucket, sums: row.sums }
        };
        rows.map(made).collect()
    }

    /// Notes that rows are on disk, unless more was told since.
    pub fn written(&mut self, rows: &[QualityRow]) {
        for written in rows {
            let QualityRow { session_id, seconds, bucket, .. } = *written;
            let key = (bucket + length(seconds), session_id, seconds);
            if let Some(row) =
                self.0.get_mut(&key).filter(|row| row.id == written.id && row.sums == written.sums)
            {
                row.is_written = true;
            }
        }
    }

    /// Forgets rows that are on disk and whose time is over.
    pub fn forget_over(&mut self, now: Time) {
        self.0.retain(|(end, ..), row| !row.is_written || *end > now);
    }

    /// Forgets rows beyond the bound, those that are on disk before any other and then the oldest; how many are lost.
    pub fn forget_beyond_bound(&mut self) -> usize {
        if self.0.len() > MAX_ROWS {
            self.0.retain(|_, row| !row.is_written);
        }
        let excess = self.0.len().saturating_sub(MAX_ROWS);
        for _ in 0..excess {
            self.0.pop_first();
        }
        excess
    }
}

fn length(seconds: u32) -> time::Duration {
    time::Duration::seconds(seconds.into())
}
