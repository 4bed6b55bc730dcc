//! The thread that owns the sockets of live connections.
//!
//! Whatever is published is encoded once and written to one socket after the other: no task is woken for a client and
//! message, and nothing is copied. The kernel says which sockets have something to read; who is idle costs nothing but
//! its place.

mod fanout;
mod listening;
mod reading;
mod time;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use slab::Slab;
use tallylight_core::clock::Clock;

use crate::codes::Close;
use crate::connection::{Connection, ConnectionId, Phase, Sent};
use crate::frame::Reader;
use crate::hub::{Entry, Hub, Inbox, Limits, Order, Service};
use crate::poll::{Interest, Poll, Ready, WAKER};
use crate::protocol::Form;
use crate::topic::Topic;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// How often it is looked whose time is over.
const SWEEP: Duration = Duration::from_millis(250);
/// How long a client may take to close after it was told to.
const LINGER: Duration = Duration::from_secs(3);
/// How long nothing is done after waiting has failed: what is broken stays so for a while, and would be logged without
/// end.
const PAUSE: Duration = Duration::from_millis(100);
/// How long an answer to a ping may still take after the message before it was answered.
const ANSWER_READ: Duration = Duration::from_secs(1);

/// Where the thread's things come from.
type Parts<S> = (Poll, Arc<Inbox<S>>, Arc<dyn Clock>, Arc<AtomicU32>);

/// All that the thread knows.
pub struct Shard<V: Service> {
    hub: Hub<V::Session>,
    service: Arc<V>,
    poll: Poll,
    inbox: Arc<Inbox<V::Session>>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    connections: Slab<Connection<V::Session>>,
    places: HashMap<ConnectionId, usize>,
    open: Arc<AtomicU32>,
    topics: HashMap<u32, Topic>,
    /// Topics with something that is to be sent together with what comes within the window.
    pending: Vec<u32>,
    buffer: Box<[u8]>,
    swept: Duration,
    now: Duration,
}

impl<V: Service> Shard<V> {
    pub fn new(
        hub: Hub<V::Session>,
        service: Arc<V>,
        (poll, inbox, clock, open): Parts<V::Session>,
        limits: Limits,
    ) -> Self {
        Self {
            hub,
            service,
            poll,
            inbox,
            limits,
            connections: Slab::new(),
            places: HashMap::new(),
            open,
            topics: HashMap::new(),
            pending: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            swept: Duration::ZERO,
            now: clock.monotonic(),
            clock,
        }
    }

    /// Works until told to stop.
    pub fn run(mut self) {
        loop {
            let ready = match self.poll.wait(self.patience()) {
                Ok(ready) => ready,
                Err(error) => {
                    tracing::error!(%error, "live connections cannot be waited for");
                    std::thread::sleep(PAUSE);
                    Vec::new()
                }
            };
            self.now = self.clock.monotonic();
            for ready in ready {
                if ready.number != WAKER {
                    self.attend(ready);
                }
            }
            for order in self.inbox.take() {
                if matches!(order, Order::Stop) {
                    return self.close_all();
                }
                self.carry_out(order);
            }
            self.flush_due();
            self.sweep();
        }
    }

    fn close_all(&mut self) {
        for (_, connection) in &mut self.connections {
            let farewell = connection.form.close(Close::SHUTDOWN);
            self.hub.figures().closed(Close::SHUTDOWN);
            connection.send(&farewell, self.now);
        }
    }

    fn attend(&mut self, ready: Ready) {
        let Ok(place) = usize::try_from(ready.number) else { return };
        let now = self.now;
        let Some(connection) = self.connections.get_mut(place) else { return };
        if ready.write && connection.flush(now) == Sent::Dead {
            return self.drop_at(place);
        }
        // While its message is being answered nothing is read of it, and an end would be told again and again.
        if ready.is_dead && connection.session.is_none() && connection.phase != Phase::Closing {
            return self.drop_at(place);
        }
        self.read(place);
        self.watch(place);
    }

    fn carry_out(&mut self, order: Order<V::Session>) {
        match order {
            Order::Enter(id, entry) => self.enter(id, entry),
            Order::Publish(topic, items) => self.publish(topic, items),
            Order::Send(id, bytes) => self.with(id, |shard, place| shard.send(place, &bytes)),
            Order::Opened { id, answer, expires } => self.with(id, |shard, place| {
                shard.opened(place, expires);
                shard.send(place, &answer);
            }),
            Order::Refreshed { id, answer, expires } => self.with(id, |shard, place| {
                if let Some(connection) = shard.connections.get_mut(place) {
                    connection.expires = expires;
                }
                shard.send(place, &answer);
            }),
            Order::Attach { id, topic, answer, bound } => self.attach(id, topic, &answer, bound),
            Order::Detach { id, topic, answer, bound } => self.with(id, |shard, place| {
                shard.detach(place, &topic, bound);
                shard.send(place, &answer);
            }),
            Order::Uncork(id, bytes) => self.with(id, |shard, place| {
                let now = shard.now;
                let sent = shard.connections.get_mut(place).map(|connection| connection.uncork(&bytes, now));
                shard.settle(place, sent);
            }),
            Order::Over(id, session) => self.with(id, |shard, place| shard.over(place, session)),
            Order::Close(id, why) => self.with(id, |shard, place| shard.close(place, why)),
            Order::Check(topic) => self.check(&topic),
            Order::Pong(id) => self.with(id, Self::take_pong),
            Order::Review => self.review(),
            Order::Stop => {}
        }
    }

    fn with(&mut self, id: ConnectionId, act: impl FnOnce(&mut Self, usize)) {
        if let Some(place) = self.places.get(&id).copied() {
            act(self, place);
        }
    }

    fn enter(&mut self, id: ConnectionId, entry: Entry<V::Session>) {
        let Entry { socket, form, session, received } = entry;
        let slot = self.connections.vacant_entry();
        let (at, number) = (slot.key(), slot.key() as u64);
        let interest = Interest { read: session.is_some(), write: false };
        if let Err(error) = self.poll.add(&socket, number, interest) {
            return tracing::warn!(%error, "a live connection could not be taken over");
        }
        slot.insert(Connection {
            id,
            socket,
            form,
            phase: Phase::Opening,
            session,
            reader: Reader::default(),
            unread: received,
            backlog: None,
            is_corked: form == Form::Events,
            interest,
            topics: Vec::new(),
            bound: Vec::new(),
            due: self.now + self.limits.connect_timeout,
            pinged: None,
            stuck_since: self.now,
            granted: 0,
            expires: None,
            is_to_be_reviewed: false,
        });
        self.places.insert(id, at);
        self.open.store(u32::try_from(self.places.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.go_on(at);
    }

    fn opened(&mut self, place: usize, expires: Option<Duration>) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.phase == Phase::Opening {
            connection.phase = Phase::Open;
            connection.due = self.now + spread(connection.id, self.limits.ping_interval);
        }
        connection.expires = expires;
    }

    /// How often a connection is pinged.
    fn ping_interval(&self, place: usize) -> Duration {
        let holds = self.connections.get(place).is_some_and(|connection| !connection.bound.is_empty());
        if holds { self.limits.viewer_ping_interval } else { self.limits.ping_interval }
    }

    fn over(&mut self, place: usize, session: Box<V::Session>) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.session = Some(session);
        if connection.pinged.is_some() {
            // The answer may have arrived meanwhile and not have been read.
            connection.due = connection.due.max(self.now + ANSWER_READ);
        }
        if std::mem::take(&mut connection.is_to_be_reviewed) {
            self.review_at(place);
        }
        self.go_on(place);
    }

    /// Sends what must arrive.
    fn send(&mut self, place: usize, bytes: &Bytes) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.phase == Phase::Closing || bytes.is_empty() {
            return;
        }
        let sent = connection.send(bytes, now);
        self.hub.figures().sent.one();
        self.settle(place, Some(sent));
    }

    /// Sends what a client asked for, however long it is; but not to one that is slow already.
    fn send_answer(&mut self, place: usize, bytes: &Bytes) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let before = connection.waiting();
        if before > self.limits.max_backlog && !connection.is_corked {
            return self.drop_at(place);
        }
        connection.granted = before + bytes.len();
        self.send(place, bytes);
    }

    /// Drops a connection that is dead or hopelessly slow; else waits for what it waits for.
    fn settle(&mut self, place: usize, sent: Option<Sent>) {
        let Some(connection) = self.connections.get(place) else { return };
        if sent == Some(Sent::Dead) {
            return self.drop_at(place);
        }
        if connection.waiting() > self.limits.max_backlog + connection.granted {
            tracing::debug!(
                connection = connection.id,
                "a live connection was closed: too much waited for it"
            );
            return self.drop_at(place);
        }
        self.watch(place);
    }

    fn watch(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let wanted = connection.wanted();
        if wanted == connection.interest {
            return;
        }
        connection.interest = wanted;
        if self.poll.change(&connection.socket, place as u64, wanted).is_err() {
            self.drop_at(place);
        }
    }

    /// Says why, and waits a little for the client to go.
    fn close(&mut self, place: usize, why: Close) {
        let Some(connection) = self.connections.get(place) else { return };
        if connection.phase == Phase::Closing {
            return;
        }
        self.hub.figures().closed(why);
        let (farewell, id) = (connection.form.close(why), connection.id);
        tracing::debug!(connection = id, code = why.code, reason = why.reason, "a live connection is closed");
        self.send(place, &farewell);
        self.begin_closing(place);
    }

    fn begin_closing(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.phase = Phase::Closing;
        connection.due = self.now + LINGER;
        connection.unread = Bytes::new();
        let topics = std::mem::take(&mut connection.topics);
        connection.bound = Vec::new();
        if connection.backlog.is_none() {
            let _ = rustix::net::shutdown(&connection.socket, rustix::net::Shutdown::Write);
        }
        for (number, at) in topics {
            self.unlist(number, at);
        }
        self.watch(place);
    }

    fn drop_at(&mut self, place: usize) {
        let Some(connection) = self.connections.try_remove(place) else { return };
        if connection.phase != Phase::Closing {
            self.hub.figures().lost.one();
        }
        self.places.remove(&connection.id);
        self.open.store(u32::try_from(self.places.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        for (number, at) in connection.topics {
            self.unlist(number, at);
        }
    }
}

impl<V: Service> Drop for Shard<V> {
    /// However the thread ends: whoever comes from now on is told that nobody serves them, and sockets that wait close.
    fn drop(&mut self) {
        self.inbox.close();
        if std::thread::panicking() {
            tracing::error!(
                "the thread of live connections panicked: nobody is served until the server starts anew"
            );
        }
    }
}

/// When the first ping of a connection is due: those of connections that came together do not all fall on one moment.
fn spread(id: ConnectionId, interval: Duration) -> Duration {
    let share = u32::try_from(id % 16).unwrap_or_default();
    interval / 2 + interval / 32 * share
}
