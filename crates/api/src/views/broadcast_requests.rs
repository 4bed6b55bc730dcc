//! What a broadcaster asks of a broadcast, on the wire.

use serde::Deserialize;
use serde_json::{Map, Value};
use tallylight_core::broadcast::{CreateBroadcast, Status, UpdateBroadcast, Visibility};
use utoipa::ToSchema;

use super::broadcast::{StatusView, VisibilityView};
use super::reading::{given, given_whole, nullable, some_whole};

/// How a broadcast may begin.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it stands in the description alone")]
enum FirstStatusView {
    Active,
    Paused,
    Private,
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
