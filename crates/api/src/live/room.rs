//! One session as it is told: how far its log has been told, what was told lately, and what people said.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tallylight_core::broadcast::{Broadcast, Snapshot};
use tallylight_core::clock::Time;
use tallylight_core::event::{Event, EventType};
use tallylight_core::ids::BroadcastId;
use tallylight_realtime::client::Session;
use tallylight_realtime::history::{History, MAX_RECOVERED};
use tallylight_realtime::protocol::{Publication, SubscribeRequest, SubscribeResult};
use tallylight_realtime::{Hub, Item, Key, TopicId};

use super::json;
use crate::views::SessionView;
use crate::views::log::EventView;

/// How many messages are given to whoever comes.
pub const MESSAGES: usize = 50;

/// Of whom something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What everybody may know.
    Public,
    /// All of it.
    Owner,
}

/// A session that somebody follows.
#[derive(Debug)]
pub struct Room {
    pub id: BroadcastId,
    pub epoch: String,
    public: TopicId,
    owner: TopicId,
    state: Mutex<State>,
    /// Whose turn it is to read the log onwards.
    pub reading: tokio::sync::Mutex<()>,
    /// Whose turn it is to read what was before.
    pub recovering: tokio::sync::Mutex<()>,
    is_due: AtomicBool,
}

/// See [`Room`].
#[derive(Debug)]
pub struct State {
    /// The session as it was last seen.
    pub snapshot: Snapshot,
    /// Whether it was removed.
    pub is_gone: bool,
    /// Whether it was private when the rights of those who listen were looked at last.
    pub was_private: bool,
    /// Whether nobody is let in any more: it is being forgotten.
    pub is_closed: bool,
    /// The log is told up to here.
    pub last: u64,
    public: History,
    owner: History,
    messages: VecDeque<Message>,
    /// How many messages were deleted while it was followed.
    pub deletions: u64,
    /// As they were told last; `None`: they were told otherwise to somebody since.
    counted: Option<Counted>,
    unheard_since: Option<Duration>,
}

#[derive(Debug)]
struct Message {
    seq: u64,
    view: Bytes,
}

/// Numbers as they were told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "count")]
struct Counted {
    viewer_count: u32,
    viewers: u32,
    reported_viewers: u32,
    peak_viewers: u32,
}

/// As [`Counted`], for everybody.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "count")]
struct PublicCount {
    viewer_count: u32,
    peak_viewers: u32,
}

impl Counted {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            viewer_count: snapshot.viewer_count(),
            viewers: snapshot.counts.viewers,
            reported_viewers: snapshot.reported_viewers,
            peak_viewers: snapshot.counts.peak,
        }
    }
}

/// What was read of a log onwards.
#[derive(Debug)]
pub struct Reading {
    pub events: Vec<Event>,
    /// How far it was read.
    pub to: u64,
    /// Whether what viewers do was read too.
    pub with_viewers: bool,
}

/// How a subscription begins.
#[derive(Debug)]
pub enum Beginning {
    /// With this.
    Ready(Box<SubscribeResult>),
    /// What was missed up to this position has to be read first.
    Missed { up_to: u64 },
}

impl Room {
    /// A session whose log is followed from its `last` event on; the messages so far, the newest first.
    pub fn new(hub: &Hub<Session>, snapshot: Snapshot, messages: Vec<Event>) -> Self {
        let (id, last, owner) = (snapshot.id, snapshot.counts.seq, snapshot.owner);
        let message = |event: Event| {
            let seq = event.seq;
            EventView::public(event, owner).map(|view| Message { seq, view: json(&view) })
        };
        let state = State {
            is_gone: false,
            was_private: snapshot.is_private(),
            is_closed: false,
            last,
            public: History::new(last),
            owner: History::new(last),
            messages: messages.into_iter().rev().filter_map(message).collect(),
            deletions: 0,
            counted: Some(Counted::of(&snapshot)),
            unheard_since: None,
            snapshot,
        };
        Self {
            id,
            epoch: state.snapshot.epoch.to_string(),
            public: hub.topic(&format!("session:{id}")),
            owner: hub.topic(&format!("owner:{id}")),
            state: Mutex::new(state),
            reading: tokio::sync::Mutex::default(),
            recovering: tokio::sync::Mutex::default(),
            is_due: AtomicBool::new(false),
        }
    }

    /// The topic of a side.
    pub fn topic(&self, side: Side) -> &TopicId {
        match side {
            Side::Public => &self.public,
            Side::Owner => &self.owner,
        }
    }

    /// Notes that its log has grown; false if that is noted already.
    pub fn is_now_due(&self) -> bool {
        !self.is_due.swap(true, Ordering::AcqRel)
    }

    /// Its log is about to be read: what comes from now on makes it due again.
    pub fn begin_reading(&self) {
        self.is_due.store(false, Ordering::Release);
    }

    /// The state, to be told of to whoever comes before anything else is told.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the owner listens, who hears what viewers do.
    pub fn is_owner_there(&self) -> bool {
        self.owner.listeners() > 0
    }

    /// Tells what was read. False: what viewers do has to be read too.
    pub fn tell(&self, hub: &Hub<Session>, reading: Reading) -> bool {
        let mut state = self.lock();
        if !reading.with_viewers && self.is_owner_there() {
            return false;
        }
        let last = state.last;
        let owner = state.snapshot.owner;
        let (mut public, mut whole) = (Vec::new(), Vec::new());
        for event in reading.events.into_iter().filter(|event| event.seq > last) {
            state.remember(&event);
            let offset = event.seq;
            let publication = |view: &EventView| Publication { data: json(view), offset };
            if reading.with_viewers {
                whole.push(publication(&EventView::from(event.clone())));
            }
            public.extend(EventView::public(event, owner).as_ref().map(publication));
        }
        state.last = last.max(reading.to);
        public.iter().for_each(|publication| state.public.push(publication.clone()));
        if reading.with_viewers {
            whole.iter().for_each(|publication| state.owner.push(publication.clone()));
        } else {
            state.owner = History::new(state.last);
        }
        let item = |publication| Item { key: None, publication };
        for (topic, publications) in [(&self.public, public), (&self.owner, whole)] {
            if !publications.is_empty() {
                hub.publish(topic, publications.into_iter().map(item).collect());
            }
        }
        true
    }

    /// Tells the counts, if they have changed.
    pub fn tell_counts(&self, hub: &Hub<Session>) {
        let mut state = self.lock();
        let now = Counted::of(&state.snapshot);
        if state.counted == Some(now) {
            return;
        }
        state.counted = Some(now);
        let public = PublicCount { viewer_count: now.viewer_count, peak_viewers: now.peak_viewers };
        for (topic, data) in [(&self.public, json(&public)), (&self.owner, json(&now))] {
            let key = Some(Key::Count(topic.key(self.id.0.as_u64_pair().1)));
            hub.publish(topic, vec![Item { key, publication: Publication { data, offset: 0 } }]);
        }
    }

    /// Whether nobody has listened for so long.
    pub fn is_unheard(&self, now: Duration, most: Duration) -> bool {
        let mut state = self.lock();
        if self.public.listeners() + self.owner.listeners() > 0 {
            state.unheard_since = None;
            return false;
        }
        let since = *state.unheard_since.get_or_insert(now);
        state.is_closed = now.saturating_sub(since) >= most;
        state.is_closed
    }
}

impl State {
    /// The broadcast as it was last seen; `None` once it was removed.
    pub fn broadcast(&self) -> Option<&Arc<Broadcast>> {
        (!self.is_gone).then_some(&self.snapshot.broadcast)
    }

    /// Whether everything after a position is in memory.
    pub fn remembers(&self, side: Side, position: u64) -> bool {
        let history = match side {
            Side::Public => &self.public,
            Side::Owner => &self.owner,
        };
        position >= history.complete_after()
    }

    /// How a subscription begins, with what was `read` of what was missed up to a position.
    pub fn begin(
        &mut self,
        side: Side,
        request: &SubscribeRequest,
        (epoch, now): (&str, Time),
        read: Option<Missed>,
    ) -> Beginning {
        let asked = request.recover.then_some(request.offset);
        let same_log = request.epoch.is_empty() || request.epoch == epoch;
        let from = asked.filter(|offset| same_log && *offset <= self.last);
        let history = match side {
            Side::Public => &mut self.public,
            Side::Owner => &mut self.owner,
        };
        let mut result = SubscribeResult {
            recoverable: true,
            positioned: true,
            epoch: epoch.to_owned(),
            was_recovering: request.recover,
            ..SubscribeResult::default()
        };
        if let Some(from) = from {
            let up_to = history.complete_after();
            let missed = match (history.after(from), read) {
                (Some(missed), _) => Some(missed),
                (None, Some(read)) if read.up_to >= up_to && read.deletions == self.deletions => {
                    read.join(history)
                }
                (None, Some(_) | None) => return Beginning::Missed { up_to },
            };
            if let Some(missed) = missed.filter(|missed| missed.len() <= MAX_RECOVERED) {
                result.data = self.state(now, false);
                // The client moves on from there by each publication.
                result.offset = from;
                result.recovered = true;
                result.publications = missed;
                return Beginning::Ready(Box::new(result));
            }
        }
        result.data = self.state(now, true);
        result.offset = self.last;
        Beginning::Ready(Box::new(result))
    }

    fn remember(&mut self, event: &Event) {
        if event.kind == EventType::ChatMessage.name() {
            let seq = event.seq;
            let view = EventView::public(event.clone(), self.snapshot.owner);
            self.messages.extend(view.map(|view| Message { seq, view: json(&view) }));
            while self.messages.len() > MESSAGES {
                self.messages.pop_front();
            }
        }
        if event.kind == EventType::ChatDeleted.name()
            && let Some(seq) = event.data.get("message_seq").and_then(serde_json::Value::as_u64)
        {
            self.blank(seq);
        }
    }

    /// Forgets what was said under a number, as the log has.
    fn blank(&mut self, seq: u64) {
        self.deletions += 1;
        self.messages.retain(|message| message.seq != seq);
        for history in [&mut self.public, &mut self.owner] {
            if let Some(view) = history.get(seq).and_then(blanked) {
                history.replace(seq, view);
            }
        }
    }

    fn state(&mut self, now: Time, with_messages: bool) -> Bytes {
        if self.counted != Some(Counted::of(&self.snapshot)) {
            // Whoever comes now is told another count than the others: the next one is told to all.
            self.counted = None;
        }
        let session = json(&SessionView::new(&self.snapshot, now));
        let mut data = [b"{\"session\":", &session[..]].concat();
        if with_messages {
            data.extend(b",\"chat\":[");
            let views: Vec<&[u8]> = self.messages.iter().map(|message| &message.view[..]).collect();
            data.extend(views.join(&b','));
            data.push(b']');
        }
        data.push(b'}');
        data.into()
    }
}

/// What was missed and had to be read.
#[derive(Debug)]
pub struct Missed {
    /// After this position.
    pub after: u64,
    /// Up to this one.
    pub up_to: u64,
    /// How many messages had been deleted before it was read.
    pub deletions: u64,
    /// All of it; `None`: it is too much.
    pub publications: Option<Vec<Publication>>,
}

impl Missed {
    /// All of it, together with what came since; `None`: it is too much.
    fn join(self, history: &mut History) -> Option<Vec<Publication>> {
        let mut missed = self.publications?;
        let up_to = history.complete_after();
        if self.up_to == up_to {
            history.prepend(self.after, missed.clone());
        }
        missed.retain(|publication| publication.offset <= up_to);
        missed.extend(history.after(up_to)?.into_iter().filter(|publication| publication.offset > up_to));
        Some(missed)
    }
}

/// An event whose particulars were taken back.
fn blanked(view: &Bytes) -> Option<Bytes> {
    let mut event: serde_json::Value = serde_json::from_slice(view).ok()?;
    *event.get_mut("data")? = tallylight_core::chat::blank();
    Some(json(&event))
}
