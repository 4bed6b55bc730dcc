//! One's own account, changed by oneself.

use garde::Validate;

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

const WRONG_PASSWORD: Error = Error::Forbidden("the current password is not right");

impl UserManager {
    /// Changes one's own account. A new password ends all other sign-ins; of a new password and of a new address the
    /// owner is told by mail, at the address before.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::Forbidden`] for a key that asks for more than the profile and
    /// without the current password, or the store's.
    pub async fn update_me(&self, caller: &Caller, update: AccountUpdate, client: &Client) -> Result<User> {
        let by_key = matches!(caller.signed_in()?.access, Access::Key(..));
        if by_key && (update.is_of_credentials() || update.current_password.is_some()) {
            return Err(Error::Forbidden("an API key changes the profile only: sign in for more"));
        }
        update.validate()?;
        let before = self.me(caller).await?;
        if update.is_of_credentials() {
            self.verify(&before, update.current_password.clone()).await?;
        }
        let change = self.change_of(&before, update).await?;
        let acts = [
            change.password_hash.as_ref().map(|_| Action::PasswordChanged),
            change.email.as_ref().map(|_| Action::EmailChanged),
        ];
        let after = self.save(&before, change, sign_in_of(caller)).await?.ok_or(WRONG_PASSWORD)?;
        acts.into_iter().flatten().for_each(|action| self.note(&before, client, action));
        Ok(after)
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
    pub(super) async fn verify(&self, user: &User, password: Option<String>) -> Result<()> {
        let password =
            password.ok_or_else(|| Error::field("current_password", "is needed for this change"))?;
        let hash = Some(user.password_hash.clone());
        if self.passwords.verify(hash, password).await? { Ok(()) } else { Err(WRONG_PASSWORD) }
    }

    /// Keeps a change, and does and tells what follows. `None`: password or address have changed meanwhile.
    pub(super) async fn save(
        &self,
        before: &User,
        change: AccountChange,
        but: Option<SignInId>,
    ) -> Result<Option<User>> {
        let UserParts { accounts, clock, standing, link_base, .. } = &self.parts;
        let now = clock.now();
        let changed = accounts.change_account(before, &change, (but, now)).await;
        let Some(ended) = (match standing.confirmed(changed, now)? {
            Ok(changed) => changed,
            Err(Taken::Username) => return Err(Error::Taken("username")),
            Err(Taken::Email) => return Err(Error::Taken("email")),
        }) else {
            return Ok(None);
        };
        standing.end(ended, now);
        if change.password_hash.is_some() {
            self.post(letters::password_changed(before, link_base));
        }
        if change.email.is_some() {
            self.post(letters::email_changed(before, link_base));
        }
        self.parts.store.user(before.id).await
    }

    /// Hands a mail over. Nobody fails because it cannot be sent.
    pub(super) fn post(&self, mail: Mail) {
        let subject = mail.subject.clone();
        if let Err(error) = self.parts.mailer.send(mail) {
            tracing::warn!(subject, %error, "a mail is not sent");
        }
    }
}
