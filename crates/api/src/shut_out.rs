//! Keeps out those who are shut out: networks and devices, in one place for all that is not a page.
//!
//! Pages are the same for everybody and tell nothing; whoever opens one is told by the first call of the API that fails.
//!
//! Administrators who are signed in are let in to the API, so that no ban keeps out those who can lift it.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, Ready, ready};
use tower::Service;

use crate::auth;
use crate::device;
use crate::problem::Problem;
use crate::state::App;

/// What is not for those who are shut out: the API, and everything that plays.
const CLOSED: [&str; 2] = [API, "/live/"];
const API: &str = "/api/";

/// Answers those who are shut out instead of the service inside.
#[derive(Clone)]
pub struct ShutOut<S> {
    pub inner: S,
    pub app: App,
}

impl<S> ShutOut<S> {
    fn refuse(&self, request: &mut Request) -> Result<(), Problem> {
        let (path, app) = (request.uri().path(), &self.app);
        if app.standing.is_calm() || !CLOSED.iter().any(|closed| path.starts_with(closed)) {
            return Ok(());
        }
        let ip = app.settings.trusted_proxies.client_of(request.extensions(), request.headers());
        let device = device::known(request.headers(), app.settings.public_url.as_ref());
        let refused = app.standing.refuse_from(ip, device.as_ref(), app.sessions.now());
        if refused.is_err() && path.starts_with(API) && is_admin_in_person(request, app) {
            return Ok(());
        }
        Ok(refused?)
    }
}

/// Whether an administrator asks who signed in; a key may be in anybody's hands.
fn is_admin_in_person(request: &mut Request, app: &App) -> bool {
    let known = auth::of_request(request, app);
    known.is_ok_and(|auth| auth.caller.is_admin() && auth.caller.in_person().is_ok())
}

impl<S> Service<Request> for ShutOut<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.refuse(&mut request) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(problem) => Either::Left(ready(Ok(problem.into_response()))),
        }
    }
}
