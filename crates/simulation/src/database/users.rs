//! Users, their sign-ins, and whom they have banned.

use std::cmp::Reverse;

use tallylight_core::Result;
use tallylight_core::chat::{Ban, is_in_force};
use tallylight_core::ids::{SignInId, UserId};
use tallylight_core::store::Taken;
use tallylight_core::user::{Role, SealedKey, SignIn, User};

use super::Database;

impl Database {
    /// Keeps a new user, unless the name or address is taken.
    pub fn insert_user(&self, user: &User) -> Result<(), Taken> {
        let mut tables = self.lock();
        if tables.users.contains_key(&user.id) {
            return Ok(());
        }
        if tables.users.values().any(|other| other.username == user.username) {
            return Err(Taken::Username);
        }
        if tables.users.values().any(|other| other.email.to_lowercase() == user.email.to_lowercase()) {
            return Err(Taken::Email);
        }
        tables.users.insert(user.id, user.clone());
        Ok(())
    }

    /// Reads one.
    pub fn user(&self, id: UserId) -> Option<User> {
        self.lock().users.get(&id).cloned()
    }

    /// Finds one by user name or e-mail address.
    pub fn user_by_login(&self, login: &str) -> Option<User> {
        let login = login.to_lowercase();
        self.find_user(|user| user.username == login || user.email.to_lowercase() == login)
    }

    /// Finds one by the hash of the lasting stream key.
    pub fn user_by_stream_key(&self, hash: &[u8; 32]) -> Option<User> {
        self.find_user(|user| user.stream_key.hash == *hash)
    }

    /// Replaces the lasting stream key.
    pub fn set_user_stream_key(&self, id: UserId, key: &SealedKey) {
        if let Some(user) = self.lock().users.get_mut(&id) {
            user.stream_key = key.clone();
        }
    }

    /// Whether there is an administrator.
    pub fn has_admin(&self) -> bool {
        self.find_user(|user| user.role == Role::Admin).is_some()
    }

    /// Keeps a new sign-in of whoever knew the password with this hash; false where the account has another by now.
    pub fn insert_sign_in(&self, sign_in: &SignIn, password_hash: &str) -> bool {
        let mut tables = self.lock();
        let is_known =
            tables.users.get(&sign_in.user_id).is_some_and(|user| user.password_hash == password_hash);
        if is_known {
            tables.sign_ins.entry(sign_in.id).or_insert_with(|| sign_in.clone());
        }
        is_known
    }

    /// Reads one.
    pub fn sign_in(&self, id: SignInId) -> Option<SignIn> {
        self.lock().sign_ins.get(&id).cloned()
    }

    /// Replaces the refresh token's hash if it is still `from`, or `to` by a try before; false if not.
    pub fn rotate_sign_in(&self, from: &SignIn, to: &SignIn) -> bool {
        let mut tables = self.lock();
        let Some(kept) = tables.sign_ins.get_mut(&from.id) else { return false };
        if ![from.secret_hash, to.secret_hash].contains(&kept.secret_hash) {
            return false;
        }
        (kept.secret_hash, kept.used_at, kept.expires_at) = (to.secret_hash, to.used_at, to.expires_at);
        true
    }

    /// Removes one.
    pub fn end_sign_in(&self, id: SignInId) {
        self.lock().sign_ins.remove(&id);
    }

    /// Keeps a ban instead of the one before; those of this owner that are over go.
    ///
    /// # Errors
    /// For an unknown user.
    pub fn ban(&self, ban: &Ban) -> Result<()> {
        let mut tables = self.lock();
        for user in [ban.owner, ban.user_id, ban.by_id] {
            tables.check_user(Some(user))?;
        }
        tables.bans.retain(|_, kept| kept.owner != ban.owner || is_in_force(kept.until, ban.created_at));
        tables.bans.insert((ban.owner, ban.user_id), ban.clone());
        Ok(())
    }

    /// Removes one, if it is there.
    pub fn unban(&self, owner: UserId, user: UserId) {
        self.lock().bans.remove(&(owner, user));
    }

    /// All of an owner, the latest first.
    pub fn bans(&self, owner: UserId) -> Vec<Ban> {
        let mut bans: Vec<_> = self.lock().bans.values().filter(|ban| ban.owner == owner).cloned().collect();
        bans.sort_unstable_by_key(|ban| Reverse((ban.created_at, ban.user_id)));
        bans
    }

    fn find_user(&self, is_it: impl Fn(&User) -> bool) -> Option<User> {
        self.lock().users.values().find(|user| is_it(user)).cloned()
    }
}
