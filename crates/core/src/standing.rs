//! Who may do what at this moment, in memory, so that no request has to ask the database.
//!
//! An access token says what was true when it was issued. What changed since is here: sign-ins that ended, roles that
//! were given, people, devices and networks that are kept out, and the keys of programs. Whoever changes one of these in
//! the database tells it here, and whoever holds open connections is told that something changed.

mod bans;
mod keys;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use bans::Bans;
use keys::Keys;

use crate::ban::Ban;
use crate::caller::{Access, Identity};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{BanId, KeyId, SignInId, UserId};
use crate::key::{self, ApiKey};
use crate::store::AccessStore;
use crate::user::Role;
use crate::viewer::{Client, DeviceId, Peer, Seat};

pub use keys::OwnedKey;

/// For how long after a write without an answer it is read what came of it: it may be done late.
const DOUBT: time::Duration = time::Duration::seconds(10);

/// See the module.
#[derive(Debug)]
pub struct Standing {
    state: RwLock<State>,
    /// For how long an access token is good at the most, with all leeway.
    token_life: time::Duration,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Sign-ins that ended, until no access token of theirs can be good.
    ended: HashMap<SignInId, Time>,
    /// Roles that were given, until no access token says otherwise.
    roles: HashMap<UserId, (Role, Time)>,
    keys: Keys,
    bans: Bans,
    /// Until when sign-ins may end here without anybody telling.
    doubt: Option<Time>,
    /// Counts what was told, so that what is read meanwhile is known to be older.
    told: u64,
}

impl Standing {
    /// Nobody is kept out. `token_life`: for how long an access token is good at the most.
    pub fn new(token_life: time::Duration) -> Self {
        Self { state: RwLock::default(), token_life, changes: watch::Sender::new(()) }
    }

    /// Loads what was so when the server stopped.
    ///
    /// # Errors
    /// The store's.
    pub async fn restore(&self, store: &dyn AccessStore, now: Time) -> Result<()> {
        let since = now - self.token_life;
        let (ended, roles) =
            (store.sign_ins_ended_since(since).await?, store.roles_given_since(since).await?);
        let (keys, bans) = (store.keys_in_force(now).await?, store.bans_in_force(now).await?);
        let mut state = self.write();
        state.ended = ended.into_iter().map(|id| (id, now + self.token_life)).collect();
        state.roles = roles.into_iter().map(|(id, role)| (id, (role, now + self.token_life))).collect();
        keys.into_iter().for_each(|key| state.keys.put(key));
        bans.into_iter().for_each(|ban| state.bans.put(ban));
        Ok(())
    }

    /// Takes over roles, bans and keys as others wrote them: a command of the operator, another server; and which sign-ins
    /// have ended. False: something was told here while they were read, so they may be older.
    ///
    /// # Errors
    /// The store's.
    pub async fn reload(&self, store: &dyn AccessStore, now: Time) -> Result<bool> {
        let told = self.read().told;
        let roles = store.roles_given_since(now - self.token_life).await?;
        let (keys, bans) = (store.keys_in_force(now).await?, store.bans_in_force(now).await?);
        let ended = store.sign_ins_ended_since(now - self.token_life).await?;
        let mut known = Keys::default();
        keys.into_iter().for_each(|key| known.put(key));
        let mut state = self.write();
        let until = now + self.token_life;
        let are_news = state.take_ended(ended, until);
        state.doubt = state.doubt.filter(|until| *until > now);
        if state.told != told {
            drop(state);
            if are_news {
                self.tell();
            }
            return Ok(false);
        }
        let were_revoked = state.take_over_keys(known);
        if state.take_over(bans, roles, until) || were_revoked || are_news {
            drop(state);
            self.tell();
        }
        Ok(true)
    }

    /// Takes the answer to a write that ends sign-ins. Without one it may have been done all the same: then it is to be
    /// looked.
    ///
    /// # Errors
    /// The write's.
    pub fn confirmed<T>(&self, answer: Result<T>, now: Time) -> Result<T> {
        if matches!(answer, Err(Error::Unavailable(_))) {
            self.write().doubt = Some(now + DOUBT);
        }
        answer
    }

    /// Whether [`Standing::reload`] may find what nobody told.
    pub fn is_in_doubt(&self) -> bool {
        self.read().doubt.is_some()
    }

    /// Has whoever holds open connections look at them again.
    pub fn tell(&self) {
        self.changes.send_replace(());
    }

    /// Told whenever somebody may do less than before.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Whom an API key names at this time, and when it ends by itself.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or [`Error::Suspended`].
    pub fn identify(&self, key: &str, now: Time) -> Result<(Identity, Option<Time>)> {
        let invalid =
            Error::Unauthenticated("this API key is not valid: it may be misspelt, revoked or expired");
        let hash = key::hash(key).ok_or(invalid.clone())?;
        let state = self.read();
        let owned = state.keys.get(&hash).filter(|owned| owned.key.is_in_force(now)).ok_or(invalid)?;
        state.refuse_user(owned.key.user_id, now)?;
        let access = Access::Key(owned.key.id, owned.key.scopes);
        let (id, username) = (owned.key.user_id, owned.username.clone());
        Ok((Identity { id, username, role: owned.role, access }, owned.key.expires_at))
    }

    /// Whom an access token names at this time, by what it said.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where the sign-in has ended, or [`Error::Suspended`].
    pub fn vet(&self, identity: Identity, now: Time) -> Result<Identity> {
        let state = self.read();
        if let Access::SignIn(id) = identity.access
            && state.ended.contains_key(&id)
        {
            return Err(Error::Unauthenticated("this sign-in has ended: sign in again"));
        }
        state.refuse_user(identity.id, now)?;
        let role = state.roles.get(&identity.id).map_or(identity.role, |(role, _)| *role);
        Ok(Identity { role, ..identity })
    }

    /// As [`Standing::vet`] for somebody who was let in before, by a key too.
    ///
    /// # Errors
    /// As [`Standing::vet`].
    pub fn vet_again(&self, identity: Identity, now: Time) -> Result<Identity> {
        if let Access::Key(id, _) = identity.access {
            let state = self.read();
            let owned = state.keys.by_id(id).filter(|owned| owned.key.is_in_force(now));
            let owned = owned.ok_or(Error::Unauthenticated("this API key is not valid any more"))?;
            state.refuse_user(identity.id, now)?;
            return Ok(Identity { role: owned.role, ..identity });
        }
        self.vet(identity, now)
    }

    /// Refuses a suspended user.
    ///
    /// # Errors
    /// [`Error::Suspended`].
    pub fn refuse_user(&self, user: UserId, now: Time) -> Result<()> {
        self.read().refuse_user(user, now)
    }

    /// Refuses a viewer: a suspended user, a device or an address that is kept out.
    ///
    /// # Errors
    /// [`Error::Suspended`] or [`Error::ShutOut`].
    pub fn refuse_viewer(&self, user: Option<UserId>, peer: &Peer, now: Time) -> Result<()> {
        user.map_or(Ok(()), |user| self.refuse_user(user, now))?;
        self.refuse_peer(peer, now)
    }

    /// As [`Standing::refuse_viewer`] for one who is there.
    ///
    /// # Errors
    /// As [`Standing::refuse_viewer`].
    pub fn refuse_seat(&self, seat: &Seat, now: Time) -> Result<()> {
        self.refuse_viewer(seat.user_id, &seat.peer, now)
    }

    /// Refuses a user who is suspended, or was made a viewer lately or while something of theirs is open.
    ///
    /// # Errors
    /// [`Error::Suspended`] or [`Error::Forbidden`].
    pub fn refuse_broadcaster(&self, user: UserId, now: Time) -> Result<()> {
        let state = self.read();
        state.refuse_user(user, now)?;
        match state.roles.get(&user) {
            Some((Role::Viewer, _)) => Err(Error::Forbidden("this account may not broadcast")),
            _ => Ok(()),
        }
    }

    /// Whether nobody is kept out and no role was given lately.
    pub fn is_calm(&self) -> bool {
        let state = self.read();
        state.bans.is_empty() && state.roles.is_empty()
    }

    /// Refuses a device or an address that is kept out.
    ///
    /// # Errors
    /// [`Error::ShutOut`].
    pub fn refuse_peer(&self, peer: &Peer, now: Time) -> Result<()> {
        self.refuse_from(peer.ip, peer.device.as_ref(), now)
    }

    /// Refuses a device or an address that is kept out.
    ///
    /// # Errors
    /// [`Error::ShutOut`].
    pub fn refuse_client(&self, client: &Client, now: Time) -> Result<()> {
        self.refuse_from(client.ip, client.device.as_ref(), now)
    }

    /// As [`Standing::refuse_client`].
    ///
    /// # Errors
    /// [`Error::ShutOut`].
    pub fn refuse_from(&self, ip: Option<IpAddr>, device: Option<&DeviceId>, now: Time) -> Result<()> {
        let state = self.read();
        if state.bans.is_empty() {
            return Ok(());
        }
        let ban = ip.and_then(|ip| state.bans.of_address(ip, now));
        let ban = ban.or_else(|| device.and_then(|device| state.bans.of_device(device, now)));
        ban.map_or(Ok(()), |ban| Err(Error::ShutOut { until: ban.until }))
    }

    /// Notes a ban.
    pub fn ban(&self, ban: Ban) {
        let mut state = self.write();
        state.told += 1;
        state.bans.put(ban);
        drop(state);
        self.tell();
    }

    /// Notes that a ban was lifted.
    pub fn lift(&self, id: BanId) {
        let mut state = self.write();
        state.told += 1;
        state.bans.remove(id);
    }

    /// Notes that sign-ins ended.
    pub fn end(&self, sign_ins: impl IntoIterator<Item = SignInId>, now: Time) {
        let until = now + self.token_life;
        self.write().ended.extend(sign_ins.into_iter().map(|id| (id, until)));
        self.changes.send_replace(());
    }

    /// Notes a role that was given.
    pub fn give_role(&self, user: UserId, role: Role, now: Time) {
        let mut state = self.write();
        state.told += 1;
        state.roles.insert(user, (role, now + self.token_life));
        state.keys.give_role(user, role);
        drop(state);
        self.changes.send_replace(());
    }

    /// Notes a new key.
    pub fn put_key(&self, key: OwnedKey) {
        let mut state = self.write();
        state.told += 1;
        // Another role may have been given while the key was written.
        let given = state.roles.get(&key.key.user_id).map(|(role, _)| *role);
        state.keys.put(OwnedKey { role: given.unwrap_or(key.role), ..key });
    }

    /// Notes that a key was revoked.
    pub fn revoke_key(&self, id: KeyId) {
        let mut state = self.write();
        state.told += 1;
        state.keys.remove(id);
        drop(state);
        self.changes.send_replace(());
    }

    /// Notes that a user's keys are all gone.
    pub fn revoke_keys_of(&self, user: UserId) {
        let mut state = self.write();
        state.told += 1;
        state.keys.remove_of(user);
        drop(state);
        self.changes.send_replace(());
    }

    /// The key of an id, if it is in memory.
    pub fn key(&self, id: KeyId) -> Option<ApiKey> {
        self.read().keys.by_id(id).map(|owned| owned.key.clone())
    }

    /// How many of a user's keys are good for something.
    pub fn keys_in_force(&self, user: UserId, now: Time) -> usize {
        self.read().keys.in_force_of(user, now)
    }

    /// Forgets what no token can tell any more, and bans and keys that are over. To be called now and then.
    pub fn forget_past(&self, now: Time) {
        let mut state = self.write();
        state.ended.retain(|_, until| *until > now);
        state.roles.retain(|_, (_, until)| *until > now);
        state.bans.forget_past(now);
        state.keys.forget_past(now);
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is one among them that was not known. None that is known is taken back.
    fn take_ended(&mut self, ended: Vec<SignInId>, until: Time) -> bool {
        let before = self.ended.len();
        for id in ended {
            self.ended.entry(id).or_insert(until);
        }
        self.ended.len() > before
    }

    /// Whether one of those that were known is gone.
    fn take_over_keys(&mut self, keys: Keys) -> bool {
        let before = std::mem::replace(&mut self.keys, keys);
        before.ids().any(|id| self.keys.by_id(id).is_none())
    }

    /// Whether that changed anything.
    fn take_over(&mut self, bans: Vec<Ban>, roles: Vec<(UserId, Role)>, until: Time) -> bool {
        let mut all = Bans::default();
        bans.into_iter().for_each(|ban| all.put(ban));
        let known =
            |(user, role): &(UserId, Role)| self.roles.get(user).is_some_and(|known| known.0 == *role);
        let is_news = all != self.bans || roles.len() != self.roles.len() || !roles.iter().all(known);
        for (user, role) in &roles {
            self.keys.give_role(*user, *role);
        }
        self.bans = all;
        self.roles = roles.into_iter().map(|(user, role)| (user, (role, until))).collect();
        is_news
    }

    fn refuse_user(&self, user: UserId, now: Time) -> Result<()> {
        let ban = self.bans.of_user(user, now);
        ban.map_or(Ok(()), |ban| Err(Error::Suspended { until: ban.until }))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ban::BanTarget;
    use crate::ids::SystemIds;
    use crate::scope::{Scope, Scopes};

    const NOON: Time = time::macros::datetime!(2026-05-01 12:00 UTC);
    const ADA: UserId = UserId(Uuid::from_u128(1));
    const PHONE: SignInId = SignInId(Uuid::from_u128(2));
    const LAPTOP: SignInId = SignInId(Uuid::from_u128(3));

    fn standing() -> Standing {
        Standing::new(time::Duration::minutes(15))
    }

    fn ada(access: Access) -> Identity {
        Identity { id: ADA, username: "ada".into(), role: Role::Broadcaster, access }
    }

    fn ban(target: BanTarget, until: Option<Time>) -> Ban {
        let id = BanId(Uuid::from_u128(9));
        Ban { id, target, until, reason: None, created_by: None, created_at: NOON }
    }

    #[test]
    fn an_ended_sign_in_is_refused_and_another_of_the_same_user_is_not() {
        let standing = standing();
        standing.end([PHONE], NOON);
        assert!(standing.vet(ada(Access::SignIn(PHONE)), NOON).is_err());
        assert!(standing.vet(ada(Access::SignIn(LAPTOP)), NOON).is_ok());
        standing.forget_past(NOON + time::Duration::minutes(14));
        assert!(standing.vet(ada(Access::SignIn(PHONE)), NOON).is_err(), "its last token may still be good");
        standing.forget_past(NOON + time::Duration::minutes(15));
        assert_eq!(standing.read().ended.len(), 0);
    }

    #[test]
    fn a_key_that_was_made_while_a_role_was_given_has_that_role() {
        let (standing, key) = (standing(), key::generate(&SystemIds::default()).unwrap());
        standing.give_role(ADA, Role::Viewer, NOON);
        let admins = OwnedKey { role: Role::Admin, ..owned(&key, [Scope::AdminWrite]) };
        standing.put_key(admins);
        assert_eq!(standing.identify(&key.text, NOON).unwrap().0.role, Role::Viewer);
    }

    #[test]
    fn a_role_holds_at_once_whatever_the_token_says() {
        let standing = standing();
        standing.give_role(ADA, Role::Viewer, NOON);
        let now = standing.vet(ada(Access::SignIn(PHONE)), NOON).unwrap();
        assert_eq!(now.role, Role::Viewer);
    }

    #[test]
    fn whoever_is_suspended_may_nothing_by_any_credentials_until_it_is_over() {
        let (standing, key) = (standing(), key::generate(&SystemIds::default()).unwrap());
        standing.put_key(owned(&key, [Scope::AdminRead]));
        standing.ban(ban(BanTarget::User(ADA), Some(NOON + time::Duration::hours(1))));
        assert!(matches!(standing.vet(ada(Access::SignIn(PHONE)), NOON), Err(Error::Suspended { .. })));
        assert!(matches!(standing.identify(&key.text, NOON), Err(Error::Suspended { .. })));
        let later = NOON + time::Duration::hours(1);
        assert!(standing.vet(ada(Access::SignIn(PHONE)), later).is_ok());
    }

    #[test]
    fn a_key_reaches_as_far_as_its_scopes_and_its_owners_role_until_it_is_revoked() {
        let (standing, key) = (standing(), key::generate(&SystemIds::default()).unwrap());
        standing.put_key(owned(&key, [Scope::AdminRead]));
        standing.give_role(ADA, Role::Admin, NOON);
        let (caller, _) = standing.identify(&key.text, NOON).unwrap();
        assert_eq!(caller.role, Role::Admin);
        assert!(caller.access.has(Scope::AdminRead) && !caller.access.has(Scope::AdminWrite));
        standing.revoke_key(KeyId(Uuid::from_u128(5)));
        assert!(standing.identify(&key.text, NOON).is_err() && standing.vet_again(caller, NOON).is_err());
    }

    #[test]
    fn a_network_or_a_device_is_shut_out_and_its_neighbours_are_not() {
        let standing = standing();
        standing.ban(ban(BanTarget::Network("2001:db8:1::/48".parse().unwrap()), None));
        let device = DeviceId::parse("0123456789abcdef").unwrap();
        standing.ban(Ban { id: BanId(Uuid::from_u128(10)), ..ban(BanTarget::Device(device.clone()), None) });
        let from = |ip: &str, device| standing.refuse_from(Some(ip.parse().unwrap()), device, NOON);
        assert!(from("2001:db8:1:ffff::1", None).is_err());
        assert!(from("2001:db8:2::1", None).is_ok() && from("203.0.113.7", Some(&device)).is_err());
        standing.lift(BanId(Uuid::from_u128(9)));
        assert!(from("2001:db8:1:ffff::1", None).is_ok());
    }

    fn owned(key: &key::NewKey, scopes: impl IntoIterator<Item = Scope>) -> OwnedKey {
        let key = ApiKey {
            id: KeyId(Uuid::from_u128(5)),
            user_id: ADA,
            name: "bot".into(),
            hash: key.hash,
            hint: key.hint.clone(),
            scopes: scopes.into_iter().collect::<Scopes>(),
            created_at: NOON,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        OwnedKey { key, username: "ada".into(), role: Role::Broadcaster }
    }
}
