//! API keys over HTTP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

#[path = "common/live.rs"]
mod listener;

use common::{Answer, Person, TestApp};
use listener::{Heard, Listener, in_time};
use serde_json::{Value, json};
use tokio::time::Instant;

impl Person {
    async fn makes_key(&self, scopes: &[&str]) -> Answer {
        self.post("/api/keys", json!({ "name": "bot", "scopes": scopes })).await.is(201)
    }
}

fn program(app: &TestApp, key: &Answer) -> Person {
    app.stranger().with(key.text("/key"))
}

fn path(key: &Answer) -> String {
    format!("/api/keys/{}", key.text("/id"))
}

#[tokio::test]
async fn a_key_is_shown_once_and_reaches_as_far_as_its_scopes() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let body =
        json!({ "name": "Nightly report", "scopes": ["account:read", "events:read"], "expires_in": 3600.0 });
    let made = ada.post("/api/keys", body).await.is(201);
    assert_eq!((made.header("cache-control"), made.header("location")), ("no-store", path(&made).as_str()));
    made.has("/name", "Nightly report").has("/scopes", json!(["events:read", "account:read"]));
    made.has("/last_used_at", Value::Null);
    assert!(made.text("/key").starts_with("tl_") && made.text("/key").ends_with(&made.text("/hint")));
    let (list, one) = (ada.get("/api/keys").await.is(200), ada.get(&path(&made)).await.is(200));
    list.has("/total", 1).has("/items/0/hint", made.text("/hint"));
    assert!(![list.raw, one.raw].iter().any(|told| told.contains(&made.text("/key"))));

    let bot = program(&app, &made);
    bot.get("/api/users/me").await.is(200).has("/username", "ada");
    let refused = bot.post("/api/broadcasts", json!({ "title": "No" })).await;
    refused.is_problem(403, "insufficient-scope");
    assert!(refused.header("www-authenticate").contains("broadcasts:write"));
    for answer in [
        bot.get("/api/keys").await,
        bot.get(&path(&made)).await,
        bot.delete(&path(&made)).await,
        bot.post("/api/keys", json!({ "name": "more", "scopes": ["publish"] })).await,
    ] {
        answer.is_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_revoked_key_is_good_for_nothing_and_its_connections_end() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let made = ada.makes_key(&["account:read"]).await;
    let bot = program(&app, &made);
    let mut connected = Listener::connects(&app, bot.token()).await;
    bob.delete(&path(&made)).await.is_problem(404, "not-found");
    bob.get(&path(&made)).await.is_problem(404, "not-found");
    bot.get("/api/users/me").await.is(200);
    let since = Instant::now();
    ada.delete(&path(&made)).await.is(204);
    bot.get("/api/users/me").await.is_problem(401, "unauthenticated");
    let end = in_time("the key's connection is closed", since, connected.is_closed()).await;
    assert!(matches!(end, Heard::Closed(_)));
    ada.get(&path(&made)).await.is_problem(404, "not-found");
    ada.get("/api/keys").await.has("/total", 0);
}

#[tokio::test]
async fn keys_invitations_and_bans_are_listed_as_everything_is() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.creates(json!({ "title": "Launch day" })).await;
    for path in ["/api/keys".to_owned(), format!("/api/broadcasts/{}/join-tokens", show.id)] {
        for name in ["first", "second", "third"] {
            let scopes = if path == "/api/keys" { json!({ "scopes": ["publish"] }) } else { json!({}) };
            let mut body = json!({ "name": name });
            body.as_object_mut().unwrap().extend(scopes.as_object().unwrap().clone());
            ada.post(&path, body).await.is(201);
        }
        let part = ada.get(&format!("{path}?limit=1&offset=1")).await.is(200);
        part.has("/items/0/name", "second").has("/total", 3).has("/limit", 1).has("/offset", 1);
        part.has("/next_cursor", Value::Null);
        assert_eq!(part.body["items"].as_array().unwrap().len(), 1);
    }
    let bans = format!("/api/sessions/{}/bans", show.id);
    ada.get(&bans).await.is(200).has("/total", 0).has("/limit", 20).has("/next_cursor", Value::Null);
    for path in ["/api/keys", &bans, "/api/auth/sessions"] {
        ada.get(&format!("{path}?limit=0")).await.is_problem(400, "invalid-query");
        ada.get(&format!("{path}?page=2")).await.is_problem(400, "invalid-query");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_named() {
    let app = TestApp::start_with(|settings| settings.max_api_keys = 1).await;
    let ada = app.user("ada").await;
    let scopes = json!(["publish"]);
    for (body, field) in [
        (json!({ "name": "", "scopes": scopes }), "name"),
        (json!({ "name": "bot", "scopes": [] }), "scopes"),
        (json!({ "name": "bot", "scopes": ["publish", "everything"] }), "scopes[1]"),
        (json!({ "name": "bot", "scopes": scopes, "expires_in": 0 }), "expires_in"),
        (json!({ "name": "bot", "scopes": scopes, "expires_at": "2020-01-01T00:00:00Z" }), "expires_at"),
        (json!({ "name": "bot", "scopes": scopes, "user_id": ada.id }), "user_id"),
        (json!({ "name": "bot", "scopes": scopes, "role": "admin" }), "role"),
    ] {
        ada.post("/api/keys", body).await.is_problem(422, "invalid-fields").names(field);
    }
    let admin = json!({ "name": "bot", "scopes": ["admin:read"] });
    ada.post("/api/keys", admin.clone()).await.is_problem(403, "forbidden");
    app.admin().await.post("/api/keys", admin).await.is(201);
    app.stranger().post("/api/keys", json!({})).await.is_problem(401, "unauthenticated");
    ada.makes_key(&["publish"]).await;
    let more = json!({ "name": "one too many", "scopes": scopes });
    ada.post("/api/keys", more).await.is_problem(403, "forbidden");
}

#[tokio::test]
async fn what_a_key_is_used_for_is_told_to_its_owner_and_to_administrators() {
    let app = TestApp::start().await;
    let (ada, root) = (app.user("ada").await, app.admin().await);
    let made = ada.makes_key(&["account:read", "broadcasts:write"]).await;
    let bot = program(&app, &made);
    let show = bot.goes_live("Launch day").await;
    bot.reads(&show).await.is(200);
    bot.reads(&show).await.is(200);
    bot.get("/api/broadcasts/00000000-0000-0000-0000-000000000000").await.is(404);
    bot.get("/api/users/me/stream-key").await.is(403);
    bot.get("/no/such/page").await.is(404);
    Listener::connects(&app, bot.token()).await;

    let one = ada.get(&path(&made)).await.is(200);
    one.has("/usage/days", 30).has("/usage/total/requests", 7).has("/usage/total/refused", 3);
    assert!(one.body["last_used_at"].is_string());
    let lines: Vec<_> = one.body["usage"]["items"].as_array().unwrap().clone();
    let lines: Vec<_> =
        lines.iter().map(|line| (line["endpoint"].as_str(), line["requests"].as_u64())).collect();
    for line in [("GET /api/broadcasts/{id}", 3), ("POST /api/broadcasts", 1), ("CONNECT /api/live", 1)] {
        assert!(lines.contains(&(Some(line.0), Some(line.1))), "{line:?} in {lines:?}");
    }
    ada.get("/api/keys").await.has("/items/0/usage/requests", 7);

    let all = root.get("/api/admin/usage?limit=2").await.is(200);
    all.has("/total", lines.len()).has("/limit", 2).has("/offset", 0);
    all.has("/items/0/user", "ada").has("/items/0/key_name", "bot").has("/items/0/key_id", made.text("/id"));
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2);
    let day = all.text("/items/0/day");
    root.get(&format!("/api/admin/usage?since={day}&until={day}")).await.has("/total", lines.len());
    root.get("/api/admin/usage?until=2020-01-01&since=2019-01-01").await.has("/total", 0);
    root.get(&format!("/api/admin/usage?user_id={}", show.id)).await.has("/total", 0);
    for query in
        ["since=yesterday", "until=2026-13-01", "limit=0", "limit=101", "offset=100001", "key_id=1", "x=1"]
    {
        root.get(&format!("/api/admin/usage?{query}")).await.is_problem(400, "invalid-query");
    }
    ada.get("/api/admin/usage").await.is_problem(403, "forbidden");
    bot.get("/api/admin/usage").await.is_problem(403, "insufficient-scope");
    app.stranger().get("/api/admin/usage").await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn nobody_joins_as_somebody_else_but_by_a_key_that_may() {
    let app = TestApp::start().await;
    let (ada, bob, eve) = (app.user("ada").await, app.user("bob").await, app.user("eve").await);
    let show = ada.goes_live("Launch day").await;
    let site = program(&app, &ada.makes_key(&["viewers:write", "broadcasts:read"]).await);
    let strange = program(&app, &eve.makes_key(&["viewers:write"]).await);
    let other = program(&app, &eve.makes_key(&["broadcasts:read", "chat:write"]).await);
    let as_bob = json!({ "user_id": bob.id });
    for smuggler in [&app.stranger(), &eve, &other, &strange] {
        smuggler.joins_with(&show, as_bob.clone()).await.is_problem(403, "forbidden");
    }
    site.joins_with(&show, as_bob).await.is(200);
    // It is the owner's: a preview, which does not count.
    site.joins_with(&show, json!({ "user_id": ada.id })).await.is(200);
    let nobody = json!({ "user_id": show.id });
    site.joins_with(&show, nobody).await.is_problem(422, "invalid-fields").names("user_id");
    let log = ada.get(&format!("/api/sessions/{}/events?type=viewer.joined", show.id)).await.is(200);
    log.has("/items/0/user_id", bob.id.as_str());
    assert_eq!(log.body["items"].as_array().unwrap().len(), 1);
}
