//! One encoder's publication of a broadcast.

use super::limits::Limits;
use super::packager::{Event, Packager};
use super::stream::Stream;
use super::window::Life;
use super::{MediaError, preview::Preview};
use crate::model::Packet;
use std::sync::Arc;
use std::time::SystemTime;

/// What a packet led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether this publication became playable with it.
    pub playable: bool,
    /// How many parts it completed.
    pub parts: usize,
}

/// The right to add media to a broadcast. Owned by one ingest task; dropping it flushes what is under way.
#[derive(Debug)]
pub struct Publication {
    stream: Arc<Stream>,
    generation: u64,
    packager: Packager,
    limits: Limits,
    events: Vec<Event>,
    preview: Preview,
    is_playable: bool,
    last_push: SystemTime,
    over: Option<MediaError>,
}

impl Publication {
    pub(super) fn new(stream: Arc<Stream>, generation: u64, now: SystemTime) -> Self {
        let settings = &stream.shared.settings;
        Self {
            generation,
            packager: Packager::new(settings),
            limits: Limits::new(settings, now),
            events: Vec::new(),
            preview: Preview::default(),
            is_playable: false,
            last_push: now,
            over: None,
            stream,
        }
    }

    /// Adds a packet that arrived `now`. After an error the publication is over, and what came before it remains.
    pub fn push(&mut self, packet: Packet, now: SystemTime) -> Result<Progress, MediaError> {
        if let Some(error) = self.over {
            return Err(error);
        }
        self.last_push = now;
        let added = self.add(packet, now);
        if let Err(error) = added {
            self.close(error);
        }
        added
    }

    /// Ends the publication. The broadcast goes on with the next one.
    pub fn finish(mut self) {
        self.close(MediaError::Replaced);
    }

    /// How many pictures and frames of sound arrived and could not be shown.
    pub fn dropped(&self) -> u64 {
        self.packager.measures().dropped
    }

    /// The broadcast.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    fn add(&mut self, packet: Packet, now: SystemTime) -> Result<Progress, MediaError> {
        self.limits.admit(&packet, now)?;
        let keyframe = match &packet {
            Packet::Video(packet) if packet.keyframe => Some(packet.data.clone()),
            _ => None,
        };
        self.stream.check(self.generation)?;
        if !self.packager.has_begun() {
            self.packager.begin_at(self.stream.lock().origin(now));
        }
        self.packager.push(packet, &mut self.events)?;
        if let (Some(data), Some(config)) = (keyframe, self.packager.video_config()) {
            self.preview.keyframe(&self.stream, config, data, now);
        }
        self.put_up(now)
    }

    /// Shows viewers what the packager has made.
    fn put_up(&mut self, now: SystemTime) -> Result<Progress, MediaError> {
        if self.events.is_empty() {
            return Ok(Progress::default());
        }
        let parts = self.events.iter().filter(|event| matches!(event, Event::Part { .. })).count();
        let mut board = self.stream.lock();
        board.check(self.generation)?;
        board.measures = self.packager.measures();
        board.apply(self.events.drain(..), now, &self.stream.shared.settings);
        let playable = !self.is_playable && parts > 0 && board.is_playable();
        self.is_playable |= playable;
        self.stream.put_up(&board);
        Ok(Progress { playable, parts })
    }

    fn close(&mut self, reason: MediaError) {
        if self.over.replace(reason).is_some() {
            return;
        }
        self.packager.finish(&mut self.events);
        // Whoever replaced this publication has closed its segments already.
        if self.put_up(self.last_push).is_ok() {
            let mut board = self.stream.lock();
            if board.check(self.generation).is_ok() {
                board.interrupt(Life::Interrupted);
                self.stream.put_up(&board);
            }
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.close(MediaError::Replaced);
    }
}
