//! What everybody may know of a user, what the user is told, and the end of an account, over HTTP.

mod common;

use common::{Answer, PASSWORD, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_profile_shows_what_is_on_air_and_what_was_and_nothing_private() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    for title in ["First", "Second"] {
        let show = ada.goes_live(title).await;
        ada.changes(&show, json!({ "status": "ended" })).await.is(200);
    }
    let hidden = ada.creates(json!({ "title": "Hidden", "status": "private" })).await;
    ada.changes(&hidden, json!({ "status": "ended" })).await.is(200);
    ada.creates(json!({ "title": "Rehearsal", "visibility": "private" })).await;
    ada.goes_live("On air").await;
    let profile = app.stranger().get("/api/users/ada").await.is(200);
    profile.has("/username", "ada").has("/display_name", "ada").has("/live/0/title", "On air");
    profile.has("/past/total", 2).has("/past/items/0/title", "Second").has("/past/items/1/title", "First");
    assert_eq!(profile.body["live"].as_array().map(Vec::len), Some(1));
    for secret in ["@example.com", "Hidden", "Rehearsal", "stream_key", "role", "publish"] {
        assert!(!profile.raw.contains(secret), "{secret} in {}", profile.raw);
    }
    let page = app.stranger().get("/api/users/ada?limit=1&offset=1").await.is(200);
    page.has("/past/items/0/title", "First").has("/past/limit", 1).has("/past/offset", 1);
    app.stranger().get("/api/users/ada?limit=101").await.is_problem(400, "invalid-query").names("limit");
    assert_eq!(ada.get("/api/users/ada").await.body, profile.body, "its owner sees no more");
}

#[tokio::test]
async fn a_profile_that_has_not_changed_is_not_sent_again() {
    let app = TestApp::start().await;
    app.user("ada").await;
    let tag = app.stranger().get("/api/users/ada").await.is(200).header("etag").to_owned();
    let again = app.stranger().request(Method::GET, "/api/users/ada").header("if-none-match", &tag);
    assert_eq!(again.send().await.unwrap().status(), 304);
    let head = app.stranger().request(Method::HEAD, "/api/users/ada").send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()["etag"].to_str().unwrap()), (200, tag.as_str()));
    for unknown in ["/api/users/eve", "/api/users/Ada", "/api/users/a%00b", "/api/users/ada@example.com"] {
        app.stranger().get(unknown).await.is_problem(404, "not-found");
    }
    let mut me = common::account("me");
    app.stranger()
        .post("/api/auth/register", me.clone())
        .await
        .is_problem(422, "invalid-fields")
        .names("username");
    me["username"] = json!("deleted-0123");
    app.stranger().post("/api/auth/register", me).await.is_problem(422, "invalid-fields").names("username");
}

#[tokio::test]
async fn ada_downloads_everything_that_is_kept_about_her_and_no_secret() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    let other = bob.goes_live("Other").await;
    ada.joins(&other).await.is(200);
    let chat = format!("/api/sessions/{}/chat", other.id);
    ada.post(&chat, json!({ "text": "hello from ada" })).await.is(201);
    bob.post(&chat, json!({ "text": "hello from bob" })).await.is(201);
    let told = ada.get("/api/users/me/export").await.is(200);
    assert_eq!(told.header("content-type"), "application/json");
    assert_eq!(told.header("cache-control"), "no-store");
    assert!(told.header("content-disposition").starts_with("attachment; filename="));
    told.has("/account/username", "ada").has("/account/email", "ada@example.com");
    told.has("/broadcasts/0/title", "Launch day").has("/sign_ins/0/current", true);
    told.has("/watched/0/session_id", other.id.as_str()).has("/audit_log/0/action", "user.exported");
    assert!(told.raw.contains("hello from ada") && !told.raw.contains("hello from bob"));
    for secret in ["argon2", "hash", "sealed", &show.made.text("/publish/stream_key")] {
        assert!(!told.raw.contains(secret), "{secret} in {}", told.raw);
    }
    app.stranger().get("/api/users/me/export").await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn ada_erases_her_account_and_is_nobody_from_then_on() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let (show, other) = (ada.goes_live("Launch day").await, bob.goes_live("Other").await);
    let chat = format!("/api/sessions/{}/chat", other.id);
    ada.post(&chat, json!({ "text": "hello from ada" })).await.is(201);
    let viewer = bob.joins(&show).await.is(200);
    let erase = async |body: Value| {
        let request = ada.request(Method::DELETE, "/api/users/me").json(&body);
        Answer::read(request.send().await.unwrap()).await
    };
    erase(json!({})).await.is_problem(422, "invalid-fields").names("password");
    erase(json!({ "password": "wrong horse" })).await.is_problem(403, "forbidden");
    ada.get("/api/users/me").await.is(200);
    erase(json!({ "password": PASSWORD })).await.is(204);
    ada.get("/api/users/me").await.is_problem(401, "unauthenticated");
    app.stranger().get("/api/users/ada").await.is_problem(404, "not-found");
    bob.beats(&show, &viewer).await.is_problem(410, "viewer-gone");
    let left = bob.get(&chat).await.is(200);
    left.has("/items/0/data/deleted", true);
    assert!(!left.raw.contains("hello") && !left.raw.contains("\"ada\""), "{}", left.raw);
    let log = bob.get(&format!("/api/sessions/{}/events", other.id)).await.is(200);
    assert!(!log.raw.contains(&ada.id), "{}", log.raw);
    let login = json!({ "login": "ada", "password": PASSWORD });
    app.stranger().post("/api/auth/login", login).await.is_problem(401, "unauthenticated");
    app.user("ada").await;
}

#[tokio::test]
async fn the_last_administrator_cannot_be_erased() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let request = root.request(Method::DELETE, "/api/users/me").json(&json!({ "password": PASSWORD }));
    Answer::read(request.send().await.unwrap()).await.is_problem(409, "last-admin");
    root.get("/api/users/me").await.is(200);
}

#[tokio::test]
async fn a_key_reaches_the_profile_and_no_further_and_goes_with_the_account() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let asked = json!({ "name": "bot", "scopes": ["account:read", "account:write"] });
    let key = ada.post("/api/keys", asked).await.is(201).text("/key");
    let bot = app.stranger().with(key);
    bot.patch("/api/users/me", json!({ "display_name": "Bot" })).await.is(200).has("/display_name", "Bot");
    for change in [
        json!({ "password": "battery staple", "current_password": PASSWORD }),
        json!({ "email": "eve@example.com", "current_password": PASSWORD }),
    ] {
        bot.patch("/api/users/me", change).await.is_problem(403, "forbidden");
    }
    bot.get("/api/users/me/export").await.is_problem(403, "forbidden");
    bot.get("/api/auth/sessions").await.is_problem(403, "forbidden");
    bot.delete("/api/auth/sessions").await.is_problem(403, "forbidden");
    let erase = |person: &common::Person| {
        person.request(Method::DELETE, "/api/users/me").json(&json!({ "password": PASSWORD })).send()
    };
    Answer::read(erase(&bot).await.unwrap()).await.is_problem(403, "forbidden");
    Answer::read(erase(&ada).await.unwrap()).await.is(204);
    bot.get("/api/users/me").await.is_problem(401, "unauthenticated");
}
