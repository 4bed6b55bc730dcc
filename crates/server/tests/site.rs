//! Pages, documents and what surrounds every answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

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
async fn whatever_the_origin_nothing_is_reflected_and_nothing_goes_with_cookies() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch").await;
    let paths = [
        "/api/broadcasts/active",
        "/api/users/me",
        "/api/nothing",
        "/",
        &format!("/api/sessions/{}", show.id),
    ];
    for path in paths {
        for origin in [None, Some("null"), Some("https://evil.example"), Some("http://localhost")] {
            for method in [Method::GET, Method::OPTIONS] {
                let request = app
                    .stranger()
                    .request(method.clone(), path)
                    .header("cookie", "tl_device=0123456789abcdef");
                let request = request.header("access-control-request-method", "POST");
                let request =
                    origin.iter().fold(request, |request, origin| request.header("origin", *origin));
                let answer = Answer::read(request.send().await.unwrap()).await;
                assert_eq!(answer.header("access-control-allow-origin"), "*", "{method} {path} {origin:?}");
                assert_eq!(
                    answer.header("access-control-allow-credentials"),
                    "",
                    "{method} {path} {origin:?}"
                );
            }
        }
    }
}

/// The calls that only people who are signed in can make, on something of their own.
fn own_calls(id: &str) -> Vec<(Method, String)> {
    let document: serde_json::Value = serde_json::from_str(SNAPSHOT).unwrap();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = ["{id}", "{event_id}", "{user_id}"]
                .iter()
                .fold(path.clone(), |path, name| path.replace(name, id));
            if operation["security"] == serde_json::json!([{ "bearer": [] }]) {
                calls.push((method.to_uppercase().parse().unwrap(), path));
            }
        }
    }
    // What removes the broadcast comes last.
    calls.sort_by_key(|(method, path)| (*method == Method::DELETE, path.clone()));
    calls
}

#[tokio::test]
async fn what_is_somebodys_own_is_kept_by_nobody_on_the_way() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.creates(serde_json::json!({ "title": "Launch", "visibility": "private" })).await;
    let calls = own_calls(&show.id);
    assert!(calls.len() > 15, "{calls:?}");
    let mut answered = 0;
    for (method, path) in calls {
        let answer = Answer::read(ada.request(method.clone(), &path).send().await.unwrap()).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}: {}", answer.raw);
        answered += u32::from(answer.status < 300);
    }
    assert!(answered > 8, "only {answered} were answered well");
    let show = ada.creates(serde_json::json!({ "title": "Launch", "visibility": "private" })).await;
    for path in [
        "/api/broadcasts/active?visibility=private",
        &format!("/api/broadcasts/{}", show.id),
        &format!("/api/sessions/{}", show.id),
        &format!("/api/sessions/{}/chat", show.id),
    ] {
        assert_eq!(ada.get(path).await.is(200).header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn answers_of_the_api_are_no_pages_and_pages_may_use_little_of_a_device() {
    let app = TestApp::start().await;
    for path in ["/api/broadcasts/active", "/api/nothing", "/api/openapi.json", "/api/problems/busy"] {
        let policy = app.stranger().get(path).await.header("content-security-policy").to_owned();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
    }
    let permissions = async |path| app.stranger().get(path).await.header("permissions-policy").to_owned();
    assert!(permissions("/").await.starts_with("camera=(), microphone=()"));
    assert!(permissions("/studio").await.starts_with("camera=(self), microphone=(self)"));
    assert_eq!(app.stranger().get("/").await.header("strict-transport-security"), "", "there is no TLS");
}

#[tokio::test]
async fn under_tls_browsers_are_told_to_stay_there() {
    let app = TestApp::start_with(|settings| settings.public_url = "https://live.example".into()).await;
    for path in ["/", "/api/broadcasts/active", "/no/such/page"] {
        let answer = reqwest::get(format!("http://{}{path}", app.running.http)).await.unwrap();
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000", "{path}");
    }
}

#[tokio::test]
async fn who_finds_a_weakness_finds_whom_to_tell() {
    let app = TestApp::start().await;
    let path = "/.well-known/security.txt";
    app.stranger().get(path).await.is_problem(404, "not-found");
    let app =
        TestApp::start_with(|settings| settings.security_contact = "mailto:security@live.example".into())
            .await;
    let file = app.stranger().get(path).await.is(200);
    assert_eq!(file.header("content-type"), "text/plain; charset=utf-8");
    let lines: Vec<_> = file.raw.lines().map(|line| line.split_once(": ").unwrap()).collect();
    assert_eq!(lines[0], ("Contact", "mailto:security@live.example"));
    let expires =
        time::OffsetDateTime::parse(lines[1].1, &time::format_description::well_known::Rfc3339).unwrap();
    let ahead = expires - app.running.sessions.now();
    assert!(lines[1].0 == "Expires" && ahead.whole_days() > 170 && ahead.whole_days() < 365, "{expires}");
    assert_eq!(lines[2], ("Canonical", &*format!("{}{path}", app.running.base_url())));
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
