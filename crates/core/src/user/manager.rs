//! `UserManager`: accounts and sign-ins.

mod erasure;
mod export;
mod pace;
mod profile;
mod public;
mod reset;
mod sign_ins;
mod turns;

use std::sync::Arc;

use aws_lc_rs::constant_time;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use garde::Validate;
use tokio::sync::{Mutex, Semaphore};
use uuid::Uuid;

use pace::Pace;
use turns::Turns;

use super::reset::ResetTokens;
use super::{Role, SignIn, StreamKeys, User};
use crate::audit_log::{Act, Action, AuditLog};
use crate::caller::{Access, Caller};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::idempotency::Idempotency;
use crate::ids::{Ids, SignInId, UserId};
use crate::key;
use crate::mail::Mailer;
use crate::password::Passwords;
use crate::secret::{Secret, sha256};
use crate::standing::Standing;
use crate::store::{AccountStore, Taken, UserStore};
use crate::token::{AccessTokens, Fault, Grant, LEEWAY_SECONDS};
use crate::validate;
use crate::viewer::Client;

pub use export::{Export, ExportPart, Section};
pub use profile::AccountUpdate;

/// How many are told at once everything about them: all logs are gone through for each.
const EXPORTS_AT_ONCE: usize = 2;
const REFRESH_PREFIX: &str = "rt_";
const SECRET_BYTES: usize = 32;
const ID_BYTES: usize = 16;

/// What somebody gives for a new account.
#[derive(Debug, Clone, Validate)]
pub struct Registration {
    /// The name in addresses.
    #[garde(custom(|value: &String, cx: &()| new_username(value, cx)))]
    pub username: String,
    /// The e-mail address.
    #[garde(custom(|value: &String, cx: &()| validate::email(value, cx)))]
    pub email: String,
    /// The password, 8 to 256 characters.
    #[garde(custom(|value: &String, cx: &()| validate::text(8..=256)(value, cx)))]
    pub password: String,
    /// The name as shown; the user name without one.
    #[garde(custom(validate::some_text(1..=64)))]
    pub display_name: Option<String>,
}

/// A name that is no address of the API and no erased account's.
fn new_username(name: &str, context: &()) -> garde::Result {
    validate::username(name, context)?;
    if name == "me" || name.starts_with(erasure::TOMBSTONE) {
        return Err(garde::Error::new("is reserved"));
    }
    Ok(())
}

/// A signed-in user with new tokens.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The user.
    pub user: User,
    /// The access token, a JWT.
    pub access_token: String,
    /// For how many seconds it is good.
    pub expires_in: u32,
    /// The refresh token, good once.
    pub refresh_token: String,
}

/// Settings of accounts.
#[derive(Debug, Clone, Copy)]
pub struct UserSettings {
    /// Whether strangers may register.
    pub registration: bool,
    /// For how many seconds an access token is good.
    pub access_token_seconds: u32,
    /// After how many seconds without a refresh a sign-in ends.
    pub refresh_token_seconds: u32,
    /// For how many seconds a link for a new password is good.
    pub reset_seconds: u32,
}

impl UserSettings {
    /// For how long an access token can be good, with all leeway.
    pub fn token_life(&self) -> time::Duration {
        time::Duration::seconds(i64::from(self.access_token_seconds) + LEEWAY_SECONDS)
    }
}

/// What a [`UserManager`] is made of.
pub struct UserParts {
    /// Where users are kept.
    pub store: Arc<dyn UserStore>,
    /// What its owner sees and changes of an account.
    pub accounts: Arc<dyn AccountStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn Ids>,
    /// Stream keys.
    pub keys: Arc<StreamKeys>,
    /// Who may do what now.
    pub standing: Arc<Standing>,
    /// Who sends mail.
    pub mailer: Arc<dyn Mailer>,
    /// With what links in mails begin, such as `https://live.example`. Never what a caller says.
    pub link_base: String,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// What was answered under idempotency keys.
    pub answers: Arc<Idempotency>,
    /// Settings.
    pub settings: UserSettings,
}

/// Registers, signs in and knows users.
pub struct UserManager {
    parts: UserParts,
    passwords: Passwords,
    tokens: AccessTokens,
    resets: ResetTokens,
    links: Pace,
    notices: Pace,
    turns: Turns,
    /// Places for those who are told everything about them.
    exports: Arc<Semaphore>,
    /// The hash of the one-time set-up token, while there is no administrator.
    set_up: Mutex<Option<[u8; 32]>>,
}

impl UserManager {
    /// `hashes_at_once`: how many passwords may be hashed at a time.
    ///
    /// # Errors
    /// [`Error::Internal`] when keys cannot be derived.
    pub fn new(parts: UserParts, secret: &Secret, hashes_at_once: usize) -> Result<Self> {
        let passwords = Passwords::new(hashes_at_once)?;
        Ok(Self {
            parts,
            passwords,
            tokens: AccessTokens::new(secret)?,
            resets: ResetTokens::new(secret)?,
            links: Pace::of_links(),
            notices: Pace::of_notices(),
            turns: Turns::default(),
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
            set_up: Mutex::new(None),
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> &UserSettings {
        &self.parts.settings
    }

    /// Whom an access token or an API key names.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or [`Error::Suspended`].
    pub fn authenticate(&self, credentials: &str) -> Result<Caller> {
        Ok(self.authenticate_for(credentials)?.0)
    }

    /// As [`UserManager::authenticate`], and for how many seconds more; `None`: until they are revoked.
    ///
    /// # Errors
    /// Why not.
    pub fn authenticate_for(&self, credentials: &str) -> Result<(Caller, Option<u64>), Fault> {
        let (now, standing) = (self.parts.clock.now(), &self.parts.standing);
        if credentials.starts_with(key::PREFIX) {
            let (identity, end) = standing.identify(credentials, now).map_err(Fault::Standing)?;
            let left = end.map(|end| u64::try_from((end - now).whole_seconds()).unwrap_or_default());
            return Ok((Caller::User(identity), left));
        }
        let (identity, left) = self.tokens.check(credentials, now).map_err(Fault::Token)?;
        let identity = standing.vet(identity, now).map_err(Fault::Standing)?;
        Ok((Caller::User(identity), Some(left)))
    }

    /// A caller who was let in before, as of now.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where the sign-in has ended or the key was revoked, or [`Error::Suspended`].
    pub fn vet_again(&self, caller: &Caller) -> Result<Caller> {
        match caller {
            Caller::Anonymous => Ok(Caller::Anonymous),
            Caller::User(identity) => {
                self.parts.standing.vet_again(identity.clone(), self.parts.clock.now()).map(Caller::User)
            }
        }
    }

    /// Makes an account and signs in.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::Forbidden`] where registration is closed, or the store's.
    pub async fn register(&self, registration: Registration, client: Client) -> Result<SignedIn> {
        if !self.parts.settings.registration {
            return Err(Error::Forbidden("this server does not take registrations: ask its administrator"));
        }
        let user = self.create_user(registration, Role::Broadcaster).await?;
        self.note(&user, &client, Action::Registered);
        self.begin(user, client).await
    }

    /// Makes an account with a role, for the set-up and for the operator's commands.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], or the store's.
    pub async fn create_user(&self, registration: Registration, role: Role) -> Result<User> {
        registration.validate()?;
        let UserParts { store, clock, ids, keys, .. } = &self.parts;
        let password_hash = self.passwords.hash(ids.as_ref(), registration.password).await?;
        let now = clock.now();
        let id = UserId(ids.uuid(now)?);
        let user = User {
            id,
            display_name: registration.display_name.unwrap_or_else(|| registration.username.clone()),
            username: registration.username,
            email: registration.email,
            password_hash,
            role,
            stream_key: keys.generate(&id.0)?,
            default_title: None,
            created_at: now,
            erased_at: None,
        };
        match store.insert_user(&user).await? {
            Ok(()) => Ok(user),
            Err(Taken::Username) => Err(Error::Taken("username")),
            Err(Taken::Email) => Err(Error::Taken("email")),
        }
    }

    /// Which account somebody means by a user name or an e-mail address.
    ///
    /// # Errors
    /// [`Error::Invalid`], or the store's.
    pub async fn account(&self, login: &str) -> Result<Option<UserId>> {
        refuse_nul(login)?;
        let user = self.parts.store.user_by_login(login).await?;
        Ok(user.filter(|user| user.erased_at.is_none()).map(|user| user.id))
    }

    /// Signs in by user name or e-mail address.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], the same whether the user or the password is wrong; [`Error::Suspended`] to those who
    /// know the password; [`Error::Busy`].
    pub async fn sign_in(&self, login: &str, password: String, client: Client) -> Result<SignedIn> {
        refuse_nul(login)?;
        let user = self.parts.store.user_by_login(login).await?.filter(|user| user.erased_at.is_none());
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let matches = self.passwords.verify(hash, password).await?;
        match user {
            Some(user) if matches => self.begin_noted(user, client).await,
            user => {
                let act = Act::new(Action::SignInFailed);
                // What was typed for a name is not kept: it may be a password.
                let act = user.map_or(act.clone(), |user| act.on(user.id));
                self.parts.audit.note(&Caller::Anonymous, &client, act);
                Err(Error::Unauthenticated("the user name or the password is wrong"))
            }
        }
    }

    /// Spends a refresh token for new tokens. A token spent before ends the whole sign-in: it was stolen, or its
    /// owner's was.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or the store's.
    pub async fn refresh(&self, refresh_token: &str) -> Result<SignedIn> {
        let invalid = || Error::Unauthenticated("this refresh token is not valid: sign in again");
        let (id, secret) = parse_refresh(refresh_token).ok_or_else(invalid)?;
        let UserParts { store, clock, .. } = &self.parts;
        let current = store.sign_in(id).await?.ok_or_else(invalid)?;
        let now = clock.now();
        if current.expires_at <= now {
            return Err(invalid());
        }
        if constant_time::verify_slices_are_equal(&current.secret_hash, &sha256(&secret)).is_err() {
            self.end_reused(&current).await?;
            return Err(invalid());
        }
        let user = store.user(current.user_id).await?.filter(|user| user.erased_at.is_none());
        let user = user.ok_or_else(invalid)?;
        self.parts.standing.refuse_user(user.id, now)?;
        let (mut next, token) = self.new_sign_in(id, user.id, current.client.clone())?;
        next.created_at = current.created_at;
        if !store.rotate_sign_in(&current, &next).await? {
            self.end_reused(&current).await?;
            return Err(invalid());
        }
        self.signed_in(user, id, token)
    }

    /// Signs in whoever knows the password.
    async fn begin_noted(&self, user: User, client: Client) -> Result<SignedIn> {
        let begun = self.begin(user.clone(), client.clone()).await;
        match &begun {
            Ok(_) => self.note(&user, &client, Action::SignedIn),
            Err(Error::Suspended { .. }) => {
                let act = Act::new(Action::SignInFailed).on(user.id).with("suspended", true);
                self.parts.audit.note(&Caller::Anonymous, &client, act);
            }
            Err(_) => {}
        }
        begun
    }

    /// Notes what a user did to the own account.
    fn note(&self, user: &User, client: &Client, action: Action) {
        let by = Caller::User(user.identity(Access::Server));
        self.parts.audit.note(&by, client, Act::new(action).on(user.id));
    }

    async fn end_reused(&self, sign_in: &SignIn) -> Result<()> {
        self.end(sign_in.id).await?;
        let act = Act::new(Action::RefreshReused).on(sign_in.user_id);
        self.parts.audit.note(&Caller::Anonymous, &sign_in.client, act);
        tracing::warn!(user_id = %sign_in.user_id, "a spent refresh token was used again; its sign-in is ended");
        Ok(())
    }

    async fn end(&self, id: SignInId) -> Result<()> {
        let now = self.parts.clock.now();
        let ended = self.parts.store.end_sign_in(id, now).await;
        // What was not confirmed may have been done: whoever wanted it ended is better off so.
        if matches!(ended, Ok(_) | Err(Error::Unavailable(_))) {
            self.parts.standing.end([id], now);
        }
        ended
    }

    /// Ends the sign-in that a refresh token belongs to. An unknown token is as good as ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out(&self, refresh_token: &str, client: &Client) -> Result<()> {
        let Some((id, secret)) = parse_refresh(refresh_token) else { return Ok(()) };
        let Some(current) = self.parts.store.sign_in(id).await? else { return Ok(()) };
        if constant_time::verify_slices_are_equal(&current.secret_hash, &sha256(&secret)).is_ok() {
            let user = self.parts.store.user(current.user_id).await?;
            self.end(id).await?;
            if let Some(user) = user {
                self.note(&user, client, Action::SignedOut);
            }
        }
        Ok(())
    }

    /// The caller's own account.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or the store's.
    pub async fn me(&self, caller: &Caller) -> Result<User> {
        let id = caller.signed_in()?.id;
        let user = self.parts.store.user(id).await?.filter(|user| user.erased_at.is_none());
        user.ok_or(Error::Unauthenticated("this account is gone"))
    }

    /// The caller's lasting stream key.
    ///
    /// # Errors
    /// As [`UserManager::me`].
    pub async fn stream_key(&self, caller: &Caller) -> Result<String> {
        let user = self.me(caller).await?;
        self.parts.keys.reveal(&user.id.0, &user.stream_key)
    }

    /// Replaces the caller's lasting stream key and returns the new one.
    ///
    /// # Errors
    /// As [`UserManager::me`].
    pub async fn reset_stream_key(&self, (caller, client): (&Caller, &Client)) -> Result<String> {
        let user = self.me(caller).await?;
        let key = self.parts.keys.generate(&user.id.0)?;
        self.parts.store.set_user_stream_key(user.id, &key).await?;
        self.parts.audit.note(caller, client, Act::new(Action::StreamKeyReset).on(user.id));
        self.parts.keys.reveal(&user.id.0, &key)
    }

    /// A one-time token by which the first administrator is made; `None` once there is one.
    ///
    /// # Errors
    /// The store's.
    pub async fn offer_set_up(&self) -> Result<Option<String>> {
        let mut offered = self.set_up.lock().await;
        if self.parts.store.has_admin().await? {
            *offered = None;
            return Ok(None);
        }
        let mut random = [0; SECRET_BYTES];
        self.parts.ids.fill(&mut random)?;
        let token = URL_SAFE_NO_PAD.encode(random);
        *offered = Some(sha256(token.as_bytes()));
        Ok(Some(token))
    }

    /// Makes the first administrator and signs in. The token is spent by it.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a wrong or spent token, [`Error::Invalid`], [`Error::Taken`].
    pub async fn set_up(&self, token: &str, registration: Registration, client: Client) -> Result<SignedIn> {
        let mut offered = self.set_up.lock().await;
        let given = sha256(token.as_bytes());
        let matches =
            offered.is_some_and(|hash| constant_time::verify_slices_are_equal(&hash, &given).is_ok());
        if self.parts.store.has_admin().await? {
            return Err(Error::Unauthenticated(
                "there is an administrator already: sign in, or have one give you the role",
            ));
        }
        if !matches {
            return Err(Error::Unauthenticated(
                "this set-up link is not valid or was used: restart the server for a new one",
            ));
        }
        let user = self.create_user(registration, Role::Admin).await?;
        *offered = None;
        self.note(&user, &client, Action::SetUp);
        self.begin(user, client).await
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// The store's.
    pub async fn ping(&self) -> Result<()> {
        self.parts.store.has_admin().await.map(|_| ())
    }

    /// How many passwords are being hashed or wait for it, and how many may.
    pub fn hashing(&self) -> (usize, usize) {
        self.passwords.waiting()
    }

    async fn begin(&self, user: User, client: Client) -> Result<SignedIn> {
        let now = self.parts.clock.now();
        self.parts.standing.refuse_user(user.id, now)?;
        let id = SignInId(self.parts.ids.uuid(now)?);
        let (sign_in, token) = self.new_sign_in(id, user.id, client.brief())?;
        if !self.parts.store.insert_sign_in(&sign_in, &user.password_hash).await? {
            return Err(Error::Unauthenticated(
                "the password was changed at this very moment: sign in again",
            ));
        }
        self.signed_in(user, id, token)
    }

    fn new_sign_in(&self, id: SignInId, user_id: UserId, client: Client) -> Result<(SignIn, String)> {
        let mut secret = [0; SECRET_BYTES];
        self.parts.ids.fill(&mut secret)?;
        let now = self.parts.clock.now();
        let expires_at = now + time::Duration::seconds(i64::from(self.parts.settings.refresh_token_seconds));
        let secret_hash = sha256(&secret);
        let sign_in = SignIn { id, user_id, secret_hash, created_at: now, used_at: now, expires_at, client };
        let token = format!(
            "{REFRESH_PREFIX}{}",
            URL_SAFE_NO_PAD.encode([id.0.as_bytes().as_slice(), &secret].concat())
        );
        Ok((sign_in, token))
    }

    fn signed_in(&self, user: User, sign_in: SignInId, refresh_token: String) -> Result<SignedIn> {
        let now = self.parts.clock.now();
        // The user was read before the password was looked at, and may have been given another role since.
        let identity = self.parts.standing.vet(user.identity(Access::SignIn(sign_in)), now)?;
        let seconds = self.parts.settings.access_token_seconds;
        let id = self.parts.ids.uuid(now)?;
        let access_token = self.tokens.issue(&Grant { identity: &identity, sign_in, id, now, seconds })?;
        Ok(SignedIn { user, access_token, expires_in: seconds, refresh_token })
    }
}

/// A database may not be able to look for a NUL.
fn refuse_nul(login: &str) -> Result<()> {
    if login.contains('\0') { Err(Error::field("login", "must not contain NUL")) } else { Ok(()) }
}

fn parse_refresh(token: &str) -> Option<(SignInId, Vec<u8>)> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(REFRESH_PREFIX)?).ok()?;
    if bytes.len() != ID_BYTES + SECRET_BYTES {
        return None;
    }
    let (id, secret) = bytes.split_at(ID_BYTES);
    Some((SignInId(Uuid::from_slice(id).ok()?), secret.to_vec()))
}
