//! What surrounds every handler.

use std::any::Any;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::header::{REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::problem::Problem;

/// Puts the layers around the routes.
pub fn around(router: Router, max_body_bytes: usize) -> Router {
    router
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .layer(middleware::from_fn(to_the_end))
        .layer(middleware::from_fn(headers))
        .layer(cors())
        .layer(CatchPanicLayer::custom(panicked))
}

/// Everything that is public may be read from any page, and by bearer token everything else: never with cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, HeaderName::from_static("range")])
        .expose_headers([ETAG, LOCATION, RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(3_600))
}

/// Carries what writes to its end although its caller hangs up: between a commit and what follows in memory, a handler
/// must not be dropped.
async fn to_the_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => panicked(panic),
            Err(_) => Problem::new("busy", "the server is stopping").into_response(),
        },
    }
}

async fn headers(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    // The pattern, not the address: addresses of playback carry tokens.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let mut response = next.run(request).await;
    tracing::debug!(%method, route, status = response.status().as_u16(), "answered");
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a handler panicked");
    Problem::new("internal", "something went wrong on the server; it has been logged").into_response()
}
