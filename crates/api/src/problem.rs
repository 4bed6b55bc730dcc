//! The one place where errors become HTTP: RFC 9457 problems with stable codes.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tallylight_core::Error;
use tallylight_core::error::{FieldError, Outage, seconds};
use tallylight_core::scope::Scope;
use tallylight_media::hls::RequestError;
use utoipa::ToSchema;

use crate::sight::Trail;

/// How long a caller should wait before it tries again, in seconds, where nobody knows better.
const RETRY_SECONDS: u64 = 1;

/// Every code that an answer can carry: its status, and what it means. The page at `type` says the same.
pub const CODES: &[(&str, StatusCode, &str)] = &[
    ("invalid-json", StatusCode::BAD_REQUEST, "The body is not JSON."),
    ("invalid-query", StatusCode::BAD_REQUEST, "A query parameter is unknown or not valid."),
    (
        "invalid-idempotency-key",
        StatusCode::BAD_REQUEST,
        "Idempotency-Key is not a string of 1 to 255 visible ASCII characters.",
    ),
    ("invalid-host", StatusCode::BAD_REQUEST, "The Host header is missing or not a host."),
    (
        "invalid-playlist-request",
        StatusCode::BAD_REQUEST,
        "The playlist's delivery directives make no sense.",
    ),
    ("unauthenticated", StatusCode::UNAUTHORIZED, "Sign in first, or the credentials are not valid."),
    ("forbidden", StatusCode::FORBIDDEN, "You may not do this."),
    ("banned", StatusCode::FORBIDDEN, "You may not speak in the chat of this broadcaster."),
    (
        "insufficient-scope",
        StatusCode::FORBIDDEN,
        "The API key lacks the scope that this needs; make one that has it.",
    ),
    ("suspended", StatusCode::FORBIDDEN, "This account is suspended."),
    ("shut-out", StatusCode::FORBIDDEN, "This device or network is shut out of this server."),
    (
        "foreign-origin",
        StatusCode::FORBIDDEN,
        "A browser's cookies count only for requests of this site's own pages, which send their Origin.",
    ),
    ("join-token-invalid", StatusCode::FORBIDDEN, "The invitation is not valid for this broadcast."),
    ("not-found", StatusCode::NOT_FOUND, "There is nothing here, or nothing that you may know of."),
    ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "This address does not take this method."),
    (
        "upgrade-required",
        StatusCode::UPGRADE_REQUIRED,
        "This address speaks WebSocket: connect with a WebSocket client.",
    ),
    ("body-too-slow", StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."),
    ("taken", StatusCode::CONFLICT, "The user name or e-mail address belongs to another account."),
    ("last-admin", StatusCode::CONFLICT, "Somebody must be left to administer the server."),
    ("invalid-transition", StatusCode::CONFLICT, "A broadcast that has ended stays ended."),
    (
        "too-many-broadcasts",
        StatusCode::CONFLICT,
        "You have as many broadcasts open as are allowed; end one first.",
    ),
    (
        "idempotency-key-in-use",
        StatusCode::CONFLICT,
        "A request under this Idempotency-Key is being done, or it is not known whether it was.",
    ),
    ("broadcast-full", StatusCode::CONFLICT, "All places of this broadcast are taken; try again later."),
    ("broadcast-ended", StatusCode::GONE, "The broadcast has ended."),
    ("viewer-gone", StatusCode::GONE, "This viewer left or timed out; join again."),
    (
        "cursor-expired",
        StatusCode::GONE,
        "The cursor is older than 60 s, or belongs to another's list; begin the list again.",
    ),
    ("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than the server takes."),
    (
        "unsupported-media-type",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Send JSON, with `Content-Type: application/json`.",
    ),
    (
        "invalid-fields",
        StatusCode::UNPROCESSABLE_ENTITY,
        "Fields are unknown or not valid; `errors` names each.",
    ),
    (
        "idempotency-key-reused",
        StatusCode::UNPROCESSABLE_ENTITY,
        "This Idempotency-Key was used for another request in the last 24 hours.",
    ),
    (
        "too-many-requests",
        StatusCode::TOO_MANY_REQUESTS,
        "You do this too often; try again after `Retry-After` seconds.",
    ),
    ("busy", StatusCode::SERVICE_UNAVAILABLE, "Too much at once; try again after `Retry-After` seconds."),
    (
        "unavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The database does not answer; try again after `Retry-After` seconds. What you asked for may have been done.",
    ),
    (
        "no-new-media",
        StatusCode::SERVICE_UNAVAILABLE,
        "No new media arrived in time; ask for the playlist again.",
    ),
    ("internal", StatusCode::INTERNAL_SERVER_ERROR, "A fault of the server; it has been logged."),
];

/// An answer that says what is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    /// It goes with the answer as far as the layer that logs it, and no further.
    outage: Option<Box<Outage>>,
    /// The scope that a key lacks.
    lacks: Option<&'static str>,
    /// After how many seconds it is worth another try.
    retry_after: Option<u64>,
}

/// A problem on the wire (RFC 9457 §3.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemView {
    /// The address of a page about this code.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference")]
    kind: String,
    /// What the code means.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: &'static str,
    /// What is wrong here.
    detail: String,
    /// Names this one answer; the log knows it by the same id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri", example = "urn:uuid:01980a3e-6b2c-7c4e-9f55-0c8a4be3f1a2")]
    instance: Option<String>,
    /// What is wrong with each field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldErrorView>,
}

/// What is wrong with one field.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldErrorView {
    /// The field's path.
    field: String,
    /// What is wrong, for a person.
    message: String,
}

impl Problem {
    /// A problem of a code out of [`CODES`].
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), outage: None, lacks: None, retry_after: None }
    }

    /// A problem with one field or parameter.
    pub fn field(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let detail = format!("{field} {message}");
        let errors = vec![FieldError { field: field.to_owned(), message }];
        Self { errors, ..Self::new(code, detail) }
    }

    /// An API key lacks a scope (RFC 6750 §3.1).
    pub fn insufficient_scope(scope: Scope) -> Self {
        let name = scope.name();
        let detail = format!("this API key lacks the scope {name}");
        Self { lacks: Some(name), ..Self::new("insufficient-scope", detail) }
    }

    fn entry(&self) -> (StatusCode, &'static str) {
        let entry = CODES.iter().find(|(code, ..)| *code == self.code);
        entry.map_or((StatusCode::INTERNAL_SERVER_ERROR, ""), |(_, status, title)| (*status, title))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let code = match error {
            Error::NotFound(_) => "not-found",
            Error::Unauthenticated(_) => "unauthenticated",
            Error::Forbidden(_) | Error::WrongPassword => "forbidden",
            Error::Invalid(errors) => return Self { errors, ..Self::new("invalid-fields", detail) },
            Error::Taken(field) => return Self::field("taken", field, "is taken"),
            Error::InvalidTransition { .. } => "invalid-transition",
            Error::TooManyBroadcasts(_) => "too-many-broadcasts",
            Error::BroadcastFull => "broadcast-full",
            Error::BroadcastEnded => "broadcast-ended",
            Error::ViewerGone => "viewer-gone",
            Error::JoinTokenInvalid => "join-token-invalid",
            Error::Banned { .. } => "banned",
            Error::TooManyRequests { retry_after } => {
                let told = Self::new("too-many-requests", detail);
                return Self { retry_after: Some(seconds(retry_after)), ..told };
            }
            Error::Suspended { .. } => "suspended",
            Error::ShutOut { .. } => "shut-out",
            Error::LastAdmin => "last-admin",
            Error::CursorExpired => "cursor-expired",
            Error::TooManyLive(_) => {
                return Self::field("invalid-query", "at", format!("names a time when {detail}"));
            }
            Error::Busy(_) => "busy",
            Error::Unavailable(outage) => {
                let told = if outage.in_doubt {
                    "the database did not confirm this in time: it may have been done"
                } else {
                    "the database does not answer now; try again in a moment"
                };
                return Self { outage: Some(Box::new(outage)), ..Self::new("unavailable", told) };
            }
            Error::Internal(reason) => {
                tracing::error!(reason, "internal error");
                return Self::new("internal", "something went wrong on the server; it has been logged");
            }
        };
        Self::new(code, detail)
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let code = match error {
            RequestError::NotFound => "not-found",
            RequestError::BadRequest(_) => "invalid-playlist-request",
            RequestError::Timeout => "no-new-media",
            RequestError::Busy => "busy",
        };
        Self::new(code, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title) = self.entry();
        let view = ProblemView {
            kind: format!("/api/problems/{}", self.code),
            title,
            status: status.as_u16(),
            code: self.code,
            detail: self.detail,
            instance: Trail::current().map(|trail| trail.id.urn().to_string()),
            errors: self
                .errors
                .into_iter()
                .map(|FieldError { field, message }| FieldErrorView { field, message })
                .collect(),
        };
        let mut response = (status, Json(view)).into_response();
        if let Some(outage) = self.outage {
            response.extensions_mut().insert(*outage);
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        if let Some(scope) = self.lacks
            && let Ok(challenge) =
                HeaderValue::try_from(format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""))
        {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
