//! What is counted of sessions.

use super::SessionManager;
use crate::event::LeaveReason;
use crate::figures::Count;

/// How viewers came and went since the server started.
#[derive(Debug, Default)]
pub struct SessionFigures {
    /// Viewers who took a place.
    pub joins: Count,
    leaves: [Count; LeaveReason::ALL.len()],
}

impl SessionFigures {
    /// Why viewers go.
    pub const REASONS: &[LeaveReason] = LeaveReason::ALL;

    /// So many viewers went.
    pub(super) fn left(&self, reason: LeaveReason, viewers: usize) {
        self.leaves[reason as usize].add(viewers as u64);
    }

    /// How many viewers went for this reason.
    pub fn leaves(&self, reason: LeaveReason) -> u64 {
        self.leaves[reason as usize].get()
    }
}

impl SessionManager {
    /// What was counted since the server started.
    pub fn figures(&self) -> &SessionFigures {
        &self.figures
    }
}
