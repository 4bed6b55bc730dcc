//! Invitations to private broadcasts, over HTTP and the live feed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

#[path = "common/live.rs"]
mod listener;

use common::{Answer, Person, Show, TestApp};
use listener::{Listener, in_time};
use serde_json::{Value, json};
use tokio::time::Instant;

fn tokens_of(show: &Show) -> String {
    format!("/api/broadcasts/{}/join-tokens", show.id)
}

impl Person {
    async fn rehearses(&self) -> Show {
        self.creates(json!({ "title": "Rehearsal", "visibility": "private" })).await
    }

    async fn invites(&self, show: &Show, body: Value) -> Answer {
        self.post(&tokens_of(show), body).await.is(201)
    }

    async fn joins_by(&self, show: &Show, invitation: &Answer) -> Answer {
        self.joins_with(show, json!({ "join_token": invitation.text("/join_token") })).await
    }
}

#[tokio::test]
async fn an_owner_invites_lists_and_revokes() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.rehearses().await;
    let body = json!({ "name": "Family", "expires_in": 3600.0, "max_uses": 5.0, "user": "bob" });
    let made = ada.invites(&show, body).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let token = made.text("/join_token");
    assert!(token.starts_with("jt_"));
    let url = format!("{}/watch/{}#invite={token}", app.running.base_url(), show.id);
    made.has("/url", url).has("/name", "Family").has("/max_uses", 5).has("/uses", 0);
    made.has("/user_id", bob.id.as_str());
    let list = ada.get(&tokens_of(&show)).await.is(200);
    assert_eq!((&list.body["items"][0], &list.body["total"]), (&made.body, &json!(1)));

    for (body, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "max_uses": 1_000_001 }), "max_uses"),
        (json!({ "expires_in": 0 }), "expires_in"),
        (json!({ "expires_in": 60, "expires_at": "2099-01-01T00:00:00Z" }), "expires_at"),
        (json!({ "user": "nobody" }), "user"),
        (json!({ "user": "a\0b" }), "user"),
        (json!({ "user_id": show.id }), "user_id"),
        (json!({ "user": "bob", "user_id": bob.id }), "user"),
        (json!({ "uses": -1 }), "uses"),
    ] {
        ada.post(&tokens_of(&show), body).await.is_problem(422, "invalid-fields").names(field);
    }
    let one = format!("{}/{}", tokens_of(&show), made.text("/id"));
    for stranger in [&bob, &app.admin().await] {
        stranger.post(&tokens_of(&show), json!({})).await.is_problem(404, "not-found");
        stranger.get(&tokens_of(&show)).await.is_problem(404, "not-found");
        stranger.delete(&one).await.is_problem(404, "not-found");
    }
    app.stranger().get(&tokens_of(&show)).await.is_problem(401, "unauthenticated");
    ada.delete(&one).await.is(204);
    ada.get(&tokens_of(&show)).await.has("/total", 0);
    ada.delete(&format!("{}/{}", tokens_of(&show), show.id)).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn a_guest_joins_and_finds_nothing_but_the_session_and_what_is_played() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let (show, other) = (ada.rehearses().await, ada.rehearses().await);
    let invitation = ada.invites(&show, json!({ "max_uses": 1 })).await;
    let guest = bob.joins_by(&show, &invitation).await.is(200);
    guest.has("/session/title", "Rehearsal").has("/session/visibility", "private");
    bob.beats(&show, &guest).await.is(204);
    for path in ["/api/broadcasts/ID", "/api/sessions/ID", "/api/sessions/ID/chat", "/live/ID/thumbnail.jpg"]
    {
        bob.get(&path.replace("ID", &show.id)).await.is_problem(404, "not-found");
    }
    assert!(bob.finds("").await.is_empty());
    let eve = app.stranger();
    eve.joins_by(&show, &invitation).await.is_problem(403, "join-token-invalid");
    eve.joins_by(&other, &invitation).await.is_problem(404, "not-found");
    eve.joins_with(&show, json!({ "join_token": "jt_guess" })).await.is_problem(404, "not-found");
    let again = json!({ "viewer_token": guest.text("/viewer_token") });
    bob.joins_with(&show, again.clone()).await.is(200).has("/viewer_id", guest.text("/viewer_id"));
    eve.joins_with(&other, again).await.is_problem(404, "not-found");
    ada.get(&tokens_of(&show)).await.has("/items/0/uses", 1);
    ada.reads(&show).await.has("/viewer_count", 1);
}

#[tokio::test]
async fn guests_hear_a_private_session_until_their_invitation_is_revoked() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.rehearses().await;
    let channel = format!("session:{}", show.id);
    let invitation = ada.invites(&show, json!({})).await;
    let guest = app.stranger().joins_by(&show, &invitation).await.is(200);
    bob.joins_by(&show, &invitation).await.is(200);
    let mut strange = Listener::connects(&app, None).await;
    assert_eq!(strange.is_refused(&channel).await, 102);
    let mut hears = Listener::connects(&app, None).await;
    let subscribe = json!({ "channel": channel, "token": guest.text("/viewer_token") });
    let begun = hears.asks("subscribe", subscribe.clone()).await;
    assert_eq!(begun["subscribe"]["data"]["session"]["title"], "Rehearsal");
    let mut bobs = Listener::connects(&app, bob.token()).await;
    bobs.subscribes(&channel).await;
    let say = json!({ "channel": channel, "data": { "type": "chat.message", "text": "Hello" } });
    assert_eq!(bobs.asks("publish", say).await["publish"], json!({}));
    assert_eq!(hears.hears_event().await["data"]["text"], "Hello");
    let react = json!({ "channel": channel, "data": { "type": "reaction", "reaction": "heart" } });
    assert_eq!(hears.asks("publish", react).await["publish"], json!({}));
    // A review cuts no guest.
    app.running.live.review();
    assert_eq!(bobs.hears_of(|data| data["type"] == "reaction").await["data"]["reaction"], "heart");

    let since = Instant::now();
    ada.delete(&format!("{}/{}", tokens_of(&show), invitation.text("/id"))).await.is(204);
    for cut in [&mut hears, &mut bobs] {
        let gone = cut.hears_of(|push| push["unsubscribe"].is_object());
        in_time("a guest hears no more", since, gone).await;
    }
    app.stranger().beats(&show, &guest).await.is_problem(410, "viewer-gone");
    assert!(hears.asks("subscribe", subscribe).await["error"].is_object());
    ada.reads(&show).await.has("/viewer_count", 0);
}

#[tokio::test]
async fn turning_private_keeps_guests_and_their_connections() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let channel = format!("session:{}", show.id);
    let invitation = ada.invites(&show, json!({})).await;
    let guest = app.stranger().joins_by(&show, &invitation).await.is(200);
    let passer_by = app.stranger().joins(&show).await.is(200);
    let (mut guests, mut passers) =
        (Listener::connects(&app, None).await, Listener::connects(&app, None).await);
    for (listener, viewer) in [(&mut guests, &guest), (&mut passers, &passer_by)] {
        let subscribe = json!({ "channel": channel, "token": viewer.text("/viewer_token") });
        assert!(listener.asks("subscribe", subscribe).await["subscribe"].is_object());
    }
    ada.changes(&show, json!({ "visibility": "private" })).await.is(200).has("/viewer_count", 1);
    passers.hears_of(|push| push["unsubscribe"].is_object()).await;
    app.stranger().beats(&show, &passer_by).await.is_problem(410, "viewer-gone");
    app.stranger().beats(&show, &guest).await.is(204);
    ada.post(&format!("/api/sessions/{}/events", show.id), json!({ "type": "scene.changed" })).await.is(201);
    guests.hears_of(|data| data["type"] == "scene.changed").await;
}
