//! One's own account, changed by oneself.

use garde::Validate;

use super::pace::Pace;
use super::sign_ins::sign_in_of;
use super::{UserManager, UserParts};
use crate::audit_log::Action;
use crate::caller::{Access, Caller};
use crate::error::{Error, Result};
use crate::ids::SignInId;
use crate::mail::Mail;
use crate::store::{AccountChange, Taken};
use crate::user::{User, letters};
use crate::validate;
use crate::viewer::Client;

/// What somebody changes of the own account. What is `None` stays.
#[derive(Debug, Clone, Default, Validate)]
#[garde(allow_unvalidated)]
pub struct AccountUpdate {
    /// The name as shown.
    #[garde(custom(validate::some_text(1..=64)))]
    pub display_name: Option<String>,
    /// What a broadcast is called that the lasting key makes; `Some(None)`: nothing of its own.
    #[garde(custom(|title: &Option<Option<String>>, cx: &()| some_title(title, cx)))]
    pub default_title: Option<Option<String>>,
    /// The e-mail address.
    #[garde(custom(|email: &Option<String>, cx: &()| some_email(email, cx)))]
    pub email: Option<String>,
    /// The password, 8 to 256 characters.
    #[garde(custom(validate::some_text(8..=256)))]
    pub password: Option<String>,
    /// The password as it is, for a change of it or of the address.
    pub current_password: Option<String>,
}

fn some_title(title: &Option<Option<String>>, context: &()) -> garde::Result {
    title.as_ref().and_then(Option::as_deref).map_or(Ok(()), |title| validate::title(title, context))
}

fn some_email(email: &Option<String>, context: &()) -> garde::Result {
    email.as_deref().map_or(Ok(()), |email| validate::email(email, context))
}

impl AccountUpdate {
    /// Whether it changes by what the account is entered.
    fn is_of_credentials(&self) -> bool {
        self.email.is_some() || self.password.is_some()
    }
}

const CHANGED: Error = Error::Forbidden("the account has changed meanwhile: try again");

impl UserManager {
    /// Changes one's own account. A new password ends all other sign-ins; of a new password and of a new address the
    /// owner is told by mail, at the address before.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::Forbidden`] for a key that asks for more than the profile,
    /// [`Error::WrongPassword`], [`Error::TooManyRequests`] while another change is checked, or the store's.
    pub async fn update_me(&self, caller: &Caller, update: AccountUpdate, client: &Client) -> Result<User> {
        let asks_for_password = update.is_of_credentials() || update.current_password.is_some();
        if asks_for_password && matches!(caller.signed_in()?.access, Access::Key(..)) {
            return Err(Error::Forbidden("an API key changes the profile only: sign in for more"));
        }
        update.validate()?;
        let before = self.me(caller).await?;
        let _turn = if asks_for_password {
            let turn = self.turns.take(before.id)?;
            self.verify(&before, update.current_password.clone(), client).await?;
            Some(turn)
        } else {
            None
        };
        let change = self.change_of(&before, update).await?;
        let acts = [
            change.password_hash.as_ref().map(|_| Action::PasswordChanged),
            change.email.as_ref().map(|_| Action::EmailChanged),
        ];
        let acts: Vec<_> = acts.into_iter().flatten().collect();
        if !self.save(&before, &change, (sign_in_of(caller), client, &acts)).await? {
            return Err(CHANGED);
        }
        Ok(change.of(before))
    }

    async fn change_of(&self, before: &User, update: AccountUpdate) -> Result<AccountChange> {
        let password_hash = match update.password {
            Some(password) => Some(self.passwords.hash(self.parts.ids.as_ref(), password).await?),
            None => None,
        };
        Ok(AccountChange {
            display_name: update.display_name,
            default_title: update.default_title,
            email: update.email.filter(|email| *email != before.email),
            password_hash,
        })
    }

    /// Refuses whoever does not know the password.
    pub(super) async fn verify(&self, user: &User, password: Option<String>, client: &Client) -> Result<()> {
        let password =
            password.ok_or_else(|| Error::field("current_password", "is needed for this change"))?;
        let hash = Some(user.password_hash.clone());
        if self.passwords.verify(hash, password).await? {
            return Ok(());
        }
        self.note(user, client, Action::PasswordRefused);
        Err(Error::WrongPassword)
    }

    /// Keeps a change, and does and tells what follows; all sign-ins end but the one that asks. False: password or
    /// address have changed meanwhile.
    pub(super) async fn save(
        &self,
        before: &User,
        change: &AccountChange,
        (but, client, acts): (Option<SignInId>, &Client, &[Action]),
    ) -> Result<bool> {
        let UserParts { accounts, clock, standing, link_base, .. } = &self.parts;
        let now = clock.now();
        let changed = accounts.change_account(before, change, (but, now)).await;
        let Some(ended) = (match standing.confirmed(changed, now)? {
            Ok(changed) => changed,
            Err(Taken::Username) => return Err(Error::Taken("username")),
            Err(Taken::Email) => return Err(Error::Taken("email")),
        }) else {
            return Ok(false);
        };
        standing.end(ended, now);
        acts.iter().for_each(|action| self.note(before, client, *action));
        if change.password_hash.is_some() {
            let keys = standing.keys_in_force(before.id, now);
            self.post(&self.notices, (before, letters::password_changed(before, link_base, keys)));
        }
        if change.email.is_some() {
            self.post(&self.notices, (before, letters::email_changed(before, link_base)));
        }
        Ok(true)
    }

    /// Hands a mail over at a pace; whether it will be sent. Nobody fails because it is not.
    pub(super) fn post(&self, pace: &Pace, (to, mail): (&User, Mail)) -> bool {
        if !pace.take(to, self.parts.clock.monotonic()) {
            return false;
        }
        let subject = mail.subject.clone();
        let sent = self.parts.mailer.send(mail);
        if let Err(error) = &sent {
            pace.give_back(to);
            tracing::warn!(subject, %error, "a mail is not sent");
        }
        sent.is_ok()
    }
}
