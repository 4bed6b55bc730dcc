//! The API keys in force, by their hash.

use std::collections::HashMap;

use crate::clock::Time;
use crate::ids::{KeyId, UserId};
use crate::key::ApiKey;
use crate::user::Role;

/// A key and what its owner is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedKey {
    /// The key.
    pub key: ApiKey,
    /// Its owner's name.
    pub username: String,
    /// What its owner may do.
    pub role: Role,
}

#[derive(Debug, Default)]
pub struct Keys {
    by_hash: HashMap<[u8; 32], OwnedKey>,
    hashes: HashMap<KeyId, [u8; 32]>,
}

impl Keys {
    pub fn put(&mut self, key: OwnedKey) {
        self.hashes.insert(key.key.id, key.key.hash);
        self.by_hash.insert(key.key.hash, key);
    }

    pub fn get(&self, hash: &[u8; 32]) -> Option<&OwnedKey> {
        self.by_hash.get(hash)
    }

    pub fn by_id(&self, id: KeyId) -> Option<&OwnedKey> {
        self.by_hash.get(self.hashes.get(&id)?)
    }

    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.hashes.keys().copied()
    }

    pub fn remove(&mut self, id: KeyId) {
        if let Some(hash) = self.hashes.remove(&id) {
            self.by_hash.remove(&hash);
        }
    }

    pub fn remove_of(&mut self, user: UserId) {
        self.retain(|owned| owned.key.user_id != user);
    }

    pub fn in_force_of(&self, user: UserId, now: Time) -> usize {
        self.by_hash.values().filter(|owned| owned.key.user_id == user && owned.key.is_in_force(now)).count()
    }

    pub fn give_role(&mut self, user: UserId, role: Role) {
        let theirs = self.by_hash.values_mut().filter(|owned| owned.key.user_id == user);
        theirs.for_each(|owned| owned.role = role);
    }

    pub fn forget_past(&mut self, now: Time) {
        self.retain(|owned| owned.key.is_in_force(now));
    }

    fn retain(&mut self, keep: impl Fn(&OwnedKey) -> bool) {
        self.by_hash.retain(|_, owned| keep(owned));
        self.hashes.retain(|_, hash| self.by_hash.contains_key(hash));
    }
}
