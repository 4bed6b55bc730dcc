//! Watching, on the wire: how a viewer joins, and what it tells with heartbeats and when it leaves.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;
use serde_json::value::RawValue;
use tallylight_core::quality::{Beacon, Failure};
use utoipa::ToSchema;
use uuid::Uuid;

use super::SessionView;
use super::reading::whole;

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

/// The secret of a viewer, and how it played.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewerTokenRequest {
    pub viewer_token: String,
    /// How playback went since the report before.
    // Read by itself, after the sign of life that it came with: see `PlaybackReport`.
    #[schema(value_type = Option<PlaybackReport>)]
    pub playback: Option<Box<RawValue>>,
}

/// How playback went since this viewer's report before. Times are in milliseconds; what is left out is 0.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybackReport {
    /// From the wish to play to the first picture. Counted once in a stay.
    #[serde(default, deserialize_with = "some_milliseconds")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 600_000)]
    pub startup_ms: Option<u32>,
    /// For how long was played.
    #[serde(default, deserialize_with = "milliseconds")]
    #[schema(value_type = f64, minimum = 0, maximum = 3_600_000)]
    pub played_ms: u32,
    /// For how long playback had stalled: begun, wanted, and out of media.
    #[serde(default, deserialize_with = "milliseconds")]
    #[schema(value_type = f64, minimum = 0, maximum = 3_600_000)]
    pub stalled_ms: u32,
    /// How often it stalled.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 10_000)]
    pub stalls: u32,
    /// Why playback broke off. To be told once, until it plays again.
    pub failure: Option<FailureView>,
}

/// Whole milliseconds; players measure finer, which is rounded.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let rounded = number.as_f64().unwrap_or(f64::MAX).round();
    if rounded < 0.0 {
        return Err(D::Error::custom("must not be negative"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    Ok(rounded as u32)
}

fn some_milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    struct Milliseconds(#[serde(deserialize_with = "milliseconds")] u32);
    Ok(Option::<Milliseconds>::deserialize(deserializer)?.map(|Milliseconds(number)| number))
}

/// Why playback broke off: `network`, playlists or media could not be fetched; `media`, what was fetched could not be
/// decoded; `unsupported`, the player cannot play this kind of media at all; `other`.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureView {
    Network,
    Media,
    Unsupported,
    Other,
}

impl From<PlaybackReport> for Beacon {
    fn from(report: PlaybackReport) -> Self {
        let PlaybackReport { startup_ms, played_ms, stalled_ms, stalls, failure } = report;
        Self { startup_ms, played_ms, stalled_ms, stalls, failure: failure.map(Failure::from) }
    }
}

impl From<FailureView> for Failure {
    fn from(failure: FailureView) -> Self {
        match failure {
            FailureView::Network => Self::Network,
            FailureView::Media => Self::Media,
            FailureView::Unsupported => Self::Unsupported,
            FailureView::Other => Self::Other,
        }
    }
}
