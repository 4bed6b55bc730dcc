//! Stream keys: shown again to their owner, so sealed, and looked up by hash.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ids::Ids;
use crate::secret::{Purpose, Sealer, Secret, sha256};

/// Random bytes of a stream key: 144 bits.
const KEY_BYTES: usize = 18;

/// A stream key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// SHA-256 of the key, by which it is found.
    pub hash: [u8; 32],
    /// The key, sealed under the server's secret.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey")
    }
}

/// Makes and opens stream keys.
pub struct StreamKeys {
    ids: Arc<dyn Ids>,
    sealer: Sealer,
}

impl StreamKeys {
    /// Derives the sealing key.
    ///
    /// # Errors
    /// As [`Secret::sealer`].
    pub fn new(secret: &Secret, ids: Arc<dyn Ids>) -> Result<Self> {
        Ok(Self { ids, sealer: secret.sealer(Purpose::StreamKey)? })
    }

    /// A new key for the broadcast or user with this id.
    ///
    /// # Errors
    /// As [`Ids::fill`].
    pub fn generate(&self, of: &Uuid) -> Result<SealedKey> {
        let mut random = [0; KEY_BYTES];
        self.ids.fill(&mut random)?;
        let key = format!("sk_{}", URL_SAFE_NO_PAD.encode(random));
        Ok(SealedKey {
            hash: Self::hash(&key),
            sealed: self.sealer.seal(self.ids.as_ref(), of.as_bytes(), key.as_bytes())?,
        })
    }

    /// The key itself, for its owner.
    ///
    /// # Errors
    /// [`Error::Internal`] when the server's secret changed.
    pub fn reveal(&self, of: &Uuid, key: &SealedKey) -> Result<String> {
        let plain = self.sealer.open(of.as_bytes(), &key.sealed)?;
        String::from_utf8(plain).map_err(|_| Error::Internal("a stream key is not text".into()))
    }

    /// By what a key is found.
    pub fn hash(key: &str) -> [u8; 32] {
        sha256(key.as_bytes())
    }
}
