use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::serve::respond;

/// A page of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/`
    Home,
    /// `/watch/{id}`
    Watch,
    /// `/studio`
    Studio,
    /// `/account`
    Account,
    /// `/setup`
    Setup,
    /// `/forgot`
    Forgot,
    /// `/reset`
    Reset,
    /// `/api/docs`
    ApiDocs,
    /// Any address where nothing is; answered with 404.
    NotFound,
}

/// Other servers' pictures and videos: an integrator's media may be anywhere.
const PICTURES: &str = "img-src 'self' data: blob: http: https:; ";

impl Page {
    fn file(self) -> &'static str {
        match self {
            Self::Home => "index.html",
            Self::Watch => "watch.html",
            Self::Studio => "studio.html",
            Self::Account => "account.html",
            Self::Setup => "setup.html",
            Self::Forgot => "forgot.html",
            Self::Reset => "reset.html",
            Self::ApiDocs => "docs.html",
            Self::NotFound => "not-found.html",
        }
    }

    fn status(self) -> StatusCode {
        if self == Self::NotFound { StatusCode::NOT_FOUND } else { StatusCode::OK }
    }

    /// The content security policy that this page works under: no inline script on any of them.
    #[must_use]
    pub fn content_security_policy(self) -> String {
        let connect = match self {
            Self::Watch | Self::Studio => {
                "connect-src 'self' http: https:; media-src 'self' blob: http: https:; "
            }
            _ => "connect-src 'self'; ",
        };
        // The API reference brings style elements of its own.
        let styles =
            if self == Self::ApiDocs { "style-src 'self' 'unsafe-inline'; " } else { "style-src 'self'; " };
        format!(
            "default-src 'none'; script-src 'self'; worker-src 'self'; {styles}{connect}{PICTURES}\
             font-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
    }
}

/// The text of a page, for whoever adds to it before sending it.
#[must_use]
pub fn html(page: Page) -> &'static str {
    crate::find(page.file()).and_then(|file| std::str::from_utf8(file.identity).ok()).unwrap_or_default()
}

/// A page as an answer to a request with these headers: compressed, revalidated, and with its security headers.
#[must_use]
pub fn page(page: Page, request: &HeaderMap) -> Response {
    let Some(file) = crate::find(page.file()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = respond(file, request);
    if response.status() == StatusCode::OK {
        *response.status_mut() = page.status();
    }
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&page.content_security_policy()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}
