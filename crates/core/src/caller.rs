//! Who asks.

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::user::Role;

/// Who makes a call: nobody known, or a signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody known.
    Anonymous,
    /// A signed-in user.
    User(Identity),
}

/// Whom an access token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub id: UserId,
    /// The user's name.
    pub username: String,
    /// What the user may do.
    pub role: Role,
}

impl Caller {
    /// The user's id, if signed in.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Anonymous => None,
            Self::User(identity) => Some(identity.id),
        }
    }

    /// The signed-in user.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for anybody else.
    pub fn signed_in(&self) -> Result<&Identity> {
        match self {
            Self::Anonymous => Err(Error::Unauthenticated("sign in first: this needs an access token")),
            Self::User(identity) => Ok(identity),
        }
    }

    /// Whether the caller administers this server.
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::User(identity) if identity.role == Role::Admin)
    }
}
