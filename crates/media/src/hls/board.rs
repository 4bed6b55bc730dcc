//! The state of a broadcast from which windows are made. Changed by one publisher at a time.

use super::name::PublishId;
use super::packager::{AudioStart, Event, VideoStart};
use super::status::Measures;
use super::window::{Era, Life, Part, Segment, Window};
use super::{MediaError, Rendition, Settings};
use crate::cmaf::{AacConfig, AvcConfig};
use crate::timeline::VIDEO_TIMESCALE;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The moment from which media times of all broadcasts count, in milliseconds since the Unix epoch: the beginning of
/// 2026. Being fixed, it makes media times go on over restarts of the server.
const ZERO: i64 = 1_767_225_600_000;
/// The earliest media time, in milliseconds, for servers whose clock is wrong.
const EARLIEST: i64 = 10_000;
/// What the first discontinuity number counts, in milliseconds: hours. It grows over restarts, yet stays small, since
/// hls.js keeps an array with that many places.
const HOUR: i64 = 3_600_000;

/// A broadcast's media and what is known of it.
#[derive(Debug)]
pub(super) struct Board {
    pub life: Life,
    /// Counts publications; that of the current one entitles to change the board.
    pub generation: u64,
    pub publish: Option<(PublishId, SystemTime)>,
    pub last_part_at: Option<SystemTime>,
    pub video_config: Option<Arc<AvcConfig>>,
    pub audio_config: Option<Arc<AacConfig>>,
    pub measures: Measures,
    /// Whether there was a publication.
    has_begun: bool,
    /// Where the media so far ends, in ticks.
    end: i64,
    next_era: u64,
    has_eras: bool,
    video: Draft,
    audio: Draft,
}

/// A rendition that is being written.
#[derive(Debug, Default)]
struct Draft {
    /// Whether the current era has it.
    is_live: bool,
    segments: Vec<Arc<Segment>>,
    open: Option<Segment>,
    opens_era: bool,
    next_msn: u64,
    era: Option<Arc<Era>>,
    /// Where the segment under way began, in ticks.
    boundary: i64,
    bytes: usize,
    unlisted: usize,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            life: Life::Interrupted,
            generation: 0,
            publish: None,
            last_part_at: None,
            video_config: None,
            audio_config: None,
            measures: Measures::default(),
            has_begun: false,
            end: 0,
            next_era: 0,
            has_eras: false,
            video: Draft::default(),
            audio: Draft::default(),
        }
    }

    /// Lets a new publication take over.
    pub(super) fn begin(&mut self, publish: PublishId, now: SystemTime) {
        self.close_open();
        self.life = Life::Live;
        self.generation += 1;
        self.publish = Some((publish, now));
        self.measures = Measures::default();
        if !std::mem::replace(&mut self.has_begun, true) {
            let unix = unix_ms(now);
            // One a second, more than segments come on average, so after a restart numbers have not been used,
            // whatever the settings were before. They stay under 2³¹ for players that count in 32 bits.
            let first = unix / 1_000;
            (self.video.next_msn, self.audio.next_msn) = (first.unsigned_abs(), first.unsigned_abs());
            self.next_era = (unix - ZERO).max(0).unsigned_abs() / HOUR.unsigned_abs() + 1;
        }
    }

    /// Whether the publication `generation` may still add media.
    pub(super) fn check(&self, generation: u64) -> Result<(), MediaError> {
        match self.life {
            Life::Ended => Err(MediaError::Ended),
            _ if self.generation != generation => Err(MediaError::Replaced),
            _ => Ok(()),
        }
    }

    /// Where on the timeline media that comes `now` belongs, in milliseconds: later than all media so far.
    pub(super) fn origin(&self, now: SystemTime) -> i64 {
        (unix_ms(now) - ZERO).max(EARLIEST).max(to_ms(self.end) + 1)
    }

    /// Applies what the packager says.
    pub(super) fn apply(
        &mut self,
        events: impl Iterator<Item = Event>,
        now: SystemTime,
        settings: &Settings,
    ) {
        for event in events {
            match event {
                Event::Era { video, audio } => self.era(video, audio),
                Event::Part { rendition, start, duration, independent, bytes } => {
                    self.last_part_at = Some(now);
                    let length = (duration * f64::from(VIDEO_TIMESCALE)) as i64;
                    self.end = self.end.max(start.saturating_add(length));
                    let start = ZERO + to_ms(start);
                    self.draft(rendition).part(start, Part { bytes, duration, independent });
                }
                Event::Cut { rendition, end } => {
                    self.draft(rendition).cut(end, f64::from(settings.target_duration));
                    self.trim(settings);
                }
            }
        }
        self.bound_bytes(settings.window_bytes);
    }

    /// No encoder publishes any more; what is there stays.
    pub(super) fn interrupt(&mut self, life: Life) {
        self.close_open();
        self.life = life;
    }

    /// The window of a rendition as it is now.
    pub(super) fn window(&self, rendition: Rendition) -> Window {
        let draft = match rendition {
            Rendition::Video => &self.video,
            Rendition::Audio => &self.audio,
        };
        let absent = self.life == Life::Live && !draft.is_live;
        Window {
            rendition,
            life: if absent { Life::Interrupted } else { self.life },
            segments: draft.segments.clone(),
            unlisted: draft.unlisted,
            open: draft.open.clone(),
            next_msn: draft.next_msn,
            era: draft.era.clone(),
            rendered: Default::default(),
        }
    }

    /// Whether every rendition of the current era has media.
    pub(super) fn is_playable(&self) -> bool {
        let has_media = |draft: &Draft| !draft.segments.is_empty() || draft.open.is_some();
        let present = |draft: &Draft| !draft.is_live || has_media(draft);
        self.has_eras && present(&self.video) && present(&self.audio)
    }

    /// Whether the current era has this rendition.
    pub(super) fn has(&self, rendition: Rendition) -> bool {
        match rendition {
            Rendition::Video => self.video.is_live,
            Rendition::Audio => self.audio.is_live,
        }
    }

    /// Media kept in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.video.bytes + self.audio.bytes
    }

    fn draft(&mut self, rendition: Rendition) -> &mut Draft {
        match rendition {
            Rendition::Video => &mut self.video,
            Rendition::Audio => &mut self.audio,
        }
    }

    fn era(&mut self, video: Option<VideoStart>, audio: Option<AudioStart>) {
        self.close_open();
        let Some((publish, _)) = self.publish else { return };
        let (number, first) = (self.next_era, !self.has_eras);
        self.next_era += 1;
        self.has_eras = true;
        self.video_config = video.as_ref().map(|start| start.config.clone());
        self.audio_config = audio.as_ref().map(|start| start.config.clone());
        let next_msn = self.video.next_msn.max(self.audio.next_msn);
        let era = |init: Bytes, part_target| Arc::new(Era { publish, number, first, init, part_target });
        self.video.begin(video.map(|start| era(start.init, start.part_target)), next_msn);
        self.audio.begin(audio.map(|start| era(start.init, start.part_target)), next_msn);
    }

    /// Ends segments that a publication left unfinished.
    fn close_open(&mut self) {
        for draft in [&mut self.video, &mut self.audio] {
            if draft.open.is_some() {
                draft.cut(draft.boundary, 0.0);
            }
        }
    }

    fn trim(&mut self, settings: &Settings) {
        for draft in [&mut self.video, &mut self.audio] {
            draft.unlisted = draft.segments.len().saturating_sub(settings.window_segments);
            while draft.unlisted > settings.retained_segments {
                draft.drop_oldest();
            }
        }
    }

    fn bound_bytes(&mut self, max: usize) {
        while self.bytes() > max {
            let (video, audio) = (self.video.segments.first(), self.audio.segments.first());
            let oldest = match (video, audio) {
                (Some(video), Some(audio)) if audio.msn < video.msn => &mut self.audio,
                (Some(_), _) => &mut self.video,
                (None, Some(_)) => &mut self.audio,
                (None, None) => return,
            };
            oldest.drop_oldest();
        }
    }
}

impl Draft {
    fn begin(&mut self, era: Option<Arc<Era>>, next_msn: u64) {
        self.is_live = era.is_some();
        let Some(era) = era else { return };
        if self.next_msn != next_msn {
            // It was away while the other went on; a playlist cannot skip numbers.
            while !self.segments.is_empty() {
                self.drop_oldest();
            }
            self.next_msn = next_msn;
        }
        self.era = Some(era);
        self.opens_era = true;
    }

    /// Adds a part that is shown from `start` on, in milliseconds since the Unix epoch.
    fn part(&mut self, start: i64, part: Part) {
        let Some(open) = self.open_at(start) else { return };
        let bytes = part.bytes.len();
        open.duration += part.duration;
        open.parts.push(part);
        self.bytes += bytes;
    }

    fn open_at(&mut self, start: i64) -> Option<&mut Segment> {
        if self.open.is_none() {
            let era = self.era.clone()?;
            let opens_era = std::mem::take(&mut self.opens_era);
            let msn = self.next_msn;
            self.open = Some(Segment { msn, era, opens_era, start, duration: 0.0, parts: Vec::new() });
        }
        self.open.as_mut()
    }

    /// Completes the segment under way; one without media becomes a gap of at most `longest` seconds.
    fn cut(&mut self, end: i64, longest: f64) {
        let boundary = std::mem::replace(&mut self.boundary, end);
        let start = ZERO + to_ms(boundary);
        let Some(open) = self.open_at(start) else { return };
        if open.parts.is_empty() {
            open.duration = ((end - boundary).max(0) as f64 / f64::from(VIDEO_TIMESCALE)).min(longest);
        }
        self.segments.extend(self.open.take().map(Arc::new));
        self.next_msn += 1;
    }

    fn drop_oldest(&mut self) {
        let oldest = self.segments.remove(0);
        self.bytes -= oldest.bytes();
        self.unlisted = self.unlisted.saturating_sub(1);
    }
}

/// Milliseconds since the Unix epoch.
fn unix_ms(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

/// Ticks in milliseconds.
fn to_ms(ticks: i64) -> i64 {
    ticks / (i64::from(VIDEO_TIMESCALE) / 1_000)
}
