//! What is answered where no route is.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Uri};
use tallylight_web_assets::{Page, page};

use crate::problem::Problem;

/// A page for people, a problem for programs.
pub async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    let for_programs =
        ["/api/", "/live/", "/.well-known/"].iter().any(|prefix| uri.path().starts_with(prefix));
    if for_programs {
        return Problem::new("not-found", "there is nothing under this address").into_response();
    }
    page(Page::NotFound, &headers)
}

/// The address is right, the method is not.
pub async fn method_not_allowed() -> Problem {
    Problem::new("method-not-allowed", "this address does not take this method")
}
