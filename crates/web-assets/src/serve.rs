use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::File;

/// What pages load: scripts, styles and fonts, named by their content.
pub const ASSETS: &str = "/assets/{*name}";
/// What other sites load.
pub const ELEMENTS: &str = "/elements/{*name}";
/// The icon.
pub const ICON: &str = "/favicon.svg";
/// All of these.
pub const ADDRESSES: [&str; 3] = [ASSETS, ELEMENTS, ICON];

/// Everything that pages load.
pub fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(ASSETS, get(|Path(name): Path<String>, headers| serve("assets", name, headers)))
        .route(ELEMENTS, get(|Path(name): Path<String>, headers| serve("elements", name, headers)))
        .route(ICON, get(|headers: HeaderMap| async move { named("favicon.svg", &headers) }))
}

async fn serve(folder: &'static str, name: String, request: HeaderMap) -> Response {
    named(&format!("{folder}/{name}"), &request)
}

fn named(name: &str, request: &HeaderMap) -> Response {
    crate::find(name).map_or_else(|| StatusCode::NOT_FOUND.into_response(), |file| respond(file, request))
}

/// A file as an answer: 304 when the client has it, else in the smallest form that the client takes.
pub(crate) fn respond(file: &'static File, request: &HeaderMap) -> Response {
    let mut response = if is_known(file, request) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        content(file, request)
    };
    let mut set = |name: HeaderName, value: &'static str| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    set(header::ETAG, file.etag);
    set(header::VARY, "accept-encoding");
    set(header::CACHE_CONTROL, cache_control(file.name));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Other sites' module scripts need leave to load ours; nothing here is secret.
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    response
}

fn content(file: &'static File, request: &HeaderMap) -> Response {
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let forms = [("br", file.brotli), ("gzip", file.gzip)];
    let fitting = forms
        .into_iter()
        .find_map(|(name, body)| body.filter(|_| accepts(accepted, name)).map(|body| (name, body)));
    let content_type = (header::CONTENT_TYPE, content_type(file.name));
    match fitting {
        Some((encoding, body)) => {
            ([content_type, (header::CONTENT_ENCODING, encoding)], Body::from(body)).into_response()
        }
        None => ([content_type], Body::from(file.identity)).into_response(),
    }
}

/// Whether a client takes an encoding; one listed with weight 0 is refused (RFC 9110 §12.5.3).
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

/// Whether the client says that it has this very content (RFC 9110 §13.1.2: a weak comparison).
fn is_known(file: &File, request: &HeaderMap) -> bool {
    let strong = file.etag.trim_start_matches("W/");
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or("");
    known.split(',').any(|tag| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == strong)
}

/// A name under `assets/` carries a hash of its content, and so does what the element loads later; every other name
/// stays and must be asked for again.
fn cache_control(name: &str) -> &'static str {
    if name.starts_with("assets/") || name.starts_with("elements/live-source-") {
        "public, max-age=31536000, immutable"
    } else if name.starts_with("elements/") {
        "public, max-age=300, stale-while-revalidate=86400"
    } else {
        "no-cache"
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
