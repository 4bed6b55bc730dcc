//! Pictures: growing decoding times, unique presentation times, durations.

use crate::model::VideoPacket;
use bytes::Bytes;
use std::collections::VecDeque;

/// Ticks a second of video times: a millisecond is a whole number of them.
pub const VIDEO_TIMESCALE: u32 = 90_000;

const TICKS_PER_MS: i64 = VIDEO_TIMESCALE as i64 / 1_000;
/// The least distance of two decoding times: a millisecond, since encoders cannot say less.
const MIN_STEP: i64 = TICKS_PER_MS;
/// Composition offsets beyond this are an encoder's mistake, in milliseconds.
const MAX_COMPOSITION: i32 = 10_000;
/// How many presentation times are remembered to keep them unique; reordering reaches back 16 pictures at most.
const REMEMBERED: usize = 256;
/// The duration of a picture that nothing came before or after: one at 30 a second.
const DEFAULT_DURATION: u32 = VIDEO_TIMESCALE / 30;

/// One picture on the timeline. Times are in ticks of [`VIDEO_TIMESCALE`] since the broadcast's time zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// When it is decoded; greater than that of any picture before.
    pub dts: i64,
    /// When it is shown; no two pictures share it.
    pub pts: i64,
    /// Until the next one is decoded. 0 while that is unknown.
    pub duration: u32,
    /// Whether decoding can begin here.
    pub keyframe: bool,
    /// Length-prefixed NAL units.
    pub data: Bytes,
}

#[derive(Debug, Default)]
pub(super) struct VideoTrack {
    waiting: Option<Picture>,
    last_dts: Option<i64>,
    last_duration: Option<u32>,
    shown: VecDeque<i64>,
}

impl VideoTrack {
    pub(super) fn push(&mut self, time: i64, packet: VideoPacket) -> Option<Picture> {
        let earliest = self.last_dts.map_or(i64::MIN, |last| last + MIN_STEP);
        let dts = (time * TICKS_PER_MS).max(earliest);
        let composition = packet.composition.clamp(-MAX_COMPOSITION, MAX_COMPOSITION);
        let pts = self.unique(dts + i64::from(composition) * TICKS_PER_MS);
        self.last_dts = Some(dts);
        let picture = Picture { dts, pts, duration: 0, keyframe: packet.keyframe, data: packet.data };
        let mut before = self.waiting.replace(picture)?;
        before.duration = u32::try_from(dts - before.dts).unwrap_or(u32::MAX);
        self.last_duration = Some(before.duration);
        Some(before)
    }

    pub(super) fn waiting(&self) -> Option<&Picture> {
        self.waiting.as_ref()
    }

    pub(super) fn flush(&mut self) -> Option<Picture> {
        let mut picture = self.waiting.take()?;
        picture.duration = self.last_duration.unwrap_or(DEFAULT_DURATION);
        // What follows must not begin within it.
        self.last_dts = Some(picture.dts + i64::from(picture.duration) - MIN_STEP);
        Some(picture)
    }

    /// The nearest presentation time from `pts` on that no recent picture has.
    fn unique(&mut self, mut pts: i64) -> i64 {
        while self.shown.contains(&pts) {
            pts += 1;
        }
        if self.shown.len() == REMEMBERED {
            self.shown.pop_front();
        }
        self.shown.push_back(pts);
        pts
    }
}
