//! Broadcasts over HTTP.

mod common;

use common::{Answer, TestApp};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn ada_goes_live_and_sees_where_to_publish() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada
        .creates(json!({ "title": "Launch day", "tags": ["a", "b", "a"], "ai_intent": "gaming", "max_viewers": 1000 }))
        .await;
    let made = &show.made;
    made.has("/status", "active").has("/visibility", "public").has("/tags", json!(["a", "b"]));
    made.has("/ingest/state", "idle").has("/viewer_count", 0).has("/metadata", json!({}));
    assert_eq!(made.header("location"), format!("/api/broadcasts/{}", show.id));
    assert!(made.text("/publish/rtmp_url").starts_with("rtmp://127.0.0.1:"));
    assert!(made.text("/hls_url").ends_with(&format!("/live/{}/index.m3u8", show.id)));

    let seen = app.stranger().reads(&show).await.is(200);
    assert!(seen.body.get("publish").is_none(), "strangers see no key");
    assert!(!seen.raw.contains("sk_"));
}

#[tokio::test]
async fn a_stranger_cannot_change_or_remove_a_broadcast() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    bob.changes(&show, json!({ "status": "paused" })).await.is_problem(404, "not-found");
    app.stranger().changes(&show, json!({ "status": "paused" })).await.is_problem(401, "unauthenticated");
    bob.delete(&format!("/api/broadcasts/{}", show.id)).await.is_problem(404, "not-found");
    bob.post(&format!("/api/broadcasts/{}/stream-key/reset", show.id), json!({}))
        .await
        .is_problem(404, "not-found");
    ada.changes(&show, json!({ "status": "paused" })).await.is(200).has("/status", "paused");
}

#[tokio::test]
async fn what_has_ended_stays_ended() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let ended = ada.changes(&show, json!({ "status": "ended" })).await.is(200);
    ended.has("/ingest/state", "ended").has("/hls_url", json!(null));
    assert!(ended.body["ended_at"].is_string());
    ada.changes(&show, json!({ "status": "ended" })).await.is(200);
    for status in ["active", "paused", "private"] {
        ada.changes(&show, json!({ "status": status })).await.is_problem(409, "invalid-transition");
    }
    app.stranger().joins(&show).await.is_problem(410, "broadcast-ended");
    assert!(app.stranger().finds("").await.is_empty());
    app.stranger().reads(&show).await.is(200);
}

#[tokio::test]
async fn a_removed_broadcast_is_gone_for_everybody() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    ada.delete(&format!("/api/broadcasts/{}", show.id)).await.is(204);
    ada.reads(&show).await.is_problem(404, "not-found");
    ada.get(&format!("/api/sessions/{}", show.id)).await.is_problem(404, "not-found");
    ada.delete(&format!("/api/broadcasts/{}", show.id)).await.is_problem(404, "not-found");
    assert!(app.stranger().finds("").await.is_empty());
}

#[tokio::test]
async fn a_private_broadcast_does_not_exist_for_strangers() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for private in [
        json!({ "title": "Rehearsal", "visibility": "private" }),
        json!({ "title": "Rehearsal", "status": "private" }),
    ] {
        let show = ada.creates(private).await;
        for path in [
            "/api/broadcasts/ID",
            "/api/sessions/ID",
            "/live/ID/index.m3u8",
            "/live/ID/thumbnail.jpg",
            "/live/ID/seg/x.m4s",
        ] {
            bob.get(&path.replace("ID", &show.id)).await.is_problem(404, "not-found");
            app.stranger().get(&path.replace("ID", &show.id)).await.is_problem(404, "not-found");
        }
        bob.joins(&show).await.is_problem(404, "not-found");
        bob.joins_with(&show, json!({ "join_token": "guess" })).await.is_problem(404, "not-found");
        ada.reads(&show).await.is(200);
        assert!(bob.finds("").await.is_empty() && bob.finds("?visibility=private").await.is_empty());
        assert_eq!(ada.finds("?visibility=private").await, ["Rehearsal"]);
        ada.delete(&format!("/api/broadcasts/{}", show.id)).await.is(204);
    }
    app.stranger().get("/api/broadcasts/active?visibility=private").await.is_problem(401, "unauthenticated");
    app.stranger()
        .get("/api/broadcasts/active?v%69sibility=private")
        .await
        .is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_list_is_filtered_sorted_and_paged() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    ada.creates(json!({ "title": "Chess night", "ai_intent": "gaming", "tags": ["Chess"] })).await;
    let piano = bob.creates(json!({ "title": "Piano", "ai_intent": "music" })).await;
    ada.creates(json!({ "title": "apple pie", "ai_intent": "food" })).await;
    bob.changes(&piano, json!({ "viewer_count": 150 })).await.is(200).has("/viewer_count", 150);

    let anyone = app.stranger();
    assert_eq!(anyone.finds("?sort=title").await, ["apple pie", "Chess night", "Piano"]);
    assert_eq!(anyone.finds("?sort=started_at").await, ["apple pie", "Piano", "Chess night"]);
    assert_eq!(anyone.finds("?sort=duration&limit=1").await, ["Chess night"]);
    assert_eq!(anyone.finds("?limit=1").await, ["Piano"]);
    assert_eq!(anyone.finds("?sort=title&order=desc&offset=1&limit=1").await, ["Chess night"]);
    assert_eq!(anyone.finds("?category=GAMING").await, ["Chess night"]);
    assert_eq!(anyone.finds("?tag=chess").await, ["Chess night"]);
    assert_eq!(anyone.finds("?user=bob").await, ["Piano"]);
    assert_eq!(anyone.finds("?q=PIE").await, ["apple pie"]);
    assert!(anyone.finds("?featured=true").await.is_empty());
    anyone.get("/api/broadcasts/active").await.has("/total", 3).has("/limit", 20).has("/offset", 0);
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let app = TestApp::start().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("sort=colour", "sort"),
        ("featured=maybe", "featured"),
        ("colour=red", "colour"),
        ("limit=1&limit=2", "limit"),
    ] {
        let refused = app.stranger().get(&format!("/api/broadcasts/active?{query}")).await;
        refused.is_problem(400, "invalid-query").names(field);
    }
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    ada.goes_live("Launch day").await;
    let stranger = app.stranger();
    let tag = stranger.get("/api/broadcasts/active").await.header("etag").to_owned();
    let again =
        || stranger.request(Method::GET, "/api/broadcasts/active").header("if-none-match", &tag).send();
    assert_eq!(again().await.unwrap().status(), 304);
    ada.goes_live("Another").await;
    assert_eq!(again().await.unwrap().status(), 200);
}

#[tokio::test]
async fn bad_input_is_refused_by_field() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    for (body, field) in [
        (json!({}), "title"),
        (json!({ "title": "" }), "title"),
        (json!({ "title": "a".repeat(256) }), "title"),
        (json!({ "title": "nul \u{0}" }), "title"),
        (json!({ "title": 5 }), "title"),
        (json!({ "title": "a", "colour": "red" }), "colour"),
        (json!({ "title": "a", "status": "ended" }), "status"),
        (json!({ "title": "a", "status": "sleeping" }), "status"),
        (json!({ "title": "a", "max_viewers": -1 }), "max_viewers"),
        (json!({ "title": "a", "tags": [""] }), "tags"),
        (json!({ "title": "a", "tags": [1] }), "tags[0]"),
        (json!({ "title": "a", "metadata": { "k": "v".repeat(17_000) } }), "metadata"),
        (json!({ "title": "a", "hls_url": "javascript:alert(1)" }), "hls_url"),
        (json!({ "title": "a", "description": "a".repeat(5_001) }), "description"),
    ] {
        ada.post("/api/broadcasts", body).await.is_problem(422, "invalid-fields").names(field);
    }
    let show = ada.goes_live("Launch day").await;
    ada.changes(&show, json!({ "viewer_count": 10_000_001 }))
        .await
        .is_problem(422, "invalid-fields")
        .names("viewer_count");
    for field in ["title", "status", "tags", "viewer_count", "metadata"] {
        ada.changes(&show, json!({ field: null })).await.is_problem(422, "invalid-fields").names(field);
    }
    ada.changes(&show, json!({ "id": "other" })).await.is_problem(422, "invalid-fields").names("id");
}

#[tokio::test]
async fn a_body_is_json_and_bounded() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let send = |kind: &str, body: String| {
        let request = ada.request(Method::POST, "/api/broadcasts").header("content-type", kind).body(body);
        async { Answer::read(request.send().await.unwrap()).await }
    };
    send("application/json", "{".into()).await.is_problem(400, "invalid-json");
    send("application/json", "[\"Launch day\"]".into()).await.is_problem(422, "invalid-fields").names("body");
    send("application/json", "{\"title\":\"a\"} {}".into()).await.is_problem(400, "invalid-json");
    send("text/plain", "{}".into()).await.is_problem(415, "unsupported-media-type");
    let large = format!("{{\"title\":\"{}\"}}", "a".repeat(70_000));
    send("application/json", large).await.is_problem(413, "body-too-large");
    send("application/json", "[".repeat(60_000)).await.is_problem(400, "invalid-json");
}

#[tokio::test]
async fn only_an_administrator_features_a_broadcast() {
    let app = TestApp::start().await;
    let (ada, bob, root) = (app.user("ada").await, app.user("bob").await, app.admin().await);
    let show = ada.goes_live("Launch day").await;
    ada.changes(&show, json!({ "is_featured": true })).await.is_problem(403, "forbidden");
    bob.changes(&show, json!({ "is_featured": true })).await.is_problem(404, "not-found");
    root.changes(&show, json!({ "is_featured": true })).await.is(200).has("/is_featured", true);
    assert_eq!(app.stranger().finds("?featured=true").await, ["Launch day"]);
    root.changes(&show, json!({ "title": "Mine now" })).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn nobody_has_more_broadcasts_open_than_are_allowed() {
    let app = TestApp::start_with(|settings| settings.max_open_broadcasts = 2).await;
    let ada = app.user("ada").await;
    let first = ada.goes_live("One").await;
    ada.goes_live("Two").await;
    ada.post("/api/broadcasts", json!({ "title": "Three" })).await.is_problem(409, "too-many-broadcasts");
    ada.changes(&first, json!({ "status": "ended" })).await.is(200);
    ada.goes_live("Three").await;
}

#[tokio::test]
async fn a_new_stream_key_replaces_the_old_one() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let old = show.made.text("/publish/stream_key");
    let path = format!("/api/broadcasts/{}/stream-key/reset", show.id);
    let new = ada.post(&path, json!({})).await.is(200).text("/publish/stream_key");
    assert_ne!(old, new);
    assert_eq!(ada.reads(&show).await.text("/publish/stream_key"), new);
}

#[tokio::test]
async fn media_served_elsewhere_keeps_its_addresses() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let body = json!({ "title": "From our studio", "hls_url": "https://cdn.example/live.m3u8" });
    let show = ada.creates(body).await;
    show.made.has("/hls_url", "https://cdn.example/live.m3u8").has("/thumbnail_url", json!(null));
    assert!(show.made.body.get("publish").is_none());
    let joined = app.stranger().joins(&show).await.is(200);
    joined.has("/playback/hls_url", "https://cdn.example/live.m3u8");
    ada.changes(&show, json!({ "hls_url": null })).await.is(200);
    assert!(ada.reads(&show).await.text("/hls_url").contains("/live/"));
}

#[tokio::test]
async fn metadata_is_merged_and_never_logged_out_to_the_list_of_changes() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.creates(json!({ "title": "a", "metadata": { "a": 1, "b": { "c": 2 } } })).await;
    let changed = ada.changes(&show, json!({ "metadata": { "a": null, "b": { "d": 3 } } })).await.is(200);
    changed.has("/metadata", json!({ "b": { "c": 2, "d": 3 } }));
}
