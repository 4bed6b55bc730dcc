//! Those who may not be here any more: whoever is shut out goes at once, whoever may not broadcast is cut.
//!
//! First in memory, without waiting for anything, so that nothing more is played and heard; then in the log.

use futures_util::future::join_all;
use tracing::info;

use super::SessionManager;
use super::viewers::AT_ONCE;
use crate::broadcast::{Snapshot, Status};
use crate::error::{Error, Result};
use crate::event::LeaveReason;
use crate::ids::{BroadcastId, UserId};
use crate::publishers::Cut;
use crate::standing::Standing;
use crate::viewer::{Departure, Seat};

/// Why a broadcast ended whose owner may not broadcast any more.
const ENDED: &str = "ended by those who run the server";

impl SessionManager {
    /// Who may do what now.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Has everybody gone from memory who may not be here, and cuts encoders. Nobody whom this meets plays or sends on.
    pub fn expel(&self) {
        let now = self.now();
        if self.standing.is_calm() {
            return;
        }
        self.must_go();
        for broadcast in self.not_allowed() {
            self.publishers.cut(broadcast.id, Cut::NotAllowed);
        }
        let is_shut_out = |ip| self.standing.refuse_from(Some(ip), None, now).is_err();
        self.publishers.cut_from(is_shut_out, Cut::ShutOut);
    }

    /// Writes what [`SessionManager::expel`] did: those viewers left, and the broadcasts of those who may not broadcast
    /// ended. What fails is to be tried again.
    ///
    /// # Errors
    /// The store's, after trying everything.
    pub async fn write_expulsions(&self) -> Result<()> {
        if self.standing.is_calm() {
            return Ok(());
        }
        let removed = self.remove(&self.must_go()).await;
        let mut outcome = Ok(());
        for broadcast in self.not_allowed() {
            let ended = self.end_not_allowed(broadcast.id).await;
            let is_away = matches!(ended, Err(Error::Unavailable(_)));
            outcome = outcome.and(ended);
            if is_away {
                break;
            }
        }
        removed.and(outcome)
    }

    /// Those who are here and may not be. From now on they are not.
    fn must_go(&self) -> Vec<Seat> {
        let now = self.now();
        self.presence.expel(|seat| self.standing.refuse_seat(seat, now).is_err())
    }

    async fn remove(&self, seats: &[Seat]) -> Result<()> {
        let mut outcome = Ok(());
        for some in seats.chunks(AT_ONCE) {
            let removed = join_all(some.iter().map(|seat| self.remove_one(seat))).await;
            for (seat, removed) in some.iter().zip(removed) {
                match removed {
                    Ok(_) => self.presence.remove_stay(seat),
                    Err(error) => outcome = Err(error),
                }
            }
            if matches!(outcome, Err(Error::Unavailable(_))) {
                break;
            }
        }
        outcome
    }

    async fn remove_one(&self, seat: &Seat) -> Result<bool> {
        let departure = Departure {
            viewer: seat.viewer,
            session_id: seat.session_id,
            generation: Some(seat.generation),
            reason: LeaveReason::Removed,
            at: self.now(),
            event: self.event_id()?,
        };
        self.record_departure(&departure).await
    }

    /// Open broadcasts whose owners may not broadcast.
    fn not_allowed(&self) -> Vec<Snapshot> {
        let mut open = self.ledger.directory.all();
        open.retain(|broadcast| self.may_not_broadcast(broadcast.owner));
        open
    }

    async fn end_not_allowed(&self, id: BroadcastId) -> Result<()> {
        let at = self.now();
        let rule = |current: &Snapshot| {
            let is_over = !self.may_not_broadcast(current.owner);
            Ok(if is_over { None } else { current.end(ENDED, at) })
        };
        match self.ledger.change(id, None, rule).await {
            Ok(after) if after.status == Status::Ended => {
                info!(broadcast_id = %id, "broadcast ended: its owner may not broadcast any more");
                self.ended(id);
                Ok(())
            }
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a user is suspended, or was made a viewer.
    pub(super) fn may_not_broadcast(&self, user: UserId) -> bool {
        self.standing.refuse_broadcaster(user, self.now()).is_err()
    }

    /// Whoever was shut out between the store's answer and being entered is told so, and goes as all others do.
    pub(super) fn still_welcome(&self, seat: &Seat) -> Result<()> {
        let refused = self.standing.refuse_seat(seat, self.now());
        if refused.is_err() {
            self.standing.tell();
        }
        refused
    }
}
