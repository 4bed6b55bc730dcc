//! What people ask of the server, from where they are: each call goes across the network and is handled in a task of
//! the server's own, which goes on when nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use tallylight_core::broadcast::{CreateBroadcast, Snapshot, Status, UpdateBroadcast};
use tallylight_core::directory::Scope;
use tallylight_core::event::Event;
use tallylight_core::ids::{BroadcastId, ViewerId};
use tallylight_core::session::{JoinRequest, OwnEvent, Refusal};
use tallylight_core::viewer::Client;
use tallylight_core::{Caller, Error, Result};
use tokio::time::{sleep, timeout, timeout_at};

use super::{Managers, Parts, Server};
use crate::judge::{Answer, Call, Done};
use crate::network::Host;

/// How long somebody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long the server waits before it tells its database again of an encoder.
const RETRY: Duration = Duration::from_secs(2);

/// A place to watch from, as a player keeps it.
#[derive(Clone)]
pub struct Seated {
    /// Who.
    pub viewer: ViewerId,
    /// Where.
    pub session: BroadcastId,
    /// By which it says that it is there: that of a viewer, or of a plain player.
    pub token: Token,
}

/// By what a player is known.
#[derive(Clone)]
pub enum Token {
    /// A viewer token.
    Viewer(String),
    /// A playback token.
    Playback(String),
}

/// The server as it is reached from a place.
#[derive(Clone)]
pub struct Calls {
    parts: Parts,
    server: Server,
    place: Host,
}

impl Calls {
    /// From a place.
    pub fn new(parts: &Parts, server: &Server, place: usize) -> Self {
        Self { parts: parts.clone(), server: server.clone(), place: Host::Place(place) }
    }

    /// Has the server handle something. None: no answer came in time.
    async fn ask<T, F>(&self, handle: impl FnOnce(Arc<Managers>) -> F + Send + 'static) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send,
    {
        let server = self.server.clone();
        let asked = self.parts.network.ask((self.place, Host::Server), async move {
            let managers = server.managers()?;
            Some(handle(managers).await)
        });
        timeout(PATIENCE, asked).await.ok()
    }

    /// The public broadcasts, newest first.
    pub async fn list(&self) -> Option<Vec<BroadcastId>> {
        let list = |managers: Arc<Managers>| async move {
            managers.list(Scope::Public).into_iter().map(|(id, _)| id).collect()
        };
        self.ask(list).await
    }

    /// Takes a place, with the token of an earlier one if there is one.
    pub async fn join(&self, session: BroadcastId, before: Option<Seated>) -> Option<Result<Seated>> {
        let parts = self.parts.clone();
        self.ask(move |managers| async move {
            let known = before.as_ref().map(|before| before.viewer);
            let since = parts.begins(known, Call::Join);
            let token = before.and_then(|before| before.token.of_viewer());
            let request = JoinRequest { viewer_token: token, ..JoinRequest::default() };
            let (caller, client) = (Caller::Anonymous, Client::default());
            let joined = managers.broadcasts.join_broadcast(&caller, session, request, client).await;
            let viewer = joined.as_ref().ok().map(|joined| joined.viewer);
            parts.ends((known, viewer.as_ref()), (Call::Join, since), &joined);
            let joined = joined?;
            Ok(Seated { viewer: joined.viewer, session, token: Token::Viewer(joined.viewer_token) })
        })
        .await
    }

    /// Opens the entry address as a plain player does, which counts only once it plays.
    pub async fn enter(&self, session: BroadcastId) -> Option<Result<String>> {
        self.ask(move |managers| async move { Ok(managers.sessions.enter(session).await?.1) }).await
    }

    /// Fetches a playlist.
    pub async fn play(
        &self,
        session: BroadcastId,
        playback_token: String,
        known: Option<ViewerId>,
    ) -> Option<Result<Seated>> {
        let parts = self.parts.clone();
        self.ask(move |managers| async move {
            if let Some(there) = managers.sessions.plays_on(session, &playback_token) {
                let viewer = there.pass.viewer;
                parts.ends((Some(viewer), None), (Call::Heartbeat, parts.wall.elapsed()), &Ok(()));
                return Ok(Seated { viewer, session, token: Token::Playback(playback_token) });
            }
            let since = parts.begins(known, Call::Join);
            let played = managers.sessions.play(session, &playback_token, Client::default()).await;
            let played = played.and_then(|played| match played.broadcast.status {
                Status::Ended => Err(Error::BroadcastEnded),
                _ => Ok(played.pass.viewer),
            });
            parts.ends((known, played.as_ref().ok()), (Call::Join, since), &played);
            Ok(Seated { viewer: played?, session, token: Token::Playback(playback_token) })
        })
        .await
    }

    /// Shows a sign of life.
    pub async fn heartbeat(&self, seated: &Seated) -> Option<Result<()>> {
        let (parts, Seated { viewer, session, token }) = (self.parts.clone(), seated.clone());
        let token = match token {
            Token::Viewer(token) => token,
            Token::Playback(token) => {
                let played = self.play(session, token, Some(viewer)).await?;
                return Some(played.map(drop));
            }
        };
        self.ask(move |managers| async move {
            let since = parts.begins(Some(viewer), Call::Heartbeat);
            let there = managers.sessions.heartbeat(session, &token);
            parts.ends((Some(viewer), None), (Call::Heartbeat, since), &there);
            there
        })
        .await
    }

    /// Says goodbye.
    pub async fn leave(&self, seated: &Seated) -> Option<Result<()>> {
        let (parts, Seated { viewer, session, token }) = (self.parts.clone(), seated.clone());
        let token = token.of_viewer()?;
        self.ask(move |managers| async move {
            let since = parts.begins(Some(viewer), Call::Leave);
            let left = managers.sessions.leave(session, &token).await;
            parts.ends((Some(viewer), None), (Call::Leave, since), &left);
            left
        })
        .await
    }

    /// Makes a broadcast; it and its stream key.
    pub async fn create(
        &self,
        owner: &Caller,
        request: CreateBroadcast,
    ) -> Option<Result<(BroadcastId, String)>> {
        let owner = owner.clone();
        self.ask(move |managers| async move {
            let made = managers.broadcasts.create_broadcast(&owner, request).await?;
            Ok((made.id, managers.broadcasts.stream_key(&made)?))
        })
        .await
    }

    /// Changes a broadcast. Whoever is told that it is done finds it so.
    pub async fn update(
        &self,
        owner: &Caller,
        id: BroadcastId,
        update: UpdateBroadcast,
    ) -> Option<Result<Snapshot>> {
        let (parts, owner) = (self.parts.clone(), owner.clone());
        self.ask(move |managers| async move {
            let title = update.title.clone();
            let after = managers.broadcasts.update((&owner, &Client::default()), id, update).await?;
            if let Some(title) = title {
                parts.judge.titled(id, &title);
            }
            Ok(after)
        })
        .await
    }

    /// Logs an event of the owner's own. Whoever is told that it is logged finds it so.
    pub async fn log(&self, owner: &Caller, id: BroadcastId, title: String) -> Option<Result<Event>> {
        let (parts, owner) = (self.parts.clone(), owner.clone());
        self.ask(move |managers| async move {
            let data = Map::from_iter([("title".into(), title.clone().into())]);
            let event = OwnEvent { kind: "poll.opened".into(), data, metadata: Map::new() };
            let logged = managers.sessions.log_session_event(&owner, id, event).await?;
            parts.judge.titled(id, &title);
            Ok(logged)
        })
        .await
    }

    /// An encoder connects, and sends media for so long unless it is cut.
    pub async fn publish(&self, key: String, media: Duration) -> Option<Result<(), Refusal>> {
        let parts = self.parts.clone();
        self.ask(move |managers| async move {
            let admission = managers.sessions.admit(&key, None).await?;
            let (network, trace) = (parts.network.clone(), parts.trace.clone());
            network.run(Host::Server, async move {
                let (id, publish, mut cut) = (admission.broadcast.id, admission.publish, admission.cut);
                let ends = tokio::time::Instant::now() + media;
                sleep(Duration::from_millis(300)).await;
                let started = timeout_at(ends, async {
                    while let Err(error) = managers.sessions.media_started(id, publish).await {
                        trace.note("encoder", format_args!("is not noted as live: {error}"));
                        sleep(RETRY).await;
                    }
                });
                let is_cut =
                    started.await.is_ok() && timeout_at(ends, cut.wait_for(Option::is_some)).await.is_ok();
                trace.note("encoder", if is_cut { "is cut" } else { "is lost" });
                while let Err(error) = managers.sessions.media_stopped(id, publish, "connection lost").await {
                    trace.note("encoder", format_args!("is not noted as lost: {error}"));
                    sleep(RETRY).await;
                }
            });
            Ok(())
        })
        .await
    }
}

impl Token {
    fn of_viewer(self) -> Option<String> {
        match self {
            Self::Viewer(token) => Some(token),
            Self::Playback(_) => None,
        }
    }
}

impl Parts {
    /// Tells the judge that a call of a viewer begins, if it is known whose.
    fn begins(&self, known: Option<ViewerId>, call: Call) -> Duration {
        if let Some(viewer) = known {
            self.judge.begins(viewer, call);
        }
        self.wall.elapsed()
    }

    /// Tells the judge what came of a call of a viewer, who may be known only now.
    fn ends<T>(
        &self,
        (known, new): (Option<ViewerId>, Option<&ViewerId>),
        (call, since): (Call, Duration),
        outcome: &Result<T>,
    ) {
        let answer = match outcome {
            Ok(_) => Answer::Accepted,
            Err(Error::Unavailable(_) | Error::Busy(_)) => Answer::Unknown,
            Err(_) => Answer::Refused,
        };
        let Some(viewer) = known.or(new.copied()) else { return };
        if known.is_none() {
            self.judge.begins(viewer, call);
        }
        self.trace.note("handler", format_args!("{call:?} of {viewer}: {answer:?}"));
        self.judge.ends(&self.machine.database, viewer, Done { call, answer, since });
    }
}
