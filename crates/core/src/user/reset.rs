//! The tokens in mails by which a new password is chosen.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::User;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::UserId;
use crate::secret::{Purpose, Secret};

/// By which it is told from every other kind.
const PREFIX: &str = "pr_";
const ID_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const BODY_BYTES: usize = ID_BYTES + TIME_BYTES;
const MAC_BYTES: usize = 32;

/// Makes and checks them: 16 bytes of user id, 8 of the end in seconds since 1970 and 32 of HMAC-SHA256, in base64url.
///
/// The password's hash and the address are signed with it and not in it: with any change of either it is void, so it is
/// good once.
pub struct ResetTokens {
    key: hmac::Key,
}

/// What a token says, before it is known whether it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// For whom.
    pub user: UserId,
    body: [u8; BODY_BYTES],
    mac: [u8; MAC_BYTES],
}

impl ResetTokens {
    /// Derives the key.
    ///
    /// # Errors
    /// As [`Secret::derive`].
    pub fn new(secret: &Secret) -> Result<Self> {
        Ok(Self { key: secret.mac(Purpose::Reset)? })
    }

    /// A token for a user as the account is now.
    pub fn issue(&self, user: &User, until: Time) -> String {
        let mut body = [0; BODY_BYTES];
        body[..ID_BYTES].copy_from_slice(user.id.0.as_bytes());
        body[ID_BYTES..].copy_from_slice(&until.unix_timestamp().to_be_bytes());
        let mac = self.sign(&body, user);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([body.as_slice(), mac.as_ref()].concat()))
    }

    /// What a token says, unless its time is over.
    pub fn read(&self, token: &str, now: Time) -> Option<Claim> {
        let mut bytes = [0; BODY_BYTES + MAC_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(token.strip_prefix(PREFIX)?, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        let (mut body, mut mac) = ([0; BODY_BYTES], [0; MAC_BYTES]);
        body.copy_from_slice(&bytes[..BODY_BYTES]);
        mac.copy_from_slice(&bytes[BODY_BYTES..]);
        let user = UserId(Uuid::from_slice(&body[..ID_BYTES]).ok()?);
        let until = i64::from_be_bytes(body[ID_BYTES..].try_into().ok()?);
        (until > now.unix_timestamp()).then_some(Claim { user, body, mac })
    }

    /// Whether we made it for this user, as the account is now.
    pub fn is_for(&self, claim: &Claim, user: &User) -> bool {
        let expected = self.sign(&claim.body, user);
        constant_time::verify_slices_are_equal(expected.as_ref(), &claim.mac).is_ok()
    }

    fn sign(&self, body: &[u8], user: &User) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(body);
        // A hash has no NUL in it, so the two cannot be taken for others.
        context.update(user.password_hash.as_bytes());
        context.update(&[0]);
        context.update(user.email.as_bytes());
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::{Role, SealedKey};

    const NOON: Time = time::macros::datetime!(2026-05-01 12:00 UTC);

    fn ada() -> User {
        User {
            id: UserId(Uuid::from_u128(1)),
            username: "ada".into(),
            display_name: "Ada".into(),
            email: "ada@example.org".into(),
            password_hash: "$argon2id$one".into(),
            role: Role::Broadcaster,
            stream_key: SealedKey { hash: [0; 32], sealed: Vec::new() },
            default_title: None,
            created_at: NOON,
            erased_at: None,
        }
    }

    #[test]
    fn a_token_is_good_until_its_end_or_until_the_account_changes() {
        let tokens = ResetTokens::new(&Secret::new(&[7; 32])).unwrap();
        let token = tokens.issue(&ada(), NOON + time::Duration::minutes(30));
        let claim = tokens.read(&token, NOON).unwrap();
        assert!(claim.user == ada().id && tokens.is_for(&claim, &ada()));
        assert_eq!(tokens.read(&token, NOON + time::Duration::minutes(30)), None);
        let changed = User { password_hash: "$argon2id$two".into(), ..ada() };
        let moved = User { email: "eve@example.org".into(), ..ada() };
        let other = ResetTokens::new(&Secret::new(&[8; 32])).unwrap();
        assert!(!tokens.is_for(&claim, &changed) && !tokens.is_for(&claim, &moved));
        assert!(!other.is_for(&claim, &ada()), "another server's secret");
    }

    #[test]
    fn no_bit_of_a_token_can_be_altered_nor_its_end_be_put_off() {
        let tokens = ResetTokens::new(&Secret::new(&[7; 32])).unwrap();
        let token = tokens.issue(&ada(), NOON + time::Duration::minutes(30));
        let bytes = URL_SAFE_NO_PAD.decode(&token[PREFIX.len()..]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let altered = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(altered));
            let taken = tokens.read(&altered, NOON);
            assert!(
                taken.is_none_or(|claim| claim.user != ada().id || !tokens.is_for(&claim, &ada())),
                "{bit}"
            );
        }
        for wrong in ["", "pr_", &token[1..], &token[..token.len() - 1], &format!("{token}A")] {
            assert_eq!(tokens.read(wrong, NOON), None, "{wrong}");
        }
    }
}
