//! A broadcast, on the wire: as it is listed, owned, and watched.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tallylight_core::Caller;
use tallylight_core::broadcast::{Broadcast, IngestState, Snapshot, Status, Visibility};
use tallylight_core::scope::Scope;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::same_names;
use crate::extract::Base;
use crate::state::App;

/// Where a broadcast stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusView {
    Active,
    Paused,
    Private,
    Ended,
}

/// Who may find a broadcast.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisibilityView {
    Public,
    Private,
}

/// Whether media arrives from an encoder.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IngestStateView {
    Idle,
    Live,
    Interrupted,
    Ended,
}

same_names!(StatusView <=> Status { Active, Paused, Private, Ended });
same_names!(VisibilityView <=> Visibility { Public, Private });
same_names!(IngestStateView <=> IngestState { Idle, Live, Interrupted, Ended });

/// The ingest of a broadcast.
#[derive(Debug, Serialize, ToSchema)]
pub struct IngestView {
    pub state: IngestStateView,
    /// While interrupted: when the broadcast ends unless its encoder comes back.
    #[serde(skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub interrupted_until: Option<OffsetDateTime>,
}

/// Where an encoder publishes to; its owner alone sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublishView {
    /// The server, for OBS; other encoders take this, a slash and the key.
    pub rtmp_url: String,
    pub stream_key: String,
    /// Not served yet.
    pub whip_url: Option<String>,
}

/// A broadcast.
#[derive(Debug, Serialize, ToSchema)]
pub struct BroadcastView {
    pub id: Uuid,
    pub title: String,
    pub description: Option<String>,
    pub user_id: Uuid,
    /// The broadcaster's user name.
    pub user: String,
    pub status: StatusView,
    pub visibility: VisibilityView,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// At creation, and again when the first media arrives.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// Measured and reported viewers.
    pub viewer_count: u32,
    /// 0: no limit.
    pub max_viewers: u32,
    pub hls_url: Option<String>,
    pub webrtc_endpoint: Option<String>,
    /// A JPEG that is renewed while the broadcast is on air.
    pub thumbnail_url: Option<String>,
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    pub ai_intent: Option<String>,
    pub tags: Vec<String>,
    pub is_featured: bool,
    pub reported_viewers: u32,
    pub ingest: IngestView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishView>,
}

impl BroadcastView {
    /// As everybody may see it.
    pub fn public(b: &Snapshot, base: &Base) -> Self {
        Self {
            id: b.id.0,
            title: b.title.clone(),
            description: b.description.clone(),
            user_id: b.owner.0,
            user: b.owner_name.clone(),
            status: b.status.into(),
            visibility: b.visibility.into(),
            created_at: b.created_at,
            started_at: b.started_at,
            ended_at: b.ended_at,
            viewer_count: b.viewer_count(),
            max_viewers: b.max_viewers,
            hls_url: b.elsewhere.hls_url.clone().or_else(|| media_url(b, base, "index.m3u8")),
            webrtc_endpoint: b.elsewhere.webrtc_endpoint.clone(),
            thumbnail_url: media_url(b, base, "thumbnail.jpg")
                .filter(|_| b.ingest.state != IngestState::Idle),
            metadata: b.metadata.clone(),
            ai_intent: b.ai_intent.clone(),
            tags: b.tags.clone(),
            is_featured: b.is_featured,
            reported_viewers: b.reported_viewers,
            ingest: IngestView {
                state: b.ingest.state.into(),
                interrupted_until: b.ingest.interrupted_until,
            },
            publish: None,
        }
    }

    /// As its owner sees it: with addresses that play although it is private, and with the stream key, for each of which
    /// an API key needs its scope.
    pub fn owned(
        b: &Snapshot,
        caller: &Caller,
        base: &Base,
        app: &App,
    ) -> Result<Self, tallylight_core::Error> {
        let mut view = Self::public(b, base);
        let is_open = b.is_built_in() && b.status != Status::Ended;
        if is_open && b.is_private() && caller.has(Scope::BroadcastsRead) {
            let token = app.sessions.preview_token(b.id);
            let url = |file: &str| Some(format!("{}/live/{}/{token}/{file}", base.url, b.id));
            view.hls_url = url("index.m3u8");
            view.thumbnail_url = url("thumbnail.jpg").filter(|_| b.ingest.state != IngestState::Idle);
        }
        if is_open && caller.has(Scope::Publish) {
            let stream_key = app.broadcasts.stream_key(b)?;
            view.publish = Some(PublishView { rtmp_url: rtmp_url(app, base), stream_key, whip_url: None });
        }
        Ok(view)
    }
}

/// Where this server serves a file of a public broadcast of its own, while it is open.
fn media_url(b: &Broadcast, base: &Base, file: &str) -> Option<String> {
    let served = b.is_built_in() && b.status != Status::Ended && !b.is_private();
    served.then(|| format!("{}/live/{}/{file}", base.url, b.id))
}

/// Where encoders publish to.
pub fn rtmp_url(app: &App, base: &Base) -> String {
    let settings = &app.settings;
    settings
        .public_rtmp_url
        .clone()
        .unwrap_or_else(|| format!("rtmp://{}:{}/{}", base.host, settings.rtmp_port, settings.rtmp_app))
}

/// Some broadcasts of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct BroadcastList {
    pub items: Vec<BroadcastView>,
    /// How many there are in all.
    pub total: usize,
    pub limit: usize,
    /// `null` under a cursor.
    pub offset: Option<usize>,
    /// Goes on with the list as it is ordered now, if there is more of it; good for 60 s.
    pub next_cursor: Option<String>,
}

/// A broadcast as a live record.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    pub id: Uuid,
    pub title: String,
    /// The broadcaster's user name.
    pub user: String,
    /// Measured and reported viewers.
    pub viewer_count: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    pub visibility: VisibilityView,
    pub status: StatusView,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// Seconds on air so far.
    pub duration: u64,
    pub ai_intent: Option<String>,
    pub tags: Vec<String>,
    /// The most measured viewers at a time.
    pub peak_viewers: u32,
    pub is_featured: bool,
}

impl SessionView {
    /// As of `now`.
    pub fn new(b: &Snapshot, now: OffsetDateTime) -> Self {
        let duration = (b.ended_at.unwrap_or(now) - b.started_at).whole_seconds();
        Self {
            id: b.id.0,
            title: b.title.clone(),
            user: b.owner_name.clone(),
            viewer_count: b.viewer_count(),
            started_at: b.started_at,
            visibility: b.visibility.into(),
            status: b.status.into(),
            ended_at: b.ended_at,
            duration: u64::try_from(duration).unwrap_or_default(),
            ai_intent: b.ai_intent.clone(),
            tags: b.tags.clone(),
            peak_viewers: b.counts.peak,
            is_featured: b.is_featured,
        }
    }
}

/// A lasting stream key.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamKeyView {
    /// The server, for OBS; other encoders take this, a slash and the key.
    pub rtmp_url: String,
    pub stream_key: String,
}
