//! What is known of a stream, for the ingest doctor and the studio.

use super::PublishId;
use crate::timeline::{Picture, VIDEO_TIMESCALE};
use std::time::{Duration, SystemTime};

/// A stream as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Whether an encoder publishes now.
    pub is_live: bool,
    /// Whether the broadcast was ended.
    pub has_ended: bool,
    /// The last publication, and when it began.
    pub publish: Option<(PublishId, SystemTime)>,
    /// When the last part was completed.
    pub last_part_at: Option<SystemTime>,
    /// The video of the current or last publication.
    pub video: Option<VideoStatus>,
    /// The audio of the current or last publication.
    pub audio: Option<AudioStatus>,
    /// Media kept in memory, in bytes.
    pub window_bytes: usize,
    /// Requests that wait for media.
    pub blocked_requests: usize,
}

/// What is known of the video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoStatus {
    /// RFC 6381 name, such as `avc1.64001F`.
    pub codec: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Pictures a second.
    pub frame_rate: f64,
    /// From the last keyframe but one to the last; `None` before the second.
    pub keyframe_interval: Option<Duration>,
    /// Whether pictures are shown in another order than they are sent, which WebRTC cannot do.
    pub has_b_frames: bool,
    /// Bits a second, over the window.
    pub bit_rate: u64,
}

/// What is known of the audio.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioStatus {
    /// RFC 6381 name, such as `mp4a.40.2`.
    pub codec: String,
    /// Samples a second; with spectral band replication those of the core.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u16,
    /// Bits a second, over the window.
    pub bit_rate: u64,
}

/// How many pictures the frame rate is taken over.
const RATE_PICTURES: u32 = 60;
/// Frame rates that encoders mean when they come within half a percent of them.
const COMMON_RATES: [f64; 8] = [24_000.0 / 1_001.0, 25.0, 30_000.0 / 1_001.0, 30.0, 50.0, 60.0, 24.0, 15.0];

/// What the packager measures of the encoder's habits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measures {
    last: Option<(i64, i64)>,
    counted_from: i64,
    counted: u32,
    /// Pictures a second; 0 before the second picture.
    pub frame_rate: f64,
    pub keyframe_interval: Option<Duration>,
    pub has_b_frames: bool,
    /// Pictures and frames of sound that arrived and could not be shown.
    pub dropped: u64,
}

impl Measures {
    /// Looks at a picture that comes `since_keyframe` ticks after the last keyframe.
    pub(super) fn picture(&mut self, picture: &Picture, since_keyframe: i64) {
        let Some((_, last_pts)) = self.last.replace((picture.dts, picture.pts)) else {
            self.counted_from = picture.dts;
            return;
        };
        self.has_b_frames |= picture.pts < last_pts;
        if picture.keyframe {
            let seconds = since_keyframe as f64 / f64::from(VIDEO_TIMESCALE);
            self.keyframe_interval = Duration::try_from_secs_f64(seconds).ok();
        }
        self.counted += 1;
        let elapsed = (picture.dts - self.counted_from) as f64 / f64::from(VIDEO_TIMESCALE);
        if self.counted == RATE_PICTURES || self.frame_rate == 0.0 || self.counted == RATE_PICTURES / 10 {
            self.frame_rate = usual(f64::from(self.counted) / elapsed);
        }
        if self.counted == RATE_PICTURES {
            (self.counted_from, self.counted) = (picture.dts, 0);
        }
    }
}

/// The common rate that `rate` is meant to be, or itself.
fn usual(rate: f64) -> f64 {
    let distance = |common: &f64| (rate - common).abs();
    let nearest = COMMON_RATES.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.filter(|common| distance(common) < common * 0.005).unwrap_or(rate)
}
