//! What invitations need kept.

use async_trait::async_trait;

use super::Eviction;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{BroadcastId, JoinTokenId};
use crate::invitation::Invitation;
use crate::viewer::Counts;

/// The end of an invitation.
pub struct Revocation<'a> {
    /// To what it is.
    pub session: BroadcastId,
    /// Which.
    pub invitation: JoinTokenId,
    /// When.
    pub at: Time,
    /// Removes those who are there by it, where they need it.
    pub evict: Eviction<'a>,
}

/// What the end of an invitation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// The session's numbers after it.
    pub counts: Counts,
    /// Whether those who were there by it had to go: the session is private.
    pub has_evicted: bool,
}

/// Keeps invitations.
#[async_trait]
pub trait InvitationStore: Send + Sync {
    /// Keeps a new invitation, unless its session has so many that were not revoked; false if so.
    async fn insert_invitation(&self, invitation: &Invitation, at_most: usize) -> Result<bool>;

    /// The invitations of a session that were not revoked, the newest first.
    async fn invitations(&self, session: BroadcastId) -> Result<Vec<Invitation>>;

    /// Revokes an invitation: nobody comes in by it any more, nor back. Of a private session those who are there by it
    /// go, each with a `viewer.left`; of a public one they stay as anybody may. `None`: there is none, or it was revoked
    /// before.
    async fn revoke_invitation(&self, revocation: Revocation<'_>) -> Result<Option<Revoked>>;
}
