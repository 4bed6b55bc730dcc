//! What viewers tell with heartbeats and when they leave.

use serde::Deserialize;
use tallylight_core::quality::{Beacon, Failure};
use utoipa::ToSchema;

/// The secret of a viewer, and how it played.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewerTokenRequest {
    pub viewer_token: String,
    /// How playback went since the report before.
    pub playback: Option<PlaybackReport>,
}

/// How playback went since this viewer's report before. Times are in milliseconds; what is left out is 0.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybackReport {
    /// From the wish to play to the first picture. Counted once in a stay.
    #[schema(minimum = 0, maximum = 600_000)]
    pub startup_ms: Option<u32>,
    /// For how long was played.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 3_600_000)]
    pub played_ms: u32,
    /// For how long playback had stalled: begun, wanted, and out of media.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 3_600_000)]
    pub stalled_ms: u32,
    /// How often it stalled.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10_000)]
    pub stalls: u32,
    /// Why playback broke off. To be told once, until it plays again.
    pub failure: Option<FailureView>,
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
