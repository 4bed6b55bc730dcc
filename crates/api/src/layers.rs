//! What surrounds every handler.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::header::{RANGE, RETRY_AFTER};
use http::{HeaderName, Method};
use tallylight_core::clock::Clock;
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::cmcd;
use crate::headers::Guard;
use crate::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, Once};
use crate::limits::{Classes, Limited, RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::problem::{Outage, Problem};
use crate::state::App;

/// Puts the layers around the routes, all at once: a router boxes each request once for every layer it is given.
pub fn around(router: Router, app: App, max_body_bytes: usize, clock: Arc<dyn Clock>) -> Router {
    let classes = Arc::new(Classes::default());
    let (limited, guard) = (app.clone(), Guard::new(&app.settings));
    let outages = Arc::new(Outages { clock, logged: Mutex::default() });
    router.layer(
        ServiceBuilder::new()
            .layer(CatchPanicLayer::custom(panicked))
            .layer(cors())
            .layer_fn(move |inner| Answered { inner, outages: outages.clone(), guard })
            .layer_fn(move |inner| Limited::new(inner, limited.clone(), classes.clone()))
            .layer(DefaultBodyLimit::max(max_body_bytes))
            .layer_fn(move |inner| Once::new(inner, app.clone())),
    )
}

/// Everything that is public may be read from any page, and by bearer token everything else: never with cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(allowed_headers())
        .expose_headers([ETAG, LOCATION, RETRY_AFTER, RATE_LIMIT, RATE_LIMIT_POLICY, IDEMPOTENT_REPLAYED])
        .max_age(Duration::from_secs(3_600))
}

/// Beside what programs of the API send: what players send to fetch a part, and to say how they play.
fn allowed_headers() -> Vec<HeaderName> {
    let own = [AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, RANGE, IDEMPOTENCY_KEY];
    own.into_iter().chain(cmcd::HEADERS.map(HeaderName::from_static)).collect()
}

/// Logs each answer and adds the headers that all have; carries what writes to its end.
///
/// One service rather than a function a layer, because each of those costs every request several allocations.
#[derive(Clone)]
struct Answered<S> {
    inner: S,
    outages: Arc<Outages>,
    guard: Guard,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl<S> Service<Request> for Answered<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answering {
        let method = request.method().clone();
        // The pattern, not the address: addresses of playback carry tokens.
        let route = request.extensions().get::<MatchedPath>().cloned();
        let is_api = request.uri().path().starts_with("/api/");
        let answer = self.inner.call(request);
        let (outages, guard) = (self.outages.clone(), self.guard);
        Box::pin(async move {
            let mut response = if method.is_safe() { answer.await? } else { to_the_end(answer).await? };
            let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
            tracing::debug!(%method, route, status = response.status().as_u16(), "answered");
            if let Some(Outage(reason)) = response.extensions_mut().remove() {
                outages.log(&reason);
            }
            guard.add_to(response.headers_mut(), is_api);
            Ok(response)
        })
    }
}

/// Logs why the database did not answer. Every request meets that while it is away, so that whoever asks would set how
/// much is logged.
struct Outages {
    clock: Arc<dyn Clock>,
    logged: Mutex<Logged>,
}

/// When something was logged last, and how often it was left out since.
#[derive(Debug, Default)]
struct Logged {
    at: Option<Duration>,
    left_out: u64,
}

impl Logged {
    /// Whether it is logged now: once a second. If so, how often it was left out before.
    fn turn(&mut self, now: Duration) -> Option<u64> {
        if self.at.is_some_and(|at| now.saturating_sub(at) < Duration::from_secs(1)) {
            self.left_out += 1;
            return None;
        }
        self.at = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

impl Outages {
    fn log(&self, reason: &str) {
        let turn = self.logged.lock().unwrap_or_else(PoisonError::into_inner).turn(self.clock.monotonic());
        if let Some(left_out) = turn {
            tracing::error!(reason, left_out, "the database is unavailable");
        }
    }
}

/// Carries what writes to its end although its caller hangs up: between a commit and what follows in memory, a handler
/// must not be dropped.
async fn to_the_end(
    answer: impl Future<Output = Result<Response, Infallible>> + Send + 'static,
) -> Result<Response, Infallible> {
    match tokio::spawn(answer).await {
        Ok(response) => response,
        Err(error) => Ok(match error.try_into_panic() {
            Ok(panic) => panicked(panic),
            Err(_) => Problem::new("busy", "the server is stopping").into_response(),
        }),
    }
}

/// Logs a panic; what is answered then.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a handler panicked");
    Problem::new("internal", "something went wrong on the server; it has been logged").into_response()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tallylight_core::Error;

    use super::*;

    #[test]
    fn an_answer_takes_the_reason_of_an_outage_to_the_log_and_not_to_the_caller() {
        let answer = Problem::from(Error::Unavailable("no route to db.internal".into())).into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let outage = answer.extensions().get::<Outage>();
        assert_eq!(outage.map(|outage| outage.0.as_str()), Some("no route to db.internal"));
        let answer = Problem::from(Error::Busy("writes")).into_response();
        assert!(answer.extensions().get::<Outage>().is_none());
    }

    #[test]
    fn an_outage_is_logged_once_a_second() {
        let (mut logged, at) = (Logged::default(), Duration::from_millis);
        let turns = [0, 10, 999, 1_000, 1_001, 5_000, 6_000].map(|now| logged.turn(at(now)));
        assert_eq!(turns, [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
    }
}
