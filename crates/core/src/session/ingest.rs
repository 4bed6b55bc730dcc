//! The encoder of a broadcast: admitted by its key, live, gone, back.

use std::net::IpAddr;

use tracing::info;

use super::SessionManager;
use crate::broadcast::{CreateBroadcast, IngestState, Snapshot, Status, create};
use crate::caller::Access;
use crate::error::{Error, Result};
use crate::ids::{BroadcastId, PublishId, UserId};
use crate::ledger::{Decision, wait_for};
use crate::publishers::CutSignal;
use crate::user::{Role, StreamKeys, User};

/// An encoder that may publish.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The broadcast it feeds.
    pub broadcast: Snapshot,
    /// This publish.
    pub publish: PublishId,
    /// Told when the connection must be cut.
    pub cut: CutSignal,
}

/// Why an encoder may not publish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has this key.
    #[error("the stream key is not known: copy it again from the studio")]
    UnknownKey,
    /// The key's broadcast is over.
    #[error("the broadcast of this stream key has ended: create a new one")]
    Ended,
    /// The broadcast says that its media is elsewhere.
    #[error("the media of this broadcast is served elsewhere")]
    Elsewhere,
    /// Its owner is suspended, or is a viewer only.
    #[error("this account may not broadcast on this server: ask an administrator")]
    NotAllowed,
    /// The encoder's network is shut out.
    #[error("this network is shut out of this server")]
    ShutOut,
    /// The server cannot tell now.
    #[error("the server cannot check the stream key now: {0}")]
    Unavailable(String),
}

impl SessionManager {
    /// Admits an encoder by the stream key of a broadcast, or by a user's lasting key, which feeds the user's newest
    /// open broadcast or makes one. An encoder that is there already is cut: encoders reconnect before the server
    /// notices that they went.
    ///
    /// # Errors
    /// The [`Refusal`], to be told to the encoder.
    pub async fn admit(&self, key: &str, from: Option<IpAddr>) -> Result<Admission, Refusal> {
        self.refuse_network(from)?;
        let hash = StreamKeys::hash(key);
        let unavailable = |error: Error| Refusal::Unavailable(error.to_string());
        let own = self.ledger.store.broadcast_by_stream_key(&hash).await.map_err(unavailable)?;
        let (broadcast, lasting_key_of) = match own {
            Some(broadcast) => (broadcast, None),
            None => match self.users.user_by_stream_key(&hash).await.map_err(unavailable)? {
                Some(user) if user.role < Role::Broadcaster => return Err(Refusal::NotAllowed),
                Some(user) if self.may_not_broadcast(user.id) => return Err(Refusal::NotAllowed),
                Some(user) => (self.broadcast_of(&user).await.map_err(unavailable)?, Some(user.id)),
                None => return Err(Refusal::UnknownKey),
            },
        };
        if self.may_not_broadcast(broadcast.owner) {
            return Err(Refusal::NotAllowed);
        }
        if broadcast.status == Status::Ended {
            return Err(Refusal::Ended);
        }
        if !broadcast.is_built_in() {
            return Err(Refusal::Elsewhere);
        }
        let publish = self.ledger.ids.uuid(self.clock().now()).map(PublishId).map_err(unavailable)?;
        let cut = self.publishers.enter(broadcast.id, publish, lasting_key_of, from);
        let still = self.refuse_network(from);
        if let Err(refusal) = still.and(self.still_admitted(&broadcast, &hash, lasting_key_of).await) {
            self.publishers.remove(broadcast.id, publish);
            // An encoder that was there has been cut for this one; its end interrupts nothing any more.
            let current = self.ledger.directory.get(broadcast.id);
            if current.is_some_and(|current| current.ingest.state == IngestState::Live) {
                self.set_deadline(broadcast.id, self.settings.reconnect_window);
            }
            return Err(refusal);
        }
        Ok(Admission { broadcast, publish, cut })
    }

    fn refuse_network(&self, from: Option<IpAddr>) -> Result<(), Refusal> {
        self.standing.refuse_from(from, None, self.now()).map_err(|_| Refusal::ShutOut)
    }

    /// Refuses an encoder whose broadcast ended, or whose key was reset, before there was anybody to be cut.
    async fn still_admitted(
        &self,
        admitted: &Snapshot,
        hash: &[u8; 32],
        lasting_key_of: Option<UserId>,
    ) -> Result<(), Refusal> {
        let unavailable = |error: Error| Refusal::Unavailable(error.to_string());
        let current = self.ledger.get(admitted.id).await.map_err(unavailable)?;
        if self.may_not_broadcast(current.owner) {
            return Err(Refusal::NotAllowed);
        }
        if current.status == Status::Ended {
            return Err(Refusal::Ended);
        }
        let is_known = match lasting_key_of {
            None => current.stream_key == admitted.stream_key,
            Some(user) => {
                let owner = self.users.user_by_stream_key(hash).await.map_err(unavailable)?;
                owner.is_some_and(|owner| owner.id == user)
            }
        };
        if is_known { Ok(()) } else { Err(Refusal::UnknownKey) }
    }

    async fn broadcast_of(&self, user: &User) -> Result<Snapshot> {
        let _making = wait_for(&self.making).await?;
        if let Some(open) = self.ledger.directory.newest_of(user.id) {
            return Ok(open);
        }
        let title = user.default_title.clone().unwrap_or_else(|| format!("{} is live", user.display_name));
        let owner = user.identity(Access::Server);
        let created = create(&self.ledger, &self.keys, &owner, CreateBroadcast::titled(title)).await?;
        self.created(&created);
        Ok(created)
    }

    /// The first media of a publish arrived: the broadcast is live. False: it ended, or another encoder took over.
    ///
    /// # Errors
    /// The store's.
    pub async fn media_started(&self, id: BroadcastId, publish: PublishId) -> Result<bool> {
        let now = self.clock().now();
        let rule = |current: &Snapshot| {
            let is_current = self.publishers.is_current(id, publish);
            Ok(if is_current { current.media_started(now) } else { None })
        };
        let after = self.ledger.change(id, None, rule).await?;
        let live = after.status != Status::Ended && self.publishers.is_current(id, publish);
        if live {
            self.deadlines().remove(&id);
            info!(broadcast_id = %id, title = after.title, "broadcast is live");
        }
        Ok(live)
    }

    /// The encoder went. The broadcast waits for it, unless another encoder took over or the wait is set to 0.
    ///
    /// # Errors
    /// The store's.
    pub async fn media_stopped(&self, id: BroadcastId, publish: PublishId, reason: &str) -> Result<()> {
        if !self.publishers.is_current(id, publish) {
            return Ok(());
        }
        let until = self.wait_until();
        let rule = |current: &Snapshot| -> Result<Option<Decision>> {
            let is_current = self.publishers.is_current(id, publish);
            Ok(if is_current { current.media_stopped(reason, until) } else { None })
        };
        let changed = self.ledger.change(id, None, rule).await;
        // It stays the publisher until its end is written, so that telling it again is not lost.
        if matches!(changed, Ok(_) | Err(Error::NotFound(_))) {
            self.publishers.remove(id, publish);
        }
        let after = match changed {
            Err(Error::NotFound(_)) => return Ok(()),
            changed => changed?,
        };
        if after.ingest.interrupted_until != Some(until) {
            return Ok(());
        }
        info!(broadcast_id = %id, reason, "broadcast interrupted: waiting for the encoder");
        self.set_deadline(id, self.settings.reconnect_window);
        if self.settings.reconnect_window.is_zero() {
            self.end_without_encoder(id).await?;
        }
        Ok(())
    }
}
