//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a POST that is sent again is done once.
//!
//! It counts for callers who are signed in, whoever else sends it is not known again. It does not count under
//! `/api/auth`, whose answers are tokens, nor for what viewers do all the time, which nobody has to send again. What surely was not done (429, the server is busy, the database is away) may be
//! tried again under the same key; what perhaps was done leaves it taken.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use tallylight_core::Error;
use tallylight_core::caller::Identity;
use tallylight_core::error::Outage;
use tallylight_core::idempotency::{Call, Claim, Turn};
use tokio::time::timeout;
use tower::Service;

use crate::auth;
use crate::extract::whole_body;
use crate::layers::panicked;
use crate::limits::{Answering, Class, Classes};
use crate::problem::Problem;
use crate::state::App;

/// By which key a call is known again.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that this was answered before.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Answers are JSON of a few kilobytes; what is larger is not kept.
const MAX_KEPT: usize = 1 << 16;
/// The most characters of a key.
pub const MAX_KEY: usize = 255;
/// How long a key may take to be had, and how long a caller waits until its answer is kept: with what the database has
/// for the call itself, an outage is answered within 3 s.
const TAKING: Duration = Duration::from_secs(1);
const SETTLING: Duration = Duration::from_millis(500);
/// Headers that are kept with an answer.
const KEPT: [HeaderName; 4] = [CONTENT_TYPE, LOCATION, CACHE_CONTROL, ETAG];

/// Does what is sent under a key once.
#[derive(Clone)]
pub struct Once<S> {
    inner: S,
    app: App,
    classes: Arc<Classes>,
}

impl<S> Once<S> {
    /// Around a service.
    pub(crate) fn new(inner: S, app: App, classes: Arc<Classes>) -> Self {
        Self { inner, app, classes }
    }
}

impl<S> Service<Request> for Once<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let class = self.classes.of(request.method(), request.extensions());
        let has_key = request.headers().contains_key(IDEMPOTENCY_KEY)
            && counts(request.method(), request.uri().path(), class);
        let auth = has_key.then(|| auth::of_request(&mut request, &self.app).ok()).flatten();
        let Some(caller) = auth.and_then(|auth| auth.caller.identity().cloned()) else {
            return Answering::straight(self.inner.call(request));
        };
        let (app, mut inner) = (self.app.clone(), self.inner.clone());
        Answering::later(async move {
            let answer = once(&app, caller, request, move |request| inner.call(request)).await;
            Ok(answer.unwrap_or_else(IntoResponse::into_response))
        })
    }
}

/// Whether a key counts for an operation at all.
pub fn counts(method: &Method, path: &str, class: Class) -> bool {
    method == Method::POST && !path.starts_with("/api/auth/") && class != Class::Viewing
}

async fn once<F>(
    app: &App,
    caller: Identity,
    request: Request,
    inner: impl FnOnce(Request) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let key = key(request.headers())?;
    let (parts, body) = request.into_parts();
    let body = whole_body(Request::from_parts(parts.clone(), body), app).await?;
    let call = Call {
        caller: &caller,
        method: parts.method.as_str(),
        path: parts.uri.path(),
        key: &key,
        query: parts.uri.query().unwrap_or_default(),
        body: &body,
    };
    let claim = app.idempotency.claim(&call)?;
    match begin(app, &claim).await? {
        Turn::Go => {}
        Turn::Replay(kept) => return replay(&kept),
        Turn::Reused => {
            let detail = "this key was used for another request: take a new one for each";
            return Err(Problem::new("idempotency-key-reused", detail));
        }
        Turn::UnderWay => {
            let detail = "a request under this key is being done, or it is not known whether it was: look what is \
                          there, and try again later or under another key";
            return Err(Problem::new("idempotency-key-in-use", detail));
        }
    }
    // Nobody knows how far a handler came that panicked, so it is met here.
    let request = Request::from_parts(parts, Body::from(body));
    let answer = AssertUnwindSafe(async { inner(request).await }).catch_unwind().await;
    let answer = answer.map_or_else(panicked, |Ok(answer)| answer);
    Ok(end(app, claim, answer).await)
}

/// Takes the key. Without an answer in time it is freed later, and nothing is done.
async fn begin(app: &App, claim: &Claim) -> Result<Turn, Error> {
    let begun = timeout(TAKING, app.idempotency.begin(claim)).await;
    let begun = begun.unwrap_or_else(|_| {
        Err(Error::Unavailable(Outage::in_doubt("the key of a call was not taken in time")))
    });
    begun.map_err(|error| match error {
        Error::Unavailable(outage) if outage.in_doubt => {
            app.idempotency.give_up(claim.clone());
            Error::Unavailable(Outage { in_doubt: false, ..outage })
        }
        error => error,
    })
}

/// The key: a string of structured fields (RFC 8941 §3.3.3), or the same without its quotes.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let value = values.next().filter(|_| values.next().is_none());
    let text = value.and_then(|value| value.to_str().ok()).map(str::trim).unwrap_or_default();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted),
        None => text.bytes().all(|it| it.is_ascii_graphic() && it != b'"').then(|| text.to_owned()),
    };
    key.filter(|key| (1..=MAX_KEY).contains(&key.len())).ok_or_else(|| {
        let detail = format!("Idempotency-Key must be one string of 1 to {MAX_KEY} visible ASCII characters");
        Problem::new("invalid-idempotency-key", detail)
    })
}

/// What stands before the closing quote, which ends it all.
fn unquoted(text: &str) -> Option<String> {
    let (mut key, mut rest) = (String::new(), text.chars());
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(key),
            '\\' => key.push(rest.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            plain @ ' '..='~' => key.push(plain),
            _ => return None,
        }
    }
}

/// What is kept of an answer before its body: a line of JSON.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It was done, or refused for good.
    Final,
    /// Nothing was done.
    NotDone,
    /// Nobody knows whether it was done.
    Unknown,
}

impl End {
    fn of(answer: &Response) -> Self {
        let outage = answer.extensions().get::<Outage>();
        match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => Self::NotDone,
            StatusCode::SERVICE_UNAVAILABLE if outage.is_none_or(|outage| !outage.in_doubt) => Self::NotDone,
            status if status.is_server_error() => Self::Unknown,
            _ if answer.body().size_hint().upper().is_some_and(|most| most <= MAX_KEPT as u64) => Self::Final,
            _ => Self::Unknown,
        }
    }
}

/// Ends a call, and gives its answer on.
async fn end(app: &App, claim: Claim, answer: Response) -> Response {
    let of = claim.claim;
    let answer = match End::of(&answer) {
        End::NotDone => {
            app.idempotency.release(claim);
            answer
        }
        End::Unknown if answer.status().is_server_error() => return unknown(answer),
        End::Unknown => return answer,
        End::Final => {
            let (parts, body) = answer.into_parts();
            let body = to_bytes(body, MAX_KEPT).await.unwrap_or_default();
            if let Err(error) = app.idempotency.keep(claim, &pack(parts.status, &parts.headers, &body)) {
                tracing::error!(%error, "an answer was not kept: its idempotency key stays taken");
            }
            Response::from_parts(parts, Body::from(body))
        }
    };
    // While the database is away there is nothing to wait for; what is not settled now is later.
    if answer.extensions().get::<Outage>().is_none()
        && !matches!(timeout(SETTLING, app.idempotency.settle(of)).await, Ok(Ok(())))
    {
        tracing::debug!("the end of a call under an idempotency key is written later");
    }
    answer
}

/// What is answered where nobody knows whether the call was done.
fn unknown(mut answer: Response) -> Response {
    let code = if answer.status() == StatusCode::SERVICE_UNAVAILABLE { "unavailable" } else { "internal" };
    let detail = "this may have been done, or not: look what is there before you try again under another \
                  Idempotency-Key, this one stays taken";
    let mut told = Problem::new(code, detail).into_response();
    std::mem::swap(told.extensions_mut(), answer.extensions_mut());
    told
}

fn pack(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Vec<u8> {
    let header = |name: &HeaderName| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned()));
    let head = Head { status: status.as_u16(), headers: KEPT.iter().filter_map(header).collect() };
    let mut packed = serde_json::to_vec(&head).unwrap_or_default();
    packed.push(b'\n');
    packed.extend_from_slice(body);
    packed
}

fn replay(kept: &[u8]) -> Result<Response, Problem> {
    let broken = || tallylight_core::Error::Internal("a kept answer cannot be read".into());
    let end = kept.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
    let head: Head = serde_json::from_slice(&kept[..end]).map_err(|_| broken())?;
    let mut answer = Response::new(Body::from(kept[end + 1..].to_vec()));
    *answer.status_mut() = StatusCode::from_u16(head.status).map_err(|_| broken())?;
    for (name, value) in head.headers {
        let name = HeaderName::try_from(name).map_err(|_| broken())?;
        answer.headers_mut().insert(name, HeaderValue::try_from(value).map_err(|_| broken())?);
    }
    answer.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        key(&headers).ok()
    }

    #[test]
    fn a_key_stands_in_quotes_or_not() {
        for (value, key) in [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            ("\"with space\"", "with space"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("~!#,;=", "~!#,;="),
        ] {
            assert_eq!(read(&[value]).as_deref(), Some(key), "{value}");
        }
        assert_eq!(read(&[&"x".repeat(255)]).map(|key| key.len()), Some(255));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "x".repeat(256);
        for value in
            ["", "\"\"", "two words", "\"open", "open\"", "\"a\";b=1", r#""a\n""#, "ключ", &long, "\t"]
        {
            assert_eq!(read(&[value]), None, "{value}");
        }
        assert_eq!(read(&["a", "b"]), None, "two keys are none");
    }

    #[test]
    fn a_key_is_free_again_only_where_nothing_was_done() {
        let answer = |error: Error| Problem::from(error).into_response();
        let away = |in_doubt| answer(Error::Unavailable(Outage { reason: "no answer".into(), in_doubt }));
        let too_fast = Error::TooManyRequests { retry_after: Duration::from_secs(1) };
        for (answer, end) in [
            (StatusCode::CREATED.into_response(), End::Final),
            (answer(Error::NotFound("broadcast")), End::Final),
            (answer(too_fast), End::NotDone),
            (answer(Error::Busy("writes")), End::NotDone),
            (away(false), End::NotDone),
            (away(true), End::Unknown),
            (answer(Error::Internal("a row is not as expected".into())), End::Unknown),
            (panicked(Box::new("a fault")), End::Unknown),
            ("x".repeat(MAX_KEPT + 1).into_response(), End::Unknown),
        ] {
            assert_eq!(End::of(&answer), end, "{answer:?}");
        }
        let told = unknown(away(true));
        assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(told.extensions().get::<Outage>().is_some(), "it is logged as ever");
    }

    #[test]
    fn an_answer_is_read_back_as_it_was() {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static("/api/broadcasts/1"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("set-cookie", HeaderValue::from_static("secret"));
        let kept = pack(StatusCode::CREATED, &headers, &Bytes::from_static(b"{\n}"));
        let answer = replay(&kept).unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(answer.headers()[LOCATION], "/api/broadcasts/1");
        assert_eq!(answer.headers()[IDEMPOTENT_REPLAYED], "true");
        assert!(!answer.headers().contains_key("set-cookie"), "cookies are set once");
        assert_eq!(answer.body().size_hint().exact(), Some(3));
        assert!(replay(b"no line").is_err() && replay(b"{}\n").is_err());
    }
}
