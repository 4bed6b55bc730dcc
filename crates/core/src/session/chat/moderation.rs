//! Who may not speak on the broadcasts of an owner.

use std::collections::HashMap;
use std::sync::Arc;

use garde::Validate;

use super::{Banned, visible};
use crate::broadcast::Snapshot;
use crate::caller::{Caller, Identity};
use crate::chat::{Ban, ChatRole, NewBan, is_in_force};
use crate::error::{Error, Result};
use crate::ids::{BroadcastId, UserId};
use crate::session::SessionManager;

impl SessionManager {
    /// Bans somebody from the chat of all broadcasts of this one's owner, instead of as before.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::NotFound`] for a private broadcast, [`Error::Forbidden`] for those who do not
    /// keep order and of those who do, [`Error::Invalid`], or the store's.
    pub async fn ban(&self, caller: &Caller, id: BroadcastId, ban: NewBan) -> Result<Ban> {
        let (broadcast, by) = self.kept_in_order(caller, id).await?;
        ban.validate()?;
        let found = self.users.user_by_login(&ban.user).await?.filter(|user| user.username == ban.user);
        let user = found.ok_or_else(|| Error::field("user", "is nobody's name"))?;
        if ChatRole::of(user.id, user.role, &broadcast).keeps_order() {
            return Err(Error::Forbidden("nobody bans the broadcaster, a moderator or an administrator"));
        }
        let now = self.clock().now();
        let reason = ban.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let ban = Ban {
            owner: broadcast.owner,
            user_id: user.id,
            user: user.username,
            until: ban.seconds.map(|seconds| now + time::Duration::seconds(seconds.into())),
            reason,
            by_id: by.id,
            by: by.username.clone(),
            created_at: now,
        };
        let kept = self.ledger.confirmed(self.bans.ban(&ban).await);
        // Also after a write that was not confirmed: it may be on disk.
        self.chat.bans.forget(broadcast.owner.0);
        kept.map(|()| ban)
    }

    /// Lifts a ban, if there is one.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::NotFound`] for a private broadcast, [`Error::Forbidden`] for those who do not
    /// keep order, or the store's.
    pub async fn unban(&self, caller: &Caller, id: BroadcastId, user: UserId) -> Result<()> {
        let (broadcast, _) = self.kept_in_order(caller, id).await?;
        let lifted = self.ledger.confirmed(self.bans.unban(broadcast.owner, user).await);
        self.chat.bans.forget(broadcast.owner.0);
        lifted
    }

    /// Who may not speak on the broadcasts of this one's owner, the latest first.
    ///
    /// # Errors
    /// As [`SessionManager::unban`].
    pub async fn bans(&self, caller: &Caller, id: BroadcastId) -> Result<Vec<Ban>> {
        let (broadcast, _) = self.kept_in_order(caller, id).await?;
        let now = self.clock().now();
        let mut bans = self.bans.bans(broadcast.owner).await?;
        bans.retain(|ban| is_in_force(ban.until, now));
        Ok(bans)
    }

    /// As [`SessionManager::bans`], without the names and out of memory: each message asks for it.
    pub(super) async fn banned(&self, owner: UserId) -> Result<Banned> {
        let read = async {
            let bans = self.bans.bans(owner).await?;
            Ok(Arc::new(bans.into_iter().map(|ban| (ban.user_id, ban.until)).collect::<HashMap<_, _>>()))
        };
        self.chat.bans.get(owner.0, read).await
    }

    /// A broadcast where the caller keeps order.
    async fn kept_in_order<'a>(
        &self,
        caller: &'a Caller,
        id: BroadcastId,
    ) -> Result<(Snapshot, &'a Identity)> {
        let user = caller.signed_in()?;
        let broadcast = visible(&self.ledger, caller, id).await?;
        if !ChatRole::of(user.id, user.role, &broadcast).keeps_order() {
            return Err(Error::Forbidden("only the broadcaster and moderators keep order here"));
        }
        Ok((broadcast, user))
    }
}
