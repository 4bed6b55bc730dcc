//! Whoever is connected has the rights of this moment.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Person, TestApp};
use crate::listener::Listener;

impl Listener {
    /// Says something; as what it is told.
    async fn says_as(&mut self, channel: &str, text: &str) -> Value {
        let data = json!({ "type": "chat.message", "text": text });
        let answer = self.asks("publish", json!({ "channel": channel, "data": data })).await;
        assert!(answer["publish"].is_object(), "{answer}");
        self.hears_of(|event| event["data"]["text"] == text).await["data"]["role"].clone()
    }
}

async fn key(owner: &Person, expires_in: Option<u64>) -> Answer {
    let request = json!({ "name": "bot", "scopes": ["broadcasts:read"], "expires_in": expires_in });
    owner.post("/api/keys", request).await.is(201)
}

#[tokio::test]
async fn whoever_lost_a_role_speaks_without_it_on_the_connection_that_is_open() {
    let app = TestApp::start().await;
    let (root, ada, bob) = (app.admin().await, app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    let (account, channel) = (format!("/api/admin/users/{}", bob.id), format!("session:{}", show.id));
    root.patch(&account, json!({ "role": "moderator" })).await.is(200);
    let mut listener = Listener::connects(&app, bob.token()).await;
    listener.subscribes(&channel).await;
    assert_eq!(listener.says_as(&channel, "order, please").await, "moderator");
    root.patch(&account, json!({ "role": "broadcaster" })).await.is(200);
    assert_eq!(listener.says_as(&channel, "still here").await, "viewer");
}

#[tokio::test]
async fn whoever_listens_by_a_key_is_told_its_end_and_goes_with_it() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    for (expires_in, is_told) in [(Some(3_600), true), (Some(90 * 24 * 3_600), false), (None, false)] {
        let key = key(&ada, expires_in).await.text("/key");
        let mut listener = Listener::opens(&app, &[]).await;
        let hello = listener.asks("connect", json!({ "token": key })).await;
        assert_eq!(hello["connect"]["ttl"].is_u64(), is_told, "{expires_in:?}: {hello}");
    }
    let program = app.stranger().with(key(&ada, Some(1)).await.text("/key"));
    let stream = program.request(Method::GET, "/api/live/sse?channels=directory").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let told = stream.text().await.unwrap();
    assert!(told.contains("connection expired"), "{told}");
}
