//! One track on its way into parts and segments.

use super::Rendition;
use super::packager::Event;
use crate::cmaf::{Fragment, Sample};
use crate::timeline::VIDEO_TIMESCALE;

/// A part ends early with this many samples, whatever their durations say.
const MAX_SAMPLES: usize = 1_000;

/// Gathers samples into parts. Times are in ticks of the track's timescale.
#[derive(Debug)]
pub(super) struct Lane {
    rendition: Rendition,
    timescale: u32,
    part_target: u64,
    max_part_bytes: usize,
    samples: Vec<Sample>,
    /// Decoding time of the first sample.
    start: i64,
    ticks: u64,
    bytes: usize,
    sequence: u32,
    opens_segment: bool,
    segment_bytes: usize,
    segment_ticks: u64,
}

impl Lane {
    pub(super) fn new(rendition: Rendition, timescale: u32, part_target: u64, max_part_bytes: usize) -> Self {
        Self {
            rendition,
            timescale,
            part_target,
            max_part_bytes,
            samples: Vec::new(),
            start: 0,
            ticks: 0,
            bytes: 0,
            sequence: 0,
            opens_segment: true,
            segment_bytes: 0,
            segment_ticks: 0,
        }
    }

    /// `PART-TARGET` in seconds.
    pub(super) fn part_target(&self) -> f64 {
        self.part_target as f64 / f64::from(self.timescale)
    }

    /// Bytes of the segment under way.
    pub(super) fn segment_bytes(&self) -> usize {
        self.segment_bytes + self.bytes
    }

    /// How long the segment under way would be with `duration` more, in ticks of [`VIDEO_TIMESCALE`].
    pub(super) fn segment_length_with(&self, duration: u32) -> i64 {
        let ticks = self.segment_ticks + u64::from(duration);
        (ticks * u64::from(VIDEO_TIMESCALE) / u64::from(self.timescale)) as i64
    }

    /// Adds a sample that is decoded at `time`, and ends parts as they fill.
    pub(super) fn add(&mut self, time: i64, sample: Sample, events: &mut Vec<Event>) {
        let duration = u64::from(sample.duration);
        let contiguous = time == self.start + self.ticks as i64;
        if !contiguous || self.ticks + duration > self.part_target {
            self.close_part(events);
        }
        if self.samples.is_empty() {
            self.start = time;
        }
        self.ticks += duration;
        self.segment_ticks += duration;
        self.bytes += sample.data.len();
        self.samples.push(sample);
        let full = self.samples.len() >= MAX_SAMPLES || self.bytes >= self.max_part_bytes;
        // When one more would not fit, the part is not held up until it comes.
        if full || self.ticks + duration > self.part_target {
            self.close_part(events);
        }
    }

    /// Ends the segment under way; the next one begins at `end` in ticks of [`VIDEO_TIMESCALE`].
    pub(super) fn cut(&mut self, end: i64, events: &mut Vec<Event>) {
        self.close_part(events);
        self.opens_segment = true;
        self.segment_bytes = 0;
        self.segment_ticks = 0;
        events.push(Event::Cut { rendition: self.rendition, end });
    }

    /// Whether nothing was added since the last cut.
    pub(super) fn is_empty(&self) -> bool {
        self.opens_segment && self.samples.is_empty()
    }

    fn close_part(&mut self, events: &mut Vec<Event>) {
        let Some(first) = self.samples.first() else { return };
        self.sequence = self.sequence.wrapping_add(1);
        let fragment = Fragment {
            opens_segment: self.opens_segment,
            sequence: self.sequence,
            decode_time: u64::try_from(self.start).unwrap_or(0),
            samples: &self.samples,
        };
        let shown = self.start + i64::from(first.composition);
        events.push(Event::Part {
            rendition: self.rendition,
            start: shown * i64::from(VIDEO_TIMESCALE) / i64::from(self.timescale),
            duration: self.ticks as f64 / f64::from(self.timescale),
            independent: first.sync,
            bytes: fragment.write(),
        });
        self.opens_segment = false;
        self.segment_bytes += self.bytes;
        self.samples.clear();
        (self.ticks, self.bytes) = (0, 0);
    }
}
