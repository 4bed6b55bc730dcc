//! Clients behind a gate, over real sockets.

#![allow(clippy::unwrap_used, reason = "a harness fails by panicking")]

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tallylight_core::Caller;
use tallylight_core::clock::{Clock, SystemClock};
use tallylight_core::ids::{BroadcastId, ViewerId};
use tallylight_realtime::client::{Clients, Door, Gate, Session, Unwelcome, Welcome};
use tallylight_realtime::codes::{Close, Refusal};
use tallylight_realtime::protocol::{Form, Publication, PublishRequest, SubscribeRequest, SubscribeResult};
use tallylight_realtime::{Bound, ConnectionId, Entry, Hub, Item, Limits, TopicId, Turn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OnceCell};

const LONG: Duration = Duration::from_secs(600);
/// Whom every subscription keeps alive that has a token.
const VIEWER: Bound =
    Bound { session: BroadcastId(uuid::Uuid::from_u128(1)), viewer: ViewerId(uuid::Uuid::from_u128(2)) };

/// Limits under which nothing happens by itself.
pub fn limits() -> Limits {
    Limits {
        max_connections: 10,
        max_message: 64 * 1024,
        max_backlog: 64 * 1024,
        write_timeout: LONG,
        connect_timeout: LONG,
        ping_interval: LONG,
        viewer_ping_interval: LONG,
        pong_timeout: LONG,
        window: Duration::ZERO,
    }
}

/// Decides as it is told to. Clients are known by the address under which they reach the server.
#[derive(Default)]
pub struct Porter {
    news: OnceCell<TopicId>,
    unwanted: Mutex<HashSet<String>>,
    is_closed: Mutex<bool>,
    alive: Mutex<usize>,
    /// Told when somebody speaks, whose turn ends once `go_on` is.
    pub speaks: Notify,
    pub go_on: Notify,
}

impl Porter {
    /// From now on somebody may not be here.
    pub fn bars(&self, name: &str) {
        self.unwanted.lock().unwrap().insert(name.to_owned());
    }

    /// Whether nobody may hear the news.
    pub fn closes(&self, is_closed: bool) {
        *self.is_closed.lock().unwrap() = is_closed;
    }

    /// How often a viewer showed that it is there since this was asked last.
    pub fn signs_of_life(&self) -> usize {
        std::mem::take(&mut *self.alive.lock().unwrap())
    }
}

#[async_trait]
impl Gate for Porter {
    fn welcome(&self, _: &str) -> Result<Welcome, Unwelcome> {
        Ok(Welcome { caller: Caller::Anonymous, ttl: None })
    }

    async fn subscribe(&self, request: &SubscribeRequest, door: &mut Door<'_>) -> Result<(), Refusal> {
        let bound = (!request.token.is_empty()).then_some(VIEWER);
        door.accept(self.news.get().unwrap(), SubscribeResult::default(), bound);
        Ok(())
    }

    async fn publish(&self, _: &Session, _: PublishRequest) -> Result<(), Refusal> {
        self.speaks.notify_one();
        self.go_on.notified().await;
        Ok(())
    }

    fn standing(&self, session: &Session) -> Option<Close> {
        self.unwanted.lock().unwrap().contains(&*session.base).then_some(Close::FORCED)
    }

    fn may_stay(&self, _: &Session, _: &str) -> bool {
        !*self.is_closed.lock().unwrap()
    }

    fn is_alive(&self, _: Bound, _: Duration) {
        *self.alive.lock().unwrap() += 1;
    }

    async fn is_lost(&self, _: Bound, _: Duration) {}

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// Connections with a channel `news`.
pub struct House {
    pub porter: Arc<Porter>,
    pub hub: Hub<Session>,
    clients: Arc<Clients<Porter>>,
}

impl House {
    pub fn opens(limits: Limits) -> Self {
        let porter = Arc::new(Porter::default());
        let clients = Arc::new(Clients::new(porter.clone(), Handle::current(), "test", LONG));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let hub = Hub::start(&clients, limits, clock).unwrap();
        porter.news.set(hub.topic("news")).unwrap();
        Self { porter, hub, clients }
    }

    pub fn news(&self) -> &TopicId {
        self.porter.news.get().unwrap()
    }

    /// Publishes.
    pub fn tells(&self, what: &str) {
        let data = Bytes::from(json!(what).to_string());
        self.hub.publish(self.news(), vec![Item { key: None, publication: Publication { data, offset: 0 } }]);
    }

    /// Somebody comes, and has not said a word.
    pub fn receives(&self, name: &str) -> Client {
        let (client, socket) = socket();
        let session = Some(Box::new(Session::new(name.into(), None)));
        self.hub.enter(Entry { socket, form: Form::Json, session, received: Bytes::new() });
        client
    }

    /// Somebody comes, connects and hears the news; one who watches is kept alive by it.
    pub async fn welcomes(&self, name: &str, watches: bool) -> Client {
        let mut client = self.receives(name);
        client.asks("connect", json!({})).await;
        client.hears_news(watches).await;
        client
    }

    /// Somebody comes who only listens.
    pub fn streams_to(&self, name: &str) -> UnixStream {
        let (client, socket) = socket();
        let entry = Entry { socket, form: Form::Events, session: None, received: Bytes::new() };
        let id: ConnectionId = self.hub.enter(entry);
        let session = Box::new(Session::new(name.into(), None));
        let turn = Turn::new(self.hub.clone(), id, Form::Events, session);
        let request = SubscribeRequest { channel: "news".into(), ..SubscribeRequest::default() };
        let welcome = Welcome { caller: Caller::Anonymous, ttl: None };
        let clients = self.clients.clone();
        tokio::spawn(async move { clients.listen(turn, welcome, vec![request]).await });
        client.socket
    }
}

/// A client's end of a connection, and the server's.
pub fn socket() -> (Client, std::os::fd::OwnedFd) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let socket = UnixStream::from_std(ours).unwrap();
    (Client { socket, asked: 0, heard: VecDeque::new(), is_pinged: false }, theirs.into())
}

/// Somebody who is connected.
pub struct Client {
    pub socket: UnixStream,
    asked: u32,
    heard: VecDeque<Value>,
    is_pinged: bool,
}

/// What a client hears.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Told(Value),
    Closed(u16),
}

impl Client {
    pub async fn says(&mut self, what: &Value) {
        let text = what.to_string();
        // Masked, as a client's frames must be, by zeros.
        let mut bytes = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        bytes.extend(text.as_bytes());
        self.socket.write_all(&bytes).await.unwrap();
    }

    /// Gives a command, and waits for its answer.
    pub async fn asks(&mut self, what: &str, fields: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.says(&json!({ "id": id, what: fields })).await;
        self.is_answered(id).await
    }

    async fn is_answered(&mut self, id: u32) -> Value {
        loop {
            match self.reads().await {
                Heard::Told(told) if told["id"] == id => return told,
                Heard::Told(told) => self.heard.push_back(told),
                end @ Heard::Closed(_) => panic!("{end:?}"),
            }
        }
    }

    /// Gives a command whose answer is heard like anything else.
    pub async fn demands(&mut self, what: &str, fields: Value) -> u32 {
        self.asked += 1;
        self.says(&json!({ "id": self.asked, what: fields })).await;
        self.asked
    }

    pub async fn hears_news(&mut self, watches: bool) {
        let token = if watches { "watching" } else { "" };
        let answer = self.asks("subscribe", json!({ "channel": "news", "token": token })).await;
        assert!(answer["subscribe"].is_object(), "{answer}");
    }

    /// What comes next, but for pings.
    pub async fn hears(&mut self) -> Heard {
        match self.heard.pop_front() {
            Some(told) => Heard::Told(told),
            None => self.reads().await,
        }
    }

    /// Waits for a ping and answers it, and for that to be taken in.
    pub async fn answers_a_ping(&mut self) {
        while !self.is_pinged {
            let Heard::Told(told) = self.read().await else { panic!("the connection ended") };
            self.heard.extend((told != json!({})).then_some(told));
        }
        self.is_pinged = false;
        self.says(&json!({})).await;
        self.asks("unsubscribe", json!({ "channel": "none" })).await;
    }

    async fn reads(&mut self) -> Heard {
        loop {
            match self.read().await {
                Heard::Told(told) if told == json!({}) => {}
                heard => return heard,
            }
        }
    }

    /// The next frame.
    async fn read(&mut self) -> Heard {
        let first = self.socket.read_u8().await.unwrap();
        let length = match self.socket.read_u8().await.unwrap() {
            126 => usize::from(self.socket.read_u16().await.unwrap()),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.socket.read_exact(&mut payload).await.unwrap();
        if first == 0x88 {
            return Heard::Closed(u16::from_be_bytes([payload[0], payload[1]]));
        }
        let told = serde_json::from_slice(&payload).unwrap();
        self.is_pinged |= told == json!({});
        Heard::Told(told)
    }
}
