//! The sums that wait to be written.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{BUCKET, Quality};
use crate::clock::Time;
use crate::ids::BroadcastId;

/// The most rows that are kept: while they cannot be written, an hour of 30 busy sessions.
pub(super) const MAX_ROWS: usize = 10_000;

/// What this server was told of a session in one [`BUCKET`]. Several servers, or one that started anew, have rows of
/// their own for the same bucket: they are added when they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityRow {
    /// Its own id, so that writing it again replaces it.
    pub id: Uuid,
    /// The session.
    pub session_id: BroadcastId,
    /// The start of the bucket.
    pub bucket: Time,
    /// All that was told so far.
    pub sums: Quality,
}

/// Rows by time, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<(i64, BroadcastId), Row>);

#[derive(Debug)]
struct Row {
    id: Uuid,
    sums: Quality,
    is_written: bool,
}

impl Rows {
    /// Adds to a session's bucket of now. A row that begins is given `id`.
    pub fn add(&mut self, session: BroadcastId, now: Time, told: &Quality, id: Uuid) {
        let row = self.0.entry((bucket(now), session));
        let row = row.or_insert_with(|| Row { id, sums: Quality::default(), is_written: false });
        row.sums.add(told);
        row.is_written = false;
    }

    /// What is to be written, the oldest first.
    pub fn unwritten(&self) -> Vec<QualityRow> {
        let rows = self.0.iter().filter(|(_, row)| !row.is_written);
        let made = rows.filter_map(|((bucket, session), row)| {
            let bucket = Time::from_unix_timestamp(*bucket).ok()?;
            Some(QualityRow { id: row.id, session_id: *session, bucket, sums: row.sums })
        });
        made.collect()
    }

    /// Notes that rows are on disk, unless more was told since.
    pub fn written(&mut self, rows: &[QualityRow]) {
        for written in rows {
            let key = (written.bucket.unix_timestamp(), written.session_id);
            if let Some(row) =
                self.0.get_mut(&key).filter(|row| row.id == written.id && row.sums == written.sums)
            {
                row.is_written = true;
            }
        }
    }

    /// Forgets rows that are on disk and whose time is over.
    pub fn forget_over(&mut self, now: Time) {
        let current = bucket(now);
        self.0.retain(|(bucket, _), row| !row.is_written || *bucket >= current);
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

/// The start of the bucket of a time, in seconds since 1970.
fn bucket(now: Time) -> i64 {
    let length = i64::try_from(BUCKET.as_secs()).unwrap_or(i64::MAX);
    now.unix_timestamp().div_euclid(length) * length
}
