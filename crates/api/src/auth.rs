//! Who calls: taken from the `Authorization` header.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use tallylight_core::Caller;

use crate::problem::Problem;
use crate::state::App;

/// The caller: nobody known without credentials; wrong credentials are refused rather than ignored.
pub struct Auth(pub Caller);

impl FromRequestParts<App> for Auth {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // The layer that counts requests may have looked already.
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(Self(caller.clone()));
        }
        let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(Self(Caller::Anonymous)) };
        let header = header.to_str().unwrap_or_default();
        let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::new("unauthenticated", "send Authorization: Bearer and an access token"));
        }
        Ok(Self(app.users.authenticate(token.trim())?))
    }
}

/// A caller who is signed in.
pub struct SignedIn(pub Caller);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Auth(caller) = Auth::from_request_parts(parts, app).await?;
        caller.signed_in()?;
        Ok(Self(caller))
    }
}
