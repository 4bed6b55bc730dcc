//! People who join and leave, and remember outside what they were answered.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tallylight_core::event::{Event, EventQuery};
use tallylight_core::ids::BroadcastId;
use tallylight_core::store::{BroadcastStore, SessionStore};
use tallylight_store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Nobody waits longer for an answer; what takes longer is no answer.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// What one of them was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ack {
    Joined(String),
    Left(String),
}

/// Writers at work.
pub struct Crowd {
    writers: JoinSet<Vec<Ack>>,
    count: watch::Receiver<usize>,
    goes_on: Arc<AtomicBool>,
}

impl Crowd {
    /// So many of them, on one show.
    pub fn gather(size: usize, base: &str, show: &str) -> Self {
        let (told, count) = watch::channel(0);
        let (told, goes_on) = (Arc::new(told), Arc::new(AtomicBool::new(true)));
        let mut writers = JoinSet::new();
        for _ in 0..size {
            let url = format!("{base}/api/broadcasts/{show}");
            let writer = Writer { http: client(), url, told: told.clone(), acks: Vec::new() };
            writers.spawn(writer.work(goes_on.clone()));
        }
        Self { writers, count, goes_on }
    }

    /// Waits until so many more were acknowledged.
    pub async fn has_more(&mut self, acks: usize) {
        let enough = *self.count.borrow_and_update() + acks;
        self.count.wait_for(|count| *count >= enough).await.unwrap();
    }

    /// Stops them; what they remember.
    pub async fn stops(self) -> Memories {
        self.goes_on.store(false, Ordering::Relaxed);
        Memories(self.writers.join_all().await.into_iter().flatten().collect())
    }
}

/// What a crowd was answered.
pub struct Memories(Vec<Ack>);

impl Memories {
    /// Compares them with the log.
    pub async fn agree_with(self, store: &Store, show: &str) {
        let id: BroadcastId = show.parse().unwrap();
        let log = Log::read(store, id).await;
        for ack in &self.0 {
            match ack {
                Ack::Joined(viewer) => assert!(log.joined.contains(viewer), "lost: {ack:?}"),
                Ack::Left(viewer) => assert!(log.left.contains(viewer), "lost: {ack:?}"),
            }
        }
        let counts = store.broadcast(id).await.unwrap().unwrap().counts;
        assert_eq!(
            counts.viewers as usize,
            log.joined.len() - log.left.len(),
            "the count is what the log adds up to"
        );
        assert_eq!(counts.seq, log.length);
        println!("{} acknowledged, {} logged", self.0.len(), log.length);
    }
}

/// A log without a gap or a double, read to its end.
struct Log {
    joined: HashSet<String>,
    left: HashSet<String>,
    length: u64,
}

impl Log {
    async fn read(store: &Store, show: BroadcastId) -> Self {
        let mut log = Self { joined: HashSet::new(), left: HashSet::new(), length: 0 };
        let mut there = HashMap::<String, bool>::new();
        loop {
            let events = store.events(show, &EventQuery::after(log.length, 10_000)).await.unwrap().events;
            if events.is_empty() {
                return log;
            }
            for event in events {
                assert_eq!(event.seq, log.length + 1, "a gap or a double");
                log.length = event.seq;
                log.note(&event, &mut there);
            }
        }
    }

    fn note(&mut self, event: &Event, there: &mut HashMap<String, bool>) {
        let viewer = event.data["viewer_id"].as_str().unwrap_or_default().to_owned();
        match event.kind.as_str() {
            "viewer.joined" => {
                assert_eq!(there.insert(viewer.clone(), true), None, "{viewer} joined twice");
                self.joined.insert(viewer);
            }
            "viewer.left" => {
                assert_eq!(
                    there.insert(viewer.clone(), false),
                    Some(true),
                    "{viewer} left without being there"
                );
                self.left.insert(viewer);
            }
            _ => {}
        }
    }
}

/// A client that gives up as people do.
pub fn client() -> Client {
    Client::builder().timeout(PATIENCE).build().unwrap()
}

struct Writer {
    http: Client,
    url: String,
    told: Arc<watch::Sender<usize>>,
    acks: Vec<Ack>,
}

impl Writer {
    /// Joins and leaves, over and over; every third one stays.
    async fn work(mut self, goes_on: Arc<AtomicBool>) -> Vec<Ack> {
        let mut turns = 0;
        while goes_on.load(Ordering::Relaxed) {
            turns += 1;
            let Some(joined) = self.post("join", json!({}), 200).await else { continue };
            let viewer = joined["viewer_id"].as_str().unwrap().to_owned();
            self.remember(Ack::Joined(viewer.clone()));
            let token = json!({ "viewer_token": joined["viewer_token"] });
            if turns % 3 != 0 && self.post("leave", token, 204).await.is_some() {
                self.remember(Ack::Left(viewer));
            }
        }
        self.acks
    }

    fn remember(&mut self, ack: Ack) {
        self.acks.push(ack);
        self.told.send_modify(|count| *count += 1);
    }

    /// The answer, if it is the one that acknowledges. A server that is there says 503 when it cannot.
    async fn post(&self, what: &str, body: Value, good: u16) -> Option<Value> {
        let sent = self.http.post(format!("{}/{what}", self.url)).json(&body).send().await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                assert!(!error.is_timeout(), "no answer within {PATIENCE:?}");
                // Nobody is there: the next try must not keep a machine busy.
                tokio::task::yield_now().await;
                return None;
            }
        };
        let status = response.status().as_u16();
        assert!(status == good || status == 503, "{what}: {status} {}", response.text().await.unwrap());
        if status == 503 {
            assert!(response.headers().contains_key("retry-after"));
            return None;
        }
        let text = response.text().await.ok()?;
        Some(serde_json::from_str(&text).unwrap_or_default())
    }
}
