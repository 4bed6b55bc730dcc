//! Who takes a place, and by what right.

use super::{JoinRequest, SessionManager};
use crate::broadcast::Broadcast;
use crate::caller::{Access, Caller};
use crate::error::{Error, Result};
use crate::ids::{JoinTokenId, UserId};
use crate::scope::Scope;
use crate::token::PassKind;
use crate::user::Role;

impl SessionManager {
    /// The invitation that somebody shows, if it is one to this very broadcast. What it is worth is for the store to say,
    /// as is whether a viewer who was there before may come back.
    ///
    /// # Errors
    /// [`Error::NotFound`] for those who may not know of the broadcast and have nothing of ours to show for it;
    /// [`Error::JoinTokenInvalid`] for others.
    pub(super) fn invitation_shown(
        &self,
        caller: &Caller,
        broadcast: &Broadcast,
        request: &JoinRequest,
    ) -> Result<Option<JoinTokenId>> {
        let may_know = broadcast.is_visible_to(caller);
        let unknown = || Error::NotFound("broadcast");
        let Some(token) = request.join_token.as_deref() else {
            let pass = request.viewer_token.as_deref();
            let pass = pass.and_then(|token| self.tokens.check_viewer(broadcast.id, token));
            let was_there = pass.is_some_and(|pass| pass.kind == PassKind::Viewer);
            return if may_know || was_there { Ok(None) } else { Err(unknown()) };
        };
        let shown = self.join_tokens.check(broadcast.id, token);
        let refusal = || if may_know { Error::JoinTokenInvalid } else { unknown() };
        shown.map(Some).ok_or_else(refusal)
    }

    /// Who it is that joins: the caller, or whom a program may act for.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for somebody else's id, [`Error::Invalid`] for nobody's, [`Error::Suspended`], or the
    /// store's.
    pub(super) async fn joining(
        &self,
        caller: &Caller,
        broadcast: &Broadcast,
        user_id: Option<UserId>,
    ) -> Result<Option<UserId>> {
        let own = caller.user_id();
        let Some(user) = user_id.filter(|user| Some(*user) != own) else { return Ok(own) };
        if !acts_for_others(caller, broadcast) {
            return Err(Error::Forbidden(
                "user_id can only be your own, but for API keys with viewers:write of the broadcast's owner or of a moderator",
            ));
        }
        // Whoever is the owner sees the broadcast when it is private: nobody becomes that by naming them.
        if user == broadcast.owner {
            return Err(Error::Forbidden("nobody can join for the owner, whose preview does not count"));
        }
        let found = self.users.user(user).await?.filter(|user| user.erased_at.is_none());
        found.ok_or_else(|| Error::field("user_id", "is no user's"))?;
        self.standing.refuse_user(user, self.clock().now())?;
        Ok(Some(user))
    }
}

/// A program that its owner let join for others. On somebody else's broadcast nobody makes up viewers but those who keep
/// order.
fn acts_for_others(caller: &Caller, broadcast: &Broadcast) -> bool {
    let Some(identity) = caller.identity() else { return false };
    let is_let = matches!(identity.access, Access::Key(..)) && identity.access.has(Scope::ViewersWrite);
    is_let && (identity.id == broadcast.owner || identity.role >= Role::Moderator)
}
