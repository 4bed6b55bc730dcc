//! Accounts over HTTP.

mod common;

use common::{PASSWORD, TestApp, account};
use serde_json::json;

#[tokio::test]
async fn ada_registers_and_is_known_by_her_token() {
    let app = TestApp::start().await;
    let made = app.stranger().post("/api/auth/register", account("ada")).await.is(201);
    made.has("/token_type", "Bearer").has("/expires_in", 900).has("/user/role", "broadcaster");
    made.has("/user/display_name", "ada");
    assert_eq!(made.header("cache-control"), "no-store");
    assert!(!made.raw.contains("argon2"));

    let ada = app.user("ada2").await;
    ada.get("/api/users/me").await.is(200).has("/username", "ada2").has("/email", "ada2@example.com");
    app.stranger().get("/api/users/me").await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn ada_signs_in_by_name_or_address_and_by_nothing_else() {
    let app = TestApp::start().await;
    app.user("ada").await;
    let login = |login: &str, password: &str| json!({ "login": login, "password": password });
    let stranger = app.stranger();
    stranger.post("/api/auth/login", login("ada", PASSWORD)).await.is(200);
    stranger.post("/api/auth/login", login("ADA@Example.com", PASSWORD)).await.is(200);
    let wrong = stranger.post("/api/auth/login", login("ada", "wrong horse battery")).await;
    let nobody = stranger.post("/api/auth/login", login("eve", PASSWORD)).await;
    wrong.is_problem(401, "unauthenticated");
    nobody.is_problem(401, "unauthenticated");
    assert_eq!(
        wrong.text("/detail"),
        nobody.text("/detail"),
        "the answer does not tell which of the two is wrong"
    );
}

#[tokio::test]
async fn a_name_and_an_address_belong_to_one_account() {
    let app = TestApp::start().await;
    app.user("ada").await;
    let mut again = account("ada");
    again["email"] = json!("other@example.com");
    app.stranger().post("/api/auth/register", again).await.is_problem(409, "taken").names("username");
    let mut again = account("other");
    again["email"] = json!("ADA@example.com");
    app.stranger().post("/api/auth/register", again).await.is_problem(409, "taken").names("email");
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let app = TestApp::start().await;
    let body = json!({ "username": "Ada!", "email": "nowhere", "password": "short" });
    let refused = app.stranger().post("/api/auth/register", body).await;
    refused.is_problem(422, "invalid-fields").names("username").names("email").names("password");
    let mut body = account("ada");
    body["role"] = json!("admin");
    app.stranger().post("/api/auth/register", body).await.is_problem(422, "invalid-fields").names("role");
    let body = json!({ "username": "ada", "email": "a@example.com" });
    app.stranger().post("/api/auth/register", body).await.is_problem(422, "invalid-fields").names("password");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_twice_ends_the_sign_in() {
    let app = TestApp::start().await;
    let stranger = app.stranger();
    let first = stranger.post("/api/auth/register", account("ada")).await.is(201).text("/refresh_token");
    let token = |token: &str| json!({ "refresh_token": token });
    let second = stranger.post("/api/auth/refresh", token(&first)).await.is(200).text("/refresh_token");
    stranger.post("/api/auth/refresh", token(&first)).await.is_problem(401, "unauthenticated");
    stranger.post("/api/auth/refresh", token(&second)).await.is_problem(401, "unauthenticated");
    stranger.post("/api/auth/refresh", json!({})).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn signing_out_ends_the_sign_in() {
    let app = TestApp::start().await;
    let stranger = app.stranger();
    let token = stranger.post("/api/auth/register", account("ada")).await.is(201).text("/refresh_token");
    let body = json!({ "refresh_token": token });
    stranger.post("/api/auth/logout", body.clone()).await.is(204);
    stranger.post("/api/auth/logout", body.clone()).await.is(204);
    stranger.post("/api/auth/refresh", body).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_set_up_link_makes_one_administrator() {
    let app = TestApp::start().await;
    app.admin().await.get("/api/users/me").await.is(200).has("/role", "admin");
    let mut again = account("eve");
    again["setup_token"] = json!(app.running.setup_token);
    app.stranger().post("/api/auth/setup", again).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_closed_server_takes_no_registrations() {
    let app = TestApp::start_with(|settings| settings.registration = false).await;
    app.stranger().post("/api/auth/register", account("ada")).await.is_problem(403, "forbidden");
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused_and_not_ignored() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    for header in ["Bearer nonsense", "Bearer ", "Basic YTpi", "nonsense"] {
        let request = app.stranger().request(reqwest::Method::GET, "/api/broadcasts/active");
        let answer =
            common::Answer::read(request.header("authorization", header).send().await.unwrap()).await;
        answer.is_problem(401, "unauthenticated");
    }
    let key = ada.get("/api/users/me/stream-key").await.is(200).text("/stream_key");
    let request = app.stranger().request(reqwest::Method::GET, "/api/users/me").bearer_auth(key);
    common::Answer::read(request.send().await.unwrap()).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_lasting_stream_key_can_be_shown_again_and_replaced() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let key = ada.get("/api/users/me/stream-key").await.is(200).text("/stream_key");
    assert_eq!(ada.get("/api/users/me/stream-key").await.text("/stream_key"), key);
    let next = ada.post("/api/users/me/stream-key/reset", json!({})).await.is(200).text("/stream_key");
    assert_ne!(next, key);
    assert_eq!(ada.get("/api/users/me/stream-key").await.text("/stream_key"), next);
    app.stranger().get("/api/users/me/stream-key").await.is_problem(401, "unauthenticated");
}
