//! Accounts, as their owners see and change them, on the wire.

use serde::{Deserialize, Serialize};
use tallylight_core::Caller;
use tallylight_core::caller::Access;
use tallylight_core::store::{Listed, Slice};
use tallylight_core::user::{AccountUpdate, SignIn};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::BroadcastView;
use super::reading::{given, nullable};
use crate::problem::Problem;

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;
const MAX_OFFSET: u32 = 2_147_483_647;

/// Which part of a list is read.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SliceParams {
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// How many to leave out.
    offset: Option<u32>,
}

impl SliceParams {
    /// The part.
    pub fn slice(&self) -> Result<Slice, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::field("invalid-query", "limit", format!("must be 1 to {MAX_LIMIT}")));
        }
        let offset = self.offset.unwrap_or_default();
        if offset > MAX_OFFSET {
            return Err(Problem::field("invalid-query", "offset", format!("must be 0 to {MAX_OFFSET}")));
        }
        Ok(Slice { offset, limit })
    }
}

/// A sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInView {
    pub id: Uuid,
    /// When the password was given.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last refreshed.
    #[serde(with = "time::serde::rfc3339")]
    pub used_at: OffsetDateTime,
    /// When it ends, unless it is refreshed before.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// From where.
    pub ip: Option<String>,
    /// From what.
    pub user_agent: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl SignInView {
    /// As this caller sees it.
    pub fn new(sign_in: SignIn, caller: &Caller) -> Self {
        let access = caller.identity().map(|identity| identity.access);
        Self {
            id: sign_in.id.0,
            created_at: sign_in.created_at,
            used_at: sign_in.used_at,
            expires_at: sign_in.expires_at,
            ip: sign_in.client.ip.map(|ip| ip.to_string()),
            user_agent: sign_in.client.user_agent,
            current: access == Some(Access::SignIn(sign_in.id)),
        }
    }
}

/// Some sign-ins.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignInList {
    pub items: Vec<SignInView>,
    /// How many there are in all.
    pub total: u64,
    pub limit: u32,
    pub offset: u32,
    /// Always `null`: go on by `offset`.
    pub next_cursor: Option<String>,
}

impl SignInList {
    /// As this caller sees it.
    pub fn new(listed: Listed<SignIn>, slice: Slice, caller: &Caller) -> Self {
        let items = listed.items.into_iter().map(|sign_in| SignInView::new(sign_in, caller)).collect();
        Self { items, total: listed.total, limit: slice.limit, offset: slice.offset, next_cursor: None }
    }
}

/// What changes of one's own account. Absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMeRequest {
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 64, nullable = false)]
    pub display_name: Option<String>,
    /// What a broadcast is called that the lasting stream key makes; `null`: nothing of its own.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(min_length = 1, max_length = 255, value_type = Option<String>)]
    pub default_title: Option<Option<String>>,
    /// With `current_password`; not by an API key.
    #[serde(default, deserialize_with = "given")]
    #[schema(format = "email", max_length = 254, nullable = false)]
    pub email: Option<String>,
    /// With `current_password`; not by an API key.
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 8, max_length = 256, format = "password", nullable = false)]
    pub password: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(format = "password", nullable = false)]
    pub current_password: Option<String>,
}

impl From<UpdateMeRequest> for AccountUpdate {
    fn from(r: UpdateMeRequest) -> Self {
        Self {
            display_name: r.display_name,
            default_title: r.default_title,
            email: r.email,
            password: r.password,
            current_password: r.current_password,
        }
    }
}

/// Who forgot the password: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetRequest {
    /// A user name or an e-mail address.
    pub login: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmPasswordResetRequest {
    /// Out of the link in the mail, behind `#token=`.
    pub token: String,
    #[schema(min_length = 8, max_length = 256, format = "password")]
    pub password: String,
}

/// That it was heard.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeardView {
    /// The same whether there is such an account or not.
    pub detail: &'static str,
}

/// The end of an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseMeRequest {
    #[schema(format = "password")]
    pub password: String,
}

/// A user, as everybody may know of.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileView {
    pub username: String,
    pub display_name: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Public broadcasts on air or paused, most watched first.
    pub live: Vec<BroadcastView>,
    /// Public broadcasts that have ended, the latest first.
    pub past: PastBroadcasts,
}

/// Some broadcasts that have ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastBroadcasts {
    pub items: Vec<BroadcastView>,
    /// How many there are in all.
    pub total: u64,
    pub limit: u32,
    pub offset: u32,
    /// Always `null`: go on by `offset`.
    pub next_cursor: Option<String>,
}
