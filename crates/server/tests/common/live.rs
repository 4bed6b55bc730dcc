//! Somebody who is connected to the live feed.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Request};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::common::TestApp;

/// A connection that speaks JSON and answers pings.
pub struct Listener {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard: VecDeque<Value>,
    asked: u32,
    pub answers_pings: bool,
}

/// What a connection came to.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Told(Value),
    Closed(u16),
    Cut,
}

pub fn request(app: &TestApp, headers: &[(&str, &str)]) -> Request<()> {
    let address = format!("ws://{}/api/live", app.running.http);
    let mut request = address.into_client_request().unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    request
}

/// Within which time whoever may not be here any more is cut, wherever it is. The product promises two seconds; the
/// rest is for a machine that stands still under other tests, and less than whatever else would end a connection.
const CUT_WITHIN: Duration = Duration::from_secs(12);

/// What comes of this, before anything but the cut itself could have brought it about; says how long it took.
pub async fn in_time<T>(what: &str, since: Instant, happens: impl Future<Output = T>) -> T {
    let happened = timeout_at(since + CUT_WITHIN, happens).await;
    let happened = happened.unwrap_or_else(|_| panic!("not within {CUT_WITHIN:?}: {what}"));
    eprintln!("{what}: {} ms", since.elapsed().as_millis());
    happened
}

impl Listener {
    /// Connects from another address of this machine.
    pub async fn connects_from(app: &TestApp, ip: &str) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{ip}:0").parse().unwrap()).unwrap();
        let stream = socket.connect(app.running.http).await.unwrap();
        let (socket, _) =
            tokio_tungstenite::client_async(request(app, &[]), MaybeTlsStream::Plain(stream)).await.unwrap();
        let mut listener = Self { socket, heard: VecDeque::new(), asked: 0, answers_pings: true };
        let answer = listener.asks("connect", json!({ "token": "" })).await;
        assert!(answer["connect"]["client"].is_string(), "{answer}");
        listener
    }

    /// Opens a connection and says nothing.
    pub async fn opens(app: &TestApp, headers: &[(&str, &str)]) -> Self {
        let (socket, _) = connect_async(request(app, headers)).await.unwrap();
        Self { socket, heard: VecDeque::new(), asked: 0, answers_pings: true }
    }

    /// Connects, by a token or without.
    pub async fn connects(app: &TestApp, token: Option<&str>) -> Self {
        let mut listener = Self::opens(app, &[]).await;
        let answer = listener.asks("connect", json!({ "token": token.unwrap_or_default() })).await;
        assert!(answer["connect"]["client"].is_string(), "{answer}");
        listener
    }

    pub async fn says(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    pub async fn sends(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends a command and waits for its answer; what is pushed meanwhile is heard later.
    pub async fn asks(&mut self, what: &str, fields: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.says(json!({ "id": id, what: fields }).to_string()).await;
        let mut pushed = VecDeque::new();
        loop {
            match self.hears().await {
                Heard::Told(told) if told["id"] == id => {
                    pushed.append(&mut self.heard);
                    self.heard = pushed;
                    return told;
                }
                Heard::Told(told) => pushed.push_back(told),
                end => panic!("{what} was answered by {end:?}"),
            }
        }
    }

    pub async fn subscribes(&mut self, channel: &str) -> Value {
        let answer = self.asks("subscribe", json!({ "channel": channel })).await;
        assert!(answer["subscribe"].is_object(), "{answer}");
        answer["subscribe"].clone()
    }

    /// The code with which a subscribe is refused.
    pub async fn is_refused(&mut self, channel: &str) -> u64 {
        let answer = self.asks("subscribe", json!({ "channel": channel })).await;
        answer["error"]["code"].as_u64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// Waits for a ping.
    pub async fn is_pinged(&mut self) {
        while let Some(told) = self.next().await {
            if told == json!({}) {
                return;
            }
        }
        panic!("the connection ended");
    }

    /// What comes next, pings too; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(told) = self.heard.pop_front() {
                return Some(told);
            }
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
                    self.heard.extend(lines.collect::<Vec<Value>>());
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// What comes next.
    pub async fn hears(&mut self) -> Heard {
        loop {
            if let Some(told) = self.heard.pop_front() {
                if told != json!({}) {
                    return Heard::Told(told);
                }
                if self.answers_pings {
                    self.says("{}").await;
                }
                continue;
            }
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
                    self.heard.extend(lines.collect::<Vec<Value>>());
                }
                Some(Ok(Message::Close(Some(frame)))) => return Heard::Closed(frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Cut,
            }
        }
    }

    /// The next push that is meant: its `pub.data`, or another kind of push as it is.
    pub async fn hears_of(&mut self, is_meant: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.hears().await {
                Heard::Told(told) => {
                    let push = &told["push"];
                    let data = if push["pub"].is_object() { &push["pub"]["data"] } else { push };
                    if is_meant(data) {
                        return data.clone();
                    }
                }
                end => panic!("the connection ended: {end:?}"),
            }
        }
    }

    /// The next event of the log.
    pub async fn hears_event(&mut self) -> Value {
        self.hears_of(|data| data["seq"].is_u64()).await
    }

    /// How the connection ends.
    pub async fn is_closed(&mut self) -> Heard {
        loop {
            match self.hears().await {
                Heard::Told(_) => {}
                end => return end,
            }
        }
    }
}
