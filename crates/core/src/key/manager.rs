//! `KeyManager`: makes, lists and revokes API keys, and knows what they are used for.

use std::sync::Arc;
use std::time::Duration;

use garde::Validate;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::usage::{Unwritten, UsageBook, day_of};
use super::{ApiKey, Endpoint, Tally, UsageLine, UsageQuery, UsedBy, generate};
use crate::audit_log::{Act, Action, AuditLog};
use crate::caller::{Caller, Identity};
use crate::clock::{Clock, Time};
use crate::error::{Error, FieldError, Result};
use crate::expiry::Expiry;
use crate::ids::{Ids, KeyId, UserId};
use crate::scope::{Scope, Scopes};
use crate::standing::{OwnedKey, Standing};
use crate::store::{KeyStore, PastKeys};
use crate::user::Role;
use crate::validate;
use crate::viewer::Client;

/// Over how many days a key's owner sees what it was used for.
pub const USAGE_DAYS: i64 = 30;
/// For how many days it is kept what keys were used for, and for how many a key that was revoked.
const USAGE_KEPT_DAYS: i64 = 400;
const REVOKED_KEPT_DAYS: i64 = 90;
/// How many keys that were revoked a user may have beside the others, until they are removed.
const MOST_REVOKED: usize = 1_000;
/// How many rows that are over are removed at once, so that nobody else waits long.
const PART: u32 = 1_000;
/// How long who reads waits for whoever writes.
const READERS_WAIT: Duration = Duration::from_millis(200);
/// How many rows of usage are written at once.
const AT_ONCE: usize = 1_000;

/// What somebody gives for a new key.
#[derive(Debug, Clone, Default, Validate)]
#[garde(allow_unvalidated)]
pub struct NewKeyRequest {
    /// What its owner calls it.
    #[garde(custom(|value: &String, cx: &()| validate::text(1..=64)(value, cx)))]
    pub name: String,
    /// How far it is to reach, by names.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expiry: Expiry,
}

/// Whose a key is to be.
#[derive(Debug, Clone, Copy)]
pub struct KeyOwner<'a> {
    /// The user.
    pub id: UserId,
    /// The name.
    pub username: &'a str,
    /// What they may do.
    pub role: Role,
}

/// What a [`KeyManager`] is made of.
pub struct KeyParts {
    /// Where keys are kept.
    pub store: Arc<dyn KeyStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn Ids>,
    /// Who may do what now.
    pub standing: Arc<Standing>,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// How many keys one user may have.
    pub max_keys: usize,
}

/// Makes, lists and revokes API keys, and knows what they are used for.
pub struct KeyManager {
    parts: KeyParts,
    book: UsageBook,
    /// Whose turn it is to write what was counted.
    writing: Mutex<()>,
}

impl KeyManager {
    /// Without anything counted yet.
    pub fn new(parts: KeyParts) -> Self {
        Self { parts, book: UsageBook::default(), writing: Mutex::default() }
    }

    /// Makes a key of the caller's; it and its text, which nobody can show again.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`] for programs, or as [`KeyManager::create_for`].
    pub async fn create(&self, by: (&Caller, &Client), request: NewKeyRequest) -> Result<(ApiKey, String)> {
        // Keys make no keys: whoever steals one could otherwise keep what it reaches after it was revoked.
        let Identity { id, username, role, .. } = by.0.in_person()?;
        self.create_for(by, KeyOwner { id: *id, username, role: *role }, request).await
    }

    /// As [`KeyManager::create`], for somebody, whoever asks.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for scopes that the owner's role does not reach and beyond as many keys as are allowed,
    /// [`Error::Invalid`], or the store's.
    pub async fn create_for(
        &self,
        (caller, client): (&Caller, &Client),
        owner: KeyOwner<'_>,
        request: NewKeyRequest,
    ) -> Result<(ApiKey, String)> {
        request.validate()?;
        let scopes = scopes(owner.role, &request.scopes)?;
        let KeyParts { store, clock, ids, standing, audit, max_keys } = &self.parts;
        let now = clock.now();
        let expires_at = request.expiry.end(now)?;
        let new = generate(ids.as_ref())?;
        let key = ApiKey {
            id: KeyId(ids.uuid(now)?),
            user_id: owner.id,
            name: request.name,
            hash: new.hash,
            hint: new.hint,
            scopes,
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let scopes: Vec<_> = key.scopes.iter().map(Scope::name).collect();
        let act = Act::new(Action::KeyMade).on(key.id).with("scopes", scopes);
        let entry = audit.entry(caller, client, act.with("owner", owner.id.to_string()))?;
        if !store.insert_key(&key, (*max_keys, max_keys + MOST_REVOKED), &entry).await? {
            return Err(Error::Forbidden(
                "there are as many API keys as one account may have: revoke one first, or wait if very many were revoked lately",
            ));
        }
        standing.put_key(OwnedKey {
            key: key.clone(),
            username: owner.username.to_owned(),
            role: owner.role,
        });
        Ok((key, new.text))
    }

    /// The caller's keys, the newest first, each with what it was used for in the last [`USAGE_DAYS`] days.
    ///
    /// # Errors
    /// As [`KeyManager::create`].
    pub async fn list(&self, caller: &Caller) -> Result<Vec<(ApiKey, Tally)>> {
        let owner = caller.in_person()?;
        self.write_for_reader().await;
        self.parts.store.keys_of(owner.id, self.since()).await
    }

    /// One of the caller's keys, and what it was used for in the last [`USAGE_DAYS`] days, by day and endpoint.
    ///
    /// # Errors
    /// As [`KeyManager::create`]; [`Error::NotFound`].
    pub async fn read(&self, caller: &Caller, id: KeyId) -> Result<(ApiKey, Vec<UsageLine>)> {
        let keys = self.list(caller).await?;
        let found = keys.into_iter().find(|(key, _)| key.id == id);
        let (key, _) = found.ok_or(Error::NotFound("API key"))?;
        let usage = self.parts.store.usage_of(id, self.since()).await?;
        Ok((key, usage))
    }

    /// Revokes one of the caller's keys: from now on it is good for nothing.
    ///
    /// # Errors
    /// As [`KeyManager::create`]; [`Error::NotFound`].
    pub async fn revoke(&self, (caller, client): (&Caller, &Client), id: KeyId) -> Result<()> {
        let owner = caller.in_person()?.id;
        self.revoke_of((caller, client), owner, id).await
    }

    /// As [`KeyManager::revoke`], of somebody, whoever asks.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's.
    pub async fn revoke_of(
        &self,
        (caller, client): (&Caller, &Client),
        owner: UserId,
        id: KeyId,
    ) -> Result<()> {
        let KeyParts { store, standing, audit, .. } = &self.parts;
        let act = Act::new(Action::KeyRevoked).on(id).with("owner", owner.to_string());
        let entry = audit.entry(caller, client, act)?;
        let revoked = store.revoke_key(owner, id, &entry).await;
        let is_off = match &revoked {
            // Also where nothing is known of it here: somebody may be reading it just now.
            Ok(is_theirs) => *is_theirs,
            // Perhaps it was not written: a key that its owner gave up is better good for nothing.
            Err(Error::Unavailable(_)) => standing.key(id).is_some_and(|key| key.user_id == owner),
            Err(_) => false,
        };
        if is_off {
            standing.revoke_key(id);
        }
        if revoked? { Ok(()) } else { Err(Error::NotFound("API key")) }
    }

    /// Counts a request of a key and how it was answered.
    pub fn count(&self, key: KeyId, endpoint: Endpoint, status: u16) {
        let at = (self.parts.ids.as_ref(), self.parts.clock.now());
        if let Err(error) = self.book.count(key, endpoint, Tally::of_status(status), at) {
            warn!(%error, "a request of an API key is not counted");
        }
    }

    /// Writes all that was counted so far. What cannot be written now is kept and tried again.
    ///
    /// # Errors
    /// The store's.
    pub async fn write_usage(&self) -> Result<()> {
        self.write_in_turn(self.writing.lock().await).await
    }

    async fn write_in_turn(&self, _turn: MutexGuard<'_, ()>) -> Result<()> {
        let Unwritten { mut rows, mut used } = self.book.unwritten();
        while !rows.is_empty() || !used.is_empty() {
            let later = (rows.split_off(rows.len().min(AT_ONCE)), used.split_off(used.len().min(AT_ONCE)));
            let some = Unwritten { rows, used };
            self.parts.store.save_usage(&some.rows, &some.used).await?;
            self.book.written(&some, self.parts.clock.now());
            (rows, used) = later;
        }
        Ok(())
    }

    /// Removes keys that were revoked long ago and what was counted long ago. To be called now and then; how many rows
    /// went.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_past(&self) -> Result<u64> {
        let now = self.parts.clock.now();
        let past = PastKeys {
            revoked: now - time::Duration::days(REVOKED_KEPT_DAYS),
            used: day_of(now) - time::Duration::days(USAGE_KEPT_DAYS),
        };
        let mut removed = 0;
        loop {
            match self.parts.store.remove_past_keys(past, PART).await? {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
    }

    /// What keys were used for, for those who run the server; and how many lines of it there are.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], or the store's.
    pub async fn usage(
        &self,
        (caller, client): (&Caller, &Client),
        query: &UsageQuery,
    ) -> Result<(Vec<UsedBy>, u64)> {
        caller.at_least(Role::Admin)?;
        self.write_for_reader().await;
        let usage = self.parts.store.usage(query).await?;
        self.parts.audit.note(caller, client, Act::new(Action::UsageRead));
        Ok(usage)
    }

    /// Writes what was counted, so that it is read too. Nobody waits long while somebody else does, and nobody's reading
    /// fails because it cannot be written.
    async fn write_for_reader(&self) {
        if let Ok(turn) = timeout(READERS_WAIT, self.writing.lock()).await
            && let Err(error) = self.write_in_turn(turn).await
        {
            debug!(%error, "what keys were used for just now is written later");
        }
    }

    /// The first day that is told of by default.
    pub fn since(&self) -> Time {
        day_of(self.parts.clock.now()) - time::Duration::days(USAGE_DAYS - 1)
    }
}

fn scopes(owner: Role, names: &[String]) -> Result<Scopes> {
    if names.is_empty() {
        return Err(Error::field("scopes", "must name at least one"));
    }
    let (mut scopes, mut wrong) = (Vec::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        match name.parse::<Scope>() {
            Ok(scope) => scopes.push(scope),
            Err(message) => wrong.push(FieldError { field: format!("scopes[{index}]"), message }),
        }
    }
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    let administers = |scope: &Scope| matches!(scope, Scope::AdminRead | Scope::AdminWrite);
    if owner < Role::Moderator && scopes.iter().any(administers) {
        return Err(Error::Forbidden(
            "scopes admin:read and admin:write are for moderators and administrators",
        ));
    }
    Ok(scopes.into_iter().collect())
}
