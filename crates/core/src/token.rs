//! The tokens that the server signs: access tokens for people and programs, viewer and playback tokens for players.

use std::sync::Arc;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::caller::{Access, Identity};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{BroadcastId, SignInId, UserId, ViewerId};
use crate::secret::{Purpose, Secret};
use crate::user::Role;

const AUDIENCE: &str = "tallylight";
const TYPE: &str = "at+jwt";
/// How far a token's times may be off, in seconds: clocks of several nodes differ.
pub const LEEWAY_SECONDS: i64 = 30;

/// The longest that an access token is ever good for, in seconds.
const LONGEST_SECONDS: i64 = 24 * 3_600;

/// Issues and checks access tokens (RFC 9068 `at+jwt`, HS256; checked as RFC 8725 advises).
pub struct AccessTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// Tokens that were found genuine, and what they say: each comes with many requests. Ours alone get in here.
    known: Cache<Box<str>, Arc<Claims>>,
}

/// How many tokens are known by heart, each of less than a KiB.
const KNOWN_TOKENS: u64 = 10_000;

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    jti: Uuid,
    name: String,
    role: Role,
    iat: i64,
    exp: i64,
}

/// For whom and how long an access token is.
#[derive(Debug)]
pub struct Grant<'a> {
    /// Who it names.
    pub identity: &'a Identity,
    /// The sign-in that it belongs to.
    pub sign_in: SignInId,
    /// Its own id.
    pub id: Uuid,
    /// When it is issued.
    pub now: Time,
    /// For how many seconds it is good.
    pub seconds: u32,
}

impl AccessTokens {
    /// Derives the signing key.
    ///
    /// # Errors
    /// As [`Secret::derive`].
    pub fn new(secret: &Secret) -> Result<Self> {
        let key = secret.derive(Purpose::Access)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // The library would ask the machine's clock; `check` compares with the clock handed in.
        validation.validate_exp = false;
        Ok(Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            validation,
            known: Cache::new(KNOWN_TOKENS),
        })
    }

    /// Signs an access token.
    ///
    /// # Errors
    /// [`Error::Internal`] if signing fails.
    pub fn issue(&self, grant: &Grant<'_>) -> Result<String> {
        let issued = grant.now.unix_timestamp();
        let claims = Claims {
            iss: AUDIENCE.into(),
            aud: AUDIENCE.into(),
            sub: grant.identity.id.0,
            sid: grant.sign_in.0,
            jti: grant.id,
            name: grant.identity.username.clone(),
            role: grant.identity.role,
            iat: issued,
            exp: issued + i64::from(grant.seconds),
        };
        let header = Header { typ: Some(TYPE.into()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &self.encoding)
            .map_err(|error| Error::Internal(format!("an access token could not be signed: {error}")))
    }

    /// Whom a token names, and for how many seconds more.
    ///
    /// # Errors
    /// [`TokenFault`]: it is not ours, not of this type, or out of its time.
    pub fn check(&self, token: &str, now: Time) -> Result<(Identity, u64), TokenFault> {
        let claims = match self.known.get(token) {
            Some(claims) => claims,
            None => self.read(token)?,
        };
        let left = claims.exp.saturating_add(LEEWAY_SECONDS).saturating_sub(now.unix_timestamp());
        if left <= 0 {
            return Err(TokenFault::Expired);
        }
        let left = u64::try_from(left - LEEWAY_SECONDS).unwrap_or_default();
        let access = Access::SignIn(SignInId(claims.sid));
        let (id, username) = (UserId(claims.sub), claims.name.clone());
        Ok((Identity { id, username, role: claims.role, access }, left))
    }

    /// What a token says that is ours and of this kind, whatever the time.
    fn read(&self, token: &str) -> Result<Arc<Claims>, TokenFault> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation);
        let data = data.map_err(|_| TokenFault::Invalid)?;
        if data.header.typ.as_deref() != Some(TYPE) {
            return Err(TokenFault::OtherKind);
        }
        // None was ever issued for longer, or to end before it began.
        if !(0..=LONGEST_SECONDS).contains(&data.claims.exp.saturating_sub(data.claims.iat)) {
            return Err(TokenFault::Invalid);
        }
        let claims = Arc::new(data.claims);
        self.known.insert(token.into(), claims.clone());
        Ok(claims)
    }
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// It is none of ours, or was altered.
    Invalid,
    /// It is ours and for something else.
    OtherKind,
    /// Its time is over.
    Expired,
}

impl From<TokenFault> for Error {
    fn from(fault: TokenFault) -> Self {
        Self::Unauthenticated(match fault {
            TokenFault::Invalid => "this access token is not valid",
            TokenFault::OtherKind => "this token is not an access token",
            TokenFault::Expired => "this access token has expired: refresh it",
        })
    }
}

/// Why credentials are not taken.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The access token is not good.
    Token(TokenFault),
    /// It was, and is not any more, or it is a key that is not good.
    Standing(Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Token(fault) => fault.into(),
            Fault::Standing(error) => error,
        }
    }
}

/// Whether a player counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassKind {
    /// A viewer who counts and must be present.
    Viewer,
    /// The owner's own preview, which does not count.
    Preview,
}

/// What a viewer token or a playback token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Who plays.
    pub viewer: ViewerId,
    /// Whether it counts.
    pub kind: PassKind,
}

/// Makes and checks the tokens of players: 1 byte of kind, 16 of viewer id and 16 of HMAC-SHA256, in base64url.
pub struct PlayerTokens {
    viewer: hmac::Key,
    playback: hmac::Key,
}

pub(crate) const MAC_BYTES: usize = 16;
const PASS_BYTES: usize = 17;

impl PlayerTokens {
    /// Derives the keys.
    ///
    /// # Errors
    /// As [`Secret::derive`].
    pub fn new(secret: &Secret) -> Result<Self> {
        Ok(Self { viewer: secret.mac(Purpose::Viewer)?, playback: secret.mac(Purpose::Playback)? })
    }

    /// The secret by which a viewer heartbeats, leaves and comes back.
    pub fn viewer_token(&self, broadcast: BroadcastId, pass: Pass) -> String {
        sign(&self.viewer, broadcast, pass)
    }

    /// The token in the playback addresses: good for media of this broadcast only.
    pub fn playback_token(&self, broadcast: BroadcastId, pass: Pass) -> String {
        sign(&self.playback, broadcast, pass)
    }

    /// Whose viewer token this is, if it is one of this broadcast.
    pub fn check_viewer(&self, broadcast: BroadcastId, token: &str) -> Option<Pass> {
        verify(&self.viewer, broadcast, token)
    }

    /// Whose playback token this is, if it is one of this broadcast.
    pub fn check_playback(&self, broadcast: BroadcastId, token: &str) -> Option<Pass> {
        verify(&self.playback, broadcast, token)
    }
}

pub(crate) fn mac(key: &hmac::Key, broadcast: BroadcastId, body: &[u8]) -> [u8; MAC_BYTES] {
    let mut context = hmac::Context::with_key(key);
    context.update(broadcast.0.as_bytes());
    context.update(body);
    let tag = context.sign();
    let mut out = [0; MAC_BYTES];
    out.copy_from_slice(&tag.as_ref()[..MAC_BYTES]);
    out
}

fn sign(key: &hmac::Key, broadcast: BroadcastId, pass: Pass) -> String {
    let kind = match pass.kind {
        PassKind::Viewer => b'v',
        PassKind::Preview => b'p',
    };
    let body = [&[kind], pass.viewer.0.as_bytes().as_slice()].concat();
    let mac = mac(key, broadcast, &body);
    URL_SAFE_NO_PAD.encode([body.as_slice(), &mac].concat())
}

fn verify(key: &hmac::Key, broadcast: BroadcastId, token: &str) -> Option<Pass> {
    let mut bytes = [0; PASS_BYTES + MAC_BYTES];
    let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
    if length != bytes.len() {
        return None;
    }
    let (body, given) = bytes.split_at(PASS_BYTES);
    constant_time::verify_slices_are_equal(&mac(key, broadcast, body), given).ok()?;
    let (kind, id) = body.split_first()?;
    let kind = match kind {
        b'v' => PassKind::Viewer,
        b'p' => PassKind::Preview,
        _ => return None,
    };
    Some(Pass { viewer: ViewerId(Uuid::from_slice(id).ok()?), kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new(&[9; 32])
    }

    #[test]
    fn a_player_token_is_good_for_its_broadcast_and_its_kind_only() {
        let tokens = PlayerTokens::new(&secret()).unwrap();
        let (here, there) = (BroadcastId(Uuid::from_u128(1)), BroadcastId(Uuid::from_u128(2)));
        let pass = Pass { viewer: ViewerId(Uuid::from_u128(3)), kind: PassKind::Viewer };
        let token = tokens.viewer_token(here, pass);
        assert_eq!(tokens.check_viewer(here, &token), Some(pass));
        assert_eq!(tokens.check_viewer(there, &token), None);
        assert_eq!(tokens.check_playback(here, &token), None);
        assert_eq!(tokens.check_viewer(here, &token[1..]), None);
        assert_eq!(tokens.check_viewer(here, &"A".repeat(9_000)), None);
    }

    #[test]
    fn an_access_token_ends_and_cannot_be_altered() {
        let tokens = AccessTokens::new(&secret()).unwrap();
        let identity = Identity {
            id: UserId(Uuid::from_u128(1)),
            username: "ada".into(),
            role: Role::Broadcaster,
            access: Access::SignIn(SignInId(Uuid::nil())),
        };
        let now = time::macros::datetime!(2026-01-01 00:00 UTC);
        let grant =
            Grant { identity: &identity, sign_in: SignInId(Uuid::nil()), id: Uuid::nil(), now, seconds: 900 };
        let token = tokens.issue(&grant).unwrap();
        assert_eq!(tokens.check(&token, now).unwrap(), (identity.clone(), 900));
        assert!(tokens.check(&token, now + time::Duration::minutes(16)).is_err());
        let set_back = now - time::Duration::hours(1);
        assert!(tokens.check(&token, set_back).is_ok(), "a clock that is set back signs nobody out");
        let other = AccessTokens::new(&Secret::new(&[1; 32])).unwrap();
        assert!(other.check(&token, now).is_err());
    }
}
