//! What goes over the wire: clients in the wild are written against these shapes. Fields are added, never renamed.

pub mod accounts;
pub mod admin;
pub mod chat;
pub mod export;
pub mod join_tokens;
pub mod keys;
pub mod log;
mod playback;
mod whole;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tallylight_core::Caller;
use tallylight_core::broadcast::{
    Broadcast, CreateBroadcast, IngestState, Snapshot, Status, UpdateBroadcast, Visibility,
};
use tallylight_core::scope::Scope;
use tallylight_core::user::{Registration, Role, SignedIn, User};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::extract::Base;
use crate::state::App;

pub use playback::{PlaybackReport, ViewerTokenRequest};
use whole::{given_whole, some_whole};

/// Where a broadcast stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusView {
    Active,
    Paused,
    Private,
    Ended,
}

/// How a broadcast may begin.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it stands in the description alone")]
enum FirstStatusView {
    Active,
    Paused,
    Private,
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

/// What a user may do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleView {
    Viewer,
    Broadcaster,
    Moderator,
    Admin,
}

macro_rules! same_names {
    ($view:ident <=> $domain:ident { $($variant:ident),+ }) => {
        impl From<$domain> for $view {
            fn from(value: $domain) -> Self {
                match value { $($domain::$variant => Self::$variant),+ }
            }
        }
        impl From<$view> for $domain {
            fn from(value: $view) -> Self {
                match value { $($view::$variant => Self::$variant),+ }
            }
        }
    };
}

same_names!(StatusView <=> Status { Active, Paused, Private, Ended });
same_names!(VisibilityView <=> Visibility { Public, Private });
same_names!(IngestStateView <=> IngestState { Idle, Live, Interrupted, Ended });
same_names!(RoleView <=> Role { Viewer, Broadcaster, Moderator, Admin });

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}))]
pub struct RegisterRequest {
    /// 2 to 32 of `a-z 0-9 _ -`.
    #[schema(min_length = 2, max_length = 32, pattern = "^[a-z0-9_-]{2,32}$")]
    pub username: String,
    #[schema(format = "email", max_length = 254)]
    pub email: String,
    #[schema(min_length = 8, max_length = 256, format = "password", pattern = r"^[^\x00]*$")]
    pub password: String,
    /// The user name, if it is not given.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00]*$")]
    pub display_name: Option<String>,
    /// Whether the tokens go into cookies, for pages of this site: then they are not in the answer.
    #[serde(default)]
    pub cookies: bool,
}

/// The first administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"setup_token": "from-the-link", "username": "root", "email": "root@example.org", "password": "correct horse battery"}))]
pub struct SetupRequest {
    /// From the link that the server printed when it started.
    pub setup_token: String,
    /// 2 to 32 of `a-z 0-9 _ -`.
    #[schema(min_length = 2, max_length = 32, pattern = "^[a-z0-9_-]{2,32}$")]
    pub username: String,
    #[schema(format = "email", max_length = 254)]
    pub email: String,
    #[schema(min_length = 8, max_length = 256, format = "password", pattern = r"^[^\x00]*$")]
    pub password: String,
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00]*$")]
    pub display_name: Option<String>,
    /// Whether the tokens go into cookies, for pages of this site: then they are not in the answer.
    #[serde(default)]
    pub cookies: bool,
}

impl From<RegisterRequest> for Registration {
    fn from(r: RegisterRequest) -> Self {
        Self { username: r.username, email: r.email, password: r.password, display_name: r.display_name }
    }
}

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"login": "ada", "password": "correct horse battery"}))]
pub struct LoginRequest {
    /// User name or e-mail address.
    pub login: String,
    #[schema(format = "password")]
    pub password: String,
    /// Whether the tokens go into cookies, for pages of this site: then they are not in the answer.
    #[serde(default)]
    pub cookies: bool,
}

/// A refresh token, good once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "from-the-sign-in"}))]
pub struct RefreshRequest {
    /// Without it the one in the cookies of this site's own pages is taken.
    pub refresh_token: Option<String>,
}

/// A user, as the user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    pub id: Uuid,
    pub username: String,
    pub display_name: String,
    pub email: String,
    pub role: RoleView,
    /// What a broadcast is called that the lasting stream key makes.
    pub default_title: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            username: user.username,
            display_name: user.display_name,
            email: user.email,
            role: user.role.into(),
            default_title: user.default_title,
            created_at: user.created_at,
        }
    }
}

/// A signed-in user with new tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokensView {
    pub user: UserView,
    /// For `Authorization: Bearer`; absent where the tokens are in cookies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Bearer")]
    pub token_type: Option<&'static str>,
    /// Seconds.
    pub expires_in: u32,
    /// Good once; it answers with the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

impl TokensView {
    /// With the tokens, for programs.
    pub fn open(signed_in: SignedIn) -> Self {
        Self {
            user: signed_in.user.into(),
            access_token: Some(signed_in.access_token),
            token_type: Some("Bearer"),
            expires_in: signed_in.expires_in,
            refresh_token: Some(signed_in.refresh_token),
        }
    }

    /// Without them, for pages.
    pub fn closed(signed_in: SignedIn) -> Self {
        let expires_in = signed_in.expires_in;
        let user = signed_in.user.into();
        Self { user, access_token: None, token_type: None, expires_in, refresh_token: None }
    }
}

/// A tag.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 50, pattern = r"^[^\x00]*$", example = "chess")]
#[expect(dead_code, reason = "it stands in the description alone")]
struct TagView(String);

/// A new broadcast.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Launch day", "tags": ["space"], "max_viewers": 500}))]
pub struct CreateBroadcastRequest {
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$")]
    pub title: String,
    #[schema(max_length = 5000, pattern = r"^[^\x00]*$")]
    pub description: Option<String>,
    /// `public` by default.
    pub visibility: Option<VisibilityView>,
    /// `active` by default.
    #[schema(value_type = Option<FirstStatusView>)]
    pub status: Option<StatusView>,
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00]*$")]
    pub ai_intent: Option<String>,
    /// At most 100 of 1 to 50 characters; doubles are dropped.
    #[schema(max_items = 100, value_type = Option<Vec<TagView>>)]
    pub tags: Option<Vec<String>>,
    /// 0: no limit.
    #[serde(default, deserialize_with = "some_whole")]
    #[schema(maximum = 2_147_483_647)]
    pub max_viewers: Option<u32>,
    /// At most 16 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Media served elsewhere (http(s) or rtmp(s)).
    #[schema(max_length = 500, format = "uri")]
    pub rtmp_url: Option<String>,
    /// Media served elsewhere (http(s) or rtmp(s)).
    #[schema(max_length = 500, format = "uri")]
    pub hls_url: Option<String>,
    /// Media served elsewhere (http(s) or rtmp(s)).
    #[schema(max_length = 500, format = "uri")]
    pub webrtc_endpoint: Option<String>,
}

impl From<CreateBroadcastRequest> for CreateBroadcast {
    fn from(r: CreateBroadcastRequest) -> Self {
        Self {
            title: r.title,
            description: r.description,
            visibility: r.visibility.map_or(Visibility::Public, Into::into),
            status: r.status.map_or(Status::Active, Into::into),
            ai_intent: r.ai_intent,
            tags: r.tags.unwrap_or_default(),
            max_viewers: r.max_viewers.unwrap_or_default(),
            metadata: r.metadata.unwrap_or_default(),
            rtmp_url: r.rtmp_url,
            hls_url: r.hls_url,
            webrtc_endpoint: r.webrtc_endpoint,
        }
    }
}

/// What changes. Absent fields stay; `null` clears those that may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Launch day, part two", "status": "paused"}))]
pub struct UpdateBroadcastRequest {
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$")]
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(max_length = 5000, pattern = r"^[^\x00]*$", value_type = Option<String>)]
    pub description: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub status: Option<StatusView>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub visibility: Option<VisibilityView>,
    /// All tags; at most 100 of 1 to 50 characters.
    #[schema(max_items = 100, value_type = Vec<TagView>, required = false)]
    #[serde(default, deserialize_with = "given")]
    pub tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00]*$", value_type = Option<String>)]
    pub ai_intent: Option<Option<String>>,
    /// 0: no limit. Lowering it removes nobody.
    #[serde(default, deserialize_with = "given_whole")]
    #[schema(nullable = false, maximum = 2_147_483_647)]
    pub max_viewers: Option<u32>,
    /// A JSON merge patch (RFC 7396).
    #[schema(value_type = Option<Object>)]
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub metadata: Option<Map<String, Value>>,
    /// Viewers who watch elsewhere, reported by the owner.
    #[schema(maximum = 10_000_000)]
    #[serde(default, deserialize_with = "given_whole")]
    #[schema(nullable = false)]
    pub viewer_count: Option<u32>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(max_length = 500, format = "uri", value_type = Option<String>)]
    pub rtmp_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(max_length = 500, format = "uri", value_type = Option<String>)]
    pub hls_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(max_length = 500, format = "uri", value_type = Option<String>)]
    pub webrtc_endpoint: Option<Option<String>>,
    /// Administrators only.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub is_featured: Option<bool>,
}

/// Takes no `null` for a field that cannot be empty.
pub(crate) fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Tells a field that is absent from one that is `null`.
pub(crate) fn nullable<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<UpdateBroadcastRequest> for UpdateBroadcast {
    fn from(r: UpdateBroadcastRequest) -> Self {
        Self {
            title: r.title,
            description: r.description,
            status: r.status.map(Into::into),
            visibility: r.visibility.map(Into::into),
            tags: r.tags,
            ai_intent: r.ai_intent,
            max_viewers: r.max_viewers,
            metadata: r.metadata,
            viewer_count: r.viewer_count,
            rtmp_url: r.rtmp_url,
            hls_url: r.hls_url,
            webrtc_endpoint: r.webrtc_endpoint,
            is_featured: r.is_featured,
        }
    }
}

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

    /// As its owner sees it: with addresses that play although it is private, and with the stream key, for which an API
    /// key needs a scope of its own.
    pub fn owned(
        b: &Snapshot,
        caller: &Caller,
        base: &Base,
        app: &App,
    ) -> Result<Self, tallylight_core::Error> {
        let mut view = Self::public(b, base);
        if b.is_private() && b.is_built_in() && b.status != Status::Ended {
            let token = app.sessions.preview_token(b.id);
            let url = |file: &str| Some(format!("{}/live/{}/{token}/{file}", base.url, b.id));
            view.hls_url = url("index.m3u8");
            view.thumbnail_url = url("thumbnail.jpg").filter(|_| b.ingest.state != IngestState::Idle);
        }
        if b.is_built_in() && b.status != Status::Ended && caller.has(Scope::Publish) {
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

/// Who wants to watch.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"device_id": "8a2f6f0e-4a0c-4f5e"}))]
pub struct JoinRequestBody {
    /// One's own; that of another user from an API key with the scope `viewers:write`.
    pub user_id: Option<Uuid>,
    /// An invitation to a private broadcast.
    pub join_token: Option<String>,
    /// To be the same viewer as before.
    pub viewer_token: Option<String>,
    /// For apps: a random id that this device keeps for this server, so that its viewers are one person. Browsers have
    /// a cookie for it.
    #[schema(min_length = 16, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    pub device_id: Option<String>,
}

/// A place to watch from.
#[derive(Debug, Serialize, ToSchema)]
pub struct JoinResponse {
    pub viewer_id: Uuid,
    /// Secret; for heartbeats and to leave.
    pub viewer_token: String,
    /// Seconds.
    pub heartbeat_interval: u64,
    pub session: SessionView,
    pub playback: PlaybackView,
}

/// Where one viewer plays.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaybackView {
    pub hls_url: Option<String>,
    pub webrtc_endpoint: Option<String>,
}

/// A lasting stream key.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamKeyView {
    /// The server, for OBS; other encoders take this, a slash and the key.
    pub rtmp_url: String,
    pub stream_key: String,
}
