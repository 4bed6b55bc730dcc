//! The audit log: who did what that administers the server or bears on its safety.
//!
//! Changes of roles and bans are written in one transaction with their entry: none is made without it. All else is noted
//! with [`AuditLog::note`], which neither fails nor waits; what is noted is written within a second, and kept in memory
//! while the database is away.

mod book;
mod log;

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::clock::Time;
use crate::ids::{AuditId, KeyId, UserId};

pub use log::AuditLog;

/// One row of `audit_log`.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// The id, in the order of time.
    pub id: AuditId,
    /// When.
    pub at: Time,
    /// What was done, such as `user.role_changed`.
    pub action: String,
    /// Who did it; `None`: nobody known, or the operator.
    pub actor_id: Option<UserId>,
    /// The actor's name then.
    pub actor: Option<String>,
    /// By which API key, if by one.
    pub key_id: Option<KeyId>,
    /// To whom or what: an id or an address.
    pub target: Option<String>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// More, never a secret.
    pub details: Map<String, Value>,
}

/// Which entries are read: the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only those before this one.
    pub before: Option<AuditId>,
    /// Only those of this action.
    pub action: Option<String>,
    /// Only those of this actor.
    pub actor: Option<UserId>,
    /// Only those about this.
    pub target: Option<String>,
    /// Only those at or after this time.
    pub since: Option<Time>,
    /// Only those before this time.
    pub until: Option<Time>,
    /// So many at the most.
    pub limit: u32,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// What is logged; the names are a contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[$doc])* $name,)+ }

        impl Action {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in the log.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

actions! {
    /// The first administrator was made by the printed link.
    SetUp = "server.set_up";
    /// Somebody made an account.
    Registered = "user.registered";
    /// The operator made an account by a command.
    UserCreated = "user.created";
    /// Somebody signed in.
    SignedIn = "sign_in.succeeded";
    /// A password was wrong, or its account is suspended.
    SignInFailed = "sign_in.failed";
    /// Somebody signed out.
    SignedOut = "sign_in.ended";
    /// A sign-in was ended by hand.
    SignInRevoked = "sign_in.revoked";
    /// A spent refresh token was used again, which ended its sign-in.
    RefreshReused = "sign_in.token_reused";
    /// A user who is signed in gave a wrong password for a change that asks for it.
    PasswordRefused = "user.password_refused";
    /// A password was changed by its owner.
    PasswordChanged = "user.password_changed";
    /// A message to reset a password was asked for.
    PasswordResetAsked = "user.password_reset_asked";
    /// A password was reset by such a message.
    PasswordReset = "user.password_reset";
    /// An e-mail address was changed.
    EmailChanged = "user.email_changed";
    /// A role was given.
    RoleChanged = "user.role_changed";
    /// An account was exported.
    Exported = "user.exported";
    /// An account was erased.
    Erased = "user.erased";
    /// A user, a device or a network was banned.
    BanMade = "ban.made";
    /// A ban was lifted.
    BanLifted = "ban.lifted";
    /// An API key was made.
    KeyMade = "key.made";
    /// An API key was revoked.
    KeyRevoked = "key.revoked";
    /// A stream key was replaced.
    StreamKeyReset = "stream_key.reset";
    /// A broadcast was featured.
    Featured = "broadcast.featured";
    /// A broadcast is featured no more.
    Unfeatured = "broadcast.unfeatured";
    /// Somebody who runs the server read a list of accounts.
    UsersListed = "users.listed";
    /// Somebody who runs the server read an account.
    UserRead = "user.read";
    /// Somebody who runs the server read who watches a broadcast, and from where.
    ViewersListed = "viewers.listed";
    /// Somebody read this log.
    AuditRead = "audit.read";
    /// Somebody who runs the server read who is kept out.
    BansListed = "bans.listed";
    /// Somebody who runs the server read what API keys are used for.
    UsageRead = "usage.read";
    /// Somebody who runs the server read which errors happened.
    ErrorsRead = "errors.read";
    /// Somebody had a test told on every way on which alerts are told.
    AlertsTested = "alerts.tested";
}

impl Action {
    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// What.
    pub action: Action,
    /// To whom or what.
    pub target: Option<String>,
    /// More, never a secret.
    pub details: Map<String, Value>,
}

impl Act {
    /// Without particulars yet.
    pub fn new(action: Action) -> Self {
        Self { action, target: None, details: Map::new() }
    }

    /// Names to whom or what it was done.
    #[must_use]
    pub fn on(self, target: impl ToString) -> Self {
        Self { target: Some(target.to_string()), ..self }
    }

    /// Adds a particular: never a secret.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_known_by_its_exact_name() {
        for action in Action::ALL {
            assert_eq!(Action::named(action.name()), Some(*action));
        }
        assert_eq!(Action::named("Ban.Made"), None);
    }
}
