//! Whoever may not be here any more is cut at once, wherever it is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

#[path = "common/encoder.rs"]
mod encoder;
#[path = "common/live.rs"]
mod listener;

use common::{Answer, PASSWORD, Person, Show, TestApp};
use encoder::{is_on_air, may_publish, publishes};
use listener::{Heard, Listener, in_time};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

const FORCED: Heard = Heard::Closed(3503);

/// Waits until something can be played, and joins then; the answer and the address of a media playlist.
async fn plays(app: &TestApp, owner: &Person, show: &Show, who: &Person) -> (Answer, String) {
    is_on_air(app, owner, show).await;
    let joined = who.joins(show).await.is(200);
    let multivariant = joined.text("/playback/hls_url");
    let names = who.get(&multivariant).await.is(200).raw;
    let name = names.lines().find(|line| line.ends_with(".m3u8")).unwrap();
    let media = multivariant.replace("index.m3u8", name);
    who.get(&media).await.is(200);
    (joined, media)
}

/// Opens a stream of events.
async fn listens(person: &Person, query: &str) -> reqwest::Response {
    let answer = person.request(Method::GET, &format!("/api/live/sse?{query}")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer
}

/// Reads a stream to its end.
async fn ends(mut stream: reqwest::Response) {
    while let Ok(Some(_)) = stream.chunk().await {}
}

async fn bans(by: &Person, whom: Value) -> Answer {
    by.post("/api/admin/bans", whom).await.is(201)
}

#[tokio::test]
async fn a_suspended_broadcaster_is_off_the_air_and_out_of_everything() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.user("ada").await);
    let show = ada.goes_live("Launch day").await;
    let lasting = ada.get("/api/users/me/stream-key").await.is(200);
    let encoder = publishes(&app, &show.made.text("/publish/stream_key"));
    let (viewer, _) = plays(&app, &ada, &show, &app.stranger()).await;
    let mut live = Listener::connects(&app, ada.token()).await;
    let stream = listens(&ada, &format!("channels=owner:{}", show.id)).await;

    let since = Instant::now();
    bans(&root, json!({ "user_id": ada.id, "reason": "spam" })).await;
    assert_eq!(in_time("the broadcaster's WebSocket is closed", since, live.is_closed()).await, FORCED);
    in_time("the broadcaster's stream of events ends", since, ends(stream)).await;
    assert!(in_time("the encoder is cut", since, encoder).await.unwrap().is_err());
    let mut directory = Listener::connects(&app, None).await;
    directory.subscribes("directory").await;
    let has_ended = async {
        while root.reads(&show).await.body["status"] != "ended" {
            directory.hears_of(|_| true).await;
        }
    };
    in_time("the broadcast has ended", since, has_ended).await;
    app.stranger().beats(&show, &viewer).await.is_problem(410, "viewer-gone");

    ada.get("/api/users/me").await.is_problem(403, "suspended");
    let sign_in = json!({ "login": "ada", "password": PASSWORD });
    app.stranger().post("/api/auth/login", sign_in).await.is_problem(403, "suspended");
    let wrong = json!({ "login": "ada", "password": "something else" });
    app.stranger().post("/api/auth/login", wrong).await.is_problem(401, "unauthenticated");
    assert!(!may_publish(&app, &lasting.text("/stream_key")).await, "nor by the lasting key");

    let listed = root.get("/api/admin/bans?kind=user").await.is(200);
    listed.has("/total", 1).has("/items/0/user", "ada").has("/items/0/created_by", "root");
    root.delete(&format!("/api/admin/bans/{}", listed.text("/items/0/id"))).await.is(204);
    ada.get("/api/users/me").await.is(200);
}

#[tokio::test]
async fn a_suspended_viewer_is_shown_out_and_nobody_else() {
    let app = TestApp::start().await;
    let (root, ada, bob) = (app.admin().await, app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    let encoder = publishes(&app, &show.made.text("/publish/stream_key"));
    let (bobs, playlist) = plays(&app, &ada, &show, &bob).await;
    let other = app.stranger().joins(&show).await.is(200);
    let mut owner = Listener::connects(&app, ada.token()).await;
    owner.subscribes(&format!("owner:{}", show.id)).await;
    let mut live = Listener::connects(&app, bob.token()).await;
    let channel = format!("session:{}", show.id);
    live.asks("subscribe", json!({ "channel": channel, "token": bobs.text("/viewer_token") })).await;

    let since = Instant::now();
    bans(&root, json!({ "user_id": bob.id })).await;
    let left = owner.hears_of(|event| event["type"] == "viewer.left");
    let left = in_time("viewer.left is heard", since, left).await;
    assert_eq!(left["data"]["reason"], "removed");
    assert_eq!(left["data"]["viewer_id"], json!(bobs.text("/viewer_id")));
    assert_eq!(in_time("the viewer's WebSocket is closed", since, live.is_closed()).await, FORCED);
    app.stranger().get(&playlist).await.is_problem(410, "viewer-gone");
    app.stranger().beats(&show, &bobs).await.is_problem(410, "viewer-gone");
    let again = json!({ "viewer_token": bobs.text("/viewer_token") });
    app.stranger().joins_with(&show, again).await.is_problem(410, "viewer-gone");
    bob.joins(&show).await.is_problem(403, "suspended");

    app.stranger().beats(&show, &other).await.is(204);
    ada.reads(&show).await.has("/viewer_count", 1).has("/status", "active");
    assert!(!encoder.is_finished());
}

#[tokio::test]
async fn a_network_that_is_shut_out_finds_everything_closed_but_pages() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.user("ada").await);
    let show = ada.goes_live("Launch day").await;
    let encoder = publishes(&app, &show.made.text("/publish/stream_key"));
    let near = app.stranger().at("127.0.0.2");
    let (viewer, playlist) = plays(&app, &ada, &show, &near).await;
    let seen = root.get(&format!("/api/admin/viewers?session_id={}", show.id)).await.is(200);
    seen.has("/total", 1)
        .has("/items/0/ip", "127.0.0.2")
        .has("/items/0/viewer_id", viewer.text("/viewer_id"));
    let mut owner = Listener::connects(&app, ada.token()).await;
    owner.subscribes(&format!("owner:{}", show.id)).await;
    let mut live = Listener::connects_from(&app, "127.0.0.2").await;
    let stream = listens(&near, "channels=directory").await;

    let since = Instant::now();
    bans(&root, json!({ "network": "127.0.0.2" })).await.has("/network", "127.0.0.2/32");
    assert_eq!(in_time("the network's WebSocket is closed", since, live.is_closed()).await, FORCED);
    in_time("the network's stream of events ends", since, ends(stream)).await;
    let left = owner.hears_of(|event| event["type"] == "viewer.left");
    let left = in_time("viewer.left is heard", since, left).await;
    assert_eq!(left["data"]["reason"], "removed");
    for path in [
        playlist.as_str(),
        "/api/broadcasts/active",
        "/api/live",
        "/api/live/sse?channels=directory",
        &format!("/live/{}/index.m3u8", show.id),
        &format!("/live/{}/thumbnail.jpg", show.id),
    ] {
        near.get(path).await.is_problem(403, "shut-out");
    }
    near.post("/api/auth/login", json!({ "login": "ada", "password": PASSWORD }))
        .await
        .is_problem(403, "shut-out");
    ada.clone().at("127.0.0.2").get("/api/users/me").await.is_problem(403, "shut-out");
    for open in ["/healthz", "/readyz", "/", "/studio"] {
        near.get(open).await.is(200);
    }
    app.stranger().at("127.0.0.3").get("/api/broadcasts/active").await.is(200);
    assert!(!encoder.is_finished());
}

#[tokio::test]
async fn a_device_that_is_shut_out_is_so_without_an_account_and_from_any_address() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.user("ada").await);
    let show = ada.goes_live("Launch day").await;
    let device = json!({ "device_id": "0123456789abcdef" });
    let viewer = app.stranger().joins_with(&show, device.clone()).await.is(200);
    let mut owner = Listener::connects(&app, ada.token()).await;
    owner.subscribes(&format!("owner:{}", show.id)).await;
    let since = Instant::now();
    bans(&root, device.clone()).await;
    in_time("viewer.left is heard", since, owner.hears_of(|event| event["type"] == "viewer.left")).await;
    app.stranger().beats(&show, &viewer).await.is_problem(410, "viewer-gone");
    app.stranger().at("127.0.0.3").joins_with(&show, device).await.is_problem(403, "shut-out");
    let browser = app.stranger().request(Method::GET, "/api/broadcasts/active");
    let browser = browser.header("cookie", "tl_device=0123456789abcdef").send().await.unwrap();
    Answer::read(browser).await.is_problem(403, "shut-out");
    app.stranger().joins(&show).await.is(200);
}

#[tokio::test]
async fn who_is_made_a_viewer_broadcasts_no_more() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.user("ada").await);
    let show = ada.goes_live("Launch day").await;
    let encoder = publishes(&app, &show.made.text("/publish/stream_key"));
    plays(&app, &ada, &show, &app.stranger()).await;
    let mut live = Listener::connects(&app, ada.token()).await;
    live.subscribes(&format!("owner:{}", show.id)).await;
    let since = Instant::now();
    let path = format!("/api/admin/users/{}", ada.id);
    root.patch(&path, json!({ "role": "viewer" })).await.is(200).has("/role", "viewer");
    let ended = live.hears_of(|event| event["type"] == "broadcast.ended");
    in_time("broadcast.ended is heard", since, ended).await;
    assert!(in_time("the encoder is cut", since, encoder).await.unwrap().is_err());
    ada.post("/api/broadcasts", json!({ "title": "Again" })).await.is_problem(403, "forbidden");
    ada.get("/api/users/me").await.is(200).has("/role", "viewer");
}

#[tokio::test]
async fn a_sign_in_that_ended_is_heard_no_more() {
    let app = TestApp::start().await;
    let made = app.stranger().post("/api/auth/register", common::account("ada")).await.is(201);
    let ada = app.stranger().with(made.text("/access_token"));
    let mut live = Listener::connects(&app, ada.token()).await;
    let since = Instant::now();
    let token = json!({ "refresh_token": made.text("/refresh_token") });
    app.stranger().post("/api/auth/logout", token).await.is(204);
    assert_eq!(in_time("the WebSocket is closed", since, live.is_closed()).await, FORCED);
    ada.get("/api/users/me").await.is_problem(401, "unauthenticated");
}
