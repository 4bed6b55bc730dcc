//! What is answered where no route is.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use tallylight_web_assets::Page;

use crate::problem::Problem;
use crate::routes::pages;

/// A page for people, a problem for programs.
pub async fn not_found(uri: Uri) -> Response {
    let for_programs = ["/api/", "/live/"].iter().any(|prefix| uri.path().starts_with(prefix));
    if for_programs {
        return Problem::new("not-found", "there is nothing under this address").into_response();
    }
    (StatusCode::NOT_FOUND, pages::html(Page::NotFound)).into_response()
}

/// The address is right, the method is not.
pub async fn method_not_allowed() -> Problem {
    Problem::new("method-not-allowed", "this address does not take this method")
}
