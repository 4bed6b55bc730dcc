//! What surrounds every handler.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::header::{RANGE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method};
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::cmcd;
use crate::problem::Problem;

/// Puts the layers around the routes, all at once: a router boxes each request once for every layer it is given.
pub fn around(router: Router, max_body_bytes: usize) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(CatchPanicLayer::custom(panicked))
            .layer(cors())
            .layer_fn(Answered)
            .layer(DefaultBodyLimit::max(max_body_bytes)),
    )
}

/// Everything that is public may be read from any page, and by bearer token everything else: never with cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(allowed_headers())
        .expose_headers([ETAG, LOCATION, RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(3_600))
}

/// Beside what programs of the API send: what players send to fetch a part, and to say how they play.
fn allowed_headers() -> Vec<HeaderName> {
    let own = [AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, RANGE];
    own.into_iter().chain(cmcd::HEADERS.map(HeaderName::from_static)).collect()
}

/// Logs each answer and adds the headers that all have; carries what writes to its end.
///
/// One service rather than a function a layer, because each of those costs every request several allocations.
#[derive(Clone)]
struct Answered<S>(S);

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
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answering {
        let method = request.method().clone();
        // The pattern, not the address: addresses of playback carry tokens.
        let route = request.extensions().get::<MatchedPath>().cloned();
        let answer = self.0.call(request);
        Box::pin(async move {
            let mut response = if method.is_safe() { answer.await? } else { to_the_end(answer).await? };
            let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
            tracing::debug!(%method, route, status = response.status().as_u16(), "answered");
            let headers = response.headers_mut();
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            Ok(response)
        })
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

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a handler panicked");
    Problem::new("internal", "something went wrong on the server; it has been logged").into_response()
}
