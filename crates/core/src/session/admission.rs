//! Who takes a place, and by what right.

use super::SessionManager;
use crate::broadcast::Broadcast;
use crate::caller::{Access, Caller};
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::scope::Scope;

impl SessionManager {
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
        if !acts_for_others(caller) {
            return Err(Error::Forbidden(
                "user_id can only be your own, but for API keys with viewers:write",
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

fn acts_for_others(caller: &Caller) -> bool {
    caller.identity().is_some_and(|identity| {
        matches!(identity.access, Access::Key(..)) && identity.access.has(Scope::ViewersWrite)
    })
}
