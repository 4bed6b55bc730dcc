//! The door to the thread that owns all live connections.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tallylight_core::clock::Clock;

use crate::codes::{Close, Unsubscribe};
use crate::connection::{Bound, ConnectionId};
use crate::figures::Figures;
use crate::frame::Opcode;
use crate::poll::{Poll, Waker};
use crate::protocol::Form;
use crate::shard::Shard;
use crate::topic::{Item, TopicId};

/// What holds for every live connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections at once.
    pub max_connections: usize,
    /// The longest message of a client, in bytes.
    pub max_message: usize,
    /// The most bytes that may wait for a slow client.
    pub max_backlog: usize,
    /// For how long a client may take nothing of what waits for it.
    pub write_timeout: Duration,
    /// How long a client may take to say who it is.
    pub connect_timeout: Duration,
    /// How often a client is pinged.
    pub ping_interval: Duration,
    /// How often one is that keeps a viewer alive.
    pub viewer_ping_interval: Duration,
    /// How long its answer may take.
    pub pong_timeout: Duration,
    /// What is published on a channel within this time of the last is sent together.
    pub window: Duration,
}

/// What is done with what clients say. Called on the thread that serves all of them: it must not wait.
pub trait Service: Send + Sync + 'static {
    /// What is remembered of a connection.
    type Session: Send + 'static;

    /// A message. The next one of this client comes once the turn is over.
    fn message(self: &Arc<Self>, turn: Turn<Self::Session>, kind: Opcode, message: Vec<u8>);

    /// A viewer showed at this time that it is there.
    fn is_alive(&self, bound: Bound, at: Duration);

    /// The connection of a viewer is dead: nothing was heard on it after `since`.
    fn is_lost(self: &Arc<Self>, bound: Bound, since: Duration);

    /// Why a client may not be connected any more; `None`: it may.
    fn standing(&self, session: &Self::Session) -> Option<Close>;

    /// Whether a client may go on hearing a channel.
    fn may_stay(&self, session: &Self::Session, channel: &str) -> bool;

    /// A channel is no longer heard by a client that stays; the viewer who was kept alive by it.
    fn has_left(&self, session: &mut Self::Session, channel: &str) -> Option<Bound>;
}

/// A new connection.
pub struct Entry<S> {
    /// Its socket, which does not block.
    pub socket: OwnedFd,
    /// How it is spoken to.
    pub form: Form,
    /// What is remembered of it; without one it hears nothing until its [`Turn`] is over.
    pub session: Option<Box<S>>,
    /// What it has sent already.
    pub received: Bytes,
}

/// What the thread is told.
pub(crate) enum Order<S> {
    Enter(ConnectionId, Entry<S>),
    Publish(TopicId, Vec<Item>),
    Send(ConnectionId, Bytes),
    Opened { id: ConnectionId, answer: Bytes, expires: Option<Duration> },
    Refreshed { id: ConnectionId, answer: Bytes, expires: Option<Duration> },
    Attach { id: ConnectionId, topic: TopicId, answer: Bytes, bound: Option<Bound> },
    Detach { id: ConnectionId, topic: TopicId, answer: Bytes, bound: Option<Bound> },
    Uncork(ConnectionId, Bytes),
    Over(ConnectionId, Box<S>),
    Close(ConnectionId, Close),
    Pong(ConnectionId),
    Check(TopicId),
    Review,
    Stop,
}

/// What waits for the thread.
pub(crate) struct Inbox<S> {
    /// `None` once nobody reads it any more: what is put in then goes, and its sockets with it.
    orders: Mutex<Option<Vec<Order<S>>>>,
    waker: Waker,
}

impl<S> Inbox<S> {
    fn put(&self, order: Order<S>) {
        let mut orders = self.lock();
        let Some(waiting) = orders.as_mut() else { return };
        waiting.push(order);
        let is_first = waiting.len() == 1;
        drop(orders);
        if is_first {
            self.waker.wake();
        }
    }

    pub(crate) fn take(&self) -> Vec<Order<S>> {
        self.waker.clear();
        self.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    fn is_closed(&self) -> bool {
        self.lock().is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Order<S>>>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Shared<S> {
    inbox: Arc<Inbox<S>>,
    connections: AtomicU64,
    topics: AtomicU32,
    open: Arc<AtomicU32>,
    figures: Figures,
    thread: Mutex<Option<JoinHandle<()>>>,
    limits: Limits,
}

/// All live connections. Orders are carried out one after the other: whoever gives two under a lock of their own
/// knows their order.
pub struct Hub<S>(Arc<Shared<S>>);

impl<S> Clone for Hub<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Send + 'static> Hub<S> {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's.
    pub fn start<V>(service: &Arc<V>, limits: Limits, clock: Arc<dyn Clock>) -> io::Result<Self>
    where
        V: Service<Session = S>,
    {
        let poll = Poll::new()?;
        let inbox = Arc::new(Inbox { orders: Mutex::new(Some(Vec::new())), waker: Waker::new(&poll)? });
        let open = Arc::new(AtomicU32::new(0));
        let hub = Self(Arc::new(Shared {
            inbox: inbox.clone(),
            connections: AtomicU64::new(1),
            topics: AtomicU32::new(1),
            open: open.clone(),
            figures: Figures::default(),
            thread: Mutex::default(),
            limits,
        }));
        let shard = Shard::new(hub.clone(), Arc::clone(service), (poll, inbox, clock, open), limits);
        let thread = std::thread::Builder::new().name("live".into()).spawn(move || shard.run())?;
        *hub.0.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(hub)
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.0.open.load(Ordering::Relaxed) as usize
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// What is counted.
    pub fn figures(&self) -> &Figures {
        &self.0.figures
    }

    /// Whether there is no room for another connection, or nobody to serve it any more.
    pub fn is_full(&self) -> bool {
        self.connections() >= self.0.limits.max_connections || self.0.inbox.is_closed()
    }

    /// A new topic under which a channel is published.
    pub fn topic(&self, channel: &str) -> TopicId {
        let number = self.0.topics.fetch_add(1, Ordering::Relaxed);
        TopicId { number, channel: channel.into(), listeners: Arc::default() }
    }

    /// Takes over a connection.
    pub fn enter(&self, entry: Entry<S>) -> ConnectionId {
        let id = self.0.connections.fetch_add(1, Ordering::Relaxed);
        self.put(Order::Enter(id, entry));
        id
    }

    /// Publishes to whoever is attached by now.
    pub fn publish(&self, topic: &TopicId, items: Vec<Item>) {
        if topic.listeners() > 0 {
            self.put(Order::Publish(topic.clone(), items));
        }
    }

    /// Has the rights of all who hear a topic looked at.
    pub fn check(&self, topic: &TopicId) {
        self.put(Order::Check(topic.clone()));
    }

    /// Has it looked at whether everybody may still be connected, and hear what they hear.
    pub fn review(&self) {
        self.put(Order::Review);
    }

    /// Closes a connection.
    pub fn close(&self, id: ConnectionId, why: Close) {
        self.put(Order::Close(id, why));
    }

    /// Tells every client to come back later, and ends the thread.
    pub fn stop(&self) {
        self.put(Order::Stop);
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // That it panicked was told when it did.
            let _ = thread.join();
        }
    }

    fn put(&self, order: Order<S>) {
        self.0.inbox.put(order);
    }
}

/// The right to answer a connection. While it is held the client's next message waits; dropped instead of ended, it
/// takes the connection with it.
pub struct Turn<S: Send + 'static> {
    hub: Hub<S>,
    id: ConnectionId,
    form: Form,
    session: Option<Box<S>>,
}

impl<S: Send + 'static> Turn<S> {
    /// The turn of a connection that was entered without a session.
    pub fn new(hub: Hub<S>, id: ConnectionId, form: Form, session: Box<S>) -> Self {
        Self { hub, id, form, session: Some(session) }
    }

    /// The connection.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// How the client is spoken to.
    pub fn form(&self) -> Form {
        self.form
    }

    /// What is remembered of it.
    pub fn session(&mut self) -> Option<&mut S> {
        self.session.as_deref_mut()
    }

    /// Sends bytes, with their frame.
    pub fn send(&self, bytes: Bytes) {
        self.hub.put(Order::Send(self.id, bytes));
    }

    /// The client has answered a ping.
    pub fn pong(&self) {
        self.hub.put(Order::Pong(self.id));
    }

    /// Says welcome: from now on the client is pinged.
    pub fn open(&self, answer: Bytes, expires: Option<Duration>) {
        self.hub.put(Order::Opened { id: self.id, answer, expires });
    }

    /// Notes until when the connection is good.
    pub fn refresh(&self, answer: Bytes, expires: Option<Duration>) {
        self.hub.put(Order::Refreshed { id: self.id, answer, expires });
    }

    /// Answers a subscribe; what is published afterwards follows it.
    pub fn attach(&self, topic: &TopicId, answer: Bytes, bound: Option<Bound>) {
        // Counted here and not where the order is carried out: what is published next is meant for this client too.
        topic.listeners.fetch_add(1, Ordering::Relaxed);
        self.hub.put(Order::Attach { id: self.id, topic: topic.clone(), answer, bound });
    }

    /// Answers an unsubscribe; what is published afterwards does not arrive.
    pub fn detach(&self, topic: &TopicId, answer: Bytes, bound: Option<Bound>) {
        self.hub.put(Order::Detach { id: self.id, topic: topic.clone(), answer, bound });
    }

    /// Takes a subscription away.
    pub fn expel(&self, topic: &TopicId, why: Unsubscribe, bound: Option<Bound>) {
        self.detach(topic, self.form.unsubscribe(topic.channel(), why), bound);
    }

    /// Lets go of what was gathered, behind these bytes.
    pub fn uncork(&self, bytes: Bytes) {
        self.hub.put(Order::Uncork(self.id, bytes));
    }

    /// Closes the connection.
    pub fn close(mut self, why: Close) {
        self.hub.close(self.id, why);
        self.session = None;
    }

    /// Ends the turn.
    pub fn end(mut self) {
        if let Some(session) = self.session.take() {
            self.hub.put(Order::Over(self.id, session));
        }
    }
}

impl<S: Send + 'static> Drop for Turn<S> {
    fn drop(&mut self) {
        if self.session.is_some() {
            self.hub.close(self.id, Close::SERVER_ERROR);
        }
    }
}
