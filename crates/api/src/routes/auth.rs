//! Accounts and sign-ins.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CACHE_CONTROL;
use http::{HeaderName, StatusCode};
use tallylight_core::user::{Registration, SignedIn};

use crate::extract::{FromClient, Json};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::{LoginRequest, RefreshRequest, RegisterRequest, SetupRequest, TokensView};

/// Tokens are nobody's to keep on the way (RFC 9111 §5.2.2.5).
type Private = [(HeaderName, &'static str); 1];
const NO_STORE: Private = [(CACHE_CONTROL, "no-store")];

fn tokens(signed_in: SignedIn) -> (Private, axum::Json<TokensView>) {
    (NO_STORE, axum::Json(signed_in.into()))
}

/// Make an account and sign in.
#[utoipa::path(post, path = url::REGISTER, operation_id = "register", tag = "accounts", request_body = RegisterRequest, responses(
    (status = 201, description = "The account, signed in", body = TokensView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn register(
    State(app): State<App>,
    Json(request): Json<RegisterRequest>,
) -> Result<impl IntoResponse, Problem> {
    let signed_in = app.users.register(request.into()).await?;
    Ok((StatusCode::CREATED, tokens(signed_in)))
}

/// Sign in by user name or e-mail address.
#[utoipa::path(post, path = url::LOGIN, operation_id = "sign_in", tag = "accounts", request_body = LoginRequest, responses(
    (status = 200, description = "Signed in", body = TokensView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn login(
    State(app): State<App>,
    FromClient(client): FromClient,
    Json(request): Json<LoginRequest>,
) -> Result<impl IntoResponse, Problem> {
    let attempt = app.limits.attempt(&request.login, client.ip).await?;
    let outcome = app.users.sign_in(&request.login, request.password).await;
    attempt.ended(&outcome);
    Ok(tokens(outcome?))
}

/// Spend a refresh token for new tokens. Using one twice ends the sign-in.
#[utoipa::path(post, path = url::REFRESH, operation_id = "refresh", tag = "accounts", request_body = RefreshRequest, responses(
    (status = 200, description = "New tokens", body = TokensView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn refresh(
    State(app): State<App>,
    Json(request): Json<RefreshRequest>,
) -> Result<impl IntoResponse, Problem> {
    Ok(tokens(app.users.refresh(&request.refresh_token).await?))
}

/// End the sign-in that a refresh token belongs to.
#[utoipa::path(post, path = url::LOGOUT, operation_id = "sign_out", tag = "accounts", request_body = RefreshRequest, responses(
    (status = 204, description = "Signed out, also if it was before"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn logout(
    State(app): State<App>,
    Json(request): Json<RefreshRequest>,
) -> Result<StatusCode, Problem> {
    app.users.sign_out(&request.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make the first administrator, by the link that the server printed when it started.
#[utoipa::path(post, path = url::SETUP, operation_id = "set_up", tag = "accounts", request_body = SetupRequest, responses(
    (status = 201, description = "The administrator, signed in", body = TokensView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn setup(
    State(app): State<App>,
    Json(request): Json<SetupRequest>,
) -> Result<impl IntoResponse, Problem> {
    let SetupRequest { setup_token, username, email, password, display_name } = request;
    let registration = Registration { username, email, password, display_name };
    let signed_in = app.users.set_up(&setup_token, registration).await?;
    Ok((StatusCode::CREATED, tokens(signed_in)))
}
