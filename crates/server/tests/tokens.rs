//! Each kind of token opens its own doors and no other.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

#[path = "common/live.rs"]
mod listener;

use common::{Person, Show, TestApp, account};
use listener::{Heard, Listener, in_time};
use reqwest::Method;
use serde_json::json;
use tallylight_core::scope::Scope;
use tallylight_media::rtmp::StreamKey;
use tallylight_media::rtmp::client::Publish;
use tokio::time::Instant;

/// Where tokens are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Bearer,
    Cookie,
    Refresh,
    JoinToken,
    Heartbeat,
    JoinAgain,
    Rtmp,
    Player,
    Connect,
    Subscribe,
    Ticket,
    SetUp,
}

use Door::{
    Bearer, Connect, Cookie, Heartbeat, JoinAgain, JoinToken, Player, Refresh, Rtmp, SetUp, Subscribe, Ticket,
};

const DOORS: [Door; 12] = [
    Bearer, Cookie, JoinToken, Heartbeat, JoinAgain, Rtmp, Player, Connect, Subscribe, Refresh, Ticket, SetUp,
];

/// A server, a public and a private broadcast, and one token of each kind.
struct World {
    app: TestApp,
    show: Show,
    private: Show,
    tokens: Vec<(&'static str, String, &'static [Door])>,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let signed_in = app.stranger().post("/api/auth/register", account("ada")).await.is(201);
        let access = signed_in.text("/access_token");
        let ada = app.stranger().with(access.clone());
        let show = ada.goes_live("Launch day").await;
        let private = ada.creates(json!({ "title": "Rehearsal", "visibility": "private" })).await;
        let joined = app.stranger().joins(&show).await.is(200);
        let playback = joined.text("/playback/hls_url").rsplit('/').nth(1).unwrap().to_owned();
        let invites = format!("/api/broadcasts/{}/join-tokens", private.id);
        let join = ada.post(&invites, json!({})).await.is(201).text("/join_token");
        let tokens = vec![
            ("access token", access, &[Bearer, Cookie, Connect][..]),
            ("refresh token", signed_in.text("/refresh_token"), &[Refresh]),
            ("API key", key_of(&ada).await, &[Bearer, Connect]),
            ("stream key", show.made.text("/publish/stream_key"), &[Rtmp]),
            ("lasting stream key", ada.get("/api/users/me/stream-key").await.text("/stream_key"), &[Rtmp]),
            ("viewer token", joined.text("/viewer_token"), &[Heartbeat, JoinAgain, Subscribe]),
            ("playback token", playback, &[Player]),
            ("join token", join, &[JoinToken]),
            ("ticket", ada.post("/api/live/tickets", json!({})).await.is(201).text("/ticket"), &[Ticket]),
            ("set-up token", app.running.setup_token.clone().unwrap(), &[SetUp]),
        ];
        Self { app, show, private, tokens }
    }

    /// Whether a door opens.
    async fn opens(&self, door: Door, token: &str) -> bool {
        let (stranger, public) = (self.app.stranger(), format!("/api/broadcasts/{}", self.show.id));
        let viewer = json!({ "viewer_token": token });
        let answer = match door {
            Bearer => stranger.with(token.into()).get("/api/users/me").await,
            Cookie => return asks_by_cookie(&stranger, token).await,
            Refresh => stranger.post("/api/auth/refresh", json!({ "refresh_token": token })).await,
            JoinToken => stranger.joins_with(&self.private, json!({ "join_token": token })).await,
            Heartbeat => stranger.post(&format!("{public}/heartbeat"), viewer).await,
            JoinAgain => stranger.joins_with(&self.show, viewer).await,
            Player => return self.plays(token).await,
            Rtmp => return self.publishes(token).await,
            Connect => return self.connects(token).await,
            Subscribe => return self.subscribes(token).await,
            Ticket => return listens(&stranger, token).await,
            SetUp => {
                let mut body = account("root");
                body["setup_token"] = json!(token);
                stranger.post("/api/auth/setup", body).await
            }
        };
        (200..300).contains(&answer.status)
    }

    async fn plays(&self, token: &str) -> bool {
        let path = format!("/live/{}/{token}/cmcd", self.show.id);
        let request = self.app.stranger().request(Method::POST, &path).body("{}");
        request.header("content-type", "application/cmcd").send().await.unwrap().status() == 204
    }

    async fn publishes(&self, token: &str) -> bool {
        let (rtmp, app) = (self.app.running.rtmp, &self.app.running.rtmp_app);
        Publish::connect(rtmp, app, &StreamKey::new(token)).await.is_ok()
    }

    async fn connects(&self, token: &str) -> bool {
        let mut listener = Listener::opens(&self.app, &[]).await;
        listener.says(json!({ "id": 1, "connect": { "token": token } }).to_string()).await;
        matches!(listener.hears().await, Heard::Told(told) if told["connect"]["client"].is_string())
    }

    async fn subscribes(&self, token: &str) -> bool {
        let mut listener = Listener::connects(&self.app, None).await;
        let channel = format!("session:{}", self.show.id);
        let answer = listener.asks("subscribe", json!({ "channel": channel, "token": token })).await;
        answer["subscribe"].is_object()
    }
}

/// A key that reaches as far as any of a broadcaster.
async fn key_of(owner: &Person) -> String {
    let scopes = Scope::ALL.iter().map(|scope| scope.name()).filter(|name| !name.starts_with("admin:"));
    let body = json!({ "name": "bot", "scopes": scopes.collect::<Vec<_>>() });
    owner.post("/api/keys", body).await.is(201).text("/key")
}

async fn asks_by_cookie(stranger: &Person, token: &str) -> bool {
    let request = stranger.request(Method::GET, "/api/users/me");
    request.header("cookie", format!("tl_access={token}")).send().await.unwrap().status() == 200
}

async fn listens(stranger: &Person, token: &str) -> bool {
    let path = format!("/api/live/sse?channels=directory&ticket={token}");
    stranger.request(Method::GET, &path).send().await.unwrap().status() == 200
}

#[tokio::test]
async fn each_kind_of_token_is_taken_for_no_other() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for door in DOORS {
        for (kind, token, doors) in &world.tokens {
            let (opens, should) = (world.opens(door, token).await, doors.contains(&door));
            if opens != should {
                wrong.push(format!("{kind} at {door:?}: {opens}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn tokens_of_one_broadcast_open_no_other() {
    let world = World::new().await;
    let bob = world.app.user("bob").await;
    let other = bob.goes_live("Elsewhere").await;
    let hidden = bob.creates(json!({ "title": "Hidden", "visibility": "private" })).await;
    let elsewhere = World { show: other, private: hidden, ..world };
    for (kind, token, doors) in &elsewhere.tokens {
        for door in
            doors.iter().filter(|door| matches!(door, JoinToken | Heartbeat | JoinAgain | Player | Subscribe))
        {
            assert!(!elsewhere.opens(*door, token).await, "{kind} at {door:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_key_can_be_shown_again_and_a_reset_cuts_its_encoder() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let key = show.made.text("/publish/stream_key");
    ada.reads(&show).await.has("/publish/stream_key", key.as_str());
    let connect = async |key: &str| {
        Publish::connect(app.running.rtmp, &app.running.rtmp_app, &StreamKey::new(key)).await
    };
    let mut encoder = connect(&key).await.unwrap();
    let reset = ada.post(&format!("/api/broadcasts/{}/stream-key/reset", show.id), json!({})).await.is(200);
    in_time("an encoder after a reset", Instant::now(), encoder.closed()).await;
    assert!(connect(&key).await.is_err());
    connect(&reset.text("/publish/stream_key")).await.unwrap();

    let lasting = ada.get("/api/users/me/stream-key").await.text("/stream_key");
    let mut encoder = connect(&lasting).await.unwrap();
    ada.post("/api/users/me/stream-key/reset", json!({})).await.is(200);
    in_time("an encoder after a reset", Instant::now(), encoder.closed()).await;
    assert!(connect(&lasting).await.is_err());
}

#[tokio::test]
async fn on_a_server_that_nobody_has_set_up_nothing_is_published_administered_or_scraped() {
    let app = TestApp::start().await;
    let (rtmp, name) = (app.running.rtmp, &app.running.rtmp_app);
    for key in ["", "live", "test", "stream", "admin", &name.clone(), &"x".repeat(43)] {
        assert!(Publish::connect(rtmp, name, &StreamKey::new(key)).await.is_err(), "{key:?}");
    }
    let stranger = app.stranger();
    stranger.post("/api/broadcasts", json!({ "title": "Mine" })).await.is_problem(401, "unauthenticated");
    for path in ["users", "bans", "viewers", "featured", "audit", "usage", "errors", "alerts"] {
        stranger.get(&format!("/api/admin/{path}")).await.is_problem(401, "unauthenticated");
    }
    for (login, password) in
        [("admin", "admin"), ("admin", "password"), ("root", "root"), ("tallylight", "tallylight")]
    {
        let guess = json!({ "login": login, "password": password });
        stranger.post("/api/auth/login", guess).await.is_problem(401, "unauthenticated");
    }
    let mut setup = account("eve");
    for token in ["", "admin", "x"] {
        setup["setup_token"] = json!(token);
        stranger.post("/api/auth/setup", setup.clone()).await.is_problem(401, "unauthenticated");
    }
    let scrape = stranger.request(Method::GET, "/metrics").header("x-forwarded-for", "203.0.113.7");
    assert_eq!(scrape.send().await.unwrap().status(), 404);
}
