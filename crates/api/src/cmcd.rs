//! What players say of their playback with requests (CTA-5004 §2 and §3).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use tallylight_core::quality::Cmcd;

use crate::state::App;

/// The headers that share out one report. Their names may be in any case.
pub const HEADERS: [&str; 4] = ["cmcd-request", "cmcd-object", "cmcd-status", "cmcd-session"];
const PARAMETER: &str = "CMCD";

/// The CMCD report of a request, if there is one. Never a reason to refuse a request.
pub struct Reported(pub Option<Cmcd>);

impl FromRequestParts<App> for Reported {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let report = parts.uri.query().and_then(from_query).or_else(|| from_headers(&parts.headers));
        Ok(Self(report.filter(|report| !report.is_empty())))
    }
}

/// The name of the parameter is case-sensitive (§3.2).
fn from_query(query: &str) -> Option<Cmcd> {
    if !query.contains(PARAMETER) {
        return None;
    }
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    parameters.find(|(name, _)| name == PARAMETER).map(|(_, value)| Cmcd::parse(&value))
}

fn from_headers(headers: &HeaderMap) -> Option<Cmcd> {
    let mut texts = HEADERS.iter().filter_map(|name| headers.get(*name)?.to_str().ok()).peekable();
    texts.peek()?;
    let mut report = Cmcd::default();
    texts.for_each(|text| report.read(text));
    Some(report)
}
