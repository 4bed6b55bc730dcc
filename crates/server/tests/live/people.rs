//! Viewers who are held by their connection, and what people say.

use serde_json::json;

use crate::common::{Person, Show, TestApp};
use crate::listener::Listener;

async fn count(person: &Person, show: &Show) -> u64 {
    person.get(&format!("/api/sessions/{}", show.id)).await.is(200).body["viewer_count"].as_u64().unwrap()
}

#[tokio::test]
async fn a_connection_keeps_its_viewer_and_takes_it_along_when_it_dies() {
    let app = TestApp::start_with(|settings| {
        settings.heartbeat_interval = 1;
        settings.viewer_timeout = 3;
        settings.live_viewer_ping_interval = 1;
        settings.live_pong_timeout = 1;
    })
    .await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let mut owner = Listener::connects(&app, ada.token()).await;
    owner.subscribes(&format!("owner:{}", show.id)).await;
    let (viewer, other) =
        (app.stranger().joins(&show).await.is(200), app.stranger().joins(&show).await.is(200));
    let channel = format!("session:{}", show.id);
    let subscribe = json!({ "channel": channel, "token": viewer.text("/viewer_token") });
    let mut held = Listener::connects(&app, None).await;
    let answer = held.asks("subscribe", subscribe.clone()).await;
    assert!(answer["subscribe"].is_object(), "{answer}");
    // Nobody else sends a sign of life: the other one times out, the one that is held does not.
    let left = tokio::select! {
        left = owner.hears_of(|event| event["type"] == "viewer.left") => left,
        _ = held.hears_of(|_| false) => unreachable!("it is held"),
    };
    assert_eq!(left["data"]["viewer_id"], json!(other.text("/viewer_id")));
    assert_eq!(count(&ada, &show).await, 1);

    held.answers_pings = false;
    let left = tokio::select! {
        left = owner.hears_of(|event| event["type"] == "viewer.left") => left,
        _ = held.is_closed() => owner.hears_of(|event| event["type"] == "viewer.left").await,
    };
    assert_eq!(
        (&left["data"]["viewer_id"], &left["data"]["reason"]),
        (&json!(viewer.text("/viewer_id")), &json!("timed_out"))
    );
    let mut late = Listener::connects(&app, None).await;
    let answer = late.asks("subscribe", subscribe.clone()).await;
    assert_eq!(answer["error"]["code"], 109, "get another token: join again");
    let again = json!({ "viewer_token": viewer.text("/viewer_token") });
    app.stranger().joins_with(&show, again).await.is(200);
    assert!(late.asks("subscribe", subscribe).await["subscribe"].is_object());
    let wrong = json!({ "channel": channel, "token": "nonsense" });
    late.asks("unsubscribe", json!({ "channel": channel })).await;
    assert_eq!(late.asks("subscribe", wrong).await["error"]["code"], 109);
}

#[tokio::test]
async fn people_speak_and_react_over_their_connection() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    let channel = format!("session:{}", show.id);
    let mut bobs = Listener::connects(&app, bob.token()).await;
    bobs.subscribes(&channel).await;
    let say = |text: &str| json!({ "channel": channel, "data": { "type": "chat.message", "text": text } });
    let react = |name: &str| json!({ "channel": channel, "data": { "type": "reaction", "reaction": name } });
    assert_eq!(bobs.asks("publish", say("Hello <b>world</b>")).await["publish"], json!({}));
    let said = bobs.hears_event().await;
    assert_eq!(
        (&said["type"], &said["data"]["text"]),
        (&json!("chat.message"), &json!("Hello <b>world</b>"))
    );
    assert_eq!((&said["data"]["user"], &said["user_id"]), (&json!("bob"), &json!(null)));

    let viewer = app.stranger().joins(&show).await.is(200);
    let mut anybody = Listener::connects(&app, None).await;
    assert_eq!(anybody.asks("publish", say("Me too")).await["error"]["code"], 101);
    let subscribe = json!({ "channel": channel, "token": viewer.text("/viewer_token") });
    let state = anybody.asks("subscribe", subscribe).await["subscribe"].clone();
    assert_eq!(state["data"]["chat"], json!([said]), "whoever comes sees what was said");
    assert_eq!(anybody.asks("publish", react("heart")).await["publish"], json!({}));
    assert_eq!(bobs.hears_event().await["data"], json!({ "reaction": "heart" }));
    for nonsense in
        [react("sneeze"), say(""), json!({ "channel": channel, "data": 5 }), json!({ "channel": channel })]
    {
        assert_eq!(bobs.asks("publish", nonsense.clone()).await["error"]["code"], 107, "{nonsense}");
    }

    let message = format!("/api/sessions/{}/chat/{}", show.id, said["id"].as_str().unwrap());
    ada.delete(&message).await.is(204);
    let deleted = bobs.hears_event().await;
    assert_eq!((&deleted["type"], &deleted["data"]["message_seq"]), (&json!("chat.deleted"), &said["seq"]));
    let mut late = Listener::connects(&app, None).await;
    assert_eq!(late.subscribes(&channel).await["data"]["chat"], json!([]));
    let recover = json!({ "channel": channel, "recover": true, "offset": 1 });
    let mut missed = Listener::connects(&app, None).await;
    let answer = missed.asks("subscribe", recover).await["subscribe"].clone();
    assert_eq!(
        answer["publications"][0]["data"]["data"],
        json!({ "deleted": true }),
        "not even to those who missed it"
    );
}

#[tokio::test]
async fn who_speaks_too_fast_has_to_wait() {
    let app = TestApp::start_with(|settings| settings.chat_interval = 3_600.0).await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let channel = format!("session:{}", show.id);
    let mut listener = Listener::connects(&app, ada.token()).await;
    let say = json!({ "channel": channel, "data": { "type": "chat.message", "text": "again" } });
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(listener.asks("publish", say.clone()).await["error"]["code"].as_u64());
    }
    assert_eq!(codes, [None, None, None, None, None, Some(111)]);
}

#[tokio::test]
async fn a_viewer_lives_as_long_as_one_of_its_connections() {
    let app = TestApp::start_with(|settings| {
        settings.live_viewer_ping_interval = 1;
        settings.live_pong_timeout = 1;
    })
    .await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let viewer = app.stranger().joins(&show).await.is(200);
    let subscribe =
        json!({ "channel": format!("session:{}", show.id), "token": viewer.text("/viewer_token") });
    let mut living = Listener::connects(&app, None).await;
    living.asks("subscribe", subscribe.clone()).await;
    let mut dead = Listener::connects(&app, None).await;
    dead.asks("subscribe", subscribe).await;
    dead.answers_pings = false;
    tokio::select! {
        end = dead.is_closed() => assert_eq!(end, crate::listener::Heard::Closed(3012)),
        _ = living.hears_of(|_| false) => unreachable!("it lives"),
    }
    app.stranger().beats(&show, &viewer).await.is(204);
    assert_eq!(count(&ada, &show).await, 1);
}
