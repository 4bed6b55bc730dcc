//! Extractors that refuse with a problem which names the field.

mod words;

use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tallylight_core::viewer::Client;

use crate::device;
use crate::problem::Problem;
use crate::state::App;

/// How long a body may take to arrive: they are small.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body. Without a body it is taken as `{}`, so that a call whose fields are all optional needs none.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let body = whole_body(request, app).await?;
        if body.is_empty() {
            return parse(b"{}").map(Self);
        }
        if !is_json {
            return Err(Problem::new(
                "unsupported-media-type",
                "send JSON, with Content-Type: application/json",
            ));
        }
        parse(&body).map(Self)
    }
}

/// A text body of whatever type it calls itself; what is not UTF-8 in it is replaced.
pub struct Text(pub String);

impl FromRequest<App> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let body = whole_body(request, app).await?;
        Ok(Self(String::from_utf8_lossy(&body).into_owned()))
    }
}

/// The body, if it arrives in time and is not too large.
pub async fn whole_body(request: Request, app: &App) -> Result<Bytes, Problem> {
    tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, app))
        .await
        .map_err(|_| Problem::new("body-too-slow", "the body did not arrive in time"))?
        .map_err(|error| body_problem(&error, app))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn body_problem(error: &BytesRejection, app: &App) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let limit = app.settings.max_body_bytes;
        return Problem::new("body-too-large", format!("the body has more than {limit} bytes"));
    }
    Problem::new("invalid-json", format!("the body did not arrive whole: {error}"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Looked at first and apart: of some wrong types the parser says the same as of broken syntax.
    let syntax = serde_json::from_slice::<serde::de::IgnoredAny>(body);
    syntax.map_err(|error| Problem::new("invalid-json", format!("the body is not JSON: {error}")))?;
    parse_object(body, "")
}

/// Reads a field of a body that was left as it came.
pub fn parse_field<T: DeserializeOwned>(name: &str, raw: &RawValue) -> Result<T, Problem> {
    parse_object(raw.get().as_bytes(), name)
}

/// Reads JSON that stands in a field of this name, or is the whole body.
fn parse_object<T: DeserializeOwned>(json: &[u8], name: &str) -> Result<T, Problem> {
    // Taken as it comes, an array would fill the fields in their order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        let field = if name.is_empty() { "body" } else { name };
        return Err(Problem::field("invalid-fields", field, "must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = match (name, error.path().to_string()) {
            ("", path) => path,
            (name, path) if path == "." => name.to_owned(),
            (name, path) => format!("{name}.{path}"),
        };
        field_problem("invalid-fields", &path, &error.inner().to_string())
    })
}

/// Names the field that serde complains about. For unknown, missing and repeated ones the name is in the message only.
fn field_problem(code: &'static str, path: &str, message: &str) -> Problem {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let parent = if path == "." { "" } else { path };
    for (prefix, meaning) in [
        ("unknown field `", "is not known"),
        ("missing field `", "is missing"),
        ("duplicate field `", "is given twice"),
    ] {
        if let Some((name, rest)) = message.strip_prefix(prefix).and_then(|rest| rest.split_once('`')) {
            let hint =
                rest.strip_prefix(", expected ").map_or(String::new(), |names| format!("; known: {names}"));
            return Problem::field(code, name, format!("{meaning}{}", hint.replace('`', "")));
        }
    }
    let field = if parent.is_empty() { "body" } else { parent };
    Problem::field(code, field, words::plain(message))
}

/// The query parameters.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads query parameters.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded(query));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        field_problem("invalid-query", &path, &error.inner().to_string())
    })
}

/// Checks the number of an event in a query: databases count to 2⁶³ - 1.
pub fn event_number(name: &str, number: u64) -> Result<u64, Problem> {
    match i64::try_from(number) {
        Ok(_) => Ok(number),
        Err(_) => Err(Problem::field("invalid-query", name, format!("must be at most {}", i64::MAX))),
    }
}

fn form_urlencoded(query: &str) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(query.as_bytes())
}

/// A path whose parts must read as `T`; one that does not names nothing that exists.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, app).await;
        path.map(|axum::extract::Path(value)| Self(value))
            .map_err(|_| Problem::new("not-found", "there is nothing under this address"))
    }
}

/// What is known of the caller's machine.
pub struct FromClient(pub Client);

impl FromRequestParts<App> for FromClient {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let ip = app.settings.trusted_proxies.client_of(&parts.extensions, &parts.headers);
        let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let device = device::known(&parts.headers, app.settings.public_url.as_ref());
        Ok(Self(Client { ip, user_agent: agent.map(str::to_owned), device }))
    }
}

/// The address under which the caller reaches this server, such as `https://live.example`, without a final slash.
#[derive(Debug, Clone)]
pub struct Base {
    /// Scheme, host and port.
    pub url: String,
    /// The host alone, for other protocols; IPv6 in brackets.
    pub host: String,
}

impl FromRequestParts<App> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(public) = &app.settings.public_url {
            let host = public.host().unwrap_or_default().to_owned();
            return Ok(Self { url: public.to_string().trim_end_matches('/').to_owned(), host });
        }
        let given = parts.headers.get(HOST).map(http::HeaderValue::as_bytes);
        let authority = given
            .and_then(|host| Authority::try_from(host).ok())
            .or_else(|| parts.uri.authority().cloned())
            .filter(|authority| !authority.as_str().contains('@') && !authority.host().is_empty())
            .ok_or_else(|| Problem::new("invalid-host", "the Host header is missing or not a host"))?;
        let proxies = &app.settings.trusted_proxies;
        let is_tls = app.settings.is_tls || proxies.took_tls_off(&parts.extensions, &parts.headers);
        let scheme = if is_tls { "https" } else { "http" };
        Ok(Self { url: format!("{scheme}://{authority}"), host: authority.host().to_owned() })
    }
}
