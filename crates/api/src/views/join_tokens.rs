//! Invitations to a broadcast, on the wire.

use serde::{Deserialize, Serialize};
use tallylight_core::expiry::Expiry;
use tallylight_core::ids::UserId;
use tallylight_core::invitation::Invitation;
use tallylight_core::session::{Invited, NewInvitation};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::reading::{some_time, some_whole, whole};
use crate::problem::Problem;

/// A new invitation.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinTokenRequest {
    /// What you call it.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00]*$")]
    pub name: Option<String>,
    /// When it ends; without this and `expires_in` with the broadcast.
    #[serde(default, deserialize_with = "some_time")]
    pub expires_at: Option<OffsetDateTime>,
    /// In how many seconds it ends.
    #[serde(default, deserialize_with = "some_whole")]
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub expires_in: Option<u32>,
    /// How many viewers may come in by it; 0: no limit.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub max_uses: u32,
    /// The only user for whom it is, by id.
    pub user_id: Option<Uuid>,
    /// The only user for whom it is, by name.
    #[schema(min_length = 2, max_length = 32, pattern = "^[a-z0-9_-]{2,32}$")]
    pub user: Option<String>,
}

impl JoinTokenRequest {
    /// As the sessions take it.
    ///
    /// # Errors
    /// For a user named in two ways.
    pub fn invitation(self) -> Result<NewInvitation, Problem> {
        let Self { name, expires_at, expires_in, max_uses, user_id, user } = self;
        let invited = match (user_id, user) {
            (None, None) => Invited::Anybody,
            (Some(id), None) => Invited::Id(UserId(id)),
            (None, Some(name)) => Invited::Name(name),
            (Some(_), Some(_)) => {
                return Err(Problem::field(
                    "invalid-fields",
                    "user",
                    "cannot be given together with user_id",
                ));
            }
        };
        Ok(NewInvitation {
            name,
            expiry: Expiry { seconds: expires_in.map(u64::from), at: expires_at },
            max_uses,
            invited,
        })
    }
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct JoinTokenView {
    pub id: Uuid,
    pub name: Option<String>,
    /// To be given in a join. Whoever has it may watch, unless it is for one user.
    pub join_token: String,
    /// Where a browser watches by it. What stands behind `#` is sent to no server.
    #[schema(format = "uri")]
    pub url: String,
    /// The only user for whom it is.
    pub user_id: Option<Uuid>,
    /// 0: no limit.
    pub max_uses: u32,
    /// How many viewers came in by it.
    pub uses: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}

impl JoinTokenView {
    /// `base`: where people reach the server.
    pub fn new(invitation: Invitation, join_token: String, base: &str) -> Self {
        Self {
            id: invitation.id.0,
            name: invitation.name,
            url: format!("{base}/watch/{}#invite={join_token}", invitation.session_id),
            join_token,
            user_id: invitation.user_id.map(|id| id.0),
            max_uses: invitation.max_uses,
            uses: invitation.uses,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}
