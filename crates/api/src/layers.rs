//! What surrounds every handler.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::header::{RANGE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tallylight_core::clock::Clock;
use tallylight_core::error::Outage;
use tallylight_core::ids::Ids;
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use uuid::fmt::Hyphenated;

use crate::cmcd;
use crate::headers::Guard;
use crate::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, Once};
use crate::limits::{Classes, Limited, RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::problem::Problem;
use crate::shut_out::ShutOut;
use crate::sight::{ANSWER, Names, Route, Sight, Trail};
use crate::state::App;
use crate::usage::Counted;

/// What names the request of an answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around the routes, all at once: a router boxes each request once for every layer it is given.
pub fn around(router: Router, app: App, surroundings: Surroundings) -> Router {
    let (classes, here, there) = (Arc::new(Classes::default()), app.clone(), app.clone());
    let (once, guard) = ((app.clone(), classes.clone()), Guard::new(&app.settings));
    let Surroundings { max_body_bytes, clock, ids, sight } = surroundings;
    let names = Names::new(ids.as_ref());
    let (outages, failures) = (OnceASecond::default(), OnceASecond::default());
    let desk = Arc::new(Desk { guard, outages, failures, sight, clock, names });
    router.layer(
        ServiceBuilder::new()
            // Outermost, so that whatever is answered further in is counted and logged too.
            .layer_fn(move |inner| Answered { inner, desk: desk.clone(), route: Arc::default() })
            .layer(CatchPanicLayer::custom(panicked))
            .layer(cors())
            .layer_fn(move |inner| ShutOut { inner, app: here.clone() })
            .layer_fn(move |inner| Counted { inner, app: there.clone() })
            .layer_fn(move |inner| Limited::new(inner, app.clone(), classes.clone()))
            .layer(DefaultBodyLimit::max(max_body_bytes))
            .layer_fn(move |inner| Once::new(inner, once.0.clone(), once.1.clone())),
    )
}

/// What layers work with.
pub struct Surroundings {
    /// The largest body of a request.
    pub max_body_bytes: usize,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names of requests.
    pub ids: Arc<dyn Ids>,
    /// Where requests are counted.
    pub sight: Arc<Sight>,
}

/// Everything that is public may be read from any page, and by bearer token everything else: never with cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(allowed_headers())
        .expose_headers([
            ETAG,
            LOCATION,
            RETRY_AFTER,
            REQUEST_ID,
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
            IDEMPOTENT_REPLAYED,
        ])
        .max_age(Duration::from_secs(3_600))
}

/// Beside what programs of the API send: what players send to fetch a part, and to say how they play.
fn allowed_headers() -> Vec<HeaderName> {
    let own = [AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, RANGE, IDEMPOTENCY_KEY];
    own.into_iter().chain(cmcd::HEADERS.map(HeaderName::from_static)).collect()
}

/// Where answers are logged and counted.
struct Desk {
    guard: Guard,
    outages: OnceASecond,
    failures: OnceASecond,
    sight: Arc<Sight>,
    clock: Arc<dyn Clock>,
    names: Names,
}

/// Logs and counts each answer and adds the headers that all have; carries what writes to its end.
///
/// One service rather than a function a layer, because each of those costs every request several allocations.
#[derive(Clone)]
struct Answered<S> {
    inner: S,
    desk: Arc<Desk>,
    /// Where this route is counted: each has a service of its own, so that it is looked up once.
    route: Arc<OnceLock<Arc<Route>>>,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl<S, B> Service<Request> for Answered<S>
where
    S: Service<Request, Response = http::Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answering {
        // The pattern, not the address: addresses of playback carry tokens.
        let pattern = || request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
        let route = self.route.get_or_init(|| self.desk.sight.routes.of(pattern())).clone();
        let id = self.desk.names.next(self.desk.clock.now());
        let trail = Trail::begin(id, request.headers(), request.method().clone(), route);
        let is_api = request.uri().path().starts_with("/api/");
        // Some layers refuse before there is anything to wait for.
        let answer = trail.say(|| self.inner.call(request));
        let answer = async { answer.await.map(|response| response.map(Body::new)) };
        let answer = trail.clone().within(answer);
        Box::pin(self.desk.clone().answer(trail, answer, is_api))
    }
}

impl Desk {
    async fn answer(
        self: Arc<Self>,
        trail: Trail,
        answer: impl Future<Output = Result<Response, Infallible>> + Send + 'static,
        is_api: bool,
    ) -> Result<Response, Infallible> {
        let (began, _under_way) = (self.clock.monotonic(), self.sight.routes.in_flight().enter());
        let mut response = if trail.method.is_safe() { answer.await? } else { to_the_end(answer).await? };
        let took = self.clock.monotonic().saturating_sub(began);
        trail.route.answered(&trail.method, response.status(), took);
        trail.say(|| self.log(&trail, &mut response, took));
        let headers = response.headers_mut();
        self.guard.add_to(headers, is_api);
        let mut id = [0; Hyphenated::LENGTH];
        if let Ok(id) = HeaderValue::from_str(trail.id.hyphenated().encode_lower(&mut id)) {
            headers.insert(REQUEST_ID, id);
        }
        Ok(response)
    }

    /// Logs an answer: each for those who look closely, and those by which the server failed for everybody.
    fn log(&self, trail: &Trail, response: &mut Response, took: Duration) {
        let (method, route) = (trail.method.as_str(), trail.route.pattern.as_str());
        let (status, micros) = (response.status(), took.as_micros() as u64);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(target: ANSWER, method, route, status = status.as_u16(), micros, "answered");
        } else if status.is_server_error() {
            if let Some(left_out) = self.failures.turn(self.clock.monotonic()) {
                tracing::warn!(target: ANSWER, method, route, status = status.as_u16(), micros, left_out, "answered");
            }
        } else {
            tracing::debug!(target: ANSWER, method, route, status = status.as_u16(), micros, "answered");
        }
        if let Some(Outage { reason, .. }) = response.extensions_mut().remove()
            && let Some(left_out) = self.outages.turn(self.clock.monotonic())
        {
            tracing::error!(reason, left_out, "the database is unavailable");
        }
    }
}

/// Lets one of many through that are much alike. While the database is away every request meets it, so that whoever asks
/// would set how much is logged.
#[derive(Debug, Default)]
struct OnceASecond(Mutex<Logged>);

/// When something was logged last, and how often it was left out since.
#[derive(Debug, Default)]
struct Logged {
    at: Option<Duration>,
    left_out: u64,
}

impl OnceASecond {
    /// Whether it is logged now. If so, how often it was left out before.
    fn turn(&self, now: Duration) -> Option<u64> {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.at.is_some_and(|at| now.saturating_sub(at) < Duration::from_secs(1)) {
            logged.left_out += 1;
            return None;
        }
        logged.at = Some(now);
        Some(std::mem::take(&mut logged.left_out))
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
    use tallylight_core::Error;
    use tallylight_core::clock::SystemClock;

    use super::*;
    use crate::sight::{AlertParts, Alerts, Couriers, ErrorBook};

    #[test]
    fn an_answer_takes_the_reason_of_an_outage_to_the_log_and_not_to_the_caller() {
        let answer = Problem::from(Error::Unavailable("no route to db.internal".into())).into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let outage = answer.extensions().get::<Outage>();
        assert_eq!(outage.map(|outage| outage.reason.as_str()), Some("no route to db.internal"));
        let answer = Problem::from(Error::Busy("writes")).into_response();
        assert!(answer.extensions().get::<Outage>().is_none());
    }

    #[tokio::test]
    async fn whatever_happens_further_in_is_counted() {
        let errors = Arc::new(ErrorBook::new(SystemClock::start(), 1));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let alerts = Alerts::new(AlertParts {
            rules: Vec::new(),
            resolve_after: Duration::ZERO,
            server: String::new(),
            couriers: Couriers::default(),
            clock: clock.clone(),
        });
        let sight = Arc::new(Sight::new(Vec::new(), errors, alerts, None));
        let names = Names::new(&tallylight_core::ids::SystemIds::default());
        let (guard, outages, failures) = (Guard::default(), OnceASecond::default(), OnceASecond::default());
        let desk = Arc::new(Desk { guard, outages, failures, sight: sight.clone(), clock, names });
        let fault = || async {
            if true {
                panic!("a fault")
            }
        };
        let mut app = Router::new().route("/fault", axum::routing::any(fault)).layer(
            ServiceBuilder::new()
                .layer_fn(move |inner| Answered { inner, desk: desk.clone(), route: Arc::default() })
                .layer(CatchPanicLayer::custom(panicked)),
        );
        for method in [Method::GET, Method::POST] {
            let request = Request::builder().method(method).uri("/fault").body(Body::empty());
            let answer = app.call(request.unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        }
        let family = &sight.sheet().families["tallylight_http_requests_total"];
        let told: Vec<_> = family.samples.iter().map(|sample| sample.labels[2].1.as_str()).collect();
        assert_eq!((told, sight.routes.in_flight().get()), (vec!["500", "500"], 0));
    }

    #[test]
    fn an_outage_is_logged_once_a_second() {
        let (logged, at) = (OnceASecond::default(), Duration::from_millis);
        let turns = [0, 10, 999, 1_000, 1_001, 5_000, 6_000].map(|now| logged.turn(at(now)));
        assert_eq!(turns, [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
    }
}
