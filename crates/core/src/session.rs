//! `SessionManager`: a broadcast seen as a live record: its encoder, its viewers, its time-outs.

mod admission;
mod analytics;
mod chat;
mod connections;
mod events;
mod expulsion;
mod figures;
mod ingest;
mod invitations;
mod quality;
mod reconcile;
mod viewers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use tracing::info;

use analytics::Backlog;
use chat::Chat;
use invitations::Revocations;

use crate::broadcast::{Broadcast, IngestState, Snapshot, Status};
use crate::chat::ChatSettings;
use crate::clock::{Clock, Time};
use crate::error::{Error, Result};
use crate::event::LeaveReason;
use crate::ids::{BroadcastId, UserId};
use crate::invitation::JoinTokens;
use crate::ledger::Ledger;
use crate::presence::Presence;
use crate::publishers::{Cut, Publishers};
use crate::quality::QualityBook;
use crate::secret::{Purpose, Secret};
use crate::standing::Standing;
use crate::store::{BanStore, InvitationStore, LogStore, SessionStore, UserStore};
use crate::token::PlayerTokens;
use crate::user::StreamKeys;

pub use analytics::Question;
pub use events::{EventPage, OwnEvent, RESERVED};
pub use figures::SessionFigures;
pub use ingest::{Admission, Refusal};
pub use invitations::{Invited, NewInvitation};
pub use viewers::{Admitted, JoinRequest, Joined};

/// Settings of sessions.
#[derive(Debug, Clone, Copy)]
pub struct SessionSettings {
    /// How often a viewer should heartbeat.
    pub heartbeat_interval: Duration,
    /// After how long without a sign of life a viewer is gone.
    pub viewer_timeout: Duration,
    /// How long a broadcast waits for its encoder after a drop.
    pub reconnect_window: Duration,
    /// After how long a broadcast that no encoder ever reached ends.
    pub idle_timeout: Duration,
    /// How fast people may speak and react.
    pub chat: ChatSettings,
}

/// What a [`SessionManager`] is made of.
pub struct SessionParts {
    /// Broadcasts.
    pub ledger: Arc<Ledger>,
    /// Viewers and events.
    pub store: Arc<dyn SessionStore>,
    /// What logs add up to.
    pub logs: Arc<dyn LogStore>,
    /// Who may not speak.
    pub bans: Arc<dyn BanStore>,
    /// Who may watch what is private.
    pub invitations: Arc<dyn InvitationStore>,
    /// Owners of lasting stream keys.
    pub users: Arc<dyn UserStore>,
    /// Stream keys.
    pub keys: Arc<StreamKeys>,
    /// Who may do what now.
    pub standing: Arc<Standing>,
    /// Settings.
    pub settings: SessionSettings,
}

/// Knows who publishes and who watches.
pub struct SessionManager {
    ledger: Arc<Ledger>,
    store: Arc<dyn SessionStore>,
    logs: Arc<dyn LogStore>,
    backlog: Backlog,
    bans: Arc<dyn BanStore>,
    chat: Chat,
    users: Arc<dyn UserStore>,
    keys: Arc<StreamKeys>,
    standing: Arc<Standing>,
    settings: SessionSettings,
    tokens: PlayerTokens,
    invitations: Arc<dyn InvitationStore>,
    join_tokens: JoinTokens,
    revocations: Revocations,
    person_key: hmac::Key,
    presence: Presence,
    quality: QualityBook,
    publishers: Publishers,
    /// When a broadcast without an encoder ends, on the monotonic clock.
    deadlines: Mutex<HashMap<BroadcastId, Duration>>,
    /// One broadcast at a time is made for a lasting key.
    making: tokio::sync::Mutex<()>,
    figures: SessionFigures,
}

impl SessionManager {
    /// Derives the players' keys.
    ///
    /// # Errors
    /// As [`Secret::derive`].
    pub fn new(parts: SessionParts, secret: &Secret) -> Result<Self> {
        let chat = Chat::new(&parts.settings.chat, &parts.ledger.clock);
        Ok(Self {
            ledger: parts.ledger,
            store: parts.store,
            logs: parts.logs,
            backlog: Backlog::default(),
            bans: parts.bans,
            chat,
            users: parts.users,
            keys: parts.keys,
            standing: parts.standing,
            settings: parts.settings,
            tokens: PlayerTokens::new(secret)?,
            invitations: parts.invitations,
            join_tokens: JoinTokens::new(secret)?,
            revocations: Revocations::default(),
            person_key: secret.mac(Purpose::Person)?,
            presence: Presence::default(),
            quality: QualityBook::default(),
            publishers: Publishers::default(),
            deadlines: Mutex::new(HashMap::new()),
            making: tokio::sync::Mutex::new(()),
            figures: SessionFigures::default(),
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// The time by which sessions are judged.
    pub fn now(&self) -> Time {
        self.clock().now()
    }

    /// Loads what was open when the server stopped. All time-outs begin anew; encoders have to come back.
    ///
    /// # Errors
    /// The store's.
    pub async fn restore(&self) -> Result<()> {
        let open = self.ledger.store.open_broadcasts().await?;
        for broadcast in open {
            self.ledger.directory.put(broadcast.clone());
            self.restore_ingest(&broadcast, "the server restarted").await?;
        }
        let now = self.clock().monotonic();
        let seats = self.store.seats().await?;
        info!(broadcasts = self.ledger.directory.len(), viewers = seats.len(), "restored what was open");
        for seat in seats {
            self.presence.enter(seat, now);
        }
        Ok(())
    }

    async fn restore_ingest(&self, broadcast: &Snapshot, why: &str) -> Result<()> {
        match broadcast.ingest.state {
            IngestState::Idle => self.await_first_media(broadcast),
            IngestState::Live | IngestState::Interrupted => {
                let until = self.wait_until();
                let rule = |current: &Snapshot| {
                    Ok(if self.publishers.feeds(current.id) { None } else { current.wait_again(why, until) })
                };
                let after = self.ledger.change(broadcast.id, None, rule).await?;
                if after.ingest.interrupted_until == Some(until) {
                    self.set_deadline(broadcast.id, self.settings.reconnect_window);
                }
            }
            IngestState::Ended => {}
        }
        Ok(())
    }

    /// Whether a broadcast has not ended.
    pub fn is_open(&self, id: BroadcastId) -> bool {
        self.ledger.directory.get(id).is_some()
    }

    /// Notes a new broadcast, which ends by itself if no encoder ever comes. One whose owner lost the right to it before
    /// it was listed was not found then: those who look are told once more.
    pub fn created(&self, broadcast: &Broadcast) {
        self.await_first_media(broadcast);
        if self.may_not_broadcast(broadcast.owner) {
            self.standing.tell();
        }
    }

    fn await_first_media(&self, broadcast: &Broadcast) {
        if broadcast.is_built_in() {
            self.set_deadline(broadcast.id, self.settings.idle_timeout);
        }
    }

    /// Cuts the encoder of a broadcast.
    pub fn cut_publisher(&self, id: BroadcastId, why: Cut) {
        self.publishers.cut(id, why);
    }

    /// Cuts every encoder that uses a user's lasting key.
    pub fn cut_lasting_key(&self, user: UserId) {
        self.publishers.cut_lasting_key(user);
    }

    /// What follows in memory when a broadcast has ended: its viewers are gone and its encoder is cut.
    pub fn ended(&self, id: BroadcastId) {
        self.figures.left(LeaveReason::Ended, self.presence.clear(id));
        self.deadlines().remove(&id);
        self.publishers.cut(id, Cut::Ended);
    }

    /// What follows in memory when a broadcast turned private: its viewers are gone, but for its guests.
    pub fn turned_private(&self, id: BroadcastId) {
        let (left, stay) = self.presence.retain_guests(id);
        self.figures.left(LeaveReason::Private, left);
        if stay > 0 {
            // Who stays is for the database to say: an invitation may have been revoked of which nobody heard.
            self.ledger.doubt.raise(self.clock().monotonic());
        }
    }

    /// Does what time brings: viewers without a sign of life go, those of the others are noted, broadcasts without an
    /// encoder end, memory is compared with the database after that was away, and what viewers told of playback is
    /// written. To be called every second; what fails is tried again at the next call.
    ///
    /// # Errors
    /// The store's, after trying everything.
    pub async fn tick(&self) -> Result<()> {
        self.chat.forget_slow();
        self.revocations.forget_past(self.clock().monotonic());
        let viewers = self.expire_viewers().await;
        let broadcasts = self.end_overdue().await;
        let settled = self.settle_doubt().await;
        let noted = self.note_signs_of_life().await;
        let told = self.write_quality_if_due().await;
        viewers.and(broadcasts).and(settled).and(noted).and(told)
    }

    /// Ends what waited too long for its encoder. One that cannot end now does not keep the others open.
    async fn end_overdue(&self) -> Result<()> {
        let now = self.clock().monotonic();
        let mut due: Vec<_> =
            self.deadlines().iter().filter(|(_, deadline)| **deadline <= now).map(|(id, _)| *id).collect();
        due.sort_unstable();
        let mut outcome = Ok(());
        for id in due {
            if let Err(error) = self.end_without_encoder(id).await {
                let is_away = matches!(error, Error::Unavailable(_));
                outcome = Err(error);
                if is_away {
                    break;
                }
            }
        }
        outcome
    }

    async fn end_without_encoder(&self, id: BroadcastId) -> Result<()> {
        let at = self.clock().now();
        let rule = |current: &Snapshot| {
            Ok(match current.ingest.state {
                // An encoder was back meanwhile: a new wait has begun, or none.
                _ if !self.is_overdue(id) => None,
                IngestState::Idle if current.is_built_in() => current.end("no encoder connected", at),
                IngestState::Interrupted => current.end("the encoder did not come back", at),
                IngestState::Live if !self.publishers.feeds(id) => {
                    current.end("the encoder did not come back", at)
                }
                _ => None,
            })
        };
        match self.ledger.change(id, None, rule).await {
            Ok(after) if after.status == Status::Ended => {
                info!(broadcast_id = %id, title = after.title, "broadcast ended: it waited too long for its encoder");
                self.ended(id);
            }
            Ok(_) | Err(Error::NotFound(_)) => {
                let now = self.clock().monotonic();
                self.deadlines().retain(|of, deadline| *of != id || *deadline > now);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn is_overdue(&self, id: BroadcastId) -> bool {
        let now = self.clock().monotonic();
        self.deadlines().get(&id).is_some_and(|deadline| *deadline <= now)
    }

    fn set_deadline(&self, id: BroadcastId, after: Duration) {
        let deadline = self.clock().monotonic() + after;
        self.deadlines().insert(id, deadline);
    }

    fn wait_until(&self) -> Time {
        self.clock().now() + self.settings.reconnect_window
    }

    fn clock(&self) -> &dyn Clock {
        self.ledger.clock.as_ref()
    }

    fn deadlines(&self) -> MutexGuard<'_, HashMap<BroadcastId, Duration>> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
