//! Who is live: all cards for those who come, then what changes, once a second.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tallylight_core::broadcast::Snapshot;
use tallylight_core::directory::Directory;
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
/// The most bytes that all cards together have.
const MOST_BYTES: usize = 512 * 1024;
/// How often those who come have it looked at which cards there are.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Under how many addresses the server may be reached at once: cards carry addresses, so each has its own. More are told
/// addresses without a host.
const MOST_BASES: usize = 32;

/// What changed.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CardChange {
    Card { card: Box<BroadcastView> },
    Count { id: Uuid, viewer_count: u32 },
    Gone { id: Uuid },
}

/// The cards under one address.
#[derive(Debug)]
struct Wall {
    topic: TopicId,
    /// All of them, as they were told so many times.
    all: Option<(u64, Bytes)>,
}

#[derive(Debug, Default)]
struct Walls {
    /// The version of the directory that was told last, whole.
    version: Option<u64>,
    /// When somebody who came had it looked at.
    looked: Option<Duration>,
    /// Each card as it was told last.
    told: HashMap<BroadcastId, Snapshot>,
    /// Counts how often something was told.
    times: u64,
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

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// All there is.
    Whole,
    /// Which cards there are: counts are told once a second and no oftener.
    Cards,
}

impl Cards {
    /// Gives somebody all cards as they were told to everybody, and from then on what changes.
    pub fn subscribe(
        &self,
        (directory, now): (&Directory, Duration),
        hub: &Hub<Session>,
        door: &mut Door<'_>,
    ) -> Result<(), Refusal> {
        let mut walls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !walls.is_heard() {
            walls.tell(directory, hub, Look::Whole);
        } else if walls.looked.is_none_or(|looked| now.saturating_sub(looked) >= LOOK_INTERVAL) {
            walls.looked = Some(now);
            walls.tell(directory, hub, Look::Cards);
        }
        let base = walls.base_for(door.base());
        let Walls { told, times, by_base, .. } = &mut *walls;
        let new = || Wall { topic: hub.topic("directory"), all: None };
        let wall = by_base.entry(base.clone()).or_insert_with(new);
        let data = wall.all((told, *times), &base);
        door.accept(&wall.topic, SubscribeResult { data, ..SubscribeResult::default() }, None);
        Ok(())
    }

    /// Tells what changed since the last call, if anybody listens.
    pub fn tell(&self, directory: &Directory, hub: &Hub<Session>) {
        let mut walls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if walls.is_heard() {
            walls.tell(directory, hub, Look::Whole);
        }
    }
}

impl Walls {
    fn is_heard(&self) -> bool {
        self.by_base.values().any(|wall| wall.topic.listeners() > 0)
    }

    /// The address under which somebody is told: their own, or none where there are too many already.
    fn base_for(&mut self, base: Arc<str>) -> Arc<str> {
        self.by_base.retain(|of, wall| *of == base || wall.topic.listeners() > 0);
        let is_known = self.by_base.contains_key(&base);
        if is_known || self.by_base.len() < MOST_BASES { base } else { Arc::default() }
    }

    fn tell(&mut self, directory: &Directory, hub: &Hub<Session>, look: Look) {
        // Read before the directory, so that a change meanwhile is told the next time.
        let version = Some(directory.version());
        if version == self.version {
            return;
        }
        if look == Look::Whole {
            self.version = version;
        }
        let news = self.news(directory, look);
        if news.is_empty() {
            return;
        }
        self.times += 1;
        for (base, wall) in &self.by_base {
            if wall.topic.listeners() > 0 {
                let base = base_of(base);
                hub.publish(&wall.topic, news.iter().map(|news| news.item(&wall.topic, &base)).collect());
            }
        }
    }

    fn news(&mut self, directory: &Directory, look: Look) -> Vec<News> {
        let mut news = Vec::new();
        let mut before = std::mem::take(&mut self.told);
        for item in directory.all().into_iter().filter(|item| !item.is_private()) {
            let known = before.remove(&item.id).filter(|told| told.revision == item.revision);
            let is_counted = known.as_ref().is_some_and(|told| told.viewer_count() == item.viewer_count());
            let told = match known {
                Some(told) if is_counted || look == Look::Cards => told,
                Some(_) => {
                    news.push(News::Count(item.clone()));
                    item
                }
                None => {
                    news.push(News::Whole(item.clone()));
                    item
                }
            };
            self.told.insert(told.id, told);
        }
        news.extend(before.into_keys().filter(|id| !self.told.contains_key(id)).map(News::Gone));
        news
    }
}

impl Wall {
    fn all(&mut self, (told, times): (&HashMap<BroadcastId, Snapshot>, u64), base: &str) -> Bytes {
        if let Some((of, all)) = &self.all
            && *of == times
        {
            return all.clone();
        }
        let mut items: Vec<&Snapshot> = told.values().collect();
        items.sort_unstable_by_key(|item| (Reverse(item.viewer_count()), item.id));
        let base = base_of(base);
        let mut bytes = 0;
        let views = items.iter().take(MOST_CARDS).map(|item| json(&BroadcastView::public(item, &base)));
        let fitting = views.take_while(|view| {
            bytes += view.len();
            bytes <= MOST_BYTES
        });
        let cards = fitting.collect::<Vec<Bytes>>().join(&b',');
        let total = format!("],\"total\":{}}}", items.len());
        let all = Bytes::from([b"{\"cards\":[", &cards[..], total.as_bytes()].concat());
        self.all = Some((times, all.clone()));
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
