//! The layer that asks before a handler runs, and tells afterwards what is left.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use pin_project_lite::pin_project;
use tallylight_core::Error;
use tower::Service;

use super::classes::Classes;
use super::key::{address_of, identity_of};
use super::{Class, RateLimits, Taking, Verdict};
use crate::problem::Problem;
use crate::state::App;

/// What is left (draft-ietf-httpapi-ratelimit-headers-10 §4).
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What there is (§3).
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Lets requests through at the rate of their class and caller.
#[derive(Clone)]
pub struct Limited<S> {
    inner: S,
    app: App,
    classes: Arc<Classes>,
}

impl<S> Limited<S> {
    /// Around a service.
    pub(crate) fn new(inner: S, app: App, classes: Arc<Classes>) -> Self {
        Self { inner, app, classes }
    }
}

type Later = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

pin_project! {
    /// An answer to come.
    #[project = Stage]
    pub enum Answering<F> {
        /// From inside; the headers to add.
        Inside { #[pin] answer: F, told: Option<Told> },
        /// A refusal.
        Refused { answer: Option<Response> },
        /// Whether it may is being asked.
        Asked { answer: Later },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Answering<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            Stage::Inside { answer, told } => {
                let Ok(mut response) = ready!(answer.poll(context));
                if let Some(told) = told.take() {
                    told.add_to(&mut response);
                }
                Poll::Ready(Ok(response))
            }
            Stage::Refused { answer } => Poll::Ready(Ok(answer.take().unwrap_or_default())),
            Stage::Asked { answer } => answer.as_mut().poll(context),
        }
    }
}

impl<S> Service<Request> for Limited<S>
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
        let app = &self.app;
        if !app.limits.has(class) {
            return Answering::Inside { answer: self.inner.call(request), told: None };
        }
        let key =
            if class.is_by_address() { address_of(app, &request) } else { identity_of(app, &mut request) };
        match app.limits.take(class, key) {
            Taking::Done(verdict) => self.after(request, class, verdict),
            Taking::Asked(later) => {
                let mut this = self.clone();
                Answering::Asked {
                    answer: Box::pin(async move { this.after(request, class, later.await).await }),
                }
            }
        }
    }
}

impl<S> Limited<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    fn after(&mut self, request: Request, class: Class, verdict: Verdict) -> Answering<S::Future> {
        let limits = &self.app.limits;
        match verdict {
            Verdict::Pass { left } => {
                let told = class.is_told().then(|| Told::new(limits, class, left)).flatten();
                Answering::Inside { answer: self.inner.call(request), told }
            }
            Verdict::Refused { wait } => {
                limits.note_refusal(class);
                let problem = Problem::from(Error::TooManyRequests { retry_after: wait });
                let mut answer = problem.into_response();
                if let Some(told) = Told::new(limits, class, 0) {
                    told.add_to(&mut answer);
                }
                Answering::Refused { answer: Some(answer) }
            }
        }
    }
}

/// What a caller is told of a budget.
pub struct Told {
    left: HeaderValue,
    policy: HeaderValue,
}

impl Told {
    fn new(limits: &RateLimits, class: Class, left: u32) -> Option<Self> {
        let (rate, policy) = (limits.rates[class.index()]?, limits.policies[class.index()].clone()?);
        let mut text = [0; 64];
        let mut rest = text.as_mut_slice();
        write!(rest, "\"{}\";r={left};t={}", class.name(), rate.whole_again(left)).ok()?;
        let unused = rest.len();
        let left = HeaderValue::from_bytes(&text[..text.len() - unused]).ok()?;
        Some(Self { left, policy })
    }

    fn add_to(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(RATE_LIMIT, self.left);
        headers.insert(RATE_LIMIT_POLICY, self.policy);
    }
}
