//! Users: who they are, how they prove it, and their lasting stream keys.

mod keys;
mod letters;
mod manager;
mod reset;

use serde::{Deserialize, Serialize};

use crate::caller::{Access, Identity};
use crate::clock::Time;
use crate::ids::{SignInId, UserId};
use crate::viewer::Client;

pub use keys::{SealedKey, StreamKeys};
pub use manager::{
    AccountUpdate, Export, ExportPart, Registration, Section, SignedIn, UserManager, UserParts, UserSettings,
};

/// What a user may do, each more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watches and chats.
    Viewer,
    /// Goes live.
    Broadcaster,
    /// Keeps order.
    Moderator,
    /// Runs the server.
    Admin,
}

impl Role {
    /// The name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Broadcaster => "broadcaster",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Broadcaster, Self::Moderator, Self::Admin]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// One row of `users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The name in addresses: 2 to 32 of `a–z 0–9 _ -`.
    pub username: String,
    /// The name as shown.
    pub display_name: String,
    /// The e-mail address.
    pub email: String,
    /// The password's Argon2id hash, a PHC string.
    pub password_hash: String,
    /// What the user may do.
    pub role: Role,
    /// The lasting stream key.
    pub stream_key: SealedKey,
    /// What a broadcast is called that the lasting key makes.
    pub default_title: Option<String>,
    /// When the account was made.
    pub created_at: Time,
    /// When it was erased. Its row stays, blanked.
    pub erased_at: Option<Time>,
}

impl User {
    /// The user as one who calls by this right.
    pub fn identity(&self, access: Access) -> Identity {
        Identity { id: self.id, username: self.username.clone(), role: self.role, access }
    }
}

/// One sign-in: a family of refresh tokens of which only the newest is good (RFC 9700 §4.14.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The id, part of its refresh tokens.
    pub id: SignInId,
    /// Whose it is.
    pub user_id: UserId,
    /// SHA-256 of the newest refresh token's secret.
    pub secret_hash: [u8; 32],
    /// When the password was given.
    pub created_at: Time,
    /// When it was last refreshed.
    pub used_at: Time,
    /// When it ends unless refreshed before.
    pub expires_at: Time,
    /// From what the user signed in.
    pub client: Client,
}
