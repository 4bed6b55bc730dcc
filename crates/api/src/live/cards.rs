//! Who is live: all cards for those who come, then what changes, once a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use tallylight_core::broadcast::Snapshot;
use tallylight_core::directory::{Directory, Query};
use tallylight_core::ids::BroadcastId;
use tallylight_realtime::client::{Door, Session};
use tallylight_realtime::codes::Refusal;
use tallylight_realtime::protocol::{Publication, SubscribeResult};
use tallylight_realtime::{Hub, Item, Key, TopicId};
use uuid::Uuid;

use super::json;
use crate::extract::Base;
use crate::views::BroadcastView;

/// The most cards that are given at once, the most watched first.
const MOST_CARDS: usize = 1_000;
/// Under how many addresses the server may be reached at once: cards carry addresses, so each has its own.
const MOST_BASES: usize = 32;

/// All cards.
#[derive(Debug, Serialize)]
struct CardList {
    cards: Vec<BroadcastView>,
    /// How many there are in all.
    total: usize,
}

/// What changed.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CardChange {
    Card { card: Box<BroadcastView> },
    Count { id: Uuid, viewer_count: u32 },
    Gone { id: Uuid },
}

/// As what a card was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    revision: i64,
    viewer_count: u32,
}

impl Shown {
    fn of(item: &Snapshot) -> Self {
        Self { revision: item.revision, viewer_count: item.viewer_count() }
    }
}

/// The cards under one address.
#[derive(Debug)]
struct Wall {
    topic: TopicId,
    /// All of them, as of a version of the directory.
    all: Option<(u64, Bytes)>,
}

#[derive(Debug, Default)]
struct Walls {
    version: u64,
    shown: HashMap<BroadcastId, Shown>,
    by_base: HashMap<Arc<str>, Wall>,
}

/// What has been told of who is live.
#[derive(Debug, Default)]
pub struct Cards(Mutex<Walls>);

/// What there is to tell of a card.
enum News {
    Whole(Snapshot),
    Count(Snapshot),
    Gone(BroadcastId),
}

impl Cards {
    /// Gives somebody all cards, and from then on what changes.
    pub fn subscribe(
        &self,
        directory: &Directory,
        hub: &Hub<Session>,
        door: &mut Door<'_>,
    ) -> Result<(), Refusal> {
        let base = door.base();
        let mut walls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walls.by_base.retain(|of, wall| *of == base || wall.topic.listeners() > 0);
        if !walls.by_base.contains_key(&base) && walls.by_base.len() >= MOST_BASES {
            return Err(Refusal::TOO_MANY);
        }
        let wall = walls
            .by_base
            .entry(base.clone())
            .or_insert_with(|| Wall { topic: hub.topic("directory"), all: None });
        let data = wall.all(directory, &base);
        door.accept(&wall.topic, SubscribeResult { data, ..SubscribeResult::default() }, None);
        Ok(())
    }

    /// Tells what changed since the last call.
    pub fn tell(&self, directory: &Directory, hub: &Hub<Session>) {
        let mut walls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Read before the directory, so that a change meanwhile is told the next time.
        let version = directory.version();
        if version == walls.version {
            return;
        }
        walls.version = version;
        let news = walls.news(directory);
        for (base, wall) in &walls.by_base {
            if wall.topic.listeners() > 0 && !news.is_empty() {
                let base = base_of(base);
                hub.publish(&wall.topic, news.iter().map(|news| news.item(&wall.topic, &base)).collect());
            }
        }
    }
}

impl Walls {
    fn news(&mut self, directory: &Directory) -> Vec<News> {
        let mut news = Vec::new();
        let mut before = std::mem::take(&mut self.shown);
        for item in directory.all().into_iter().filter(|item| !item.is_private()) {
            let (id, now) = (item.id, Shown::of(&item));
            match before.remove(&id) {
                Some(shown) if shown == now => {}
                Some(shown) if shown.revision == now.revision => news.push(News::Count(item)),
                _ => news.push(News::Whole(item)),
            }
            self.shown.insert(id, now);
        }
        news.extend(before.into_keys().map(News::Gone));
        news
    }
}

impl Wall {
    fn all(&mut self, directory: &Directory, base: &str) -> Bytes {
        let version = directory.version();
        if let Some((of, all)) = &self.all
            && *of == version
        {
            return all.clone();
        }
        let ids = directory.ranked(&Query::default());
        let (items, _) = directory.pick(&ids, Query::default().scope, MOST_CARDS);
        let base = base_of(base);
        let cards = items.iter().map(|item| BroadcastView::public(item, &base)).collect();
        let all = json(&CardList { cards, total: ids.len() });
        self.all = Some((version, all.clone()));
        all
    }
}

/// Views need no host: that is for where encoders publish to.
fn base_of(url: &str) -> Base {
    Base { url: url.to_owned(), host: String::new() }
}

impl News {
    fn item(&self, topic: &TopicId, base: &Base) -> Item {
        let (key, change): (fn(u64) -> Key, _) = match self {
            Self::Whole(item) => {
                (Key::Whole, CardChange::Card { card: Box::new(BroadcastView::public(item, base)) })
            }
            Self::Count(item) => {
                (Key::Count, CardChange::Count { id: item.id.0, viewer_count: item.viewer_count() })
            }
            Self::Gone(id) => (Key::Whole, CardChange::Gone { id: id.0 }),
        };
        let id = match self {
            Self::Whole(item) | Self::Count(item) => item.id,
            Self::Gone(id) => *id,
        };
        let publication = Publication { data: json(&change), offset: 0 };
        Item { key: Some(key(topic.key(id.0.as_u64_pair().1))), publication }
    }
}
