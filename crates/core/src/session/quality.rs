//! What viewers tell of playback, from those who are there.

use tracing::warn;
use uuid::Uuid;

use super::{Admitted, SessionManager};
use crate::broadcast::Status;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{BroadcastId, ViewerId};
use crate::quality::{BUCKETS, Beacon, Cmcd, Entry, Quality, QualityRow, Span};
use crate::token::{Pass, PassKind};

/// How many rows are written at once.
const AT_ONCE: usize = 1_000;

impl SessionManager {
    /// Takes what a viewer tells with a heartbeat. Whoever is not there, and the owner's preview, is
    /// not listened to. It is no sign of life.
    pub fn report_playback(&self, id: BroadcastId, viewer_token: &str, beacon: &Beacon) {
        let pass = self.tokens.check_viewer(id, viewer_token);
        if let Some(entry) = pass.and_then(|pass| self.entry(id, pass)) {
            self.note(entry.session, &self.quality.beacon(entry, beacon));
        }
    }

    /// Says goodbye as [`SessionManager::leave`] does, and takes what the viewer tells at last. That counts once it has
    /// left: who has no answer says it again.
    ///
    /// # Errors
    /// As [`SessionManager::leave`].
    pub async fn leave_telling(
        &self,
        id: BroadcastId,
        viewer_token: &str,
        beacon: Option<&Beacon>,
    ) -> Result<()> {
        // Looked up before: who has gone is not listened to.
        let pass = self.tokens.check_viewer(id, viewer_token);
        let entry = pass.and_then(|pass| self.entry(id, pass));
        self.leave(id, viewer_token).await?;
        if let (Some(entry), Some(beacon)) = (entry, beacon) {
            self.note(id, &self.quality.beacon(entry, beacon));
        }
        Ok(())
    }

    /// Takes what a player says with a playlist request (CMCD).
    pub fn observe(&self, admitted: &Admitted, report: &Cmcd) {
        if let Some(entry) = self.entry(admitted.broadcast.id, admitted.pass) {
            self.note(entry.session, &self.quality.request(entry, report));
        }
    }

    /// Takes what a player says when it fetches media of a private broadcast.
    pub fn observe_media(&self, id: BroadcastId, playback_token: &str, report: &Cmcd) {
        let pass = self.tokens.check_playback(id, playback_token);
        if let Some(entry) = pass.and_then(|pass| self.entry(id, pass)) {
            self.note(id, &self.quality.request(entry, report));
        }
    }

    /// Takes what a player says when it fetches media of a public broadcast, whose address names nobody: it is known by
    /// the playback session that its playlist requests named.
    pub fn observe_public_media(&self, id: BroadcastId, report: &Cmcd) {
        let viewer = report.session.as_deref().and_then(|session| self.quality.viewer_of(id, session));
        let pass = viewer.map(|viewer| Pass { viewer, kind: PassKind::Viewer });
        if let Some(entry) = pass.and_then(|pass| self.entry(id, pass)) {
            self.note(id, &self.quality.request(entry, report));
        }
    }

    /// Takes a batch of events of a player (CTA-5004-B §2.2). It is no sign of life; who is not there is not listened to.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a wrong token and for a private broadcast that this viewer does not watch,
    /// [`Error::BroadcastEnded`], after which players stop reporting, or the store's.
    pub async fn collect(&self, id: BroadcastId, playback_token: &str, reports: &str) -> Result<()> {
        let nothing = Error::NotFound("playback address");
        let Some(pass) = self.tokens.check_playback(id, playback_token) else { return Err(nothing) };
        let broadcast = self.ledger.get(id).await?;
        let entry = self.entry(id, pass);
        if broadcast.is_private() && pass.kind == PassKind::Viewer && entry.is_none() {
            return Err(nothing);
        }
        if broadcast.status == Status::Ended {
            return Err(Error::BroadcastEnded);
        }
        if let Some(entry) = entry {
            self.note(id, &self.quality.events(entry, &Cmcd::parse_body(reports)));
        }
        Ok(())
    }

    /// What viewers of a session told, summed by interval; at most as old as the writing interval of 5 s.
    ///
    /// # Errors
    /// The store's.
    pub async fn playback_quality(&self, id: BroadcastId, span: Span) -> Result<Vec<(Time, Quality)>> {
        self.store.quality(id, span).await
    }

    /// Writes all that was told so far. What cannot be written now is kept, up to a bound, and tried again.
    ///
    /// # Errors
    /// The store's.
    pub async fn write_quality(&self) -> Result<()> {
        self.quality.tried(self.clock().monotonic());
        for some in self.quality.unwritten().chunks(AT_ONCE) {
            self.write_rows(some).await?;
        }
        Ok(())
    }

    /// Writes rows together. Where the store refuses them for good they are halved until those are found that it will
    /// never take: these are given up, and no others.
    async fn write_rows(&self, rows: &[QualityRow]) -> Result<()> {
        let mut parts = vec![rows];
        while let Some(part) = parts.pop() {
            match (self.store.save_quality(part.to_vec()).await, part) {
                (Ok(()), _) => {}
                (Err(error @ (Error::Unavailable(_) | Error::Busy(_))), _) => return Err(error),
                (Err(error), [row]) => {
                    let QualityRow { session_id, bucket, seconds, .. } = row;
                    warn!(%session_id, %bucket, seconds, %error, "what viewers told of playback in this time is lost");
                }
                (Err(_), part) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                    continue;
                }
            }
            self.quality.written(part, self.clock().now());
        }
        Ok(())
    }

    pub(super) async fn write_quality_if_due(&self) -> Result<()> {
        if !self.quality.is_due(self.clock().monotonic()) {
            return Ok(());
        }
        self.quality.forget_gone(&self.presence);
        self.write_quality().await
    }

    /// A viewer who is there.
    fn entry(&self, session: BroadcastId, pass: Pass) -> Option<Entry> {
        let viewer: ViewerId = pass.viewer;
        let counts = pass.kind == PassKind::Viewer && self.presence.is_there(session, viewer);
        counts.then(|| Entry { session, viewer, now: self.clock().monotonic() })
    }

    fn note(&self, session: BroadcastId, told: &Quality) {
        if told.is_empty() {
            return;
        }
        let now = self.clock().now();
        let mut ids = [Uuid::nil(); BUCKETS.len()];
        for id in &mut ids {
            match self.ledger.ids.uuid(now) {
                Ok(fresh) => *id = fresh,
                Err(error) => return warn!(%error, "a report of playback is lost"),
            }
        }
        if let Some(lost) = self.quality.add(session, told, now, ids) {
            warn!(lost, "more figures of playback wait to be written than are kept: the oldest are lost");
        }
    }
}
