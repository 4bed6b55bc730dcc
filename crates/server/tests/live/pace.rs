//! How often whoever is connected may ask: as often as over HTTP, in the same budgets.

use serde_json::json;
use tallylight_api::limits::Rate;
use uuid::Uuid;

use crate::common::TestApp;
use crate::listener::Listener;

const TOO_MANY: u64 = 111;

/// Nothing comes back while a test runs.
const fn only(count: u32) -> Rate {
    Rate::new(count, 86_400)
}

#[tokio::test]
async fn whoever_asks_for_channels_reads_whatever_they_find() {
    let app = TestApp::start_with(|settings| settings.limit_read = only(4)).await;
    let ada = app.user("ada").await;
    let mut stranger = Listener::connects(&app, None).await;
    for number in 0..3 {
        let nowhere = format!("session:{}", Uuid::from_u128(number));
        assert_eq!(stranger.is_refused(&nowhere).await, 102);
    }
    stranger.subscribes("directory").await;
    let refused = stranger.asks("subscribe", json!({ "channel": "nonsense" })).await;
    assert_eq!(refused["error"]["code"], TOO_MANY);
    assert_eq!(refused["error"]["temporary"], true, "official clients ask again by themselves");
    let mut again = Listener::connects(&app, None).await;
    assert_eq!(again.is_refused("directory").await, TOO_MANY, "another connection is the same caller's");
    app.stranger().get("/api/broadcasts/active").await.is_problem(429, "too-many-requests");
    let left = stranger.asks("unsubscribe", json!({ "channel": "directory" })).await;
    assert!(left["unsubscribe"].is_object(), "whoever wants less may always: {left}");
    let mut known = Listener::connects(&app, ada.token()).await;
    known.subscribes("directory").await;
}

#[tokio::test]
async fn whoever_speaks_writes_and_whoever_reacts_watches() {
    let app = TestApp::start_with(|settings| {
        (settings.limit_write, settings.limit_viewing) = (only(2), only(2));
    })
    .await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    let mut listener = Listener::connects(&app, bob.token()).await;
    let channel = format!("session:{}", show.id);
    listener.subscribes(&channel).await;
    for said in [
        json!({ "type": "chat.message", "text": "hello" }),
        json!({ "type": "reaction", "reaction": "heart" }),
    ] {
        let publish = json!({ "channel": channel, "data": said });
        for turn in 0..2 {
            let answer = listener.asks("publish", publish.clone()).await;
            assert!(answer["publish"].is_object(), "{turn}: {answer}");
        }
        assert_eq!(listener.asks("publish", publish).await["error"]["code"], TOO_MANY, "{said}");
    }
    let chat = format!("/api/sessions/{}/chat", show.id);
    bob.post(&chat, json!({ "text": "hello" })).await.is_problem(429, "too-many-requests");
}

#[tokio::test]
async fn whoever_gives_another_token_connects() {
    let app = TestApp::start_with(|settings| settings.limit_live = only(2)).await;
    let ada = app.user("ada").await;
    let mut listener = Listener::connects(&app, ada.token()).await;
    let refresh = json!({ "token": ada.token() });
    for _ in 0..2 {
        let answer = listener.asks("refresh", refresh.clone()).await;
        assert!(answer["refresh"].is_object(), "{answer}");
    }
    assert_eq!(listener.asks("refresh", refresh).await["error"]["code"], TOO_MANY);
}

#[tokio::test]
async fn without_limits_everybody_asks_as_often_as_they_like() {
    let app = TestApp::start_with(|settings| {
        (settings.rate_limits, settings.limit_read) = (false, only(1));
    })
    .await;
    let mut listener = Listener::connects(&app, None).await;
    for _ in 0..3 {
        listener.subscribes("directory").await;
        listener.asks("unsubscribe", json!({ "channel": "directory" })).await;
    }
}
