//! What accounts need kept beside who there is: sign-ins to look through, and changes.

use async_trait::async_trait;

use crate::clock::Time;
use crate::error::Result;
use crate::ids::{SignInId, UserId};
use crate::user::{SignIn, User};

use super::{AuditStore, Taken};

/// Which part of a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// How many are left out.
    pub offset: u32,
    /// So many at the most.
    pub limit: u32,
}

/// A part of a list, and how long the list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The part.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
}

/// What changes of an account. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The name as shown.
    pub display_name: Option<String>,
    /// What a broadcast is called that the lasting key makes; `Some(None)`: nothing of its own.
    pub default_title: Option<Option<String>>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The password's hash. With it all sign-ins end but one.
    pub password_hash: Option<String>,
}

/// Keeps accounts as their owners see and change them.
#[async_trait]
pub trait AccountStore: AuditStore {
    /// Keeps a change; which sign-ins ended by it. `None`: password or address are not those of `before` any more, or the
    /// account was erased. `but`: the sign-in that goes on although the password changes.
    async fn change_account(
        &self,
        before: &User,
        change: &AccountChange,
        (but, at): (Option<SignInId>, Time),
    ) -> Result<Result<Option<Vec<SignInId>>, Taken>>;

    /// The sign-ins of a user that are good at a time, the latest used first.
    async fn sign_ins_of(&self, user: UserId, now: Time, slice: Slice) -> Result<Listed<SignIn>>;

    /// Ends one sign-in of a user; false if it is not there, or not this user's.
    async fn end_sign_in_of(&self, user: UserId, id: SignInId, at: Time) -> Result<bool>;

    /// Ends all sign-ins of a user but one; which ended.
    async fn end_sign_ins_of(&self, user: UserId, but: Option<SignInId>, at: Time) -> Result<Vec<SignInId>>;

    /// Removes up to `limit` sign-ins that ended or ran out before a time; how many.
    async fn remove_sign_ins(&self, before: Time, limit: u32) -> Result<u64>;
}
