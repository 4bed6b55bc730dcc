//! What names a request, in its answer and in the log.

use std::collections::BTreeSet;

use reqwest::Method;
use tallylight::settings::LogFormat;

use crate::common::{Answer, TestApp};
use crate::log::Log;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let app = TestApp::start().await;
    let mut ids = BTreeSet::new();
    for path in ["/", "/healthz", "/api/nothing", "/no/page", "/assets/none.js", "/api/broadcasts/active"] {
        let request = app.stranger().request(Method::GET, path).header("x-request-id", "mine");
        let answer = Answer::read(request.send().await.unwrap()).await;
        let id = answer.header("x-request-id").to_owned();
        assert_eq!(id.len(), 36, "{path}");
        if answer.header("content-type") == "application/problem+json" {
            answer.has("/instance", format!("urn:uuid:{id}"));
        }
        assert!(ids.insert(id), "{path}");
    }
    let refused = app.stranger().post("/api/broadcasts", serde_json::json!({})).await;
    refused.is_problem(401, "unauthenticated");
    refused.has("/instance", format!("urn:uuid:{}", refused.header("x-request-id")));
}

#[tokio::test]
async fn lines_for_people_name_their_request_too() {
    let (log, _guard) = Log::written(LogFormat::Pretty, "debug,hyper=off,reqwest=off,sqlx=off");
    let app = TestApp::start().await;
    let answer = app.stranger().get("/api/broadcasts/active").await.is(200);
    let id = answer.header("x-request-id");
    let text = log.text();
    let line = text.lines().find(|line| line.contains("answered") && line.contains(id)).unwrap_or(&text);
    assert!(line.ends_with(&format!("request_id={id} trace_id={}", id.replace('-', ""))), "{line}");
}

#[tokio::test]
async fn the_lines_of_a_request_carry_its_id_and_its_trace() {
    let (log, _guard) = Log::begin("debug,hyper=off,reqwest=off,sqlx=off");
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let request = ada.request(Method::GET, "/api/users/me").header("traceparent", &parent);
    let traced = Answer::read(request.send().await.unwrap()).await.is(200);
    let request = ada.request(Method::GET, "/api/users/me").header("traceparent", "00-0-0-0");
    let untraced = Answer::read(request.send().await.unwrap()).await.is(200);

    let lines = log.lines("answered");
    let of = |answer: &Answer| {
        let id = answer.header("x-request-id");
        let found = lines.iter().find(|line| line["request_id"] == id);
        found.unwrap_or_else(|| panic!("{id} in {}", log.text())).clone()
    };
    let line = of(&traced);
    assert_eq!((&line["trace_id"], &line["route"]), (&TRACE.into(), &"/api/users/me".into()));
    assert_eq!(
        (&line["method"], &line["status"], &line["level"]),
        (&"GET".into(), &200.into(), &"DEBUG".into())
    );
    let own = untraced.header("x-request-id").replace('-', "");
    assert_eq!(of(&untraced)["trace_id"], own);
    for secret in [ada.token().unwrap(), crate::common::PASSWORD] {
        assert!(!log.text().contains(secret));
    }
}

#[tokio::test]
async fn playback_is_logged_by_its_route_and_not_by_its_address() {
    let (log, _guard) = Log::begin("debug,hyper=off,reqwest=off");
    let app = TestApp::start().await;
    let show = app.user("ada").await.goes_live("Launch day").await;
    let viewer = app.stranger().joins(&show).await.is(200);
    let playlist = viewer.text("/playback/hls_url");
    app.stranger().get(&playlist).await.is(404);
    let token = playlist.split('/').rev().nth(1).unwrap();
    assert!(log.text().contains("/live/{id}/{token}/{file}"));
    assert!(!log.text().contains(token));
}
