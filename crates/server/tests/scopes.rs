//! What a key gets of its owner's without the scope for it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use common::{Answer, Person, TestApp};
use serde_json::{Value, json};

/// A program of somebody's.
async fn program(app: &TestApp, owner: &Person, scopes: &[&str]) -> Person {
    let made = owner.post("/api/keys", json!({ "name": "bot", "scopes": scopes })).await.is(201);
    app.stranger().with(made.text("/key"))
}

fn lacks(answer: &Answer, scope: &str) {
    answer.is_problem(403, "insufficient-scope");
    assert!(answer.header("www-authenticate").contains(scope), "{}", answer.header("www-authenticate"));
}

#[tokio::test]
async fn a_private_broadcast_plays_only_for_keys_that_may_read_it() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.creates(json!({ "title": "Rehearsal", "visibility": "private" })).await;
    let reset = format!("/api/broadcasts/{}/stream-key/reset", show.id);
    let encoder = program(&app, &ada, &["publish"]).await;
    encoder.post(&reset, json!({})).await.is(200).has("/hls_url", Value::Null);
    let maker = program(&app, &ada, &["broadcasts:write"]).await;
    let body = json!({ "title": "Another", "visibility": "private" });
    maker.post("/api/broadcasts", body).await.is(201).has("/hls_url", Value::Null);
    program(&app, &ada, &["viewers:write"]).await.joins(&show).await.is_problem(404, "not-found");

    let reader = program(&app, &ada, &["publish", "viewers:write", "broadcasts:read"]).await;
    let preview = reader.post(&reset, json!({})).await.is(200).text("/hls_url");
    assert_eq!(preview, ada.reads(&show).await.is(200).text("/hls_url"));
    assert_eq!(reader.joins(&show).await.is(200).text("/playback/hls_url"), preview);
}

#[tokio::test]
async fn a_key_is_told_which_scope_it_lacks_everywhere() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let show = root.goes_live("Launch day").await;
    let bot = program(&app, &root, &["broadcasts:read", "broadcasts:write"]).await;
    let stream = format!("/api/live/sse?channels=owner:{}", show.id);
    lacks(&bot.get(&stream).await, "events:read");
    let path = format!("/api/broadcasts/{}", show.id);
    lacks(&bot.patch(&path, json!({ "is_featured": true })).await, "admin:write");
    let (ada, body) = (app.user("ada").await, json!({ "is_featured": true }));
    let own = ada.goes_live("Second").await;
    ada.changes(&own, body).await.is_problem(403, "forbidden");
}
