//! Takes encoders from the RTMP listener to the session manager, and their media to the origin.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tallylight_core::SessionManager;
use tallylight_core::clock::Clock;
use tallylight_core::figures::{Count, Level};
use tallylight_core::publishers::Cut;
use tallylight_core::session::{Admission, Refusal};
use tallylight_media::hls::{MediaError, Origin, Publication, PublishId};
use tallylight_media::model::Packet;
use tallylight_media::rtmp::{Publisher, Rejection, Request};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

/// How long to wait before telling the database again that a broadcast is live.
const RETRY: Duration = Duration::from_secs(2);

/// What is counted of encoders.
#[derive(Debug, Default)]
pub struct Figures {
    /// Encoders that publish now.
    pub publishers: Level,
    /// Bytes of picture and sound.
    pub bytes: Count,
    /// Pictures and frames of sound that could not be shown.
    pub dropped: Count,
    /// Refused: nobody has the key.
    pub unknown_key: Count,
    /// Refused: its broadcast has ended.
    pub ended: Count,
    /// Refused: its broadcast's media is elsewhere.
    pub elsewhere: Count,
    /// Refused: its owner may not broadcast.
    pub not_allowed: Count,
    /// Refused: the network is shut out.
    pub shut_out: Count,
    /// Refused: the key could not be looked up.
    pub unavailable: Count,
    /// Went: said so.
    pub stopped: Count,
    /// Went: the connection broke off, fell silent or spoke nonsense.
    pub lost: Count,
    /// Went: was cut, for the end of the broadcast or of the server or for another encoder.
    pub cut: Count,
    /// Went: its media cannot be used.
    pub unusable: Count,
}

impl Figures {
    fn refused(&self, refusal: &Refusal) {
        match refusal {
            Refusal::UnknownKey => self.unknown_key.one(),
            Refusal::Ended => self.ended.one(),
            Refusal::Elsewhere => self.elsewhere.one(),
            Refusal::NotAllowed => self.not_allowed.one(),
            Refusal::ShutOut => self.shut_out.one(),
            Refusal::Unavailable(_) => self.unavailable.one(),
        }
    }
}

/// What an encoder's task works with.
#[derive(Clone)]
pub struct Ingest {
    /// What is counted.
    pub figures: Arc<Figures>,
    /// Who may publish.
    pub sessions: Arc<SessionManager>,
    /// Where media goes.
    pub origin: Arc<Origin>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Told when the server stops.
    pub stop: CancellationToken,
}

impl Ingest {
    /// Serves encoders until the listener stops; returns when the last one is gone.
    pub async fn run(self, mut requests: mpsc::Receiver<Request>) {
        let encoders = TaskTracker::new();
        while let Some(request) = requests.recv().await {
            encoders.spawn(self.clone().serve(request));
        }
        encoders.close();
        encoders.wait().await;
    }

    async fn serve(self, request: Request) {
        let (peer, encoder) = (request.peer, request.encoder.clone().unwrap_or_default());
        let admission = match self.sessions.admit(request.key.expose(), Some(peer.ip())).await {
            Ok(admission) => admission,
            Err(refusal) => {
                self.figures.refused(&refusal);
                warn!(%peer, encoder, reason = %refusal, "encoder refused");
                return request.reject(rejection(&refusal)).await;
            }
        };
        let id = admission.broadcast.id;
        info!(broadcast_id = %id, %peer, encoder, "encoder connected");
        let _publishing = self.figures.publishers.enter();
        let publish = PublishId::from(admission.publish.0);
        let publication = self.origin.open(id.0).publish(publish, self.now());
        let publisher = request.accept().await;
        let reason = match publication {
            // In a task of its own: whatever becomes of it, the session hears that the encoder is gone.
            Ok(publication) => {
                let publishing =
                    tokio::spawn(self.clone().publish(admission.clone(), publication, publisher));
                publishing.await.unwrap_or_else(|_| "a fault of the server".to_owned())
            }
            Err(error) => {
                let reason = error.to_string();
                publisher.close(&reason).await;
                reason
            }
        };
        info!(broadcast_id = %id, %peer, reason, "encoder disconnected");
        self.stopped(&admission, &reason).await;
    }

    /// Feeds the publication until something ends it; returns what.
    async fn publish(self, admission: Admission, publication: Publication, publisher: Publisher) -> String {
        let mut told = Told::default();
        let reason = self.pull(&admission, publication, publisher, &mut told).await;
        if let Some(telling) = told.telling {
            // That it was live is noted before that it went.
            let _ = telling.await;
        }
        reason
    }

    /// Pulls packets until something ends it; returns what.
    async fn pull(
        &self,
        admission: &Admission,
        mut publication: Publication,
        mut publisher: Publisher,
        told: &mut Told,
    ) -> String {
        let mut cut = admission.cut.clone();
        let reason = loop {
            let packet = tokio::select! {
                packet = publisher.next() => packet,
                changed = cut.wait_for(Option::is_some) => {
                    self.figures.cut.one();
                    break changed.ok().and_then(|cut| *cut).unwrap_or(Cut::Replaced).message().to_owned();
                }
                () = self.stop.cancelled() => {
                    self.figures.cut.one();
                    break "the server is stopping".to_owned();
                }
            };
            let packet = match packet {
                Ok(Some(packet)) => packet,
                Ok(None) => {
                    self.figures.stopped.one();
                    return "the encoder stopped".to_owned();
                }
                Err(error) => {
                    self.figures.lost.one();
                    return error.to_string();
                }
            };
            match self.push(packet, &mut publication) {
                Ok(playable) => told.playable |= playable,
                Err(error) => break error.to_string(),
            }
            if told.playable && !told.done {
                self.tell(admission, told).await;
            }
        };
        // What is under way is flushed before the encoder is told, so that no viewer waits for a slow encoder.
        publication.finish();
        publisher.close(&reason).await;
        reason
    }

    /// Adds a packet; whether the publication became playable with it.
    fn push(&self, packet: Packet, publication: &mut Publication) -> Result<bool, MediaError> {
        self.figures.bytes.add(packet.size() as u64);
        let dropped = publication.dropped();
        let pushed = publication.push(packet, self.now());
        self.figures.dropped.add(publication.dropped() - dropped);
        if pushed.is_err() {
            self.figures.unusable.one();
        }
        pushed.map(|progress| progress.playable)
    }

    /// Tells the session that there is something to play, without holding up the encoder: media goes on although the
    /// database does not answer.
    async fn tell(&self, admission: &Admission, told: &mut Told) {
        let now = self.clock.monotonic();
        match told.telling.take() {
            Some(telling) if !telling.is_finished() => told.telling = Some(telling),
            Some(telling) => {
                told.done = telling.await.unwrap_or(false);
                told.again_at = Some(now + RETRY);
            }
            None if told.again_at.is_none_or(|at| now >= at) => {
                told.telling = Some(tokio::spawn(started(self.sessions.clone(), admission.clone())));
            }
            None => {}
        }
    }

    /// Notes that the encoder went, again and again while the database does not answer.
    async fn stopped(&self, admission: &Admission, reason: &str) {
        let id = admission.broadcast.id;
        while let Err(error) = self.sessions.media_stopped(id, admission.publish, reason).await {
            error!(broadcast_id = %id, %error, "a lost encoder could not be noted");
            if self.stop.is_cancelled() {
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn now(&self) -> SystemTime {
        self.clock.now().into()
    }
}

/// Notes a broadcast as live; whether that could be done.
async fn started(sessions: Arc<SessionManager>, admission: Admission) -> bool {
    let id = admission.broadcast.id;
    let noted = sessions.media_started(id, admission.publish).await;
    if let Err(error) = &noted {
        error!(broadcast_id = %id, %error, "a broadcast could not be noted as live");
    }
    noted.is_ok()
}

/// Whether the session knows of the media yet.
#[derive(Default)]
struct Told {
    playable: bool,
    done: bool,
    telling: Option<JoinHandle<bool>>,
    again_at: Option<Duration>,
}

fn rejection(refusal: &Refusal) -> Rejection {
    match refusal {
        Refusal::Unavailable(_) => Rejection::failed("the server cannot check the stream key now: try again"),
        other => Rejection::denied(other.to_string()),
    }
}
