//! From packets to parts: decides when an era, a segment and a part begin. Sans I/O.
//!
//! An *era* has one set of headers. Its media is gathered until it is clear which tracks there are; then it runs.
//! Video leads: segments end at its keyframes, and audio's at the first frame from there on.

use super::era::{MAX_LEAD, Rules, Running, ticks};
use super::lane::Lane;
use super::status::Measures;
use super::{MediaError, Rendition, Settings};
use crate::cmaf::{AacConfig, AvcConfig, audio_init, video_init};
use crate::model::{AudioPacket, Packet, VideoPacket};
use crate::timeline::{Frame, Picture, Timeline, VIDEO_TIMESCALE};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// What timestamps in milliseconds may add to a part, in ticks: two of them.
const ROUNDING: u64 = 2 * VIDEO_TIMESCALE as u64 / 1_000;
/// An era at least this long starts the count of header changes anew, in ticks: ten seconds.
const CALM: i64 = 10 * VIDEO_TIMESCALE as i64;

/// What the packager tells the window.
#[derive(Debug)]
pub(super) enum Event {
    /// A new era begins, with these tracks.
    Era { video: Option<VideoStart>, audio: Option<AudioStart> },
    /// A part is complete.
    Part {
        rendition: Rendition,
        /// When its first sample is shown, in ticks of [`VIDEO_TIMESCALE`].
        start: i64,
        /// Seconds.
        duration: f64,
        independent: bool,
        bytes: Bytes,
    },
    /// A segment is complete; the next one begins at `end`, in ticks of [`VIDEO_TIMESCALE`].
    Cut { rendition: Rendition, end: i64 },
}

/// The video of a new era.
#[derive(Debug)]
pub(super) struct VideoStart {
    pub config: Arc<AvcConfig>,
    pub init: Bytes,
    pub part_target: f64,
}

/// The audio of a new era.
#[derive(Debug)]
pub(super) struct AudioStart {
    pub config: Arc<AacConfig>,
    pub init: Bytes,
    pub part_target: f64,
}

/// Packages one publication.
#[derive(Debug)]
pub(super) struct Packager {
    rules: Rules,
    max_picture_side: u32,
    max_header_changes: u32,
    timeline: Timeline,
    video: Option<Arc<AvcConfig>>,
    audio: Option<Arc<AacConfig>>,
    state: State,
    /// Whether video is dropped until a keyframe comes.
    needs_keyframe: bool,
    /// Whether the next keyframe begins a new era, in which audio has changed.
    audio_changed: bool,
    last_keyframe: i64,
    header_changes: u32,
    measures: Measures,
}

#[derive(Debug)]
enum State {
    Gathering(Gathered),
    Running(Box<Running>),
}

/// What came before it is clear which tracks there are.
#[derive(Debug, Default)]
struct Gathered {
    pictures: Vec<Picture>,
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Packager {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            rules: Rules::new(settings),
            max_picture_side: settings.max_picture_side,
            max_header_changes: settings.max_header_changes,
            timeline: Timeline::default(),
            video: None,
            audio: None,
            state: State::Gathering(Gathered::default()),
            needs_keyframe: true,
            audio_changed: false,
            last_keyframe: 0,
            header_changes: 0,
            measures: Measures::default(),
        }
    }

    /// What was measured of the encoder's habits so far.
    pub(super) fn measures(&self) -> Measures {
        self.measures
    }

    /// The video's decoder configuration, once there is one.
    pub(super) fn video_config(&self) -> Option<&Arc<AvcConfig>> {
        self.video.as_ref()
    }

    /// Whether media was placed on the timeline.
    pub(super) fn has_begun(&self) -> bool {
        self.timeline.has_begun()
    }

    /// Places the first packet of media so many milliseconds after the broadcast's time zero.
    pub(super) fn begin_at(&mut self, origin: i64) {
        self.timeline.begin_at(origin);
    }

    /// Takes a packet.
    pub(super) fn push(&mut self, packet: Packet, events: &mut Vec<Event>) -> Result<(), MediaError> {
        match packet {
            Packet::VideoHeader(header) => self.video_header(&header.record, events),
            Packet::AudioHeader(header) => self.audio_header(&header.record, events),
            Packet::Video(packet) => self.video(packet, events),
            Packet::Audio(packet) => {
                self.audio(packet, events);
                Ok(())
            }
        }
    }

    /// Ends the publication: nothing that was pushed stays behind.
    pub(super) fn finish(&mut self, events: &mut Vec<Event>) {
        if let State::Gathering(gathered) = &mut self.state {
            gathered.pictures.extend(self.timeline.flush_video());
            if !gathered.pictures.is_empty() || !gathered.frames.is_empty() {
                self.start(events);
            }
        }
        self.end_era(events);
    }

    fn video_header(&mut self, record: &Bytes, events: &mut Vec<Event>) -> Result<(), MediaError> {
        if self.video.as_ref().is_some_and(|config| config.record == record) {
            return Ok(());
        }
        let config = Arc::new(AvcConfig::parse(record, self.max_picture_side)?);
        if self.video.is_some() {
            self.change(events)?;
            self.needs_keyframe = true;
        }
        self.video = Some(config);
        Ok(())
    }

    fn audio_header(&mut self, record: &Bytes, events: &mut Vec<Event>) -> Result<(), MediaError> {
        if self.audio.as_ref().is_some_and(|config| config.record == record) {
            return Ok(());
        }
        let config = Arc::new(AacConfig::parse(record)?);
        if self.audio.is_some() {
            match &mut self.state {
                // Pictures go on to the next keyframe, where an era can begin.
                State::Running(running) if running.video.is_some() => {
                    self.count_change()?;
                    self.audio_changed = true;
                }
                State::Running(_) => self.change(events)?,
                State::Gathering(gathered) => gathered.frames.clear(),
            }
        }
        self.timeline.set_audio(config.format);
        self.audio = Some(config);
        Ok(())
    }

    /// Ends the era because a header changed.
    fn change(&mut self, events: &mut Vec<Event>) -> Result<(), MediaError> {
        self.count_change()?;
        self.end_era(events);
        Ok(())
    }

    fn count_change(&mut self) -> Result<(), MediaError> {
        if let State::Running(running) = &self.state
            && running.segment_start - running.era_start >= CALM
        {
            self.header_changes = 0;
        }
        self.header_changes += 1;
        if self.header_changes > self.max_header_changes { Err(MediaError::TooManyChanges) } else { Ok(()) }
    }

    fn video(&mut self, packet: VideoPacket, events: &mut Vec<Event>) -> Result<(), MediaError> {
        let Some(config) = &self.video else { return self.drop_frame() };
        if !config.is_whole(&packet.data) {
            return Err(MediaError::BrokenPicture);
        }
        if packet.data.is_empty() {
            return Ok(());
        }
        if self.needs_keyframe && !packet.keyframe {
            return self.drop_frame();
        }
        if packet.keyframe && self.keyframe_begins_era() {
            self.end_era(events);
        }
        self.needs_keyframe = false;
        let before = self.timeline.video(packet);
        self.measure()?;
        if let Some(picture) = before {
            self.picture(picture, events);
        }
        Ok(())
    }

    /// Counts what nobody gets to see.
    fn drop_frame(&mut self) -> Result<(), MediaError> {
        self.measures.dropped += 1;
        Ok(())
    }

    /// Whether audio changed, or video came to audio that runs alone.
    fn keyframe_begins_era(&mut self) -> bool {
        let joins = matches!(&self.state, State::Running(running) if running.video.is_none());
        std::mem::take(&mut self.audio_changed) || joins
    }

    /// Looks at the picture that has just come.
    fn measure(&mut self) -> Result<(), MediaError> {
        let Some(picture) = self.timeline.waiting() else { return Ok(()) };
        if self.last_keyframe == 0 {
            self.last_keyframe = picture.dts;
        }
        let since = picture.dts - self.last_keyframe;
        self.measures.picture(picture, since);
        if picture.keyframe {
            self.last_keyframe = picture.dts;
        } else if since > self.rules.keyframe_max {
            let seconds = (self.rules.keyframe_max / i64::from(VIDEO_TIMESCALE)) as u64;
            return Err(MediaError::NoKeyframe { seconds });
        }
        Ok(())
    }

    /// Takes a picture whose duration is known.
    fn picture(&mut self, picture: Picture, events: &mut Vec<Event>) {
        match &mut self.state {
            State::Gathering(gathered) => {
                gathered.bytes += picture.data.len();
                gathered.pictures.push(picture);
                self.start_when_clear(events);
            }
            State::Running(running) => {
                running.picture(picture, self.timeline.waiting(), &self.rules, events);
                running.follow_video(self.audio.as_deref(), self.timeline.waiting(), events);
            }
        }
    }

    fn audio(&mut self, packet: AudioPacket, events: &mut Vec<Event>) {
        // Frames of a changed header wait for the era in which they can be decoded.
        if packet.data.is_empty() || self.audio.is_none() || self.audio_changed {
            return;
        }
        let Some(frame) = self.timeline.audio(packet) else {
            self.measures.dropped += 1;
            return;
        };
        match &mut self.state {
            State::Gathering(gathered) => {
                gathered.bytes += frame.data.len();
                gathered.frames.push_back(frame);
                self.start_when_clear(events);
            }
            State::Running(running) if running.audio.is_none() => self.audio_changed = true,
            State::Running(running) => {
                running.frames.push_back(frame);
                self.drive_audio(events);
            }
        }
    }

    /// Lets audio go on as far as video has come, or on its own when there is none.
    fn drive_audio(&mut self, events: &mut Vec<Event>) {
        let (State::Running(running), Some(config)) = (&mut self.state, self.audio.as_deref()) else {
            return;
        };
        let newest = running.frames.back().map_or(0, |frame| ticks(frame.start, config));
        if running.video.is_none() {
            running.release_audio_alone(config, self.rules.segment_target, events);
            return;
        }
        let shown = self.timeline.waiting().map_or(running.segment_start, |picture| picture.dts);
        let lead = newest - shown > MAX_LEAD;
        let video_is_late = newest - running.segment_start > self.rules.segment_max + MAX_LEAD;
        if lead && video_is_late {
            // Pictures stopped coming: what waits is shown until here, and the segment ends without a keyframe.
            if let Some(mut picture) = self.timeline.flush_video() {
                picture.duration = u32::try_from(newest - MAX_LEAD - picture.dts).unwrap_or(picture.duration);
                running.add_picture(picture, events);
            }
            running.cut(newest - MAX_LEAD, newest - MAX_LEAD, events);
        }
        running.release_audio(Some(config), if lead { newest - MAX_LEAD } else { shown }, events);
    }

    /// Starts the era when each track has media, or has been waited for long enough.
    fn start_when_clear(&mut self, events: &mut Vec<Event>) {
        let State::Gathering(gathered) = &self.state else { return };
        let video = gathered.video_length();
        let first_audio =
            |config: &AacConfig| gathered.frames.front().map(|frame| ticks(frame.start, config));
        let clear = match (gathered.pictures.first(), self.audio.as_deref()) {
            (Some(first), Some(config)) if gathered.last_audio(config) > Some(first.pts) => true,
            (Some(_), Some(_)) => video >= self.rules.announced_track_wait,
            (Some(_), None) => video >= self.rules.track_wait,
            (None, Some(config)) => {
                let length = gathered
                    .last_audio(config)
                    .zip(first_audio(config))
                    .map_or(0, |(last, first)| last - first);
                let expects_video = self.video.is_some();
                length >= if expects_video { self.rules.announced_track_wait } else { self.rules.track_wait }
            }
            (None, None) => false,
        };
        let has_part = gathered.pictures.is_empty() || gathered.fills_part(self.rules.part_target);
        if (clear && has_part) || gathered.bytes >= self.rules.segment_bytes {
            self.start(events);
        }
    }

    /// Begins the era with what was gathered.
    fn start(&mut self, events: &mut Vec<Event>) {
        let State::Gathering(gathered) = &mut self.state else { return };
        let Gathered { pictures, mut frames, .. } = std::mem::take(gathered);
        let audio_config = self.audio.as_deref();
        let first_frame = frames.front().zip(audio_config).map(|(frame, config)| ticks(frame.start, config));
        let Some(era_start) = pictures.first().map(|first| first.pts).or(first_frame) else { return };
        if let Some(config) = audio_config {
            let length = i64::from(config.format.frame_length);
            frames.retain(|frame| ticks(frame.start + length, config) > era_start);
        }
        let video = pictures.first().zip(self.video.clone()).map(|(_, config)| {
            let target = part_of(&pictures, self.rules.part_target) + ROUNDING;
            (config, Lane::new(Rendition::Video, VIDEO_TIMESCALE, target, self.rules.segment_bytes))
        });
        let audio = frames.front().zip(self.audio.clone()).map(|(_, config)| {
            let lane = audio_lane(&config, &self.rules);
            (config, lane)
        });
        events.push(Event::Era {
            video: video.as_ref().map(|(config, lane)| VideoStart {
                init: video_init(config),
                config: config.clone(),
                part_target: lane.part_target(),
            }),
            audio: audio.as_ref().map(|(config, lane)| AudioStart {
                init: audio_init(config),
                config: config.clone(),
                part_target: lane.part_target(),
            }),
        });
        let mut running = Running {
            video: video.map(|(_, lane)| lane),
            audio: audio.map(|(_, lane)| lane),
            frames,
            cuts: VecDeque::new(),
            era_start,
            segment_max: self.rules.segment_max,
            segment_start: pictures.first().map_or(era_start, |first| first.dts),
        };
        for (index, picture) in pictures.iter().enumerate() {
            let next = pictures.get(index + 1).or(self.timeline.waiting());
            running.picture(picture.clone(), next, &self.rules, events);
        }
        self.state = State::Running(Box::new(running));
        self.drive_audio(events);
    }

    /// Ends the era, if one runs, and gathers anew.
    fn end_era(&mut self, events: &mut Vec<Event>) {
        let last = self.timeline.flush_video();
        let before = std::mem::replace(&mut self.state, State::Gathering(Gathered::default()));
        if let State::Running(mut running) = before {
            running.end(last, self.audio.as_deref(), events);
        }
    }
}

impl Gathered {
    fn video_length(&self) -> i64 {
        self.pictures.iter().map(|picture| i64::from(picture.duration)).sum()
    }

    /// When the last audio frame begins, in ticks of [`VIDEO_TIMESCALE`].
    fn last_audio(&self, config: &AacConfig) -> Option<i64> {
        self.frames.back().map(|frame| ticks(frame.start, config))
    }

    /// Whether one more picture would no longer fit into the first part.
    fn fills_part(&self, target: u64) -> bool {
        let next = self.pictures.last().map_or(0, |picture| picture.duration);
        self.video_length() as u64 + u64::from(next) > target + ROUNDING
    }
}

/// A lane whose parts are the whole number of frames below the target.
fn audio_lane(config: &AacConfig, rules: &Rules) -> Lane {
    let (rate, frame) = (config.format.sample_rate, u64::from(config.format.frame_length));
    let target = rules.part_target * u64::from(rate) / u64::from(VIDEO_TIMESCALE) / frame * frame;
    Lane::new(Rendition::Audio, rate, target.max(frame), rules.segment_bytes)
}

/// How long the usual pictures are that fit into one part: the nearest whole number of frames to the target. The lower
/// median, so that a hiccup among the first pictures does not decide for the whole era.
fn part_of(pictures: &[Picture], target: u64) -> u64 {
    let mut durations: Vec<u64> = pictures.iter().map(|picture| u64::from(picture.duration)).collect();
    durations.sort_unstable();
    let usual = durations.get(durations.len().saturating_sub(1) / 2).copied().unwrap_or(target).max(1);
    let whole = ((target + ROUNDING) / usual * usual).max(usual);
    // Frames shorter than a millisecond or longer than a second are nobody's frame rate.
    whole.clamp(target / 2, target.max(u64::from(VIDEO_TIMESCALE)))
}
