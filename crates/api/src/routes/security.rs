//! Whom to tell of a weakness (RFC 9116).

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use time::format_description::well_known::Rfc3339;
use time::{Duration, Time};

use crate::extract::Base;
use crate::problem::Problem;
use crate::router::url;
use crate::state::App;

/// The standard wants less than a year.
const GOOD_FOR: Duration = Duration::days(180);

/// Whom to tell of a weakness, if the operator said so.
pub async fn security_txt(State(app): State<App>, base: Base) -> Result<impl IntoResponse, Problem> {
    let contact = app.settings.security_contact.as_ref();
    let contact = contact.ok_or_else(|| Problem::new("not-found", "there is nothing under this address"))?;
    let expires = (app.sessions.now() + GOOD_FOR).replace_time(Time::MIDNIGHT);
    let expires = expires.format(&Rfc3339).unwrap_or_default();
    let text = format!("Contact: {contact}\nExpires: {expires}\nCanonical: {}{}\n", base.url, url::SECURITY);
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "public, max-age=86400")], text))
}
