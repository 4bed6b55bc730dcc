//! Invitations to private broadcasts: join tokens.
//!
//! A token is signed, so that nobody's guess asks the database; what it is worth is kept.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{BroadcastId, JoinTokenId, UserId};
use crate::secret::{Purpose, Secret};
use crate::token::{MAC_BYTES, mac};

/// What every join token begins with.
pub const PREFIX: &str = "jt_";
const ID_BYTES: usize = 16;

/// One row of `join_tokens`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The id.
    pub id: JoinTokenId,
    /// To what.
    pub session_id: BroadcastId,
    /// What the owner of the broadcast calls it.
    pub name: Option<String>,
    /// For whom alone it is; `None`: for whoever has it.
    pub user_id: Option<UserId>,
    /// How many may come in by it; 0: no limit.
    pub max_uses: u32,
    /// How many did.
    pub uses: u32,
    /// When it was made.
    pub created_at: Time,
    /// When it ends; `None`: never by itself. Who is there by then stays.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

impl Invitation {
    /// Whether somebody comes in by it to a session at a time.
    pub fn admits(&self, session: BroadcastId, user: Option<UserId>, at: Time) -> bool {
        let is_theirs = self.user_id.is_none() || self.user_id == user;
        let is_in_force = self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > at);
        let has_uses = self.max_uses == 0 || self.uses < self.max_uses;
        self.session_id == session && is_theirs && is_in_force && has_uses
    }
}

/// Makes and checks join tokens: `jt_`, then 16 bytes of id and 16 of HMAC-SHA256 over the broadcast and the id, in
/// base64url.
pub struct JoinTokens(hmac::Key);

impl JoinTokens {
    /// Derives the key.
    ///
    /// # Errors
    /// As [`Secret::derive`].
    pub fn new(secret: &Secret) -> Result<Self> {
        Ok(Self(secret.mac(Purpose::Join)?))
    }

    /// The token of an invitation.
    pub fn token(&self, broadcast: BroadcastId, id: JoinTokenId) -> String {
        let body = id.0.as_bytes();
        let signed = [body.as_slice(), &mac(&self.0, broadcast, body)].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(signed))
    }

    /// Which invitation to this broadcast a token is, if it is one.
    pub fn check(&self, broadcast: BroadcastId, token: &str) -> Option<JoinTokenId> {
        let mut bytes = [0; ID_BYTES + MAC_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(token.strip_prefix(PREFIX)?, &mut bytes).ok()?;
        let (body, given) = bytes.split_at(ID_BYTES);
        let is_ours = constant_time::verify_slices_are_equal(&mac(&self.0, broadcast, body), given).is_ok();
        (length == bytes.len() && is_ours).then_some(JoinTokenId(Uuid::from_slice(body).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Pass, PassKind, PlayerTokens};

    const HERE: BroadcastId = BroadcastId(Uuid::from_u128(1));
    const THERE: BroadcastId = BroadcastId(Uuid::from_u128(2));
    const NOON: Time = time::macros::datetime!(2026-05-01 12:00 UTC);
    const BOB: UserId = UserId(Uuid::from_u128(4));

    #[test]
    fn a_join_token_is_good_for_its_broadcast_and_cannot_be_altered() {
        let secret = Secret::new(&[9; 32]);
        let tokens = JoinTokens::new(&secret).unwrap();
        let id = JoinTokenId(Uuid::from_u128(3));
        let token = tokens.token(HERE, id);
        assert_eq!(tokens.check(HERE, &token), Some(id));
        assert_eq!(tokens.check(THERE, &token), None);
        let other = JoinTokens::new(&Secret::new(&[1; 32])).unwrap();
        assert_eq!(other.check(HERE, &token), None);
        for place in PREFIX.len()..token.len() - 1 {
            let mut altered = token.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.check(HERE, &String::from_utf8(altered).unwrap()), None, "{place}");
        }
        for wrong in ["", "jt_", &token[3..], &token[..token.len() - 1], &format!("{token}A"), "jt_é"] {
            assert_eq!(tokens.check(HERE, wrong), None, "{wrong}");
        }
        let players = PlayerTokens::new(&secret).unwrap();
        let pass = Pass { viewer: crate::ids::ViewerId(id.0), kind: PassKind::Viewer };
        assert_eq!(tokens.check(HERE, &format!("{PREFIX}{}", players.viewer_token(HERE, pass))), None);
        assert_eq!(players.check_viewer(HERE, &token), None);
    }

    #[test]
    fn an_invitation_admits_whom_it_is_for_as_long_and_as_often_as_it_says() {
        let invitation = Invitation {
            id: JoinTokenId(Uuid::from_u128(3)),
            session_id: HERE,
            name: None,
            user_id: None,
            max_uses: 2,
            uses: 1,
            created_at: NOON,
            expires_at: Some(NOON + time::Duration::hours(1)),
            revoked_at: None,
        };
        let admits = |invitation: &Invitation| invitation.admits(HERE, None, NOON);
        assert!(admits(&invitation) && !invitation.admits(THERE, None, NOON));
        assert!(!invitation.admits(HERE, None, NOON + time::Duration::hours(1)));
        assert!(!admits(&Invitation { uses: 2, ..invitation.clone() }));
        assert!(admits(&Invitation { uses: 2, max_uses: 0, ..invitation.clone() }));
        assert!(!admits(&Invitation { revoked_at: Some(NOON), ..invitation.clone() }));
        let bobs = Invitation { user_id: Some(BOB), ..invitation };
        assert!(!admits(&bobs) && bobs.admits(HERE, Some(BOB), NOON));
        assert!(!bobs.admits(HERE, Some(UserId(Uuid::from_u128(5))), NOON));
    }
}
