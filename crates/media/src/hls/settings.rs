//! Every limit and target of the origin.

use std::time::Duration;

/// How broadcasts are packaged, and what bounds them. Each applies to one broadcast.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A segment ends at the first keyframe at or after this. 2 s by default.
    pub segment_target: Duration,
    /// `EXT-X-TARGETDURATION`, in whole seconds: a segment that no keyframe has ended by then ends without one.
    /// Keyframe intervals up to this give segments that can all be started from. 4 by default.
    pub target_duration: u32,
    /// About how long a part is. The target announced is the whole number of frames that fit. 250 ms by default:
    /// players stay three parts behind, and ask for each part of each track.
    pub part_target: Duration,
    /// How many complete segments a playlist lists. 7 by default: at least three target durations of 2 s segments.
    pub window_segments: usize,
    /// How many segments stay retrievable after they left the playlist. 1 by default.
    pub retained_segments: usize,
    /// The most bytes of media kept; the oldest segments leave early. 64 MiB by default.
    pub window_bytes: usize,
    /// How long the first track waits for one that has not announced itself, in media time. 500 ms by default.
    pub track_wait: Duration,
    /// How long the first track waits for one that sent its header but no media. 2 s by default.
    pub announced_track_wait: Duration,
    /// The longest time between keyframes; a stream with a longer one is ended. 60 s by default.
    pub max_keyframe_interval: Duration,
    /// The highest bit rate, in bits a second over ten seconds. 60 Mbit/s by default.
    pub max_bit_rate: u64,
    /// The largest coded frame, in bytes. 8 MiB by default.
    pub max_frame_bytes: usize,
    /// The longest side of the picture, in pixels. 4096 by default.
    pub max_picture_side: u32,
    /// How often in succession, with less than ten seconds between, an encoder may change its headers. 10 by default.
    pub max_header_changes: u32,
    /// The most requests that wait for media at once. 20,000 by default; those beyond it get
    /// [`RequestError::Busy`](super::RequestError::Busy).
    pub max_blocked_requests: usize,
    /// Where a CDN serves what this origin serves under `/`, such as `https://cdn.example.net`, used for the media
    /// of public broadcasts. None by default: addresses are relative.
    pub cdn_base: Option<String>,
    /// The least time between two thumbnails while someone looks at them. 10 s by default.
    pub thumbnail_interval: Duration,
    /// The least time between two thumbnails when nobody asked for the last one. 60 s by default: decoding a
    /// keyframe costs as much as packaging several seconds of media.
    pub thumbnail_idle_interval: Duration,
    /// The largest width of a thumbnail, in pixels. 640 by default.
    pub thumbnail_width: u32,
    /// How many thumbnails are made at once, over all broadcasts. 1 by default; a keyframe that finds none free is
    /// left out.
    pub thumbnail_workers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_target: Duration::from_secs(2),
            target_duration: 4,
            part_target: Duration::from_millis(250),
            window_segments: 7,
            retained_segments: 1,
            window_bytes: 64 << 20,
            track_wait: Duration::from_millis(500),
            announced_track_wait: Duration::from_secs(2),
            max_keyframe_interval: Duration::from_secs(60),
            max_bit_rate: 60_000_000,
            max_frame_bytes: 8 << 20,
            max_picture_side: 4_096,
            max_header_changes: 10,
            max_blocked_requests: 20_000,
            cdn_base: None,
            thumbnail_interval: Duration::from_secs(10),
            thumbnail_idle_interval: Duration::from_secs(60),
            thumbnail_width: 640,
            thumbnail_workers: 1,
        }
    }
}

impl Settings {
    /// The shortest that a segment between keyframes can be: what is 2 s to an encoder may be 1.999 in timestamps.
    pub(super) fn segment_min(&self) -> Duration {
        self.segment_target.mul_f64(0.95)
    }

    /// How long a request may block: three target durations (RFC 8216bis §6.2.5.2).
    pub(super) fn blocking_timeout(&self) -> Duration {
        Duration::from_secs(3 * u64::from(self.target_duration))
    }
}
