//! What people open in a browser.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tallylight_web_assets::{Page, page};

use crate::extract::Path;
use crate::problem::{CODES, Problem};
use crate::state::App;

/// What the live feed says and takes (AsyncAPI 3.0).
const ASYNCAPI: &str = include_str!("../../asyncapi.yaml");

/// The home page.
pub async fn home(headers: HeaderMap) -> Response {
    page(Page::Home, &headers)
}

/// Where a broadcast is watched; the page itself finds out which and whether it may.
pub async fn watch(headers: HeaderMap) -> Response {
    page(Page::Watch, &headers)
}

/// Where broadcasters work.
pub async fn studio(headers: HeaderMap) -> Response {
    page(Page::Studio, &headers)
}

/// Where the first administrator is made.
pub async fn setup(headers: HeaderMap) -> Response {
    page(Page::Setup, &headers)
}

/// One's own account.
pub async fn account(headers: HeaderMap) -> Response {
    page(Page::Account, &headers)
}

/// Where a link to choose a new password is asked for.
pub async fn forgot(headers: HeaderMap) -> Response {
    page(Page::Forgot, &headers)
}

/// Where that link leads; the token behind its `#` stays in the browser.
pub async fn reset(headers: HeaderMap) -> Response {
    page(Page::Reset, &headers)
}

/// The API to browse.
pub async fn docs(headers: HeaderMap) -> Response {
    page(Page::ApiDocs, &headers)
}

/// The OpenAPI document.
pub async fn openapi(State(app): State<App>) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, app.document.clone())
}

/// The AsyncAPI document.
pub async fn asyncapi() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/yaml")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, ASYNCAPI)
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
