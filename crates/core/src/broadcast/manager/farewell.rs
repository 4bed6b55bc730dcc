//! What goes with a broadcaster whose account ends.

use super::BroadcastManager;
use crate::broadcast::Status;
use crate::caller::{Access, Caller, Identity};
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::session::SessionManager;
use crate::user::Role;

impl BroadcastManager {
    /// Ends all broadcasts of a user, cuts the encoders, and takes the user out of what others broadcast.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_owner(&self, id: UserId, username: String) -> Result<()> {
        let owner = Identity { id, username, role: Role::Viewer, access: Access::Server };
        let owner = Caller::User(owner);
        let open = self.ledger.directory.all();
        for broadcast in open.into_iter().filter(|broadcast| broadcast.owner == id) {
            match self.update_broadcast_status(&owner, broadcast.id, Status::Ended).await {
                Ok(_) | Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.sessions.cut_lasting_key(id);
        self.sessions.leave_everywhere(id).await
    }

    /// The sessions of these broadcasts.
    pub fn sessions(&self) -> &SessionManager {
        &self.sessions
    }
}
