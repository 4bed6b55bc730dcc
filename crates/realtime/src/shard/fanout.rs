//! One publication to many.

use std::time::Duration;

use super::{SWEEP, Shard};
use crate::connection::{Phase, Sent};
use crate::hub::Service;
use crate::topic::{Encoded, Item, TopicId};

impl<V: Service> Shard<V> {
    /// How long the thread may wait for something to happen.
    pub(super) fn patience(&self) -> Duration {
        let due = |number: &u32| {
            let sent = self.topics.get(number).and_then(|topic| topic.sent);
            sent.map_or(Duration::ZERO, |sent| (sent + self.limits.window).saturating_sub(self.now))
        };
        self.pending.iter().map(due).min().unwrap_or(SWEEP).min(SWEEP)
    }

    /// Publishes at once, unless something was published just before: a quiet channel waits for nothing, a busy one
    /// writes to each socket once a window.
    pub(super) fn publish(&mut self, id: TopicId, items: Vec<Item>) {
        let Some(topic) = self.topics.get_mut(&id.number) else { return };
        let is_quiet = topic.sent.is_none_or(|sent| self.now.saturating_sub(sent) >= self.limits.window);
        if topic.pending.is_empty() && !is_quiet {
            self.pending.push(id.number);
        }
        topic.pending.extend(items);
        if is_quiet {
            self.flush_topic(id.number);
        }
    }

    /// Sends what the window held back.
    pub(super) fn flush_due(&mut self) {
        let window = self.limits.window;
        let now = self.now;
        let is_due = |shard: &Self, number: &u32| {
            let sent = shard.topics.get(number).and_then(|topic| topic.sent);
            sent.is_none_or(|sent| now.saturating_sub(sent) >= window)
        };
        let (due, later) = std::mem::take(&mut self.pending).into_iter().partition(|of| is_due(self, of));
        self.pending = later;
        let due: Vec<u32> = due;
        for number in due {
            self.flush_topic(number);
        }
    }

    /// Sends what is published and not sent yet.
    pub(super) fn flush_topic(&mut self, number: u32) {
        let Some(topic) = self.topics.get_mut(&number) else { return };
        if topic.pending.is_empty() {
            return;
        }
        topic.sent = Some(self.now);
        let items = std::mem::take(&mut topic.pending);
        let channel = topic.id.channel().clone();
        // Taken out while it is walked through: who is dropped on the way is taken off it.
        let listeners = std::mem::take(&mut topic.listeners);
        let encoded = Encoded::new(&channel, &items);
        self.hub.figures().sent.add((listeners.len() * items.len()) as u64);
        let mut troubled = Vec::new();
        for place in &listeners {
            if !self.deliver(*place as usize, &encoded) {
                troubled.push(*place as usize);
            }
        }
        if let Some(topic) = self.topics.get_mut(&number) {
            topic.listeners = listeners;
        }
        for place in troubled {
            let is_dead = self.connections.get(place).is_none_or(|connection| connection.backlog.is_none());
            self.settle(place, Some(if is_dead { Sent::Dead } else { Sent::Well }));
        }
    }

    /// Whether all was sent at once.
    fn deliver(&mut self, place: usize, encoded: &Encoded<'_>) -> bool {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(place) else { return true };
        if connection.phase == Phase::Closing {
            return true;
        }
        let form = connection.form;
        match connection.send_or_refuse(encoded.whole(form), now) {
            Ok(true) => connection.backlog.is_none(),
            Ok(false) => {
                for (key, piece) in encoded.pieces(form) {
                    connection.queue(key, piece.clone(), now);
                }
                false
            }
            Err(()) => {
                connection.backlog = None;
                false
            }
        }
    }
}
