//! What is counted, for Prometheus and its like.

use std::net::SocketAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, FORWARDED, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use tallylight_core::Error;

use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::sight::{Format, render};
use crate::state::App;

/// A program that may read metrics: one on this machine, or one with the token.
pub struct Scraper;

impl FromRequestParts<App> for Scraper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let is_allowed = match (app.sight.metrics_token(), bearer(&parts.headers)) {
            (Some(token), Some(given)) => verify_slices_are_equal(token.as_bytes(), given.as_bytes()).is_ok(),
            (None, Some(_)) => false,
            (_, None) => is_local(parts),
        };
        // The same as of an address that is not there.
        is_allowed
            .then_some(Self)
            .ok_or_else(|| Problem::new("not-found", "there is nothing under this address"))
    }
}

/// The token of a request; an empty one if it carries credentials of another kind.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" })
}

/// Whether a program of this machine asks, and neither somebody from elsewhere through a proxy on it, nor a page of
/// another site in a browser on it.
fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let is_loopback = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    let is_forwarded = [FORWARDED.as_str(), "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|name| parts.headers.contains_key(*name));
    let is_of_page = parts.headers.contains_key(ORIGIN)
        || parts.headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    is_loopback && !is_forwarded && !is_of_page
}

/// Read what is counted: Prometheus' text format, or OpenMetrics for whoever accepts it.
#[utoipa::path(get, path = url::METRICS, operation_id = "metrics", tag = "operation", security((), ("bearer" = [])), responses(
    (status = 200, description = "Figures; the guide tells what each means", content_type = "text/plain", body = String),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn scrape(State(app): State<App>, _: Scraper, headers: HeaderMap) -> Result<Response, Problem> {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    let text = render(app.sight.sheet(), format)
        .map_err(|error| Problem::from(Error::Internal(format!("metrics could not be written: {error}"))))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, text).into_response())
}
