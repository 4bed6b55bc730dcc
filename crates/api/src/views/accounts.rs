//! Accounts, as their owners see and change them, on the wire.

use serde::{Deserialize, Serialize};
use tallylight_core::Caller;
use tallylight_core::caller::Access;
use tallylight_core::user::{AccountUpdate, SignIn};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::BroadcastView;
use super::list::List;
use super::reading::{given, nullable};

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

/// What changes of one's own account. Absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMeRequest {
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00]*$", nullable = false)]
    pub display_name: Option<String>,
    /// What a broadcast is called that the lasting stream key makes; `null`: nothing of its own.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$", value_type = Option<String>)]
    pub default_title: Option<Option<String>>,
    /// With `current_password`; not by an API key.
    #[serde(default, deserialize_with = "given")]
    #[schema(format = "email", max_length = 254, nullable = false)]
    pub email: Option<String>,
    /// With `current_password`; not by an API key.
    #[serde(default, deserialize_with = "given")]
    #[schema(
        min_length = 8,
        max_length = 256,
        format = "password",
        pattern = r"^[^\x00]*$",
        nullable = false
    )]
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
    #[schema(min_length = 8, max_length = 256, format = "password", pattern = r"^[^\x00]*$")]
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
    pub past: List<BroadcastView>,
}
