//! Who asks, and by what right.

use crate::error::{Error, Result};
use crate::ids::{KeyId, SignInId, UserId};
use crate::scope::{Scope, Scopes};
use crate::user::Role;

/// Who makes a call: nobody known, or a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody known.
    Anonymous,
    /// A user, in person or by an API key.
    User(Identity),
}

/// Whom credentials name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub id: UserId,
    /// The user's name.
    pub username: String,
    /// What the user may do.
    pub role: Role,
    /// By what the user is known.
    pub access: Access,
}

/// By what a user is known, and how far that reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The server itself acts for the user, as for an encoder with the user's stream key.
    Server,
    /// The user signed in.
    SignIn(SignInId),
    /// A program has one of the user's keys.
    Key(KeyId, Scopes),
}

impl Access {
    /// Whether it reaches as far as this.
    pub fn has(self, scope: Scope) -> bool {
        match self {
            Self::Server | Self::SignIn(_) => true,
            Self::Key(_, scopes) => scopes.has(scope),
        }
    }
}

impl Caller {
    /// The user's id, if known.
    pub fn user_id(&self) -> Option<UserId> {
        self.identity().map(|identity| identity.id)
    }

    /// The user, if known.
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Anonymous => None,
            Self::User(identity) => Some(identity),
        }
    }

    /// The signed-in user.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for anybody else.
    pub fn signed_in(&self) -> Result<&Identity> {
        self.identity()
            .ok_or(Error::Unauthenticated("sign in first: this needs an access token or an API key"))
    }

    /// The user, if the role is this one or a higher one.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or [`Error::Forbidden`].
    pub fn at_least(&self, role: Role) -> Result<&Identity> {
        let identity = self.signed_in()?;
        if identity.role >= role {
            return Ok(identity);
        }
        Err(Error::Forbidden(match role {
            Role::Viewer => "your account may not do this",
            Role::Broadcaster => "your account may watch and chat, not broadcast: ask an administrator",
            Role::Moderator => "only moderators and administrators can do this",
            Role::Admin => "only an administrator can do this",
        }))
    }

    /// The signed-in user, in person: no API key is enough.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or [`Error::Forbidden`] for a key.
    pub fn in_person(&self) -> Result<&Identity> {
        match self.signed_in()? {
            Identity { access: Access::Key(..), .. } => {
                Err(Error::Forbidden("no API key can do this: sign in"))
            }
            identity => Ok(identity),
        }
    }

    /// Whether the credentials reach as far as this; nobody known has none.
    pub fn has(&self, scope: Scope) -> bool {
        self.identity().is_some_and(|identity| identity.access.has(scope))
    }

    /// This caller where a scope is asked for: without it a key is as good as none.
    #[must_use]
    pub fn within(self, scope: Scope) -> Self {
        if self.has(scope) { self } else { Self::Anonymous }
    }

    /// Whether the caller administers this server.
    pub fn is_admin(&self) -> bool {
        self.identity().is_some_and(|identity| identity.role == Role::Admin)
    }
}
