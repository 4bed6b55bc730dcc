//! Counts what API keys are used for, where answers pass.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use futures_util::future::Either;
use http::Method;
use http::header::AUTHORIZATION;
use tallylight_core::caller::{Access, Caller, Identity};
use tallylight_core::ids::KeyId;
use tallylight_core::key;
use tower::Service;

use crate::auth;
use crate::state::App;

/// Counts the requests of keys by how the service inside answers them.
#[derive(Clone)]
pub struct Counted<S> {
    pub inner: S,
    pub app: App,
}

type Counting = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl<S> Service<Request> for Counted<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Counting, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let Some((key, endpoint)) = of(&mut request, &self.app) else {
            return Either::Right(self.inner.call(request));
        };
        let (app, answer) = (self.app.clone(), self.inner.call(request));
        Either::Left(Box::pin(async move {
            let response = answer.await?;
            app.keys.count(key, endpoint, response.status().as_u16());
            Ok(response)
        }))
    }
}

/// The key of a request, if it has a good one, and what it is used for.
fn of(request: &mut Request, app: &App) -> Option<(KeyId, String)> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (_, token) = header.split_once(' ')?;
    if !token.trim().starts_with(key::PREFIX) {
        return None;
    }
    let caller = auth::of_request(request, app).ok()?.caller;
    let Some(Identity { access: Access::Key(key, _), .. }) = Caller::identity(&caller) else { return None };
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    Some((*key, endpoint(request.method(), route)))
}

/// Callers may make methods up: those that no address takes are one.
fn endpoint(method: &Method, route: &str) -> String {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let name = KNOWN.iter().find(|known| *known == method).map_or("OTHER", Method::as_str);
    format!("{name} {route}")
}
