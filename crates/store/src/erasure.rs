//! The end of an account: it is closed in one transaction, and what it left behind is blanked part after part.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::clock::Time;
use tallylight_core::ids::UserId;
use tallylight_core::store::{Closed, Closing};
use tallylight_core::user::{Role, User};
use uuid::Uuid;

use crate::accounts::EndSignIns;
use crate::admin::{is_alone, lock_admins};
use crate::database::Work;
use crate::failure::Failure;
use crate::statement::sql;
use crate::transaction::Transaction;

/// What stands in the place of a password's hash until everything is blanked, and after that. Neither is a hash.
pub const ERASING: &str = "erasing";
const ERASED: &str = "erased";
/// What a broadcast is called whose broadcaster is gone.
const UNTITLED: &str = "Deleted";

/// Closes an account.
pub struct Close<'a> {
    pub before: &'a User,
    pub closing: &'a Closing,
}

#[async_trait]
impl Work for Close<'_> {
    type Done = Closed;

    async fn run(&self, transaction: &mut Transaction) -> Result<Closed, Failure> {
        let (id, at) = (self.before.id, self.closing.at);
        let admins = lock_admins(transaction).await?;
        if admins.contains(&id.0) && is_alone(transaction, id, at).await? {
            return Ok(Closed::LastAdmin);
        }
        if !self.blank(transaction).await? && !self.was_closed(transaction).await? {
            return Ok(Closed::Changed);
        }
        let ended = EndSignIns { user: id, but: None, at }.run(transaction).await?;
        for text in [
            "UPDATE sign_ins SET user_agent = NULL, ip_address = NULL WHERE user_id = $1 AND created_at <= $2",
            "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2), name = '' WHERE user_id = $1",
        ] {
            transaction.execute(&sql(text).bind(id.0).bind(at)).await?;
        }
        Ok(Closed::Done(ended))
    }
}

impl Close<'_> {
    /// Blanks the row; false if it is not as it was.
    async fn blank(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        let Closing { username, stream_key, at } = self.closing;
        let text = "UPDATE users SET username = $2, display_name = $2, email = '', email_folded = $2, password_hash = $3,
                      role = $4, stream_key_hash = $5, stream_key_sealed = $6, default_title = NULL, changed_at = $7,
                      erased_at = $7
                    WHERE id = $1 AND erased_at IS NULL AND password_hash = $8";
        let statement = sql(text)
            .bind(self.before.id.0)
            .bind(username)
            .bind(ERASING)
            .bind(Role::Viewer.name())
            .bind(&stream_key.hash)
            .bind(&stream_key.sealed)
            .bind(*at)
            .bind(&self.before.password_hash);
        Ok(transaction.execute(&statement).await? > 0)
    }

    /// Whether an earlier try was committed unnoticed.
    async fn was_closed(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        let text = "SELECT id FROM users WHERE id = $1 AND erased_at = $2";
        Ok(transaction.row(&sql(text).bind(self.before.id.0).bind(self.closing.at)).await?.is_some())
    }
}

/// Blanks the events of a user after one and up to another. What follows from them by counting stays: who came and went
/// under a pseudonym, reactions, and how a broadcast went.
pub struct BlankEvents {
    pub user: UserId,
    pub after: Option<Uuid>,
    pub until: Option<Uuid>,
}

#[async_trait]
impl Work for BlankEvents {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        let text = "UPDATE session_events SET user_id = NULL, metadata = '{}', event_data = CASE
                      WHEN event_type = 'chat.message' THEN '{\"deleted\":true}'
                      WHEN event_type IN ('viewer.joined', 'viewer.left', 'reaction', 'chat.deleted') THEN event_data
                      WHEN event_type IN ('broadcast.created', 'broadcast.updated') THEN '{}'
                      WHEN event_type LIKE 'broadcast.%' THEN event_data
                      ELSE '{}' END
                    WHERE id > $1 AND ($2 IS NULL OR id <= $2) AND user_id = $3";
        let after = self.after.unwrap_or_default();
        let statement = sql(text).bind(after).bind(self.until).bind(self.user.0);
        transaction.execute(&statement).await.map(|_| ())
    }
}

/// Blanks where a user watched from, in a part of all viewers.
pub struct BlankStays {
    pub user: UserId,
    pub after: Option<Uuid>,
    pub until: Option<Uuid>,
}

#[async_trait]
impl Work for BlankStays {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        let text =
            "UPDATE active_viewers SET user_id = NULL, user_agent = NULL, ip_address = NULL, device = NULL,
                      join_token_id = NULL
                    WHERE id > $1 AND ($2 IS NULL OR id <= $2) AND user_id = $3";
        let after = self.after.unwrap_or_default();
        transaction.execute(&sql(text).bind(after).bind(self.until).bind(self.user.0)).await.map(|_| ())
    }
}

/// Blanks what is left, which is little, and notes that everything is, once nothing more can come.
pub struct Finish {
    pub user: UserId,
    pub at: Time,
    pub settled: Time,
}

#[async_trait]
impl Work for Finish {
    type Done = bool;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        let (user, at) = (self.user.0, self.at);
        let text = "UPDATE broadcast_sessions SET title = $2, description = NULL, metadata = '{}', tags = $3,
                      ai_intent = NULL, rtmp_url = NULL, hls_url = NULL, webrtc_endpoint = NULL, revision = revision + 1
                    WHERE user_id = $1 AND ended_at IS NOT NULL";
        transaction.execute(&sql(text).bind(user).bind(UNTITLED).bind(&Vec::<String>::new())).await?;
        let text = "UPDATE join_tokens SET revoked_at = COALESCE(revoked_at, $2), name = NULL
                    WHERE user_id = $1 OR session_id IN (SELECT id FROM broadcast_sessions WHERE user_id = $1)";
        transaction.execute(&sql(text).bind(user).bind(at)).await?;
        let text = "UPDATE audit_log SET details = '{}', ip_address = CASE WHEN actor_id IS NULL THEN NULL ELSE ip_address END
                    WHERE target = $1";
        transaction.execute(&sql(text).bind(&self.user.to_string())).await?;
        for text in [
            "DELETE FROM chat_bans WHERE user_id = $1 OR owner_id = $1",
            "DELETE FROM bans WHERE user_id = $1",
            "UPDATE audit_log SET actor = NULL, ip_address = NULL WHERE actor_id = $1",
        ] {
            transaction.execute(&sql(text).bind(user)).await?;
        }
        let text = "UPDATE users SET password_hash = $2
                    WHERE id = $1 AND erased_at <= $3 AND NOT EXISTS (
                      SELECT 1 FROM broadcast_sessions WHERE user_id = $1 AND ended_at IS NULL AND deleted_at IS NULL)";
        Ok(transaction.execute(&sql(text).bind(user).bind(ERASED).bind(self.settled)).await? > 0)
    }
}
