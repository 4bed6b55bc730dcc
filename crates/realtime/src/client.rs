//! What clients ask for, one command after the other.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tallylight_core::Caller;
use tallylight_core::viewer::Peer;
use tokio::runtime::Handle;

use crate::codes::{Close, Refusal};
use crate::connection::Bound;
use crate::frame::Opcode;
use crate::hub::{Service, Turn};
use crate::protocol::{
    Answer, Command, ConnectRequest, ConnectResult, PublishRequest, RefreshResult, SubscribeRequest,
    SubscribeResult,
};
use crate::topic::TopicId;

/// The most channels that a connection hears.
const MAX_CHANNELS: usize = 128;
/// The longest name of a channel, in bytes.
const MAX_CHANNEL_BYTES: usize = 255;

/// The longest time that a client is told: the timers of browsers count milliseconds in 32 bits.
const LONGEST_TOLD: Duration = Duration::from_secs(24 * 24 * 3_600);

/// What is remembered of a client.
#[derive(Debug)]
pub struct Session {
    /// Who it is, once it said so.
    pub caller: Option<Caller>,
    /// The address under which it reaches the server.
    pub base: Arc<str>,
    /// The credentials that came with the request.
    pub bearer: Option<Box<str>>,
    /// From what it is connected.
    pub peer: Peer,
    /// What it hears.
    pub subscriptions: Vec<Subscription>,
    /// What is let go of when it has gone.
    pub held: Option<Box<dyn Any + Send + Sync>>,
}

/// A channel that a client hears.
#[derive(Debug)]
pub struct Subscription {
    /// The topic.
    pub topic: TopicId,
    /// The viewer who is kept alive by it.
    pub bound: Option<Bound>,
}

impl Session {
    /// Of a client that has not said anything.
    pub fn new(base: Arc<str>, bearer: Option<Box<str>>) -> Self {
        Self { caller: None, base, bearer, peer: Peer::default(), subscriptions: Vec::new(), held: None }
    }

    /// The same, from this machine.
    #[must_use]
    pub fn from(self, peer: Peer) -> Self {
        Self { peer, ..self }
    }

    /// The same, holding something as long as it is there.
    #[must_use]
    pub fn holding(self, held: impl Any + Send + Sync) -> Self {
        Self { held: Some(Box::new(held)), ..self }
    }

    /// Who it is.
    pub fn caller(&self) -> &Caller {
        self.caller.as_ref().unwrap_or(&Caller::Anonymous)
    }

    /// The subscription of a channel.
    pub fn subscription(&self, channel: &str) -> Option<&Subscription> {
        self.subscriptions.iter().find(|known| **known.topic.channel() == *channel)
    }
}

/// Whom a token names, and for how long.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// Who.
    pub caller: Caller,
    /// How long that is known; `None`: for ever.
    pub ttl: Option<Duration>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwelcome {
    /// An answer after which the client may try again.
    Refused(Refusal),
    /// The end of the connection.
    Closed(Close),
}

/// What a client may ask for only so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To hear a channel.
    Subscribe,
    /// To be taken for whoever another token names.
    Refresh,
}

/// Decides who may do what, and knows the state of channels.
#[async_trait]
pub trait Gate: Send + Sync + 'static {
    /// Whom a token names; an empty one: nobody known.
    fn welcome(&self, token: &str) -> Result<Welcome, Unwelcome>;

    /// Counts what a client asks for, whatever comes of it, and refuses what comes too often. What only listens asks for
    /// nothing here: it has asked over HTTP.
    async fn charge(&self, _session: &Session, _asked: Asked) -> Result<(), Refusal> {
        Ok(())
    }

    /// Subscribes: calls [`Door::accept`] with the state of the channel, under whatever lock keeps the channel from
    /// being published meanwhile.
    async fn subscribe(&self, request: &SubscribeRequest, door: &mut Door<'_>) -> Result<(), Refusal>;

    /// Takes what a client has to say, unless it says too much.
    async fn publish(&self, session: &Session, request: PublishRequest) -> Result<(), Refusal>;

    /// Why a client whose token was good may not be connected all the same, as [`Close::FORCED`]; `None`: it may. Asked
    /// when a client says who it is, and at each [`crate::Hub::review`].
    fn standing(&self, _session: &Session) -> Option<Close> {
        None
    }

    /// Whether a client may go on hearing a channel.
    fn may_stay(&self, session: &Session, channel: &str) -> bool;

    /// A viewer showed at this time that it is there.
    fn is_alive(&self, bound: Bound, at: Duration);

    /// The connection of a viewer is dead: nothing was heard of it after `since`.
    async fn is_lost(&self, bound: Bound, since: Duration);

    /// The time on the clock by which tokens end.
    fn now(&self) -> Duration;
}

/// Where a subscription is accepted.
pub struct Door<'a> {
    turn: &'a mut Turn<Session>,
    id: u32,
}

impl<'a> Door<'a> {
    /// Of a client whose turn it is, to answer the command of this number.
    pub fn new(turn: &'a mut Turn<Session>, id: u32) -> Self {
        Self { turn, id }
    }

    /// Who asks.
    pub fn caller(&mut self) -> Caller {
        self.turn.session().map_or(Caller::Anonymous, |session| session.caller().clone())
    }

    /// The address under which the client reaches the server.
    pub fn base(&mut self) -> Arc<str> {
        self.turn.session().map(|session| session.base.clone()).unwrap_or_default()
    }

    /// Answers, and lets the client hear what is published from now on.
    pub fn accept(&mut self, topic: &TopicId, result: SubscribeResult, bound: Option<Bound>) {
        let answer = Answer::Subscribe(topic.channel().clone(), result);
        let answer = self.turn.form().answer(self.id, &answer);
        self.turn.attach(topic, answer, bound);
        if let Some(session) = self.turn.session() {
            session.subscriptions.reserve_exact(1);
            session.subscriptions.push(Subscription { topic: topic.clone(), bound });
        }
    }
}

/// All clients, behind a gate.
pub struct Clients<G> {
    gate: Arc<G>,
    runtime: Handle,
    version: &'static str,
    ping: Duration,
}

impl<G: Gate> Clients<G> {
    /// Who says welcome, and how often clients are pinged.
    pub fn new(gate: Arc<G>, runtime: Handle, version: &'static str, ping: Duration) -> Self {
        Self { gate, runtime, version, ping }
    }

    /// The answer to a connect of a client that is let in.
    pub fn hello(&self, id: u64, ttl: Option<Duration>, pong: bool) -> ConnectResult {
        let ttl = told(ttl);
        ConnectResult {
            client: id.to_string(),
            version: self.version.to_owned(),
            expires: ttl.is_some(),
            ttl: seconds(ttl),
            ping: u32::try_from(self.ping.as_secs()).unwrap_or_default(),
            pong,
        }
    }

    async fn answer(&self, mut turn: Turn<Session>, commands: Vec<Command>) {
        for command in commands {
            match self.carry_out(&mut turn, command).await {
                Ok(()) => {}
                Err(Some(close)) => return turn.close(close),
                // Whoever is not let in does not get the rest done.
                Err(None) => break,
            }
        }
        turn.end();
    }

    async fn carry_out(&self, turn: &mut Turn<Session>, command: Command) -> Result<(), Option<Close>> {
        let is_connected = turn.session().is_some_and(|session| session.caller.is_some());
        let id = command.id;
        if let Some(connect) = command.connect {
            if is_connected || id == 0 {
                return Err(Some(Close::BAD_REQUEST));
            }
            return self.connect(turn, id, &connect);
        }
        let is_pong = command == Command { id, ..Command::default() } && id == 0;
        if is_pong {
            turn.pong();
        }
        if is_pong || command.send.is_some() {
            return Ok(());
        }
        if !is_connected || id == 0 {
            return Err(Some(Close::BAD_REQUEST));
        }
        let answer = match self.ask(turn, command).await {
            Ok(None) => return Ok(()),
            Ok(Some(answer)) => answer,
            Err(Unwelcome::Closed(close)) => return Err(Some(close)),
            Err(Unwelcome::Refused(refusal)) => Answer::Refused(refusal),
        };
        turn.send(turn.form().answer(id, &answer));
        Ok(())
    }

    fn connect(
        &self,
        turn: &mut Turn<Session>,
        id: u32,
        request: &ConnectRequest,
    ) -> Result<(), Option<Close>> {
        let bearer = turn.session().and_then(|session| session.bearer.take());
        let emulated = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let emulated = emulated.and_then(|(_, value)| value.strip_prefix("Bearer "));
        let token = Some(request.token.as_str()).filter(|token| !token.is_empty());
        let token = token.or(emulated).or(bearer.as_deref()).unwrap_or_default();
        match self.gate.welcome(token) {
            Ok(welcome) => {
                let hello = Answer::Connect(self.hello(turn.id(), welcome.ttl, true));
                let expires = welcome.ttl.map(|ttl| self.gate.now() + ttl);
                self.admit(turn, welcome.caller).map_err(Some)?;
                turn.open(turn.form().answer(id, &hello), expires);
                Ok(())
            }
            Err(Unwelcome::Closed(close)) => Err(Some(close)),
            Err(Unwelcome::Refused(refusal)) => {
                turn.send(turn.form().answer(id, &Answer::Refused(refusal)));
                Err(None)
            }
        }
    }

    /// Takes note of who a client is, if they may be connected.
    fn admit(&self, turn: &mut Turn<Session>, caller: Caller) -> Result<(), Close> {
        let Some(session) = turn.session() else { return Ok(()) };
        session.caller = Some(caller);
        self.gate.standing(session).map_or(Ok(()), Err)
    }

    /// Does a command; `None` where the answer is sent already.
    async fn ask(&self, turn: &mut Turn<Session>, command: Command) -> Result<Option<Answer>, Unwelcome> {
        let id = command.id;
        if let Some(request) = command.subscribe {
            self.charge(turn, Asked::Subscribe).await?;
            return self.subscribe(turn, id, &request).await.map(|()| None).map_err(Unwelcome::Refused);
        }
        if let Some(request) = command.unsubscribe {
            self.unsubscribe(turn, id, &request.channel);
            return Ok(None);
        }
        if let Some(request) = command.publish {
            let session = turn.session().ok_or(Unwelcome::Refused(Refusal::INTERNAL))?;
            self.gate.publish(session, request).await.map_err(Unwelcome::Refused)?;
            return Ok(Some(Answer::Publish));
        }
        if let Some(request) = command.refresh {
            self.charge(turn, Asked::Refresh).await?;
            self.refresh(turn, id, &request.token)?;
            return Ok(None);
        }
        if command.rpc.is_some() {
            return Err(Unwelcome::Refused(Refusal::NO_METHOD));
        }
        let others = [&command.presence, &command.presence_stats, &command.history, &command.sub_refresh];
        let is_known = others.iter().any(|other| other.is_some());
        Err(if is_known {
            Unwelcome::Refused(Refusal::NOT_AVAILABLE)
        } else {
            Unwelcome::Closed(Close::BAD_REQUEST)
        })
    }

    async fn charge(&self, turn: &mut Turn<Session>, asked: Asked) -> Result<(), Unwelcome> {
        let Some(session) = turn.session() else { return Ok(()) };
        self.gate.charge(session, asked).await.map_err(Unwelcome::Refused)
    }

    async fn subscribe(
        &self,
        turn: &mut Turn<Session>,
        id: u32,
        request: &SubscribeRequest,
    ) -> Result<(), Refusal> {
        let session = turn.session().ok_or(Refusal::INTERNAL)?;
        if !request.tf.is_empty() || request.channel.is_empty() || request.channel.len() > MAX_CHANNEL_BYTES {
            return Err(Refusal::BAD_REQUEST);
        }
        if session.subscription(&request.channel).is_some() {
            return Err(Refusal::SUBSCRIBED);
        }
        if session.subscriptions.len() >= MAX_CHANNELS {
            return Err(Refusal::LIMIT);
        }
        self.gate.subscribe(request, &mut Door::new(turn, id)).await?;
        // Rights may have changed since they were looked at, and before anybody could know of this subscription.
        let Some(session) = turn.session() else { return Ok(()) };
        if !self.gate.may_stay(session, &request.channel)
            && let Some(left) = leave(session, &request.channel)
        {
            turn.expel(&left.topic, crate::codes::Unsubscribe::GONE, left.bound);
        }
        Ok(())
    }

    fn unsubscribe(&self, turn: &mut Turn<Session>, id: u32, channel: &str) {
        let answer = turn.form().answer(id, &Answer::Unsubscribe);
        match turn.session().and_then(|session| leave(session, channel)) {
            Some(left) => turn.detach(&left.topic, answer, left.bound),
            None => turn.send(answer),
        }
    }

    fn refresh(&self, turn: &mut Turn<Session>, id: u32, token: &str) -> Result<(), Unwelcome> {
        let welcome = self.gate.welcome(token)?;
        let session = turn.session().ok_or(Unwelcome::Refused(Refusal::INTERNAL))?;
        if welcome.caller.user_id() != session.caller().user_id() {
            return Err(Unwelcome::Refused(Refusal::UNAUTHORIZED));
        }
        self.admit(turn, welcome.caller).map_err(Unwelcome::Closed)?;
        let ttl = told(welcome.ttl);
        let result = RefreshResult { expires: ttl.is_some(), ttl: seconds(ttl) };
        let expires = welcome.ttl.map(|ttl| self.gate.now() + ttl);
        turn.refresh(turn.form().answer(id, &Answer::Refresh(result)), expires);
        Ok(())
    }

    /// Begins a connection that only listens, with these channels.
    pub async fn listen(&self, mut turn: Turn<Session>, welcome: Welcome, requests: Vec<SubscribeRequest>) {
        let hello = Answer::Connect(self.hello(turn.id(), None, false));
        let expires = welcome.ttl.map(|ttl| self.gate.now() + ttl);
        turn.open(Bytes::new(), expires);
        // Who it is was found out before a review could know of this connection.
        if let Err(close) = self.admit(&mut turn, welcome.caller) {
            turn.uncork(turn.form().answer(0, &hello));
            return turn.close(close);
        }
        for request in requests {
            if let Err(refusal) = self.subscribe(&mut turn, 0, &request).await {
                tracing::debug!(channel = request.channel, refusal.message, "a stream was refused a channel");
                turn.uncork(turn.form().answer(0, &hello));
                return turn.close(Close { code: 3507, reason: refusal.message });
            }
        }
        turn.uncork(turn.form().answer(0, &hello));
        turn.end();
    }
}

fn leave(session: &mut Session, channel: &str) -> Option<Subscription> {
    let place = session.subscriptions.iter().position(|known| **known.topic.channel() == *channel)?;
    Some(session.subscriptions.swap_remove(place))
}

/// What a client is told of the end of its credentials: nothing of one that is too far away.
fn told(ttl: Option<Duration>) -> Option<Duration> {
    ttl.filter(|ttl| *ttl <= LONGEST_TOLD)
}

fn seconds(ttl: Option<Duration>) -> u32 {
    ttl.map_or(0, |ttl| u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX).max(1))
}

impl<G: Gate> Service for Clients<G> {
    type Session = Session;

    fn message(self: &Arc<Self>, turn: Turn<Session>, kind: Opcode, message: Vec<u8>) {
        let clients = Arc::clone(self);
        self.runtime.spawn(async move {
            match turn.form().commands(kind, &message) {
                Ok(commands) => clients.answer(turn, commands).await,
                Err(_) => turn.close(Close::BAD_REQUEST),
            }
        });
    }

    fn is_alive(&self, bound: Bound, at: Duration) {
        self.gate.is_alive(bound, at);
    }

    fn is_lost(self: &Arc<Self>, bound: Bound, since: Duration) {
        let gate = Arc::clone(&self.gate);
        self.runtime.spawn(async move { gate.is_lost(bound, since).await });
    }

    fn standing(&self, session: &Session) -> Option<Close> {
        self.gate.standing(session)
    }

    fn may_stay(&self, session: &Session, channel: &str) -> bool {
        self.gate.may_stay(session, channel)
    }

    fn has_left(&self, session: &mut Session, channel: &str) -> Option<Bound> {
        leave(session, channel)?.bound
    }
}
