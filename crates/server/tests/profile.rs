//! One's own account over HTTP, and a forgotten password by mail.

mod common;

use common::mail::MailServer;
use common::{Answer, PASSWORD, TestApp, account};
use serde_json::{Value, json};

#[tokio::test]
async fn ada_changes_her_profile_and_nothing_that_is_not_hers_to_change() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let change = json!({ "display_name": "Ada L.", "default_title": "Live from the lab" });
    let changed = ada.patch("/api/users/me", change).await.is(200);
    changed.has("/display_name", "Ada L.").has("/default_title", "Live from the lab");
    ada.get("/api/users/me").await.has("/display_name", "Ada L.").has("/role", "broadcaster");
    for field in
        ["role", "id", "username", "password_hash", "created_at", "erased_at", "stream_key", "is_admin"]
    {
        let refused = ada.patch("/api/users/me", json!({ field: "admin" })).await;
        refused.is_problem(422, "invalid-fields").names(field);
    }
    ada.patch("/api/users/me", json!({ "display_name": null })).await.is_problem(422, "invalid-fields");
    ada.patch("/api/users/me", json!({ "default_title": null }))
        .await
        .is(200)
        .has("/default_title", json!(null));
    app.stranger().patch("/api/users/me", json!({})).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_new_password_or_address_needs_the_current_password() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let change = json!({ "password": "battery staple" });
    ada.patch("/api/users/me", change).await.is_problem(422, "invalid-fields").names("current_password");
    let change = json!({ "email": "eve@example.com", "current_password": "wrong horse" });
    ada.patch("/api/users/me", change).await.is_problem(403, "forbidden");
    let change = json!({ "password": "battery staple", "current_password": PASSWORD });
    ada.patch("/api/users/me", change).await.is(200);
    ada.get("/api/users/me").await.is(200);
    let login = json!({ "login": "ada", "password": PASSWORD });
    app.stranger().post("/api/auth/login", login).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_way_of_the_mail() {
    let mut mail = MailServer::start().await;
    let url = mail.url();
    let app = TestApp::start_with(|settings| {
        settings.mail_url = url;
        settings.public_url = "https://live.example".into();
    })
    .await;
    let stranger = app.at_its_door();
    let made = stranger.post("/api/auth/register", account("ada")).await.is(201);
    let ada = app.at_its_door().with(made.text("/access_token"));
    stranger.post("/api/auth/password-reset", json!({ "login": "ada" })).await.is(202);
    let (to, text) = mail.received().await;
    assert_eq!(to, "<ada@example.com>");
    let (_, link) = text.split_once("https://live.example/reset#token=").expect("a link");
    let token = link.lines().next().unwrap();
    let choice = json!({ "token": token, "password": "battery staple" });
    stranger.post("/api/auth/password-reset/confirm", choice.clone()).await.is(204);
    stranger.post("/api/auth/password-reset/confirm", choice).await.is_problem(401, "unauthenticated");
    ada.get("/api/users/me").await.is_problem(401, "unauthenticated");
    let login = json!({ "login": "ada", "password": "battery staple" });
    stranger.post("/api/auth/login", login).await.is(200);
    let (_, text) = mail.received().await;
    assert!(text.contains("was changed"), "{text}");
}

#[tokio::test]
async fn answers_to_known_and_unknown_accounts_are_the_same() {
    let app = TestApp::start().await;
    app.user("ada").await;
    let stranger = app.stranger();
    for field in ["login", "email"] {
        let known =
            stranger.post("/api/auth/password-reset", json!({ field: "ada@example.com" })).await.is(202);
        let unknown =
            stranger.post("/api/auth/password-reset", json!({ field: "eve@example.com" })).await.is(202);
        assert_eq!(told(&known), told(&unknown));
    }
    let login = |login: &str| json!({ "login": login, "password": "wrong horse battery" });
    let known = stranger.post("/api/auth/login", login("ada")).await.is(401);
    let unknown = stranger.post("/api/auth/login", login("eve")).await.is(401);
    assert_eq!(told(&known), told(&unknown));
    let confirm = |token: &str| json!({ "token": token, "password": "battery staple" });
    stranger
        .post("/api/auth/password-reset/confirm", confirm("pr_AAAA"))
        .await
        .is_problem(401, "unauthenticated");
    let both = json!({ "login": "ada", "email": "ada@example.com" });
    stranger.post("/api/auth/password-reset", both).await.is_problem(422, "invalid-fields").names("email");
    stranger
        .post("/api/auth/password-reset", json!({}))
        .await
        .is_problem(422, "invalid-fields")
        .names("login");
    stranger
        .post("/api/auth/password-reset", json!({ "login": "a\0" }))
        .await
        .is_problem(422, "invalid-fields");
}

/// What an answer tells, but for what names this one answer and tells the moment.
fn told(answer: &Answer) -> (u16, Value, Vec<(String, String)>) {
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("instance");
    }
    let text = |value: &reqwest::header::HeaderValue| format!("{value:?}");
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let is_of_the_moment = |name: &str| {
        ["date", "ratelimit", "x-request-id", "traceparent"].iter().any(|other| name.starts_with(other))
    };
    let mut headers: Vec<_> = headers.filter(|(name, _)| !is_of_the_moment(name)).collect();
    headers.sort();
    (answer.status, body, headers)
}
