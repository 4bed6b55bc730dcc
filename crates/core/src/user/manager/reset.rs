//! A forgotten password, replaced by way of the owner's mail.

use garde::Validate;

use super::{UserManager, UserParts, refuse_nul};
use crate::audit_log::{Act, Action};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::store::AccountChange;
use crate::user::{User, letters};
use crate::validate;
use crate::viewer::Client;

/// A password that is to take the place of another.
#[derive(Debug, Validate)]
struct NewPassword {
    #[garde(custom(|value: &String, cx: &()| validate::text(8..=256)(value, cx)))]
    password: String,
}

impl UserManager {
    /// Sends the owner of an account a link to choose a new password by, once a minute. Whether there is such an account
    /// is not told, nor whether a mail could be sent; one that could not may be asked for again at once.
    ///
    /// # Errors
    /// The store's.
    pub async fn ask_for_reset(&self, login: &str, client: &Client) -> Result<()> {
        refuse_nul(login)?;
        let UserParts { store, clock, settings, link_base, .. } = &self.parts;
        let found = store.user_by_login(login).await?.filter(|user| user.erased_at.is_none());
        let until = clock.now() + time::Duration::seconds(i64::from(settings.reset_seconds));
        let Some(user) = found else { return Ok(()) };
        let token = self.resets.issue(&user, until);
        let minutes = u64::from(settings.reset_seconds).div_ceil(60);
        let letter = letters::reset(&user, link_base, &token, minutes);
        if self.post(&self.links, (&user, letter)) {
            let act = Act::new(Action::PasswordResetAsked).on(user.id);
            self.parts.audit.note(&Caller::Anonymous, client, act);
        }
        Ok(())
    }

    /// Replaces a password by a token out of a mail, and ends all sign-ins. The token is spent by it.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Unauthenticated`] for a token that is not good any more, [`Error::TooManyRequests`]
    /// while a password of the account is checked, or the store's.
    pub async fn reset_password(&self, token: &str, password: String, client: &Client) -> Result<()> {
        let invalid = || Error::Unauthenticated("this link is not valid any more: ask for a new one");
        let new = NewPassword { password };
        new.validate()?;
        let claim = self.resets.read(token, self.parts.clock.now()).ok_or_else(invalid)?;
        let user = self.parts.store.user(claim.user).await?;
        let is_good = |user: &User| user.erased_at.is_none() && self.resets.is_for(&claim, user);
        let user = user.filter(is_good).ok_or_else(invalid)?;
        let _turn = self.turns.take(user.id)?;
        let hash = self.passwords.hash(self.parts.ids.as_ref(), new.password).await?;
        let change = AccountChange { password_hash: Some(hash), ..AccountChange::default() };
        let saved = self.save(&user, &change, (None, client, &[Action::PasswordReset])).await?;
        if saved { Ok(()) } else { Err(invalid()) }
    }
}
