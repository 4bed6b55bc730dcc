//! Sign-ins over HTTP.

mod common;

use common::{PASSWORD, TestApp};
use serde_json::json;

#[tokio::test]
async fn ada_sees_her_sign_ins_and_ends_one() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let login = json!({ "login": "ada", "password": PASSWORD });
    let phone = app.stranger().post("/api/auth/login", login).await.is(200);
    let phone = app.stranger().with(phone.text("/access_token"));
    let list = ada.get("/api/auth/sessions").await.is(200);
    list.has("/total", 2)
        .has("/items/0/current", false)
        .has("/items/1/current", true)
        .has("/items/0/ip", "127.0.0.1");
    assert_eq!(list.header("cache-control"), "no-store");
    assert!(!list.raw.contains("secret") && !list.raw.contains("hash"));
    let id = list.text("/items/0/id");
    ada.delete(&format!("/api/auth/sessions/{id}")).await.is(204);
    phone.get("/api/users/me").await.is_problem(401, "unauthenticated");
    ada.delete(&format!("/api/auth/sessions/{id}")).await.is_problem(404, "not-found");
    ada.get("/api/auth/sessions").await.is(200).has("/total", 1);
}

#[tokio::test]
async fn anothers_sign_in_does_not_exist() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = ada.get("/api/auth/sessions").await.text("/items/0/id");
    bob.delete(&format!("/api/auth/sessions/{id}")).await.is_problem(404, "not-found");
    bob.delete("/api/auth/sessions/nonsense").await.is_problem(404, "not-found");
    ada.get("/api/users/me").await.is(200);
    app.stranger().get("/api/auth/sessions").await.is_problem(401, "unauthenticated");
    ada.get("/api/auth/sessions?limit=0").await.is_problem(400, "invalid-query").names("limit");
}

#[tokio::test]
async fn all_other_sign_ins_end_at_once_or_all() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let login = json!({ "login": "ada", "password": PASSWORD });
    let other = app.stranger().post("/api/auth/login", login).await.is(200);
    let other = app.stranger().with(other.text("/access_token"));
    other.delete("/api/auth/sessions").await.is(204);
    ada.get("/api/users/me").await.is_problem(401, "unauthenticated");
    other.delete("/api/auth/sessions?all=perhaps").await.is_problem(400, "invalid-query").names("all");
    other.delete("/api/auth/sessions?all=true").await.is(204);
    other.get("/api/users/me").await.is_problem(401, "unauthenticated");
}
