//! `BroadcastManager`: what people do with broadcasts.

mod farewell;
mod lists;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use garde::Validate;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use super::change::unique;
use super::{
    Broadcast, Epoch, Ingest, IngestState, MediaAddresses, Snapshot, Status, UpdateBroadcast, Visibility,
};
use crate::analytics::Report;
use crate::audit_log::{Act, Action, AuditLog};
use crate::caller::{Caller, Identity};
use crate::directory::Rankings;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::ids::{BroadcastId, UserId};
use crate::ledger::Ledger;
use crate::publishers::Cut;
use crate::scope::Scope;
use crate::session::{JoinRequest, Joined, Question, SessionManager};
use crate::user::{Role, StreamKeys};
use crate::validate;
use crate::viewer::Client;

/// The most viewers that an owner may report.
pub const MAX_REPORTED_VIEWERS: u32 = 10_000_000;

/// What an owner gives a new broadcast.
#[derive(Debug, Clone, Validate)]
#[garde(allow_unvalidated)]
pub struct CreateBroadcast {
    /// The title.
    #[garde(custom(|value: &String, cx: &()| validate::title(value, cx)))]
    pub title: String,
    /// The description.
    #[garde(custom(validate::some_text(0..=5_000)))]
    pub description: Option<String>,
    /// Who may find it.
    pub visibility: Visibility,
    /// Where it stands; not `ended`.
    #[garde(custom(not_ended))]
    pub status: Status,
    /// What it is about.
    #[garde(custom(validate::some_text(1..=100)))]
    pub ai_intent: Option<String>,
    /// Its tags; doubles are dropped.
    #[garde(custom(|value: &Vec<String>, cx: &()| validate::tags(value, cx)))]
    pub tags: Vec<String>,
    /// The most viewers; 0: no limit.
    #[garde(custom(validate::max_viewers))]
    pub max_viewers: u32,
    /// What its owner attaches.
    #[garde(custom(validate::metadata))]
    pub metadata: Map<String, Value>,
    /// Media served elsewhere.
    #[garde(custom(validate::some_media_url))]
    pub rtmp_url: Option<String>,
    /// Media served elsewhere.
    #[garde(custom(validate::some_media_url))]
    pub hls_url: Option<String>,
    /// Media served elsewhere.
    #[garde(custom(validate::some_media_url))]
    pub webrtc_endpoint: Option<String>,
}

impl CreateBroadcast {
    /// A public broadcast with just a title.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            description: None,
            visibility: Visibility::Public,
            status: Status::Active,
            ai_intent: None,
            tags: Vec::new(),
            max_viewers: 0,
            metadata: Map::new(),
            rtmp_url: None,
            hls_url: None,
            webrtc_endpoint: None,
        }
    }
}

fn not_ended(status: &Status, (): &()) -> garde::Result {
    if *status == Status::Ended {
        Err(garde::Error::new("must be active, paused or private"))
    } else {
        Ok(())
    }
}

/// Settings of broadcasts.
#[derive(Debug, Clone, Copy)]
pub struct BroadcastSettings {
    /// Whether owners may report viewers elsewhere.
    pub allow_reported_viewers: bool,
    /// How many broadcasts that have not ended one user may have.
    pub max_open_broadcasts: usize,
}

/// Makes, changes, lists and ends broadcasts.
pub struct BroadcastManager {
    ledger: Arc<Ledger>,
    sessions: Arc<SessionManager>,
    keys: Arc<StreamKeys>,
    audit: Arc<AuditLog>,
    settings: BroadcastSettings,
    rankings: Rankings,
    /// Whose turn it is to list another time.
    past: Arc<Mutex<()>>,
}

impl BroadcastManager {
    /// Over the shared ledger.
    pub fn new(
        ledger: Arc<Ledger>,
        sessions: Arc<SessionManager>,
        keys: Arc<StreamKeys>,
        audit: Arc<AuditLog>,
        settings: BroadcastSettings,
    ) -> Self {
        Self { ledger, sessions, keys, audit, settings, rankings: Rankings::default(), past: Arc::default() }
    }

    /// Makes a broadcast.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`] for viewers, [`Error::Invalid`], or the store's.
    pub async fn create_broadcast(&self, caller: &Caller, request: CreateBroadcast) -> Result<Snapshot> {
        let owner = caller.at_least(Role::Broadcaster)?;
        request.validate()?;
        let open = self.ledger.directory.count_of(owner.id);
        if open >= self.settings.max_open_broadcasts {
            return Err(Error::TooManyBroadcasts(open));
        }
        let created = create(&self.ledger, &self.keys, owner, request).await?;
        self.sessions.created(&created);
        Ok(created)
    }

    /// Reads a broadcast; a private one for its owner only.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's.
    pub async fn broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<Snapshot> {
        let broadcast = self.ledger.get(id).await?;
        if broadcast.is_visible_to(caller) { Ok(broadcast) } else { Err(Error::NotFound("broadcast")) }
    }

    /// Changes what an update names.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, [`Error::Forbidden`], [`Error::Invalid`], [`Error::InvalidTransition`].
    pub async fn update(
        &self,
        (caller, client): (&Caller, &Client),
        id: BroadcastId,
        update: UpdateBroadcast,
    ) -> Result<Snapshot> {
        let (after, features) = self.change(caller, id, update).await?;
        if features {
            let action = if after.is_featured { Action::Featured } else { Action::Unfeatured };
            self.audit.note(caller, client, Act::new(action).on(id));
        }
        Ok(after)
    }

    /// Changes what an update names; and whether that changed what is featured.
    async fn change(
        &self,
        caller: &Caller,
        id: BroadcastId,
        update: UpdateBroadcast,
    ) -> Result<(Snapshot, bool)> {
        self.changeable(caller, id, &update).await?;
        update.validate()?;
        let now = self.ledger.clock.now();
        let (evicts, was_built_in, features) = <(AtomicBool, AtomicBool, AtomicBool)>::default();
        let rule = |current: &Snapshot| {
            let decision = current.update(&update, now)?;
            let is_other = update.is_featured.is_some_and(|featured| featured != current.is_featured);
            features.store(is_other, Ordering::Relaxed);
            evicts
                .store(decision.as_ref().is_some_and(|decision| decision.evict.is_some()), Ordering::Relaxed);
            was_built_in.store(current.is_built_in(), Ordering::Relaxed);
            Ok(decision)
        };
        let after = self.ledger.change(id, caller.user_id(), rule).await?;
        self.follow(&after, evicts.into_inner(), was_built_in.into_inner());
        Ok((after, features.into_inner()))
    }

    /// Changes the status alone.
    ///
    /// # Errors
    /// As [`BroadcastManager::update`].
    pub async fn update_broadcast_status(
        &self,
        caller: &Caller,
        id: BroadcastId,
        status: Status,
    ) -> Result<Snapshot> {
        let update = UpdateBroadcast { status: Some(status), ..UpdateBroadcast::default() };
        Ok(self.change(caller, id, update).await?.0)
    }

    /// Reports viewers that watch elsewhere.
    ///
    /// # Errors
    /// As [`BroadcastManager::update`].
    pub async fn update_viewer_count(
        &self,
        caller: &Caller,
        id: BroadcastId,
        count: u32,
    ) -> Result<Snapshot> {
        let update = UpdateBroadcast { viewer_count: Some(count), ..UpdateBroadcast::default() };
        Ok(self.change(caller, id, update).await?.0)
    }

    /// Ends and removes a broadcast.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, or the store's.
    pub async fn delete(&self, caller: &Caller, id: BroadcastId) -> Result<()> {
        self.ledger.owned(caller, id).await?;
        let now = self.ledger.clock.now();
        let evicts = AtomicBool::new(false);
        let rule = |current: &Snapshot| {
            let decision = current.delete(now);
            evicts.store(decision.evict.is_some(), Ordering::Relaxed);
            Ok(Some(decision))
        };
        let after = self.ledger.change(id, caller.user_id(), rule).await?;
        self.follow(&after, evicts.into_inner(), true);
        Ok(())
    }

    /// Gives a broadcast a new stream key and cuts the encoder that uses the old one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, [`Error::BroadcastEnded`], or the store's.
    pub async fn reset_stream_key(
        &self,
        (caller, client): (&Caller, &Client),
        id: BroadcastId,
    ) -> Result<Snapshot> {
        let before = self.ledger.owned(caller, id).await?;
        if before.status == Status::Ended {
            return Err(Error::BroadcastEnded);
        }
        let key = self.keys.generate(&id.0)?;
        let rule = |current: &Snapshot| {
            let mut after = Broadcast::clone(current);
            after.stream_key = key.clone();
            Ok(Some(crate::ledger::Decision::new(after)))
        };
        let after = self.ledger.change(id, caller.user_id(), rule).await?;
        self.audit.note(caller, client, Act::new(Action::StreamKeyReset).on(id));
        self.sessions.cut_publisher(id, Cut::KeyReset);
        Ok(after)
    }

    /// The stream key of one's own broadcast.
    ///
    /// # Errors
    /// [`Error::Internal`] when the server's secret changed.
    pub fn stream_key(&self, broadcast: &Broadcast) -> Result<String> {
        self.keys.reveal(&broadcast.id.0, &broadcast.stream_key)
    }

    /// Lets somebody watch.
    ///
    /// # Errors
    /// As [`SessionManager::track_user_join`].
    pub async fn join_broadcast(
        &self,
        caller: &Caller,
        id: BroadcastId,
        request: JoinRequest,
        client: Client,
    ) -> Result<Joined> {
        self.sessions.track_user_join(caller, id, request, client).await
    }

    /// Ends all viewers of the calling user in a broadcast; how many there were.
    ///
    /// # Errors
    /// As [`SessionManager::track_user_leave`].
    pub async fn leave_broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<usize> {
        let user = caller.signed_in()?.id;
        self.sessions.track_user_leave(id, user).await
    }

    /// Works out metrics of one's own broadcast.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, and as [`SessionManager::get_session_metrics`].
    pub async fn get_broadcast_analytics(
        &self,
        caller: &Caller,
        id: BroadcastId,
        question: &Question,
    ) -> Result<Report> {
        self.ledger.owned(caller, id).await?;
        self.sessions.get_session_metrics(id, question).await
    }

    /// What this caller may change by this update: administrators may feature what others made.
    async fn changeable(
        &self,
        caller: &Caller,
        id: BroadcastId,
        update: &UpdateBroadcast,
    ) -> Result<Snapshot> {
        if update.is_featured.is_some() && !(caller.is_admin() && caller.has(Scope::AdminWrite)) {
            caller.signed_in()?;
            self.ledger.owned(caller, id).await?;
            return Err(Error::Forbidden("only an administrator can feature a broadcast"));
        }
        if update.viewer_count.is_some() && !self.settings.allow_reported_viewers {
            return Err(Error::Forbidden("this server does not take reported viewers"));
        }
        if update.features_only() && caller.is_admin() {
            return self.broadcast(caller, id).await;
        }
        self.ledger.owned(caller, id).await
    }

    /// What happens in memory once a change is on disk. `evicted` and `was_built_in` come from the decision that was
    /// kept, not from a state read before it: others may have changed the broadcast in between.
    fn follow(&self, after: &Broadcast, evicted: bool, was_built_in: bool) {
        match (after.status, evicted) {
            (Status::Ended, true) => self.sessions.ended(after.id),
            (Status::Ended, false) => {}
            (_, true) => self.sessions.turned_private(after.id),
            (_, false) => {}
        }
        if after.status == Status::Ended || was_built_in == after.is_built_in() {
            return;
        }
        if was_built_in {
            self.sessions.cut_publisher(after.id, Cut::Elsewhere);
        } else if after.ingest.state == IngestState::Idle {
            self.sessions.created(after);
        }
    }
}

impl UpdateBroadcast {
    fn features_only(&self) -> bool {
        let others = Self { is_featured: None, ..self.clone() };
        self.is_featured.is_some() && others == Self::default()
    }
}

/// Makes a broadcast for a user, by a request that was checked.
pub(crate) async fn create(
    ledger: &Ledger,
    keys: &StreamKeys,
    owner: &Identity,
    request: CreateBroadcast,
) -> Result<Snapshot> {
    let now = ledger.clock.now();
    let id = BroadcastId(ledger.ids.uuid(now)?);
    let stream_key = keys.generate(&id.0)?;
    let epoch = Epoch::new(ledger.ids.as_ref())?;
    let broadcast = Broadcast { epoch, ..new_broadcast(id, owner, request, stream_key, now) };
    let by: Option<UserId> = Some(owner.id);
    let mut events =
        vec![ledger.event(EventType::BroadcastCreated, json!({ "title": broadcast.title }), by)?];
    if !broadcast.is_built_in() {
        events.push(ledger.event(EventType::BroadcastStarted, json!({}), by)?);
    }
    let kept = ledger.store.insert_broadcast(&broadcast, events).await;
    let counts = ledger.confirmed(kept)?;
    let snapshot = Snapshot { broadcast: Arc::new(broadcast), counts };
    ledger.directory.put(snapshot.clone());
    Ok(snapshot)
}

fn new_broadcast(
    id: BroadcastId,
    owner: &Identity,
    request: CreateBroadcast,
    stream_key: crate::user::SealedKey,
    now: crate::clock::Time,
) -> Broadcast {
    let CreateBroadcast { rtmp_url, hls_url, webrtc_endpoint, .. } = request;
    Broadcast {
        id,
        owner: owner.id,
        owner_name: owner.username.clone(),
        title: request.title,
        description: request.description,
        status: request.status,
        visibility: request.visibility,
        created_at: now,
        started_at: now,
        ended_at: None,
        max_viewers: request.max_viewers,
        elsewhere: MediaAddresses { rtmp_url, hls_url, webrtc_endpoint },
        metadata: request.metadata,
        ai_intent: request.ai_intent,
        tags: unique(request.tags),
        is_featured: false,
        reported_viewers: 0,
        ingest: Ingest { state: IngestState::Idle, interrupted_until: None },
        stream_key,
        deleted_at: None,
        revision: 0,
        epoch: Epoch(0),
    }
}
