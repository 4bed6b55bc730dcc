//! An era under way: where its segments end, and how its tracks keep together.

use super::Settings;
use super::lane::Lane;
use super::packager::Event;
use crate::cmaf::{AacConfig, Sample};
use crate::timeline::{Frame, Picture, VIDEO_TIMESCALE};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// How far one track may lead before it no longer waits for the other, in ticks: one second.
pub(super) const MAX_LEAD: i64 = VIDEO_TIMESCALE as i64;
/// How far a segment may exceed the target duration, which it must not when rounded, in ticks: 0.4 s.
const TOLERANCE: i64 = VIDEO_TIMESCALE as i64 * 2 / 5;

/// [`Settings`] in ticks of [`VIDEO_TIMESCALE`].
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) segment_min: i64,
    pub(super) segment_target: i64,
    pub(super) segment_max: i64,
    pub(super) part_target: u64,
    pub(super) track_wait: i64,
    pub(super) announced_track_wait: i64,
    pub(super) keyframe_max: i64,
    pub(super) segment_bytes: usize,
}

impl Rules {
    pub(super) fn new(settings: &Settings) -> Self {
        let ticks = |duration: Duration| (duration.as_secs_f64() * f64::from(VIDEO_TIMESCALE)) as i64;
        Self {
            segment_min: ticks(settings.segment_min()),
            segment_target: ticks(settings.segment_target),
            segment_max: ticks(Duration::from_secs(settings.target_duration.into())),
            part_target: ticks(settings.part_target) as u64,
            track_wait: ticks(settings.track_wait),
            announced_track_wait: ticks(settings.announced_track_wait),
            keyframe_max: ticks(settings.max_keyframe_interval),
            segment_bytes: settings.window_bytes / 8,
        }
    }
}

/// An era under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) video: Option<Lane>,
    pub(super) audio: Option<Lane>,
    pub(super) frames: VecDeque<Frame>,
    /// Where video ended segments that audio has yet to end.
    pub(super) cuts: VecDeque<i64>,
    pub(super) era_start: i64,
    /// When the first picture or frame of the segment is decoded.
    pub(super) segment_start: i64,
    /// The longest that a segment may be.
    pub(super) segment_max: i64,
}

impl Running {
    /// Takes a picture and, before `next`, ends the segment if it should.
    pub(super) fn picture(
        &mut self,
        picture: Picture,
        next: Option<&Picture>,
        rules: &Rules,
        events: &mut Vec<Event>,
    ) {
        self.add_picture(picture, events);
        if let Some(next) = next {
            self.cut_before(next, rules, events);
        }
    }

    /// Lets audio come as far as video, whose newest picture is `next`.
    pub(super) fn follow_video(
        &mut self,
        config: Option<&AacConfig>,
        next: Option<&Picture>,
        events: &mut Vec<Event>,
    ) {
        if let Some(next) = next {
            self.release_audio(config, next.dts, events);
            self.catch_up(next.dts, events);
        }
    }

    pub(super) fn add_picture(&mut self, picture: Picture, events: &mut Vec<Event>) {
        // A gap longer than a segment stays a gap.
        let longest = u32::try_from(self.segment_max).unwrap_or(u32::MAX);
        let duration = picture.duration.min(longest);
        let is_over = |lane: &Lane| !lane.is_empty() && lane.segment_length_with(duration) > self.limit();
        if self.video.as_ref().is_some_and(is_over) {
            // Only a picture shown for very long comes here: it gets a segment of its own.
            self.cut(picture.dts, picture.pts, events);
        }
        let Some(lane) = &mut self.video else { return };
        let sample = Sample {
            duration,
            composition: i32::try_from(picture.pts - picture.dts).unwrap_or(0),
            sync: picture.keyframe,
            data: picture.data,
        };
        lane.add(picture.dts, sample, events);
    }

    /// The longest that a segment can be without its rounded duration exceeding the target's.
    fn limit(&self) -> i64 {
        self.segment_max + TOLERANCE
    }

    /// Ends the segment before the picture `next` if it should.
    fn cut_before(&mut self, next: &Picture, rules: &Rules, events: &mut Vec<Event>) {
        let Some(lane) = &self.video else { return };
        let elapsed = next.dts - self.segment_start;
        let at_keyframe = next.keyframe && elapsed >= rules.segment_min;
        let over = elapsed >= rules.segment_max || lane.segment_bytes() >= rules.segment_bytes;
        if at_keyframe || over {
            self.cut(next.dts, next.pts, events);
        }
    }

    /// Ends the video segment; audio's follows when it gets there.
    pub(super) fn cut(&mut self, decoded: i64, shown: i64, events: &mut Vec<Event>) {
        self.segment_start = decoded;
        if let Some(lane) = &mut self.video {
            lane.cut(shown, events);
        }
        if self.audio.is_some() {
            self.cuts.push_back(shown);
        }
    }

    /// Sends audio frames on that begin at or before `until`, and ends segments where video did.
    pub(super) fn release_audio(&mut self, config: Option<&AacConfig>, until: i64, events: &mut Vec<Event>) {
        let limit = self.limit();
        let (Some(lane), Some(config)) = (&mut self.audio, config) else { return };
        while let Some(frame) = self.frames.front() {
            let at = ticks(frame.start, config);
            if let Some(cut) = self.cuts.front().copied().filter(|cut| *cut <= at) {
                self.cuts.pop_front();
                lane.cut(cut, events);
            } else if at > until {
                return;
            } else if lane.segment_length_with(config.format.frame_length) > limit {
                // Timestamps so bad that no end of a video segment was found in time.
                lane.cut(at, events);
            } else if let Some(frame) = self.frames.pop_front() {
                lane.add(frame.start, audio_sample(frame.data, config), events);
            }
        }
    }

    /// Ends audio segments that are a second overdue: there is no audio to come.
    fn catch_up(&mut self, video: i64, events: &mut Vec<Event>) {
        let Some(lane) = &mut self.audio else { return };
        while let Some(cut) = self.cuts.front().copied().filter(|cut| video - cut > MAX_LEAD) {
            self.cuts.pop_front();
            lane.cut(cut, events);
        }
    }

    /// Audio without video decides on its own where segments end.
    pub(super) fn release_audio_alone(&mut self, config: &AacConfig, segment: i64, events: &mut Vec<Event>) {
        let Some(lane) = &mut self.audio else { return };
        while let Some(frame) = self.frames.pop_front() {
            let at = ticks(frame.start, config);
            if at - self.segment_start >= segment {
                lane.cut(at, events);
                self.segment_start = at;
            }
            lane.add(frame.start, audio_sample(frame.data, config), events);
        }
    }

    /// Sends everything on and ends the last segment of each track.
    pub(super) fn end(&mut self, last: Option<Picture>, config: Option<&AacConfig>, events: &mut Vec<Event>) {
        let mut end = self.segment_start;
        if let Some(picture) = last {
            end = picture.pts + i64::from(picture.duration);
            self.add_picture(picture, events);
        }
        self.release_audio(config, i64::MAX, events);
        let lanes = || [&self.video, &self.audio].into_iter().flatten();
        if self.cuts.is_empty() && lanes().all(Lane::is_empty) {
            return;
        }
        if let Some(lane) = &mut self.audio {
            self.cuts.drain(..).for_each(|cut| lane.cut(cut, events));
        }
        for lane in [&mut self.video, &mut self.audio].into_iter().flatten() {
            lane.cut(end, events);
        }
    }
}

fn audio_sample(data: Bytes, config: &AacConfig) -> Sample {
    Sample { duration: config.format.frame_length, composition: 0, sync: true, data }
}

/// The samples count `start` in ticks of [`VIDEO_TIMESCALE`].
pub(super) fn ticks(start: i64, config: &AacConfig) -> i64 {
    start * i64::from(VIDEO_TIMESCALE) / i64::from(config.format.sample_rate)
}
