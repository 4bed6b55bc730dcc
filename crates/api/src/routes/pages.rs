//! What people open in a browser.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use tallylight_web_assets::Page;

use crate::extract::Path;
use crate::problem::{CODES, Problem};
use crate::state::App;

type Headers = [(HeaderName, HeaderValue); 2];

/// A page; it names hashed files, so it is asked for anew each time.
pub fn html(page: Page) -> (Headers, Bytes) {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, tallylight_web_assets::page(page))
}

/// The home page.
pub async fn home() -> impl IntoResponse {
    html(Page::Home)
}

/// Where a broadcast is watched; the page itself finds out which and whether it may.
pub async fn watch() -> impl IntoResponse {
    html(Page::Watch)
}

/// Where broadcasters work.
pub async fn studio() -> impl IntoResponse {
    html(Page::Studio)
}

/// Where the first administrator is made.
pub async fn setup() -> impl IntoResponse {
    html(Page::Setup)
}

/// The API to browse.
pub async fn docs() -> impl IntoResponse {
    html(Page::Docs)
}

/// The OpenAPI document.
pub async fn openapi(State(app): State<App>) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, app.document.clone())
}

/// What a problem's code means, for the person who followed its `type`.
pub async fn problem(Path(code): Path<String>) -> Result<Response, Problem> {
    let entry = CODES.iter().find(|(known, ..)| *known == code);
    let (code, status, meaning) =
        entry.ok_or_else(|| Problem::new("not-found", "there is no problem with this code"))?;
    // Everything here is a constant of ours, so there is nothing to escape.
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{code} · Tallylight</title>\
         <h1><code>{code}</code></h1><p>{meaning}</p><p>HTTP status {status}.</p>\
         <p><a href=\"/api/docs\">API documentation</a></p></html>"
    );
    Ok(Html(body).into_response())
}
