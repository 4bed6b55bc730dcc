//! Invitations: used up by those who come in by them, and revoked.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::ids::BroadcastId;
use tallylight_core::invitation::Invitation;
use tallylight_core::store::{InvitationStore, Revocation, Revoked};

use super::Database;
use super::broadcasts::Whom;
use super::tables::Tables;

#[async_trait]
impl InvitationStore for Database {
    async fn insert_invitation(&self, invitation: &Invitation, at_most: usize) -> Result<bool> {
        let mut tables = self.lock();
        tables.check_user(invitation.user_id)?;
        let others = tables.to(invitation.session_id).filter(|other| other.id != invitation.id).count();
        if others < at_most {
            tables.invitations.entry(invitation.id).or_insert_with(|| invitation.clone());
        }
        Ok(others < at_most)
    }

    async fn invitations(&self, session: BroadcastId) -> Result<Vec<Invitation>> {
        let mut found: Vec<_> = self.lock().to(session).cloned().collect();
        found.reverse();
        Ok(found)
    }

    async fn revoke_invitation(&self, revocation: Revocation<'_>) -> Result<Option<Revoked>> {
        let mut tables = self.lock();
        let Revocation { session, invitation, at, evict } = revocation;
        let found = tables.invitations.get(&invitation).filter(|found| found.session_id == session);
        if found.is_none_or(|found| found.revoked_at.is_some_and(|before| before != at)) {
            return Ok(None);
        }
        let Some(has_evicted) = tables.room(session).map(|room| room.broadcast.is_private()) else {
            return Ok(None);
        };
        let left = match has_evicted {
            true => tables.departures(session, &evict, Whom::By(invitation), at)?,
            false => Vec::new(),
        };
        tables.check(left.iter().map(|(_, event)| event))?;
        if let Some(found) = tables.invitations.get_mut(&invitation) {
            found.revoked_at = Some(at);
        }
        let gone = u32::try_from(left.len()).unwrap_or(u32::MAX);
        if let Some(room) = tables.room(session) {
            room.counts.viewers = room.counts.viewers.saturating_sub(gone);
        }
        for (viewer, event) in &left {
            if let Some(stay) = tables.stays.get_mut(viewer) {
                stay.left = Some((event.created_at, evict.reason));
            }
        }
        let by_it = tables.stays.values_mut().filter(|stay| stay.session == session);
        by_it.filter(|stay| stay.invitation == Some(invitation)).for_each(|stay| stay.invitation = None);
        let counts = tables.log(session, left.into_iter().map(|(_, event)| event));
        Ok(counts.map(|counts| Revoked { counts, has_evicted }))
    }
}

impl Tables {
    /// The invitations to a session that were not revoked, the oldest first.
    fn to(&self, session: BroadcastId) -> impl Iterator<Item = &Invitation> {
        let theirs = self.invitations.values().filter(move |invitation| invitation.session_id == session);
        theirs.filter(|invitation| invitation.revoked_at.is_none())
    }
}
