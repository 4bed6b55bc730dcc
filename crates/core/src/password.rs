//! Password hashing with Argon2id (RFC 9106), off the async threads and bounded.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
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
    memory: Arc<Memory>,
    dummy: String,
}

impl Passwords {
    /// `at_once`: how many hashes may run at a time.
    ///
    /// # Errors
    /// [`Error::Internal`] when the parameters are not those of an Argon2id hash.
    pub fn new(at_once: usize) -> Result<Self> {
        Ok(Self {
            running: Arc::new(Semaphore::new(at_once.max(1))),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            memory: Arc::default(),
            dummy: phc(&[0; 16], Output::new(&[0; Params::DEFAULT_OUTPUT_LEN]).map_err(failed)?)?,
        })
    }

    /// Hashes a password into a PHC string.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn hash(&self, ids: &dyn Ids, password: String) -> Result<String> {
        let mut salt = [0; 16];
        ids.fill(&mut salt)?;
        self.run(move |memory| hash_now(memory, &password, salt)).await
    }

    /// Whether `password` belongs to `hash`. Without a hash (no such user) it takes just as long and says no.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn verify(&self, hash: Option<String>, password: String) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.clone());
        let matches = self.run(move |memory| verify_now(memory, &hash, &password)).await?;
        Ok(matches && known)
    }

    /// How many hashes run or wait for their turn, and how many may.
    pub fn waiting(&self) -> (usize, usize) {
        (MAX_WAITING - self.waiting.available_permits(), MAX_WAITING)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _place = self.waiting.try_acquire().map_err(|_| Error::Busy("sign-ins"))?;
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Error::Busy("sign-ins"))?;
        let memory = Arc::clone(&self.memory);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&memory)
        });
        done.await.map_err(|error| Error::Internal(format!("password hashing stopped: {error}")))?
    }
}

/// The memory that hashes are made in, kept from one to the next: as many pieces as hashes ever ran at a time. Freed
/// after each hash, it would stay with the allocator once for every thread that ever hashed.
#[derive(Default)]
struct Memory {
    spare: Mutex<Vec<Vec<Block>>>,
}

impl Memory {
    fn derive(&self, argon: &Argon2<'_>, password: &str, salt: &[u8], length: usize) -> Result<Output> {
        let mut blocks = self.spare().pop().unwrap_or_default();
        blocks.resize(blocks.len().max(argon.params().block_count()), Block::new());
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..length).ok_or_else(|| failed("the hash is too long"))?;
        let done = argon.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut blocks);
        self.spare().push(blocks);
        done.map_err(failed)?;
        Output::new(output).map_err(failed)
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash_now(memory: &Memory, password: &str, salt: [u8; 16]) -> Result<String> {
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?);
    phc(&salt, memory.derive(&argon, password, &salt, Params::DEFAULT_OUTPUT_LEN)?)
}

/// With the parameters that the hash was made with, which need not be those of today.
fn verify_now(memory: &Memory, hash: &str, password: &str) -> Result<bool> {
    let parsed = PasswordHash::new(hash).map_err(broken)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else {
        return Err(broken("it has no salt or hash"));
    };
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(broken)?;
    let version = parsed.version.map_or(Ok(Version::default()), Version::try_from).map_err(broken)?;
    let argon = Argon2::new(algorithm, version, Params::try_from(&parsed).map_err(broken)?);
    // `Output` compares in constant time.
    Ok(memory.derive(&argon, password, &salt, expected.len())? == expected)
}

fn params() -> Result<Params> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)
}

fn phc(salt: &[u8], hash: Output) -> Result<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()?).map_err(failed)?,
        salt: Some(Salt::new(salt).map_err(failed)?),
        hash: Some(hash),
    };
    Ok(hash.to_string())
}

fn failed(error: impl Display) -> Error {
    Error::Internal(format!("password hashing: {error}"))
}

fn broken(error: impl Display) -> Error {
    Error::Internal(format!("a stored password hash is broken: {error}"))
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher, PasswordVerifier};

    use super::*;
    use crate::ids::SystemIds;

    #[tokio::test]
    async fn a_password_is_known_again_and_nobody_has_the_dummy() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash(&SystemIds::default(), "correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.dummy.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify(Some(hash.clone()), "correct horse".into()).await.unwrap());
        assert!(!passwords.verify(Some(hash), "wrong horse".into()).await.unwrap());
        assert!(!passwords.verify(None, "nobody's password".into()).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_are_those_of_the_library_also_with_other_parameters() {
        let passwords = Passwords::new(1).unwrap();
        let hash = passwords.hash(&SystemIds::default(), "correct horse".into()).await.unwrap();
        let parsed = PasswordHash::new(&hash).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());

        for (kib, passes) in [(64, 1), (20 * 1024, 1)] {
            let params = Params::new(kib, passes, 1, None).unwrap();
            let other = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let hash =
                other.hash_password_with_salt(b"battery staple", b"salt of 16 bytes").unwrap().to_string();
            assert!(passwords.verify(Some(hash.clone()), "battery staple".into()).await.unwrap());
            assert!(!passwords.verify(Some(hash), "correct horse".into()).await.unwrap());
        }
        let broken =
            passwords.verify(Some("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ".into()), "".into()).await;
        assert!(matches!(broken, Err(Error::Internal(_))), "{broken:?}");
    }

    #[tokio::test]
    async fn as_much_memory_is_kept_as_hashes_run_at_a_time() {
        let passwords = Passwords::new(2).unwrap();
        let hashes = (0..12).map(|_| passwords.verify(None, "no matter".into()));
        futures_util::future::join_all(hashes).await;
        let kept: Vec<_> = passwords.memory.spare().iter().map(Vec::len).collect();
        assert!(
            (1..=2).contains(&kept.len()) && kept.iter().all(|blocks| *blocks == MEMORY_KIB as usize),
            "{kept:?}"
        );
    }
}
