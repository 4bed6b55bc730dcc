//! Who calls: taken from the `Authorization` header.

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use tallylight_core::{Caller, Error};

use crate::problem::Problem;
use crate::state::App;

/// The caller: nobody known without credentials; wrong credentials are refused rather than ignored.
pub struct Auth(pub Caller);

impl FromRequestParts<App> for Auth {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Known { caller, .. } = Known::from_request_parts(parts, app).await?;
        Ok(Self(caller))
    }
}

/// As [`Auth`], with how long that is known.
pub struct Known {
    /// Who.
    pub caller: Caller,
    /// For how long; `None`: for ever.
    pub ttl: Option<Duration>,
}

impl FromRequestParts<App> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(AUTHORIZATION) else {
            return Ok(Self { caller: Caller::Anonymous, ttl: None });
        };
        let header = header.to_str().unwrap_or_default();
        let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::new("unauthenticated", "send Authorization: Bearer and an access token"));
        }
        let (caller, seconds) = app.users.authenticate_for(token.trim()).map_err(Error::from)?;
        Ok(Self { caller, ttl: Some(Duration::from_secs(seconds)) })
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
