//! Memory and the database, brought in step again after a write whose outcome is not known.
//!
//! A database that stops answering may still have kept what it was told last: a viewer then has a place without
//! anybody knowing, a broadcast has ended and is still listed. So for a while after such a failure memory is compared
//! with the database, which is the truth.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tracing::info;

use super::SessionManager;
use crate::error::Result;
use crate::ids::{BroadcastId, ViewerId};
use crate::viewer::Seat;

/// How often memory is compared while there is doubt: with the tick and the reading, less than the 5 s by which counts
/// may be late.
const INTERVAL: Duration = Duration::from_secs(3);

impl SessionManager {
    /// Compares, if a write failed lately and the last comparison is a while ago.
    pub(super) async fn settle_doubt(&self) -> Result<()> {
        let now = self.clock().monotonic();
        if !self.ledger.doubt.is_due(now, INTERVAL) {
            return Ok(());
        }
        self.reconcile().await?;
        self.chat.doubt();
        self.ledger.doubt.compared(now);
        Ok(())
    }

    /// Brings memory in step with the database.
    ///
    /// # Errors
    /// The store's.
    async fn reconcile(&self) -> Result<()> {
        // Taken before the database is read: what is not there then has gone since.
        let (known, entered) = (self.ledger.directory.all(), self.presence.seats());
        let open = self.ledger.store.open_broadcasts().await?;
        let seats = self.store.seats().await?;
        let ids: HashSet<BroadcastId> = open.iter().map(|broadcast| broadcast.id).collect();
        for broadcast in open {
            let id = broadcast.id;
            if !self.ledger.directory.put_known(broadcast) {
                self.ledger.refresh(id).await?;
            }
            self.wait_for_encoder(id).await?;
        }
        for gone in known.iter().filter(|broadcast| !ids.contains(&broadcast.id)) {
            if self.ledger.refresh(gone.id).await?.is_none() {
                info!(broadcast_id = %gone.id, "a broadcast has ended while the database was away");
                self.ended(gone.id);
            }
        }
        self.reconcile_seats(&entered, seats);
        Ok(())
    }

    /// Sets the deadline of a broadcast without an encoder, if it has none: the change that should have set it was not
    /// confirmed.
    async fn wait_for_encoder(&self, id: BroadcastId) -> Result<()> {
        let Some(current) = self.ledger.directory.get(id) else { return Ok(()) };
        if self.publishers.feeds(id) || self.deadlines().contains_key(&id) {
            return Ok(());
        }
        self.restore_ingest(&current, "its end could not be noted in time").await
    }

    /// Who has a place without being known is entered, and times out like everybody else; who is known without having
    /// a place is removed.
    fn reconcile_seats(&self, entered: &[Seat], seats: Vec<Seat>) {
        let there: HashMap<ViewerId, i64> = seats.iter().map(|seat| (seat.viewer, seat.generation)).collect();
        for seat in entered {
            if there.get(&seat.viewer).is_none_or(|generation| *generation < seat.generation) {
                self.presence.remove_stay(seat);
            }
        }
        let was_known: HashSet<ViewerId> = entered.iter().map(|seat| seat.viewer).collect();
        let now = self.clock().monotonic();
        for seat in seats {
            // Who was known and is not any more has left while the database was read.
            if was_known.contains(&seat.viewer) && !self.presence.knows(seat.viewer) {
                continue;
            }
            self.presence.enter_unknown(seat.clone(), now);
            self.presence.invite_as(&seat);
            if self.refusal(&seat).is_some() {
                self.presence.remove_stay(&seat);
            }
        }
    }
}
