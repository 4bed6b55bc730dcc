//! Calls that are sent again are done once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use common::{Answer, PASSWORD, Person, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const BROADCASTS: &str = "/api/broadcasts";
const MINE: &str = "?visibility=private";

/// Posts under a key.
async fn posts(person: &Person, path: &str, key: &str, body: Value) -> Answer {
    let request = person.request(Method::POST, path).header("idempotency-key", key).json(&body);
    Answer::read(request.send().await.unwrap()).await
}

async fn creates(person: &Person, key: &str, title: &str) -> Answer {
    posts(person, BROADCASTS, key, json!({ "title": title, "visibility": "private" })).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == "true"
}

#[tokio::test]
async fn what_is_sent_again_is_done_once_and_answered_the_same() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let first = creates(&ada, "launch", "Launch").await.is(201);
    let again = creates(&ada, "\"launch\"", "Launch").await.is(201);
    assert!(!is_replayed(&first) && is_replayed(&again));
    assert_eq!(again.raw, first.raw);
    for name in ["location", "cache-control", "content-type", "x-content-type-options"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(ada.finds(MINE).await, ["Launch"]);

    creates(&ada, "launch", "Another").await.is_problem(422, "idempotency-key-reused");
    assert!(!is_replayed(&creates(&bob, "launch", "Bob's").await.is(201)), "a key is its caller's own");
    let path = format!("{BROADCASTS}/{}/stream-key/reset", first.text("/id"));
    assert!(!is_replayed(&posts(&ada, &path, "launch", json!({})).await.is(200)), "and one path's");
    assert!(!is_replayed(&creates(&ada, "landing", "Launch").await.is(201)));
    app.stops().await;
}

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let answers = (0..20).map(|_| creates(&ada, "once", "Once"));
    for answer in futures_util::future::join_all(answers).await {
        match answer.status {
            201 => {}
            _ => drop(answer.is_problem(409, "idempotency-key-in-use")),
        }
    }
    assert_eq!(ada.finds(MINE).await, ["Once"]);
    app.stops().await;
}

#[tokio::test]
async fn refusals_are_kept_and_what_passes_is_not() {
    let app =
        TestApp::start_with(|settings| (settings.chat_burst, settings.chat_interval) = (1, 3_600.0)).await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch").await;
    let wrong = creates(&ada, "wrong", "").await;
    wrong.is_problem(422, "invalid-fields");
    assert!(is_replayed(&creates(&ada, "wrong", "").await.is(422)));

    let chat = format!("/api/sessions/{}/chat", show.id);
    let says = |key| posts(&ada, &chat, key, json!({ "text": "hello" }));
    says("one").await.is(201);
    for _ in 0..2 {
        let too_fast = says("two").await;
        too_fast.is_problem(429, "too-many-requests");
        assert!(!is_replayed(&too_fast));
    }
    app.stops().await;
}

#[tokio::test]
async fn keys_of_strangers_and_of_sign_ins_are_nothing() {
    let app = TestApp::start().await;
    let (ada, stranger) = (app.user("ada").await, app.stranger());
    let show = ada.goes_live("Launch").await;
    let join = format!("/api/broadcasts/{}/join", show.id);
    let join = |key: &'static str| posts(&stranger, &join, key, json!({}));
    let (first, second) = (join("same").await.is(200), join("same").await.is(200));
    assert_ne!(first.text("/viewer_id"), second.text("/viewer_id"));
    join("not a key").await.is(200);

    let body = || json!({ "login": "ada", "password": PASSWORD });
    let login = |key| posts(&ada, "/api/auth/login", key, body());
    let (first, second) = (login("same").await.is(200), login("same").await.is(200));
    assert_ne!(first.text("/refresh_token"), second.text("/refresh_token"));
    app.stops().await;
}

#[tokio::test]
async fn what_viewers_do_all_the_time_takes_no_key() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch").await;
    let at = |action: &str| format!("/api/broadcasts/{}/{action}", show.id);
    let joined = posts(&bob, &at("join"), "same", json!({})).await.is(200);
    assert!(is_replayed(&posts(&bob, &at("join"), "same", json!({})).await.is(200)));
    let token = || json!({ "viewer_token": joined.text("/viewer_token") });
    for _ in 0..2 {
        assert!(!is_replayed(&posts(&bob, &at("heartbeat"), "same", token()).await.is(204)));
    }
    app.stops().await;
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let long = "x".repeat(256);
    for key in ["", "two words", "\"open", &long] {
        creates(&ada, key, "Launch").await.is_problem(400, "invalid-idempotency-key");
    }
    assert!(ada.finds(MINE).await.is_empty());
    app.stops().await;
}

#[tokio::test]
async fn answers_outlive_the_server_and_their_secrets_are_sealed() {
    let data = tempfile::tempdir().unwrap();
    let place = data.path().to_owned();
    let app = TestApp::start_with(|settings| settings.data_dir.clone_from(&place)).await;
    let ada = app.user("ada").await;
    let first = creates(&ada, "launch", "Launch").await.is(201);
    let token = ada.token().unwrap().to_owned();
    app.stops().await;

    let kept = std::fs::read(data.path().join("tallylight.db")).unwrap();
    let key = first.text("/publish/stream_key");
    assert!(!kept.windows(key.len()).any(|bytes| bytes == key.as_bytes()));

    let app = TestApp::start_with(|settings| settings.data_dir = place).await;
    let ada = app.stranger().with(token);
    let again = creates(&ada, "launch", "Launch").await.is(201);
    assert!(is_replayed(&again));
    assert_eq!(again.raw, first.raw);
    assert_eq!(ada.finds(MINE).await, ["Launch"]);
    app.stops().await;
}
