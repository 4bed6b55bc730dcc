//! The API as sample people use it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::cast::Sample;

/// A caller of this server's API.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// A broadcast with its key.
pub struct Published {
    /// Its id.
    pub id: String,
    /// Its stream key.
    pub stream_key: String,
}

/// A place to watch from.
pub struct Viewer {
    broadcast: String,
    token: String,
    interval: Duration,
}

impl Client {
    /// Talks to the server at this address.
    pub fn new(server: SocketAddr) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent("tallylight-demo")
            .timeout(Duration::from_secs(10))
            // Sooner than the server closes idle connections, so that no request meets a closed one.
            .pool_idle_timeout(Duration::from_secs(3))
            .build()?;
        Ok(Self { http, base: format!("http://{server}/api") })
    }

    /// Signs in; the access token.
    pub async fn sign_in(&self, login: &str, password: &str) -> anyhow::Result<String> {
        let request = self.http.post(format!("{}/auth/login", self.base));
        let tokens = answer(request.json(&json!({ "login": login, "password": password }))).await?;
        text(&tokens, "/access_token")
    }

    /// Makes a sample's broadcast.
    pub async fn create(&self, token: &str, sample: &Sample) -> anyhow::Result<Published> {
        let request = self.http.post(format!("{}/broadcasts", self.base)).bearer_auth(token);
        let made = answer(request.json(&sample.request())).await?;
        Ok(Published { id: text(&made, "/id")?, stream_key: text(&made, "/publish/stream_key")? })
    }

    /// Changes a broadcast.
    pub async fn change(&self, token: &str, id: &str, change: &Value) -> anyhow::Result<()> {
        let request = self.http.patch(format!("{}/broadcasts/{id}", self.base)).bearer_auth(token);
        answer(request.json(change)).await.map(|_| ())
    }

    /// The ids of what is on air.
    pub async fn on_air(&self) -> anyhow::Result<Vec<String>> {
        let list = answer(self.http.get(format!("{}/broadcasts/active?sort=title", self.base))).await?;
        let items = list["items"].as_array().context("a list without items")?;
        Ok(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect())
    }

    /// Joins a broadcast.
    pub async fn join(&self, broadcast: &str, number: usize) -> anyhow::Result<Viewer> {
        let request = self.http.post(format!("{}/broadcasts/{broadcast}/join", self.base));
        let request = request.header("user-agent", format!("tallylight-demo viewer {number}"));
        let joined = answer(request.json(&json!({}))).await?;
        let seconds = joined["heartbeat_interval"].as_u64().context("no heartbeat_interval")?;
        Ok(Viewer {
            broadcast: broadcast.to_owned(),
            token: text(&joined, "/viewer_token")?,
            interval: Duration::from_secs(seconds),
        })
    }

    /// Shows signs of life for a while.
    pub async fn stay(&self, viewer: &Viewer, long: Duration) -> anyhow::Result<()> {
        let mut left = long;
        while left > viewer.interval {
            tokio::time::sleep(viewer.interval).await;
            left -= viewer.interval;
            self.tell(viewer, "heartbeat").await?;
        }
        Ok(())
    }

    /// Goes.
    pub async fn leave(&self, viewer: &Viewer) -> anyhow::Result<()> {
        self.tell(viewer, "leave").await
    }

    async fn tell(&self, viewer: &Viewer, what: &str) -> anyhow::Result<()> {
        let request = self.http.post(format!("{}/broadcasts/{}/{what}", self.base, viewer.broadcast));
        check(request.json(&json!({ "viewer_token": viewer.token })).send().await?).await.map(|_| ())
    }
}

async fn answer(request: RequestBuilder) -> anyhow::Result<Value> {
    Ok(check(request.send().await?).await?.json().await?)
}

async fn check(response: Response) -> anyhow::Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    bail!("{status}: {}", problem["detail"].as_str().unwrap_or("no detail"))
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("the answer has no {pointer}"))
}
