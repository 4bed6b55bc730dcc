//! Viewers who are there by an invitation.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Entry, Presence};
use crate::ids::{BroadcastId, JoinTokenId, UserId, ViewerId};
use crate::viewer::Seat;

/// Where to look for the viewers that a user who was invited is, so that nobody has to go through all. Who has left may
/// still stand here.
#[derive(Debug, Default)]
pub struct Guests(Mutex<HashMap<BroadcastId, HashMap<UserId, BTreeSet<ViewerId>>>>);

impl Guests {
    /// Notes a viewer, if it was invited and is a user.
    pub fn add(&self, seat: &Seat) {
        if let (Some(user), Some(_)) = (seat.user_id, seat.invitation) {
            self.lock().entry(seat.session_id).or_default().entry(user).or_default().insert(seat.viewer);
        }
    }

    /// Forgets those of a session.
    pub fn forget(&self, session: BroadcastId) {
        self.lock().remove(&session);
    }

    /// The first viewer of a user that is there; those before it are forgotten.
    fn first(
        &self,
        session: BroadcastId,
        user: UserId,
        is_there: impl Fn(ViewerId) -> bool,
    ) -> Option<ViewerId> {
        let mut guests = self.lock();
        let theirs = guests.get_mut(&session)?.get_mut(&user)?;
        theirs.retain(|viewer| is_there(*viewer));
        theirs.first().copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BroadcastId, HashMap<UserId, BTreeSet<ViewerId>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_guest_of(&self, session: BroadcastId) -> bool {
        self.seat.session_id == session && self.seat.invitation.is_some() && !self.leaving
    }
}

impl Presence {
    /// Whether a viewer is there by an invitation.
    pub fn is_guest(&self, session: BroadcastId, viewer: ViewerId) -> bool {
        self.lock().get(&viewer).is_some_and(|entry| entry.is_guest_of(session))
    }

    /// A viewer who is this user and there by an invitation; of several the first.
    pub fn guest_of(&self, session: BroadcastId, user: UserId) -> Option<ViewerId> {
        self.guests.first(session, user, |viewer| self.is_guest(session, viewer))
    }

    /// Removes all viewers of a session but those who were invited; how many, and whether any of the invited are left.
    pub fn retain_guests(&self, session: BroadcastId) -> (usize, bool) {
        let mut viewers = self.lock();
        let before = viewers.len();
        let is_theirs = |entry: &Entry| entry.seat.session_id == session;
        viewers.retain(|_, entry| !is_theirs(entry) || entry.seat.invitation.is_some());
        (before - viewers.len(), viewers.values().any(is_theirs))
    }

    /// Removes the viewers who are there by an invitation.
    pub fn remove_guests(&self, session: BroadcastId, invitation: JoinTokenId) {
        let by_it = |seat: &Seat| seat.session_id == session && seat.invitation == Some(invitation);
        self.lock().retain(|_, entry| !by_it(&entry.seat));
    }

    /// Lets those who are there by an invitation be there without it.
    pub fn uninvite(&self, session: BroadcastId, invitation: JoinTokenId) {
        let mut viewers = self.lock();
        let theirs = viewers.values_mut().filter(|entry| entry.seat.session_id == session);
        for entry in theirs.filter(|entry| entry.seat.invitation == Some(invitation)) {
            entry.seat.invitation = None;
        }
    }

    /// Notes by which invitation a viewer is there, if it is there in this stay.
    pub fn invite_as(&self, seat: &Seat) {
        if let Some(entry) = self.lock().get_mut(&seat.viewer)
            && entry.seat.generation == seat.generation
        {
            entry.seat.invitation = seat.invitation;
        }
        self.guests.add(seat);
    }
}
