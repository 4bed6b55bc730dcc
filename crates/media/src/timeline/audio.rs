//! Audio, counted in samples: encoders round timestamps to milliseconds, which frames do not divide.

use crate::model::AudioPacket;
use bytes::Bytes;

/// Beyond this distance from the encoder's clock the count of samples gives way, in milliseconds.
const RESYNC: i64 = 100;

/// How audio is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFormat {
    /// Samples a second; also the timescale of the track.
    pub sample_rate: u32,
    /// Samples in a frame: 1024, or 960.
    pub frame_length: u32,
}

/// One audio frame on the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its first sample, counted since the broadcast's time zero.
    pub start: i64,
    /// One raw access unit.
    pub data: Bytes,
}

#[derive(Debug)]
pub(super) struct AudioTrack {
    format: AudioFormat,
    /// The sample after the last frame.
    next: Option<i64>,
}

impl AudioTrack {
    pub(super) fn new(format: AudioFormat) -> Self {
        Self { format, next: None }
    }

    pub(super) fn push(&mut self, time: i64, packet: AudioPacket) -> Option<Frame> {
        let rate = i64::from(self.format.sample_rate);
        let clock = time * rate / 1_000;
        let next = self.next.unwrap_or(clock);
        let drift = clock - next;
        if drift < -RESYNC * rate / 1_000 {
            // It would overlap what was sent; the clock catches up while frames are dropped.
            return None;
        }
        let start = if drift > RESYNC * rate / 1_000 { clock } else { next };
        self.next = Some(start + i64::from(self.format.frame_length));
        Some(Frame { start, data: packet.data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(times: impl IntoIterator<Item = i64>) -> Vec<Option<i64>> {
        let mut track = AudioTrack::new(AudioFormat { sample_rate: 48_000, frame_length: 1_024 });
        let packet = || AudioPacket { timestamp: 0, data: Bytes::new() };
        times.into_iter().map(|time| track.push(time, packet()).map(|frame| frame.start)).collect()
    }

    #[test]
    fn rounding_does_not_accumulate() {
        let starts = starts((0..1_000).map(|n| n * 1_024 / 48));
        assert_eq!(starts, (0..1_000).map(|n| Some(n * 1_024)).collect::<Vec<_>>());
    }

    #[test]
    fn a_gap_past_100_ms_is_kept_and_an_overlap_is_dropped() {
        assert_eq!(starts([0, 500, 380, 510]), [Some(0), Some(24_000), None, Some(25_024)]);
    }
}
