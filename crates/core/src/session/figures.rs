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
    pub const REASONS: [LeaveReason; LeaveReason::ALL.len()] = LeaveReason::ALL;

    /// So many viewers went.
    pub(super) fn left(&self, reason: LeaveReason, viewers: usize) {
        if let Some(count) = self.of(reason) {
            count.add(viewers as u64);
        }
    }

    /// How many viewers went for this reason.
    pub fn leaves(&self, reason: LeaveReason) -> u64 {
        self.of(reason).map_or(0, Count::get)
    }

    fn of(&self, reason: LeaveReason) -> Option<&Count> {
        let place = Self::REASONS.iter().position(|known| *known == reason)?;
        self.leaves.get(place)
    }
}

impl SessionManager {
    /// What was counted since the server started.
    pub fn figures(&self) -> &SessionFigures {
        &self.figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_to_go_is_counted_by_itself() {
        let figures = SessionFigures::default();
        for (viewers, reason) in (1..).zip(LeaveReason::ALL) {
            figures.left(reason, viewers);
        }
        assert_eq!(SessionFigures::REASONS.map(|reason| figures.leaves(reason)), [1, 2, 3, 4, 5, 6]);
    }
}
