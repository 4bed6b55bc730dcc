//! The Admin API, and what a server shows before anybody administers it.

mod common;

use common::{Answer, PASSWORD, Person, TestApp};
use reqwest::Method;
use serde_json::json;

/// Somebody of a role.
async fn of_role(app: &TestApp, root: &Person, name: &str, role: &str) -> Person {
    let person = app.user(name).await;
    root.patch(&format!("/api/admin/users/{}", person.id), json!({ "role": role })).await.is(200);
    person
}

#[tokio::test]
async fn only_those_who_run_the_server_get_in() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (ada, order) = (app.user("ada").await, of_role(&app, &root, "order", "moderator").await);
    let viewers = format!("/api/admin/viewers?session_id={}", ada.id);
    let user = format!("/api/admin/users/{}", ada.id);
    for path in ["/api/admin/users", &user, "/api/admin/bans", &viewers, "/api/admin/featured"] {
        app.stranger().get(path).await.is_problem(401, "unauthenticated");
        ada.get(path).await.is_problem(403, "forbidden");
        order.get(path).await.is(200);
        assert_eq!(root.get(path).await.is(200).header("cache-control"), "no-store");
    }
    order.get("/api/admin/audit").await.is_problem(403, "forbidden");
    order.patch(&user, json!({ "role": "viewer" })).await.is_problem(403, "forbidden");
    ada.post("/api/admin/bans", json!({ "network": "203.0.113.7" })).await.is_problem(403, "forbidden");
    order.get(&user).await.has("/email", json!(null)).has("/username", "ada");
    root.get(&user).await.has("/email", "ada@example.com").has("/suspension", json!(null));
}

#[tokio::test]
async fn accounts_are_searched_and_paged() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (ada, _) = (app.user("ada").await, app.user("bob").await);
    root.post("/api/admin/bans", json!({ "user_id": ada.id })).await.is(201);
    let names = async |query: &str| {
        let list = root.get(&format!("/api/admin/users{query}")).await.is(200);
        let items = list.body["items"].as_array().unwrap().clone();
        let names: Vec<_> = items.iter().map(|item| item["username"].as_str().unwrap().to_owned()).collect();
        (names.join(" "), list.body["total"].as_u64().unwrap())
    };
    assert_eq!(names("").await, ("ada bob root".into(), 3));
    assert_eq!(names("?limit=1&offset=1").await, ("bob".into(), 3));
    assert_eq!(names("?q=example.com&role=broadcaster&suspended=false").await, ("bob".into(), 1));
    assert_eq!(names("?suspended=true").await, ("ada".into(), 1));
    for (query, field) in
        [("limit=0", "limit"), ("role=king", "role"), ("suspended=maybe", "suspended"), ("x=1", "x")]
    {
        let refused = root.get(&format!("/api/admin/users?{query}")).await;
        refused.is_problem(400, "invalid-query").names(field);
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_name() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let me = root.get("/api/users/me").await.text("/id");
    let demotion = json!({ "role": "viewer" });
    root.patch(&format!("/api/admin/users/{me}"), demotion.clone()).await.is_problem(409, "last-admin");
    let nobody = "/api/admin/users/01890000-0000-7000-8000-000000000000";
    root.patch(nobody, demotion).await.is_problem(404, "not-found");
    root.post("/api/admin/bans", json!({ "user_id": me })).await.is_problem(403, "forbidden");
    root.post("/api/admin/bans", json!({ "network": "127.0.0.0/8" })).await.is_problem(403, "forbidden");
    for (body, field) in [
        (json!({}), "body"),
        (json!({ "user_id": me, "network": "203.0.113.7" }), "body"),
        (json!({ "network": "10.0.0.0/7" }), "network"),
        (json!({ "network": "2001::/15" }), "network"),
        (json!({ "network": "here" }), "network"),
        (json!({ "device_id": "short" }), "device_id"),
        (json!({ "network": "203.0.113.7", "until": "soon" }), "until"),
        (json!({ "network": "203.0.113.7", "until": "2001-01-01T00:00:00Z" }), "until"),
        (json!({ "network": "203.0.113.7", "reason": "x".repeat(501) }), "reason"),
        (json!({ "network": "203.0.113.7", "role": "x" }), "role"),
    ] {
        root.post("/api/admin/bans", body).await.is_problem(422, "invalid-fields").names(field);
    }
    root.delete("/api/admin/bans/01890000-0000-7000-8000-000000000000").await.is_problem(404, "not-found");
}

#[tokio::test]
async fn no_ban_keeps_out_an_administrator_who_signed_in_and_it_lets_in_nobody_else() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (ada, order) = (app.user("ada").await, of_role(&app, &root, "order", "moderator").await);
    let key = json!({ "name": "bot", "scopes": ["admin:read", "admin:write"] });
    let key = app.stranger().with(root.post("/api/keys", key).await.is(201).text("/key"));
    let fallen = of_role(&app, &root, "fallen", "admin").await;
    let sign_in = json!({ "login": "fallen", "password": PASSWORD });
    let fallen_token =
        app.stranger().post("/api/auth/login", sign_in.clone()).await.is(200).text("/access_token");
    root.patch(&format!("/api/admin/users/{}", fallen.id), json!({ "role": "viewer" })).await.is(200);

    let (bans, cookie) = ("/api/admin/bans", "tl_device=0123456789abcdef");
    order.clone().at("127.0.1.9").post(bans, json!({ "network": "127.0.0.1/24" })).await.is(201);
    root.post(bans, json!({ "device_id": "0123456789abcdef" })).await.is(201);
    let [fallen, forger] = [fallen_token, "no.to.ken".into()].map(|token| app.stranger().with(token));
    for shut_out in [app.stranger(), ada.clone(), order, key, fallen, forger] {
        shut_out.get("/api/users/me").await.is_problem(403, "shut-out");
        let away = shut_out.at("127.0.1.1");
        let browser =
            away.request(Method::GET, "/api/users/me").header("cookie", cookie).send().await.unwrap();
        Answer::read(browser).await.is_problem(403, "shut-out");
    }
    app.stranger().post("/api/auth/login", sign_in).await.is_problem(403, "shut-out");
    let playlist = "/live/01890000-0000-7000-8000-000000000000/index.m3u8";
    root.get(playlist).await.is_problem(403, "shut-out");

    let browser = root.request(Method::GET, bans).header("cookie", cookie).send().await.unwrap();
    let listed = Answer::read(browser).await.is(200);
    for item in listed.has("/total", 2).body["items"].as_array().unwrap() {
        root.delete(&format!("{bans}/{}", item["id"].as_str().unwrap())).await.is(204);
    }
    ada.get("/api/users/me").await.is(200);
}

#[tokio::test]
async fn a_moderator_undoes_no_ban_of_an_administrator_and_shuts_out_no_country() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let order = of_role(&app, &root, "order", "moderator").await;
    let bans = "/api/admin/bans";
    let made = root.post(bans, json!({ "network": "203.0.113.0/24" })).await.is(201);
    let again = json!({ "network": "203.0.113.0/24", "until": "2999-01-01T00:00:00Z" });
    order.post(bans, again).await.is_problem(422, "invalid-fields").names("until");
    order.post(bans, json!({ "network": "203.0.113.0/24" })).await.is_problem(403, "forbidden");
    order.delete(&format!("{bans}/{}", made.text("/id"))).await.is_problem(403, "forbidden");
    for wide in ["203.0.112.0/23", "10.0.0.0/8", "2001:db8::/47"] {
        order.post(bans, json!({ "network": wide })).await.is_problem(422, "invalid-fields").names("network");
        root.post(bans, json!({ "network": wide })).await.is(201);
    }
}

#[tokio::test]
async fn no_key_makes_an_administrator() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.user("ada").await);
    let key = json!({ "name": "bot", "scopes": ["admin:read", "admin:write"] });
    let key = app.stranger().with(root.post("/api/keys", key).await.is(201).text("/key"));
    let user = format!("/api/admin/users/{}", ada.id);
    for role in ["moderator", "admin"] {
        key.patch(&user, json!({ "role": role })).await.is_problem(403, "forbidden");
    }
    key.patch(&user, json!({ "role": "viewer" })).await.is(200).has("/role", "viewer");
    root.patch(&user, json!({ "role": "moderator" })).await.is(200).has("/role", "moderator");
}

#[tokio::test]
async fn featured_broadcasts_are_listed() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.user("ada").await);
    let show = ada.goes_live("Launch day").await;
    ada.goes_live("Piano").await;
    root.changes(&show, json!({ "is_featured": true })).await.is(200);
    root.get("/api/admin/featured").await.is(200).has("/total", 1).has("/items/0/title", "Launch day");
    root.changes(&show, json!({ "is_featured": false })).await.is(200);
    root.get("/api/admin/featured").await.is(200).has("/total", 0);
}

#[tokio::test]
async fn who_did_what_is_read_page_after_page() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.user("ada").await);
    let show = ada.goes_live("Launch day").await;
    ada.post(&format!("/api/broadcasts/{}/stream-key/reset", show.id), json!({})).await.is(200);
    ada.post("/api/users/me/stream-key/reset", json!({})).await.is(200);
    root.changes(&show, json!({ "is_featured": true })).await.is(200);
    let made = root.post("/api/admin/bans", json!({ "user_id": ada.id, "reason": "spam" })).await.is(201);
    root.delete(&format!("/api/admin/bans/{}", made.text("/id"))).await.is(204);
    root.patch(&format!("/api/admin/users/{}", ada.id), json!({ "role": "viewer" })).await.is(200);
    root.get("/api/admin/users").await.is(200);

    let mut actions = Vec::new();
    let mut path = "/api/admin/audit?limit=3".to_owned();
    loop {
        let page = root.get(&path).await.is(200);
        let items = page.body["items"].as_array().unwrap().clone();
        actions.extend(items.iter().map(|item| item["action"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/api/admin/audit?limit=3&cursor={cursor}");
    }
    // What the reading itself notes is newer than the cursor.
    actions.reverse();
    let expected = [
        "server.set_up",
        "user.registered",
        "stream_key.reset",
        "stream_key.reset",
        "broadcast.featured",
        "ban.made",
        "ban.lifted",
        "user.role_changed",
        "users.listed",
    ];
    assert_eq!(actions, expected);
    let bans = root.get(&format!("/api/admin/audit?action=ban.made&target={}", ada.id)).await.is(200);
    bans.has("/items/0/actor", "root").has("/items/0/ip", "127.0.0.1").has("/items/0/details/reason", "spam");
    root.get("/api/admin/audit?action=ban.undone").await.is_problem(400, "invalid-query").names("action");
    root.get("/api/admin/audit?since=noon").await.is_problem(400, "invalid-query").names("since");
    assert!(root.get("/api/admin/audit?since=2999-01-01T00:00:00Z").await.body["items"] == json!([]));
}

#[tokio::test]
async fn what_is_done_and_looked_at_is_written_down_once_and_by_name() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.user("ada").await);
    let show = ada.goes_live("Launch day").await;
    for featured in [true, true, false] {
        root.changes(&show, json!({ "is_featured": featured })).await.is(200);
    }
    let key = json!({ "name": "bot", "scopes": ["publish", "events:read"] });
    let key = ada.post("/api/keys", key).await.is(201).text("/id");
    ada.delete(&format!("/api/keys/{key}")).await.is(204);
    ada.delete(&format!("/api/keys/{key}")).await.is(404);
    let sign_in = json!({ "login": "ada", "password": PASSWORD });
    let phone = app.stranger().post("/api/auth/login", sign_in).await.is(200);
    for _ in 0..2 {
        let token = json!({ "refresh_token": phone.text("/refresh_token") });
        app.stranger().post("/api/auth/logout", token).await.is(204);
    }
    for path in ["/api/admin/bans", "/api/admin/usage", "/api/admin/errors"] {
        root.get(path).await.is(200);
    }
    root.post("/api/admin/alerts/test", json!({})).await.is(200);

    for (action, actor) in [
        ("broadcast.featured", "root"),
        ("broadcast.unfeatured", "root"),
        ("key.made", "ada"),
        ("key.revoked", "ada"),
        ("sign_in.ended", "ada"),
        ("bans.listed", "root"),
        ("usage.read", "root"),
        ("errors.read", "root"),
        ("alerts.tested", "root"),
    ] {
        let log = root.get(&format!("/api/admin/audit?action={action}")).await.is(200);
        assert_eq!(log.body["items"].as_array().unwrap().len(), 1, "{action}: {}", log.raw);
        log.has("/items/0/actor", actor).has("/items/0/ip", "127.0.0.1");
    }
    let made = root.get("/api/admin/audit?action=key.made").await.is(200);
    made.has("/items/0/details/scopes", json!(["publish", "events:read"])).has("/items/0/target", key);
    let scrape = app.stranger().get("/metrics").await.is(200).raw;
    assert!(scrape.contains("tallylight_queue_capacity{queue=\"audit_log\"} 10000"), "{scrape}");
}

#[tokio::test]
async fn a_server_that_was_just_started_gives_nothing_away() {
    // Whoever guesses is slowed down otherwise.
    let app = TestApp::start_with(|settings| settings.rate_limits = false).await;
    let stranger = app.stranger();
    stranger.post("/api/broadcasts", json!({ "title": "Mine" })).await.is_problem(401, "unauthenticated");
    for path in ["/api/admin/users", "/api/admin/audit", "/api/admin/bans", "/api/users/me"] {
        stranger.get(path).await.is_problem(401, "unauthenticated");
    }
    for name in ["admin", "root", "tallylight", "demo", "operator"] {
        for password in ["admin", "root", "password", "tallylight", "changeme", "12345678", ""] {
            let sign_in = json!({ "login": name, "password": password });
            let refused = stranger.post("/api/auth/login", sign_in).await;
            assert!([401, 429].contains(&refused.status), "{name} {password}: {}", refused.raw);
        }
    }
    for token in ["", "setup", "00000000000000000000000000000000"] {
        let mut body = common::account("eve");
        body["setup_token"] = json!(token);
        stranger.post("/api/auth/setup", body).await.is_problem(401, "unauthenticated");
    }
    let registered = stranger.post("/api/auth/register", common::account("eve")).await.is(201);
    registered.has("/user/role", "broadcaster");
}
