//! A user as everybody may know of.

use super::{UserManager, UserParts};
use crate::broadcast::Snapshot;
use crate::error::{Error, Result};
use crate::store::{Listed, Slice};
use crate::user::User;
use crate::validate;

impl UserManager {
    /// Somebody by user name, and some of the public broadcasts that have ended, the latest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for erased accounts too, or the store's.
    pub async fn profile(&self, name: &str, slice: Slice) -> Result<(User, Listed<Snapshot>)> {
        let unknown = || Error::NotFound("user");
        validate::username(name, &()).map_err(|_| unknown())?;
        let UserParts { store, accounts, .. } = &self.parts;
        let found = store.user_by_login(name).await?;
        let user = found.filter(|user| user.erased_at.is_none() && user.username == name);
        let user = user.ok_or_else(unknown)?;
        let past = accounts.past_broadcasts_of(user.id, slice).await?;
        Ok((user, past))
    }
}
