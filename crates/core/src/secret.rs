//! The server's secret, from which every signing and sealing key derives.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};

use crate::error::{Error, Result};
use crate::ids::Ids;

/// Bytes of the server's secret.
pub const SECRET_BYTES: usize = 32;

macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident = $label:literal;)+) => {
        /// What a derived key is for. Each purpose has a key of its own, so no token is ever taken for another kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Purpose { $($(#[$doc])* $name,)+ }

        impl Purpose {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            fn label(self) -> &'static [u8] {
                match self { $(Self::$name => $label,)+ }
            }
        }
    };
}

purposes! {
    /// Signs access tokens.
    Access = b"tallylight access token v1";
    /// Signs viewer tokens.
    Viewer = b"tallylight viewer token v1";
    /// Signs playback tokens.
    Playback = b"tallylight playback token v1";
    /// Signs invitations.
    Join = b"tallylight join token v1";
    /// Seals stream keys.
    StreamKey = b"tallylight stream key v1";
    /// Makes pseudonyms of people in the log.
    Person = b"tallylight person v1";
    /// Seals what was answered under an idempotency key.
    Idempotency = b"tallylight idempotency v1";
    /// Recognises a call under such a key.
    IdempotentCall = b"tallylight idempotent call v1";
    /// Signs tokens by which a new password is chosen.
    Reset = b"tallylight password reset v1";
}

/// The secret itself. Shared by all nodes of a cluster.
pub struct Secret(hkdf::Prk);

impl Secret {
    /// Takes the secret's bytes.
    pub fn new(bytes: &[u8; SECRET_BYTES]) -> Self {
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"tallylight").extract(bytes))
    }

    /// Derives the 256-bit key for one purpose (RFC 5869).
    ///
    /// # Errors
    /// [`Error::Internal`] if the derivation fails, which its fixed lengths rule out.
    pub fn derive(&self, purpose: Purpose) -> Result<[u8; 32]> {
        let mut key = [0; 32];
        self.0
            .expand(&[purpose.label()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(|_| Error::Internal("a key could not be derived".into()))?;
        Ok(key)
    }

    /// A key for HMAC-SHA256.
    ///
    /// # Errors
    /// As [`Secret::derive`].
    pub fn mac(&self, purpose: Purpose) -> Result<hmac::Key> {
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &self.derive(purpose)?))
    }

    /// A key that seals small secrets.
    ///
    /// # Errors
    /// As [`Secret::derive`].
    pub fn sealer(&self, purpose: Purpose) -> Result<Sealer> {
        let key = UnboundKey::new(&AES_256_GCM, &self.derive(purpose)?)
            .map_err(|_| Error::Internal("a sealing key could not be made".into()))?;
        Ok(Sealer(LessSafeKey::new(key)))
    }
}

/// Encrypts small secrets that must be shown again (AES-256-GCM, a random 96-bit nonce in front).
pub struct Sealer(LessSafeKey);

const NONCE_BYTES: usize = 12;

impl Sealer {
    /// Seals `plain`, bound to `context`: it opens with the same context only.
    ///
    /// # Errors
    /// [`Error::Internal`] without randomness.
    pub fn seal(&self, ids: &dyn Ids, context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        ids.fill(&mut nonce)?;
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .map_err(|_| Error::Internal("a secret could not be sealed".into()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Sealer::seal`] made with the same context.
    ///
    /// # Errors
    /// [`Error::Internal`] when the server's secret changed or the bytes did.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let wrong =
            || Error::Internal("a sealed secret does not open: did the server's secret change?".into());
        let (nonce, body) = sealed.split_at_checked(NONCE_BYTES).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut body = body.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(context), &mut body).map_err(|_| wrong())?;
        Ok(plain.to_vec())
    }
}

/// SHA-256, for looking up secrets of high entropy without keeping them.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SystemIds;

    #[test]
    fn a_sealed_secret_opens_with_its_context_only() {
        let sealer = Secret::new(&[7; SECRET_BYTES]).sealer(Purpose::StreamKey).unwrap();
        let sealed = sealer.seal(&SystemIds::default(), b"broadcast a", b"key").unwrap();
        assert_eq!(sealer.open(b"broadcast a", &sealed).unwrap(), b"key");
        assert!(sealer.open(b"broadcast b", &sealed).is_err());
        assert!(sealer.open(b"broadcast a", &sealed[..5]).is_err());
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let secret = Secret::new(&[7; SECRET_BYTES]);
        assert_ne!(secret.derive(Purpose::Viewer).unwrap(), secret.derive(Purpose::Playback).unwrap());
    }
}
