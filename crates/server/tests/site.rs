//! Pages, documents and what surrounds every answer.

mod common;

use std::collections::BTreeSet;

use common::{Answer, TestApp};
use reqwest::Method;

const SNAPSHOT: &str = include_str!("../../api/openapi.json");

#[test]
fn the_reviewed_description_of_the_api_is_current() {
    assert!(
        tallylight_api::document() == SNAPSHOT,
        "the API differs from crates/api/openapi.json: run make openapi and review the difference"
    );
}

#[test]
fn every_operation_of_the_description_has_an_id_and_a_summary() {
    let document: serde_json::Value = serde_json::from_str(SNAPSHOT).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(ids.insert(id.clone()), "{id} stands twice");
        }
    }
}

#[tokio::test]
async fn the_live_feed_is_described_too() {
    let app = TestApp::start().await;
    let document = app.stranger().get("/api/asyncapi.yaml").await.is(200);
    assert_eq!(document.header("content-type"), "application/yaml");
    assert_eq!(document.header("cache-control"), "no-cache");
    assert!(document.raw.starts_with("asyncapi: 3.0.0\n"));
    let version = format!("\n  version: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(document.raw.contains(&version), "its version is the server's");
    assert!(tallylight_api::document().contains("/api/asyncapi.yaml"), "and OpenAPI leads there");
}

#[tokio::test]
async fn every_page_comes_with_a_policy_that_allows_no_inline_script() {
    let app = TestApp::start().await;
    for path in ["/", "/studio", "/account", "/setup", "/forgot", "/reset", "/watch/anything", "/api/docs"] {
        let page = app.stranger().get(path).await.is(200);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("script-src 'self'") && !policy.contains("script-src 'self' '"),
            "{path}: {policy}"
        );
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(page.raw.contains("<title>"), "{path}");
    }
    assert_eq!(app.stranger().get("/no/such/page").await.is(404).header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn programs_get_problems_where_people_get_pages() {
    let app = TestApp::start().await;
    app.stranger().get("/api/nothing").await.is_problem(404, "not-found");
    app.stranger().get("/api/broadcasts/not-an-id").await.is_problem(404, "not-found");
    app.stranger().delete("/api/broadcasts/active").await.is_problem(405, "method-not-allowed");
    let problem = app.stranger().get("/api/users/me").await;
    let page = app.stranger().get(&problem.text("/type")).await.is(200);
    assert!(page.raw.contains("unauthenticated"));
}

#[tokio::test]
async fn foreign_pages_may_read_what_is_public_and_never_with_cookies() {
    let app = TestApp::start().await;
    let request = app
        .stranger()
        .request(Method::GET, "/api/broadcasts/active")
        .header("origin", "https://evil.example");
    let answer = Answer::read(request.send().await.unwrap()).await.is(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn a_strange_host_is_not_believed() {
    let app = TestApp::start().await;
    let request =
        app.stranger().request(Method::GET, "/api/broadcasts/active").header("host", "user@evil.example");
    Answer::read(request.send().await.unwrap()).await.is_problem(400, "invalid-host");
}

#[tokio::test]
async fn the_server_says_that_it_lives_and_can_serve() {
    let app = TestApp::start().await;
    app.stranger().get("/healthz").await.is(200).has("/status", "ok");
    app.stranger().get("/readyz").await.is(200).has("/status", "ok");
}
