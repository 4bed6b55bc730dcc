//! Memory and the database, brought in step again after a write whose outcome is not known.
//!
//! A database that stops answering may still have kept what it was told last: a viewer then has a place without
//! anybody knowing, a broadcast has ended and is still listed. So for a while after such a failure memory is compared
//! with the database, which is the truth.

use std::collections::HashMap;
use std::time::Duration;

use tracing::info;

use super::SessionManager;
use crate::broadcast::{IngestState, Snapshot, Status};
use crate::error::Result;
use crate::ids::{BroadcastId, ViewerId};
use crate::viewer::Seat;

/// How often memory is compared while there is doubt.
const INTERVAL: Duration = Duration::from_secs(5);

impl SessionManager {
    /// Compares, if a write failed lately and the last comparison is a while ago.
    pub(super) async fn settle_doubt(&self) -> Result<()> {
        let now = self.clock().monotonic();
        if !self.ledger.doubt.is_due(now, INTERVAL) {
            return Ok(());
        }
        self.reconcile().await?;
        self.ledger.doubt.compared(now);
        Ok(())
    }

    /// Brings memory in step with the database.
    ///
    /// # Errors
    /// The store's.
    async fn reconcile(&self) -> Result<()> {
        // Taken before the database is read: what is not there then has gone; what comes later is not judged.
        let (known, entered) = (self.ledger.directory.all(), self.presence.seats());
        let open = self.ledger.store.open_broadcasts().await?;
        let seats = self.store.seats().await?;
        for broadcast in &open {
            self.reconcile_open(broadcast).await?;
        }
        let is_open = |id| open.iter().any(|broadcast| broadcast.id == id);
        for gone in known.iter().filter(|broadcast| !is_open(broadcast.id)) {
            self.reconcile_gone(gone.id).await?;
        }
        self.reconcile_seats(&entered, seats);
        Ok(())
    }

    async fn reconcile_open(&self, broadcast: &Snapshot) -> Result<()> {
        self.ledger.directory.put(broadcast.clone());
        let has_deadline = self.deadlines().contains_key(&broadcast.id);
        let waits = match broadcast.ingest.state {
            IngestState::Idle | IngestState::Interrupted => true,
            IngestState::Live => !self.publishers.feeds(broadcast.id),
            IngestState::Ended => false,
        };
        if waits && !has_deadline { self.restore_ingest(broadcast).await } else { Ok(()) }
    }

    /// A broadcast that was open before the database was read, and is not open there.
    async fn reconcile_gone(&self, id: BroadcastId) -> Result<()> {
        match self.ledger.store.broadcast(id).await? {
            Some(current) if current.status != Status::Ended => return Ok(()),
            Some(ended) => self.ledger.directory.put(ended),
            None => self.ledger.directory.remove(id),
        }
        info!(broadcast_id = %id, "a broadcast has ended while the database was away");
        self.ended(id);
        Ok(())
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
        let now = self.clock().monotonic();
        for seat in seats {
            self.presence.enter_unknown(seat, now);
        }
    }
}
