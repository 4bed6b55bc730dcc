//! API keys: what programs show instead of signing in.

mod manager;
mod usage;

use std::fmt::Write;

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{Ids, KeyId, UserId};
use crate::scope::Scopes;
use crate::secret::sha256;

pub use manager::{KeyManager, KeyOwner, KeyParts, NewKeyRequest, USAGE_DAYS};
pub use usage::{Endpoint, Tally, UsageLine, UsageQuery, UsageRow, UsedBy};

/// What every key begins with, so that scanners of leaked secrets find it.
pub const PREFIX: &str = "tl_";
/// Random bytes of a key: 160 bits.
const SECRET_BYTES: usize = 20;
const SECRET_CHARS: usize = SECRET_BYTES * 2;
const CHECKSUM_CHARS: usize = 8;
/// How many of its last characters are kept to know a key by.
const HINT_CHARS: usize = 4;

/// One row of `api_keys`: all but the key itself, of which only the SHA-256 is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The id.
    pub id: KeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// Its last characters.
    pub hint: String,
    /// How far it reaches.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Time,
    /// When it ends; `None`: never by itself.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
    /// When it was used last, to some seconds.
    pub last_used_at: Option<Time>,
}

impl ApiKey {
    /// Whether it is good at this time.
    pub fn is_in_force(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

/// A new key, shown once.
pub struct NewKey {
    /// The key itself: `tl_`, 40 hexadecimal digits of randomness, and 8 of their CRC-32.
    pub text: String,
    /// By what it is found again.
    pub hash: [u8; 32],
    /// Its last characters.
    pub hint: String,
}

/// Makes a key.
///
/// # Errors
/// As [`Ids::fill`].
pub fn generate(ids: &dyn Ids) -> Result<NewKey> {
    let mut random = [0; SECRET_BYTES];
    ids.fill(&mut random)?;
    let mut text = random.iter().fold(PREFIX.to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let _ = write!(text, "{:08x}", checksum(&text));
    let hint = text[text.len() - HINT_CHARS..].to_owned();
    Ok(NewKey { hash: sha256(text.as_bytes()), hint, text })
}

/// By what a key is found, if it is one: misspelt ones are known by their checksum, without asking anybody.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix(PREFIX)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    if digits.len() != SECRET_CHARS + CHECKSUM_CHARS || !is_hex {
        return None;
    }
    let (body, sum) = text.split_at(PREFIX.len() + SECRET_CHARS);
    let is_whole = u32::from_str_radix(sum, 16).is_ok_and(|sum| sum == checksum(body));
    is_whole.then(|| sha256(text.as_bytes()))
}

fn checksum(text: &str) -> u32 {
    crc32fast::hash(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SystemIds;

    #[test]
    fn a_key_is_found_by_its_hash_and_only_when_it_is_whole() {
        let key = generate(&SystemIds::default()).unwrap();
        assert_eq!(hash(&key.text), Some(key.hash));
        assert!(key.text.ends_with(&key.hint) && key.text.len() == 51);
        let last = if key.text.ends_with('0') { '1' } else { '0' };
        let misspelt = format!("{}{last}", &key.text[..50]);
        let shouted = key.text.to_uppercase();
        for wrong in [misspelt.as_str(), &key.text[..50], &key.text[3..], shouted.as_str(), "tl_", "", "tl_é"]
        {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
