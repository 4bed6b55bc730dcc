//! Password hashing with Argon2id (RFC 9106), off the async threads and bounded.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::ids::Ids;

/// Memory, passes and lanes as OWASP ASVS asks: 19 MiB, 2, 1.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How many hashes may wait for their turn before new ones are refused.
const MAX_WAITING: usize = 64;

/// Hashes and verifies passwords, a few at a time: each takes 19 MiB.
pub struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    dummy: String,
}

impl Passwords {
    /// `at_once`: how many hashes may run at a time.
    ///
    /// # Errors
    /// [`Error::Internal`] when hashing does not work here.
    pub fn new(at_once: usize) -> Result<Self> {
        Ok(Self {
            running: Arc::new(Semaphore::new(at_once.max(1))),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            dummy: hash_now("nobody's password", &[0; 16])?,
        })
    }

    /// Hashes a password into a PHC string.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn hash(&self, ids: &dyn Ids, password: String) -> Result<String> {
        let mut salt = [0; 16];
        ids.fill(&mut salt)?;
        self.run(move || hash_now(&password, &salt)).await
    }

    /// Whether `password` belongs to `hash`. Without a hash (no such user) it takes just as long and says no.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn verify(&self, hash: Option<String>, password: String) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.clone());
        let matches = self.run(move || verify_now(&hash, &password)).await?;
        Ok(matches && known)
    }

    /// How many hashes run or wait for their turn, and how many may.
    pub fn waiting(&self) -> (usize, usize) {
        (MAX_WAITING - self.waiting.available_permits(), MAX_WAITING)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let _place = self.waiting.try_acquire().map_err(|_| Error::Busy("sign-ins"))?;
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Error::Busy("sign-ins"))?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| Error::Internal(format!("password hashing stopped: {error}")))?
    }
}

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| Error::Internal(format!("password hashing: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str, salt: &[u8]) -> Result<String> {
    let hash = hasher()?
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|error| Error::Internal(format!("password hashing: {error}")))?;
    Ok(hash.to_string())
}

fn verify_now(hash: &str, password: &str) -> Result<bool> {
    let parsed = PasswordHash::new(hash)
        .map_err(|error| Error::Internal(format!("a stored password hash is broken: {error}")))?;
    Ok(hasher()?.verify_password(password.as_bytes(), &parsed).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SystemIds;

    #[tokio::test]
    async fn a_password_is_known_again_and_nobody_has_the_dummy() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash(&SystemIds::default(), "correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify(Some(hash.clone()), "correct horse".into()).await.unwrap());
        assert!(!passwords.verify(Some(hash), "wrong horse".into()).await.unwrap());
        assert!(!passwords.verify(None, "nobody's password".into()).await.unwrap());
    }
}
