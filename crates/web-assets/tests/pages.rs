//! The pages as a browser asks for them.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use tallylight_web_assets::{Page, assets, html, page};
use tower::ServiceExt;

const PAGES: [Page; 9] = [
    Page::Home,
    Page::Watch,
    Page::Studio,
    Page::Account,
    Page::Setup,
    Page::Forgot,
    Page::Reset,
    Page::ApiDocs,
    Page::NotFound,
];

async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    assets::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn header_of(response: &Response, name: header::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The scripts and style sheets that a page names.
fn files_of(page: Page) -> Vec<String> {
    let names = html(page).split('"').filter(|part| part.starts_with("/assets/"));
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_page_finds_all_that_it_loads() {
    for shown in PAGES {
        for file in files_of(shown) {
            let response = get(&file, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{shown:?} loads {file}");
            assert_eq!(header_of(&response, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        }
    }
}

#[test]
fn no_page_needs_an_inline_script() {
    for shown in PAGES {
        let policy = shown.content_security_policy();
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(!html(shown).contains("<script>"), "{shown:?}");
    }
}

#[tokio::test]
async fn a_page_is_revalidated_not_sent_again() {
    let first = page(Page::Home, &HeaderMap::new());
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(header_of(&first, header::CACHE_CONTROL), "no-cache");
    assert_eq!(header_of(&first, header::REFERRER_POLICY), "no-referrer");

    let mut again = HeaderMap::new();
    again.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
    let second = page(Page::Home, &again);
    assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    assert!(to_bytes(second.into_body(), 1).await.unwrap().is_empty());
}

#[test]
fn an_address_where_nothing_is_has_a_page_of_its_own() {
    assert_eq!(page(Page::NotFound, &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_built_is_not_found() {
    for path in ["/assets/nothing.js", "/assets/../index.html", "/elements/nothing.js"] {
        assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn assets_fit_into_any_router() {
    let app: Router<String> = Router::new().merge(assets());
    let app = app.with_state(String::new());
    let response = app.oneshot(Request::get("/favicon.svg").body(Body::empty()).unwrap()).await.unwrap();
    assert!(["image/svg+xml", ""].contains(&header_of(&response, header::CONTENT_TYPE)));
}

#[tokio::test]
async fn other_sites_may_load_the_element() {
    let response = get("/elements/active-sessions.js", &[("accept-encoding", "gzip, br;q=0")]).await;
    if response.status() == StatusCode::NOT_FOUND {
        // Without Node there is a placeholder page and nothing else.
        return;
    }
    assert_eq!(header_of(&response, header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert_eq!(header_of(&response, header::CONTENT_TYPE), "text/javascript; charset=utf-8");
    assert_ne!(header_of(&response, header::CONTENT_ENCODING), "br");
}

#[tokio::test]
async fn what_the_element_loads_later_is_kept_for_good() {
    let response = get("/elements/active-sessions.js", &[]).await;
    let script = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let script = String::from_utf8_lossy(&script);
    let Some((_, later)) = script.split_once("live-source-") else {
        // Without Node there is a placeholder page and nothing else.
        return;
    };
    let name = later.split(".js").next().unwrap();
    let response = get(&format!("/elements/live-source-{name}.js"), &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header_of(&response, header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert_eq!(header_of(&response, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn a_client_that_takes_brotli_gets_it_where_it_was_made() {
    let plain = get("/favicon.svg", &[]).await;
    assert_eq!(header_of(&plain, header::CONTENT_ENCODING), "");
    let small = get("/favicon.svg", &[("accept-encoding", "gzip, br")]).await;
    assert!(["br", ""].contains(&header_of(&small, header::CONTENT_ENCODING)));
    assert_eq!(header_of(&small, header::VARY), header_of(&plain, header::VARY));
}
