//! Who begins to hear a topic, and who ends.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{Shard, spread};
use crate::codes::Unsubscribe;
use crate::connection::{Bound, ConnectionId};
use crate::hub::Service;
use crate::topic::{Topic, TopicId};

impl<V: Service> Shard<V> {
    pub(super) fn attach(&mut self, id: ConnectionId, topic: TopicId, answer: &Bytes, bound: Option<Bound>) {
        let Some(place) = self.places.get(&id).copied() else {
            topic.listeners.fetch_sub(1, Ordering::Relaxed);
            return;
        };
        // What is in the answer must not come again.
        self.flush_topic(topic.number);
        let number = topic.number;
        let known = self.topics.entry(number).or_insert_with(|| Topic::new(topic));
        if let Some(connection) = self.connections.get_mut(place) {
            let at = u32::try_from(known.listeners.len()).unwrap_or(u32::MAX);
            known.listeners.push(u32::try_from(place).unwrap_or(u32::MAX));
            // As a rule it stays the only one: room for four would be most of what a connection takes.
            connection.topics.reserve_exact(1);
            connection.topics.push((number, at));
            if let Some(bound) = bound {
                let first = self.now + spread(connection.id, self.limits.viewer_ping_interval);
                connection.due = connection.due.min(first);
                connection.bound.reserve_exact(1);
                connection.bound.push(bound);
            }
        }
        self.send_answer(place, answer);
    }

    pub(super) fn detach(&mut self, place: usize, topic: &TopicId, bound: Option<Bound>) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let Some(index) = connection.topics.iter().position(|(number, _)| *number == topic.number) else {
            return;
        };
        let (number, at) = connection.topics.swap_remove(index);
        if let Some(bound) = bound
            && let Some(index) = connection.bound.iter().position(|known| *known == bound)
        {
            connection.bound.swap_remove(index);
        }
        self.unlist(number, at);
    }

    /// Takes a listener off a topic; the last one takes its place.
    pub(super) fn unlist(&mut self, number: u32, at: u32) {
        let Some(topic) = self.topics.get_mut(&number) else { return };
        topic.id.listeners.fetch_sub(1, Ordering::Relaxed);
        topic.listeners.swap_remove(at as usize);
        if let Some(moved) = topic.listeners.get(at as usize)
            && let Some(connection) = self.connections.get_mut(*moved as usize)
            && let Some(entry) = connection.topics.iter_mut().find(|(of, _)| *of == number)
        {
            entry.1 = at;
        }
        if topic.listeners.is_empty() {
            self.topics.remove(&number);
        }
    }

    /// Looks whether those who hear a topic may.
    pub(super) fn check(&mut self, topic: &TopicId) {
        let listeners = self.topics.get(&topic.number).map(|topic| topic.listeners.clone());
        for place in listeners.unwrap_or_default() {
            self.check_at(place as usize, topic);
        }
    }

    fn check_at(&mut self, place: usize, topic: &TopicId) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        match connection.session.as_deref() {
            None => connection.is_to_be_reviewed = true,
            Some(session) if self.service.may_stay(session, topic.channel()) => {}
            Some(_) => self.take_away(place, topic, Unsubscribe::GONE),
        }
    }

    /// Looks whether all may be there.
    pub(super) fn review(&mut self) {
        let places: Vec<usize> = self.connections.iter().map(|(place, _)| place).collect();
        for place in places {
            self.review_at(place);
        }
    }

    /// Looks whether a client may be there, and hear what it hears.
    pub(super) fn review_at(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let Some(session) = connection.session.as_deref() else {
            connection.is_to_be_reviewed = true;
            return;
        };
        if let Some(why) = self.service.standing(session) {
            return self.close(place, why);
        }
        let topic = |(number, _): &(u32, u32)| self.topics.get(number).map(|topic| topic.id.clone());
        let topics: Vec<TopicId> = connection.topics.iter().filter_map(topic).collect();
        for topic in topics {
            self.check_at(place, &topic);
        }
    }

    fn take_away(&mut self, place: usize, topic: &TopicId, why: Unsubscribe) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let session = connection.session.as_deref_mut();
        let bound = session.and_then(|session| self.service.has_left(session, topic.channel()));
        let push = connection.form.unsubscribe(topic.channel(), why);
        // Before the push: a client that subscribes anew must not be subscribed.
        self.detach(place, topic, bound);
        self.send(place, &push);
    }
}
