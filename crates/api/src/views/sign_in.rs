//! Signing in, on the wire.

use serde::{Deserialize, Serialize};
use tallylight_core::user::{Registration, Role, SignedIn, User};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::same_names;

/// What a user may do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleView {
    Viewer,
    Broadcaster,
    Moderator,
    Admin,
}

same_names!(RoleView <=> Role { Viewer, Broadcaster, Moderator, Admin });

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}))]
pub struct RegisterRequest {
    /// 2 to 32 of `a-z 0-9 _ -`.
    #[schema(min_length = 2, max_length = 32, pattern = "^[a-z0-9_-]{2,32}$")]
    pub username: String,
    #[schema(format = "email", max_length = 254)]
    pub email: String,
    #[schema(min_length = 8, max_length = 256, format = "password", pattern = r"^[^\x00]*$")]
    pub password: String,
    /// The user name, if it is not given.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00]*$")]
    pub display_name: Option<String>,
    /// Whether the tokens go into cookies, for pages of this site: then they are not in the answer.
    #[serde(default)]
    pub cookies: bool,
}

/// The first administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"setup_token": "from-the-link", "username": "root", "email": "root@example.org", "password": "correct horse battery"}))]
pub struct SetupRequest {
    /// From the link that the server printed when it started.
    pub setup_token: String,
    /// 2 to 32 of `a-z 0-9 _ -`.
    #[schema(min_length = 2, max_length = 32, pattern = "^[a-z0-9_-]{2,32}$")]
    pub username: String,
    #[schema(format = "email", max_length = 254)]
    pub email: String,
    #[schema(min_length = 8, max_length = 256, format = "password", pattern = r"^[^\x00]*$")]
    pub password: String,
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00]*$")]
    pub display_name: Option<String>,
    /// Whether the tokens go into cookies, for pages of this site: then they are not in the answer.
    #[serde(default)]
    pub cookies: bool,
}

impl From<RegisterRequest> for Registration {
    fn from(r: RegisterRequest) -> Self {
        Self { username: r.username, email: r.email, password: r.password, display_name: r.display_name }
    }
}

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"login": "ada", "password": "correct horse battery"}))]
pub struct LoginRequest {
    /// User name or e-mail address.
    pub login: String,
    #[schema(format = "password")]
    pub password: String,
    /// Whether the tokens go into cookies, for pages of this site: then they are not in the answer.
    #[serde(default)]
    pub cookies: bool,
}

/// A refresh token, good once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "from-the-sign-in"}))]
pub struct RefreshRequest {
    /// Without it the one in the cookies of this site's own pages is taken.
    pub refresh_token: Option<String>,
}

/// A user, as the user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    pub id: Uuid,
    pub username: String,
    pub display_name: String,
    pub email: String,
    pub role: RoleView,
    /// What a broadcast is called that the lasting stream key makes.
    pub default_title: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            username: user.username,
            display_name: user.display_name,
            email: user.email,
            role: user.role.into(),
            default_title: user.default_title,
            created_at: user.created_at,
        }
    }
}

/// A signed-in user with new tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokensView {
    pub user: UserView,
    /// For `Authorization: Bearer`; absent where the tokens are in cookies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Bearer")]
    pub token_type: Option<&'static str>,
    /// Seconds.
    pub expires_in: u32,
    /// Good once; it answers with the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

impl TokensView {
    /// With the tokens, for programs.
    pub fn open(signed_in: SignedIn) -> Self {
        Self {
            user: signed_in.user.into(),
            access_token: Some(signed_in.access_token),
            token_type: Some("Bearer"),
            expires_in: signed_in.expires_in,
            refresh_token: Some(signed_in.refresh_token),
        }
    }

    /// Without them, for pages.
    pub fn closed(signed_in: SignedIn) -> Self {
        let expires_in = signed_in.expires_in;
        let user = signed_in.user.into();
        Self { user, access_token: None, token_type: None, expires_in, refresh_token: None }
    }
}
