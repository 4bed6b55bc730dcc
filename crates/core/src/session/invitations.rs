//! Invitations to a broadcast: made, listed and revoked by its owner.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use garde::Validate;

use super::SessionManager;
use crate::broadcast::Status;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::event::LeaveReason;
use crate::expiry::Expiry;
use crate::ids::{BroadcastId, EventId, JoinTokenId, UserId, ViewerId};
use crate::invitation::Invitation;
use crate::store::{Eviction, Revocation};
use crate::validate;
use crate::viewer::Seat;

/// How many invitations to a broadcast there may be.
const MAX_INVITATIONS: usize = 1_000;
/// How many may be let in by one, if it says how many.
const MAX_USES: u32 = 1_000_000;
/// For how long it is remembered that an invitation was revoked: longer than any join takes.
const REMEMBERED: Duration = Duration::from_secs(120);

/// For whom an invitation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invited {
    /// For whoever has it.
    Anybody,
    /// For the user of this id.
    Id(UserId),
    /// For the user of this name.
    Name(String),
}

/// What an owner gives for a new invitation.
#[derive(Debug, Clone, Validate)]
#[garde(allow_unvalidated)]
pub struct NewInvitation {
    /// What the owner calls it.
    #[garde(custom(validate::some_text(1..=64)))]
    pub name: Option<String>,
    /// When it ends.
    pub expiry: Expiry,
    /// How many may come in by it; 0: no limit.
    #[garde(range(max = MAX_USES))]
    pub max_uses: u32,
    /// For whom it is.
    pub invited: Invited,
}

/// Invitations that were revoked a moment ago: whoever was let in before and is entered late finds them here.
#[derive(Debug, Default)]
pub(super) struct Revocations(Mutex<HashMap<JoinTokenId, Duration>>);

impl Revocations {
    fn add(&self, invitation: JoinTokenId, now: Duration) {
        self.lock().insert(invitation, now);
    }

    fn has(&self, invitation: JoinTokenId) -> bool {
        self.lock().contains_key(&invitation)
    }

    pub fn forget_past(&self, now: Duration) {
        self.lock().retain(|_, at| now.saturating_sub(*at) < REMEMBERED);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JoinTokenId, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionManager {
    /// Invites to one's own broadcast.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, [`Error::BroadcastEnded`], [`Error::Invalid`], [`Error::Forbidden`] beyond as
    /// many invitations as are allowed, or the store's.
    pub async fn invite(
        &self,
        caller: &Caller,
        id: BroadcastId,
        request: NewInvitation,
    ) -> Result<Invitation> {
        if self.ledger.owned(caller, id).await?.status == Status::Ended {
            return Err(Error::BroadcastEnded);
        }
        request.validate()?;
        let now = self.clock().now();
        let invitation = Invitation {
            id: JoinTokenId(self.ledger.ids.uuid(now)?),
            session_id: id,
            expires_at: request.expiry.end(now)?,
            user_id: self.invited(&request.invited).await?,
            name: request.name,
            max_uses: request.max_uses,
            uses: 0,
            created_at: now,
            revoked_at: None,
        };
        if self.invitations.insert_invitation(&invitation, MAX_INVITATIONS).await? {
            return Ok(invitation);
        }
        Err(Error::Forbidden("this broadcast has as many invitations as are allowed: revoke one first"))
    }

    async fn invited(&self, invited: &Invited) -> Result<Option<UserId>> {
        let (field, found) = match invited {
            Invited::Anybody => return Ok(None),
            Invited::Id(id) => ("user_id", self.users.user(*id).await?),
            // The store finds users by their e-mail address too, which is nobody else's to try.
            Invited::Name(name) if validate::username(name, &()).is_err() => ("user", None),
            Invited::Name(name) => {
                let found = self.users.user_by_login(name).await?;
                ("user", found.filter(|user| user.username == *name))
            }
        };
        let found = found.filter(|user| user.erased_at.is_none());
        found.map(|user| Some(user.id)).ok_or_else(|| Error::field(field, "is no user's"))
    }

    /// The invitations to one's own broadcast that were not revoked, the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, or the store's.
    pub async fn invitations(&self, caller: &Caller, id: BroadcastId) -> Result<Vec<Invitation>> {
        self.ledger.owned(caller, id).await?;
        self.invitations.invitations(id).await
    }

    /// Revokes an invitation to one's own broadcast. While it is private, whoever is there by it has to go.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers and where there is no such invitation, or the store's.
    pub async fn revoke_invitation(
        &self,
        caller: &Caller,
        id: BroadcastId,
        invitation: JoinTokenId,
    ) -> Result<()> {
        let broadcast = self.ledger.owned(caller, id).await?;
        let at = self.clock().now();
        let event = || Ok(EventId(self.ledger.ids.uuid(at)?));
        let evict =
            Eviction { reason: LeaveReason::Revoked, viewers: broadcast.counts.viewers, event: &event };
        let answer =
            self.invitations.revoke_invitation(Revocation { session: id, invitation, at, evict }).await;
        let revoked = self.ledger.confirmed(answer)?.ok_or(Error::NotFound("invitation"))?;
        self.ledger.directory.count(id, revoked.counts);
        // First: whoever is entered from now on looks there.
        self.revocations.add(invitation, self.clock().monotonic());
        if revoked.has_evicted {
            let removed = self.presence.remove_guests(id, invitation);
            self.figures.left(LeaveReason::Revoked, removed);
        } else {
            self.presence.uninvite(id, invitation);
        }
        Ok(())
    }

    /// The token of an invitation.
    pub fn join_token(&self, invitation: &Invitation) -> String {
        self.join_tokens.token(invitation.session_id, invitation.id)
    }

    /// Whether a viewer is there by an invitation.
    pub fn is_guest(&self, id: BroadcastId, viewer: ViewerId) -> bool {
        self.presence.is_guest(id, viewer)
    }

    /// Whether a user is there by an invitation.
    pub fn is_guest_user(&self, id: BroadcastId, caller: &Caller) -> bool {
        caller.user_id().is_some_and(|user| self.presence.guest_of(id, user).is_some())
    }

    /// Whether a viewer who is entered is there by an invitation that was not revoked meanwhile.
    pub(super) fn is_invited(&self, seat: &Seat) -> bool {
        seat.invitation.is_some_and(|invitation| !self.revocations.has(invitation))
    }

    /// Lets a viewer who was entered be there without an invitation that was revoked meanwhile.
    pub(super) fn forget_revoked(&self, seat: &Seat) {
        if let Some(invitation) = seat.invitation.filter(|invitation| self.revocations.has(*invitation)) {
            self.presence.uninvite(seat.session_id, invitation);
        }
    }
}
