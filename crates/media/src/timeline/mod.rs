//! From an encoder's clock to a timeline that players can trust.
//!
//! RTMP timestamps are milliseconds in 32 bits which wrap (ffmpeg wraps at 31), jump when a source is switched, and
//! repeat. [`Timeline`] turns them into decoding times that only grow, presentation times that never repeat, and
//! audio counted in samples, while audio and video keep their distance from each other.

mod audio;
mod clock;
mod video;

pub use audio::{AudioFormat, Frame};
pub use video::{Picture, VIDEO_TIMESCALE};

use crate::model::{AudioPacket, VideoPacket};
use audio::AudioTrack;
use clock::{Clock, Track};
use video::VideoTrack;

/// The timeline of one publication.
#[derive(Debug, Default)]
pub struct Timeline {
    clock: Clock,
    video: VideoTrack,
    audio: Option<AudioTrack>,
}

impl Timeline {
    /// A timeline whose first packet is placed `origin` milliseconds after the broadcast's time zero.
    pub fn new(origin: i64) -> Self {
        Self { clock: Clock::new(origin), ..Self::default() }
    }

    /// Whether a packet was placed.
    pub fn has_begun(&self) -> bool {
        self.clock.has_begun()
    }

    /// Places the first packet at `origin` instead; nothing once there was one.
    pub fn begin_at(&mut self, origin: i64) {
        self.clock.begin_at(origin);
    }

    /// Takes a coded picture and returns the one before it, whose duration is known only now.
    pub fn video(&mut self, packet: VideoPacket) -> Option<Picture> {
        let time = self.clock.map(Track::Video, packet.timestamp);
        self.video.push(time, packet)
    }

    /// When the picture that waits for its duration is decoded and shown, and whether it is a keyframe.
    pub fn waiting(&self) -> Option<&Picture> {
        self.video.waiting()
    }

    /// Gives up the picture that waits for its duration; it gets that of the one before it.
    pub fn flush_video(&mut self) -> Option<Picture> {
        self.video.flush()
    }

    /// Sets how audio is counted from now on. Frames before the first format are dropped.
    pub fn set_audio(&mut self, format: AudioFormat) {
        self.audio = Some(AudioTrack::new(format));
    }

    /// Takes an audio frame and returns it with its place in samples, unless it overlaps what was there.
    pub fn audio(&mut self, packet: AudioPacket) -> Option<Frame> {
        let track = self.audio.as_mut()?;
        let time = self.clock.map(Track::Audio, packet.timestamp);
        track.push(time, packet)
    }
}
