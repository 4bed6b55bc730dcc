//! Sign-ins, as their owner sees and ends them.

use super::UserManager;
use crate::audit_log::{Act, Action};
use crate::caller::{Access, Caller};
use crate::error::{Error, Result};
use crate::ids::SignInId;
use crate::store::{Listed, Slice};
use crate::user::SignIn;
use crate::viewer::Client;

/// How many past sign-ins are removed at once, so that nobody else waits long.
const PART: u32 = 1_000;

impl UserManager {
    /// The caller's own sign-ins, the latest used first.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or the store's.
    pub async fn sign_ins(&self, caller: &Caller, slice: Slice) -> Result<Listed<SignIn>> {
        let user = caller.signed_in()?.id;
        self.parts.accounts.sign_ins_of(user, self.parts.clock.now(), slice).await
    }

    /// Ends one of the caller's own sign-ins; its access tokens are refused from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's too, or the store's.
    pub async fn end_sign_in(&self, caller: &Caller, id: SignInId, client: &Client) -> Result<()> {
        let (user, now) = (caller.signed_in()?.id, self.parts.clock.now());
        let ended = self.parts.accounts.end_sign_in_of(user, id, now).await;
        if !self.parts.standing.confirmed(ended, now)? {
            return Err(Error::NotFound("sign-in"));
        }
        self.parts.standing.end([id], now);
        self.parts.audit.note(caller, client, Act::new(Action::SignInRevoked).on(id));
        Ok(())
    }

    /// Ends all of the caller's other sign-ins, or this one too; how many.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or the store's.
    pub async fn end_sign_ins(&self, caller: &Caller, with_this_one: bool, client: &Client) -> Result<usize> {
        let (identity, now) = (caller.signed_in()?, self.parts.clock.now());
        let but = sign_in_of(caller).filter(|_| !with_this_one);
        let ended = self.parts.accounts.end_sign_ins_of(identity.id, but, now).await;
        let ended = self.parts.standing.confirmed(ended, now)?;
        let count = ended.len();
        for id in &ended {
            self.parts.audit.note(caller, client, Act::new(Action::SignInRevoked).on(id));
        }
        self.parts.standing.end(ended, now);
        Ok(count)
    }

    /// Removes sign-ins of which no access token can be good any more, and forgets what was noted of them. To be called
    /// now and then; how many were removed.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_sign_ins(&self) -> Result<u64> {
        let now = self.parts.clock.now();
        let before = now - self.parts.settings.token_life();
        let mut removed = 0;
        loop {
            let some = self.parts.accounts.remove_sign_ins(before, PART).await?;
            removed += some;
            if some < u64::from(PART) {
                break;
            }
        }
        self.parts.standing.forget_past(now);
        Ok(removed)
    }
}

/// The sign-in by which a caller is known, if by one.
pub fn sign_in_of(caller: &Caller) -> Option<SignInId> {
    match caller.identity()?.access {
        Access::SignIn(id) => Some(id),
        Access::Server | Access::Key(..) => None,
    }
}
