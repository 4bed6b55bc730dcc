//! Counts what API keys are used for, where answers pass.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use futures_util::future::Either;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use tallylight_core::Caller;
use tallylight_core::caller::Access;
use tallylight_core::ids::KeyId;
use tallylight_core::key;
use tower::Service;

use crate::auth::authenticate;
use crate::state::App;

/// Counts the requests of keys by how the service inside answers them.
#[derive(Clone)]
pub struct Counted<S> {
    pub inner: S,
    pub app: App,
}

type Later = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl<S> Service<Request> for Counted<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Later>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (request, counting) = Counting::begin(request, &self.app);
        let answer = self.inner.call(request);
        match counting {
            None => Either::Left(answer),
            Some(counting) => Either::Right(Box::pin(async move {
                let response = answer.await?;
                counting.end(response.status().as_u16());
                Ok(response)
            })),
        }
    }
}

/// A request of a key that is to be answered.
struct Counting {
    key: KeyId,
    endpoint: String,
    app: App,
}

impl Counting {
    /// Looks whether a request is by a key, and by which; so far it takes the request apart.
    fn begin(request: Request, app: &App) -> (Request, Option<Self>) {
        if !has_key(request.headers()) {
            return (request, None);
        }
        let (mut parts, body) = request.into_parts();
        let access = match authenticate(&mut parts, app) {
            Ok(known) => match known.caller {
                Caller::User(identity) => Some(identity.access),
                Caller::Anonymous => None,
            },
            Err(_) => None,
        };
        let counting = match access {
            Some(Access::Key(key, _)) => {
                let route = parts.extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
                Some(Self { key, endpoint: endpoint(&parts.method, route), app: app.clone() })
            }
            _ => None,
        };
        (Request::from_parts(parts, body), counting)
    }

    /// Counts it by how it was answered.
    fn end(self, status: u16) {
        self.app.keys.count(self.key, self.endpoint, status);
    }
}

fn has_key(headers: &HeaderMap) -> bool {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    header
        .and_then(|header| header.split_once(' '))
        .is_some_and(|(_, token)| token.trim().starts_with(key::PREFIX))
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
