//! What goes with a user whose account ends: the places, and what was said.

use std::collections::BTreeSet;

use crate::chat::{ChatRole, deletion, is_deleted, is_message};
use crate::error::Result;
use crate::event::{Event, EventType};
use crate::ids::UserId;
use crate::session::SessionManager;

impl SessionManager {
    /// Ends all viewers of a user, wherever they are.
    ///
    /// # Errors
    /// The store's.
    pub async fn leave_everywhere(&self, user: UserId) -> Result<()> {
        let seats = self.presence.seats().into_iter().filter(|seat| seat.user_id == Some(user));
        let sessions: BTreeSet<_> = seats.map(|seat| seat.session_id).collect();
        for session in sessions {
            self.track_user_leave(session, user).await?;
        }
        Ok(())
    }

    /// Deletes messages of a user where the broadcast is still on, so that all who listen are told.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_messages(&self, user: UserId, events: &[Event]) -> Result<()> {
        let said = events.iter().filter(|event| is_message(event) && !is_deleted(&event.data));
        for message in said.filter(|event| self.ledger.directory.get(event.session_id).is_some()) {
            let (id, by) = (message.session_id, deletion(message, user, ChatRole::Viewer)?);
            let event = self.ledger.event(EventType::ChatDeleted, by, None)?;
            let answer = self.store.delete_message(id, message.id, event).await;
            self.chat.latest.forget(id.0);
            if let Some(counts) = self.ledger.confirmed(answer)? {
                self.ledger.directory.count(id, counts);
            }
        }
        Ok(())
    }

    /// Forgets how a user was called, and what is remembered of messages.
    pub fn forget_name(&self, user: UserId) {
        self.chat.names.invalidate(&user);
        self.chat.doubt();
    }
}
