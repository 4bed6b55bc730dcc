//! Accounts and sign-ins.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tallylight_core::user::{Registration, SignedIn};

use crate::auth::cookies;
use crate::device::{self, Asking};
use crate::extract::{Base, FromClient, Json};
use crate::limits::account::Claimed;
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::{LoginRequest, RefreshRequest, RegisterRequest, SetupRequest, TokensView};

/// Where tokens go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Into {
    /// Into the answer, for programs.
    Answer,
    /// Into cookies, for this site's own pages.
    Cookies,
}

impl Into {
    /// As asked for. Cookies are set and read for pages of this site only.
    fn chosen(cookies: bool, headers: &HeaderMap, app: &App) -> Result<Self, Problem> {
        match device::asking(headers, app.settings.public_url.as_ref()) {
            _ if !cookies => Ok(Self::Answer),
            Asking::OwnPage => Ok(Self::Cookies),
            _ => Err(Problem::new(
                "foreign-origin",
                "cookies are for this site's own pages, which send their Origin",
            )),
        }
    }

    fn answer(self, status: StatusCode, signed_in: SignedIn, app: &App, base: &Base) -> Response {
        let cookies = match self {
            Self::Answer => Vec::new(),
            Self::Cookies => cookies::sign_in(&signed_in, app.users.settings().refresh_token_seconds, base),
        };
        let view = match self {
            Self::Answer => TokensView::open(signed_in),
            Self::Cookies => TokensView::closed(signed_in),
        };
        with_cookies((status, axum::Json(view)).into_response(), cookies)
    }
}

pub fn with_cookies(mut response: Response, cookies: Vec<HeaderValue>) -> Response {
    cookies.into_iter().for_each(|cookie| {
        response.headers_mut().append(SET_COOKIE, cookie);
    });
    response
}

/// Make an account and sign in.
#[utoipa::path(post, path = url::REGISTER, operation_id = "register", tag = "accounts", request_body = RegisterRequest, responses(
    (status = 201, description = "The account, signed in", body = TokensView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn register(
    State(app): State<App>,
    FromClient(client): FromClient,
    base: Base,
    headers: HeaderMap,
    Json(request): Json<RegisterRequest>,
) -> Result<Response, Problem> {
    let into = Into::chosen(request.cookies, &headers, &app)?;
    let signed_in = app.users.register(request.into(), client).await?;
    Ok(into.answer(StatusCode::CREATED, signed_in, &app, &base))
}

/// Sign in by user name or e-mail address.
#[utoipa::path(post, path = url::LOGIN, operation_id = "sign_in", tag = "accounts", request_body = LoginRequest, responses(
    (status = 200, description = "Signed in", body = TokensView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn login(
    State(app): State<App>,
    FromClient(client): FromClient,
    base: Base,
    headers: HeaderMap,
    Json(request): Json<LoginRequest>,
) -> Result<Response, Problem> {
    let into = Into::chosen(request.cookies, &headers, &app)?;
    let account = app.users.account(&request.login).await?;
    let claimed = account.map_or(Claimed::Nobody(&request.login), Claimed::Known);
    let attempt = app.limits.attempt(claimed, client.ip).await?;
    let outcome = app.users.sign_in(&request.login, request.password, client).await;
    attempt.ended(&outcome);
    Ok(into.answer(StatusCode::OK, outcome?, &app, &base))
}

/// Spend a refresh token for new tokens. Using one twice ends the sign-in.
#[utoipa::path(post, path = url::REFRESH, operation_id = "refresh", tag = "accounts", request_body = RefreshRequest, responses(
    (status = 200, description = "New tokens", body = TokensView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn refresh(
    State(app): State<App>,
    base: Base,
    headers: HeaderMap,
    Json(request): Json<RefreshRequest>,
) -> Result<Response, Problem> {
    let token = request.refresh_token.as_deref().or_else(|| cookies::refresh_token(&headers));
    let token =
        token.ok_or_else(|| Problem::new("unauthenticated", "give a refresh_token: there is no cookie"))?;
    let into = Into::chosen(request.refresh_token.is_none(), &headers, &app)?;
    let signed_in = app.users.refresh(token).await?;
    Ok(into.answer(StatusCode::OK, signed_in, &app, &base))
}

/// End the sign-in that a refresh token belongs to.
#[utoipa::path(post, path = url::LOGOUT, operation_id = "sign_out", tag = "accounts", request_body = RefreshRequest, responses(
    (status = 204, description = "Signed out, also if it was before"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn logout(
    State(app): State<App>,
    FromClient(client): FromClient,
    base: Base,
    headers: HeaderMap,
    Json(request): Json<RefreshRequest>,
) -> Result<Response, Problem> {
    let into = Into::chosen(request.refresh_token.is_none(), &headers, &app)?;
    let token = request.refresh_token.as_deref().or_else(|| cookies::refresh_token(&headers));
    if let Some(token) = token {
        app.users.sign_out(token, &client).await?;
    }
    let cookies = if into == Into::Cookies { cookies::sign_out(&base) } else { Vec::new() };
    Ok(with_cookies(StatusCode::NO_CONTENT.into_response(), cookies))
}

/// Make the first administrator, by the link that the server printed when it started.
#[utoipa::path(post, path = url::SETUP, operation_id = "set_up", tag = "accounts", request_body = SetupRequest, responses(
    (status = 201, description = "The administrator, signed in", body = TokensView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn setup(
    State(app): State<App>,
    FromClient(client): FromClient,
    base: Base,
    headers: HeaderMap,
    Json(request): Json<SetupRequest>,
) -> Result<Response, Problem> {
    let SetupRequest { setup_token, username, email, password, display_name, cookies } = request;
    let into = Into::chosen(cookies, &headers, &app)?;
    let registration = Registration { username, email, password, display_name };
    let signed_in = app.users.set_up(&setup_token, registration, client).await?;
    Ok(into.answer(StatusCode::CREATED, signed_in, &app, &base))
}
