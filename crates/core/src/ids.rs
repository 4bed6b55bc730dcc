//! Identifiers and randomness, handed in so that a seed reproduces a run.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Time;
use crate::error::{Error, Result};

/// A source of randomness good enough for secrets.
pub trait Ids: Send + Sync + 'static {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no randomness to give.
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;

    /// A new UUIDv7 (RFC 9562 §5.7), ordered by `now`.
    ///
    /// # Errors
    /// As [`Ids::fill`].
    fn uuid(&self, now: Time) -> Result<Uuid> {
        let mut random = [0; 10];
        self.fill(&mut random)?;
        let millis = now.unix_timestamp_nanos() / 1_000_000;
        let millis = u64::try_from(millis).unwrap_or_default();
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// The operating system's randomness.
#[derive(Debug, Default)]
pub struct SystemIds(SystemRandom);

impl Ids for SystemIds {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        self.0.fill(bytes).map_err(|_| Error::Internal("the system gave no random bytes".into()))
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> std::result::Result<Self, uuid::Error> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

id!(
    /// Names a user.
    UserId
);
id!(
    /// Names a broadcast, which is a session seen by its maker.
    BroadcastId
);
id!(
    /// Names a viewer: one player on one device, from join to leave.
    ViewerId
);
id!(
    /// Names an event of the log.
    EventId
);
id!(
    /// Names a sign-in: the family of refresh tokens that one password began.
    SignInId
);
id!(
    /// Names an API key.
    KeyId
);
id!(
    /// Names a ban.
    BanId
);
id!(
    /// Names an invitation.
    JoinTokenId
);
id!(
    /// Names an entry of the audit log.
    AuditId
);
id!(
    /// Names one publish: an encoder's connection from acceptance to its end.
    PublishId
);
