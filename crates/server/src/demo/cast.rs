//! Who is on air in the demo.

use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use serde_json::{Value, json};
use tallylight_media::rtmp::FlvFile;

use super::Media;

/// A sample broadcaster with a recorded loop.
pub struct Sample {
    /// The user name.
    pub username: &'static str,
    /// The name as shown.
    pub name: &'static str,
    /// Whether the home page features it.
    pub featured: bool,
    title: &'static str,
    description: &'static str,
    intent: &'static str,
    tags: &'static [&'static str],
    status: &'static str,
    visibility: &'static str,
    media: &'static [u8],
}

macro_rules! media {
    ($name:literal) => {
        include_bytes!(concat!("../../../media/media-samples/", $name, ".flv"))
    };
}

/// Everybody on air.
pub const CAST: &[Sample] = &[
    Sample {
        username: "aurora-fm",
        name: "Aurora FM",
        featured: true,
        title: "Northern lights and slow chords, all night",
        description: "Generated light over generated sound. Leave it on while you work.",
        intent: "relax",
        tags: &["ambient", "focus", "night"],
        status: "active",
        visibility: "public",
        media: media!("aurora"),
    },
    Sample {
        username: "mira",
        name: "Mira Sol",
        featured: false,
        title: "Painting a sunset, one gradient at a time",
        description: "Colour studies. Questions welcome.",
        intent: "art",
        tags: &["painting", "colour"],
        status: "active",
        visibility: "public",
        media: media!("sunset"),
    },
    Sample {
        username: "deepzoom",
        name: "Deep Zoom",
        featured: true,
        title: "How deep does the Mandelbrot set go?",
        description: "A zoom into the set, and the mathematics behind it.",
        intent: "education",
        tags: &["maths", "fractals"],
        status: "active",
        visibility: "public",
        media: media!("mandelbrot"),
    },
    Sample {
        username: "glider",
        name: "Glider Gun",
        featured: false,
        title: "Game of Life: no players, no winners",
        description: "Conway's rules on a torus. Guess which gliders survive.",
        intent: "gaming",
        tags: &["life", "zero-player", "live"],
        status: "active",
        visibility: "public",
        media: media!("life"),
    },
    Sample {
        username: "studio-b",
        name: "Studio B",
        featured: false,
        title: "Test card: back in five minutes",
        description: "We changed a cable. It was the wrong cable.",
        intent: "tech",
        tags: &["test-card"],
        status: "paused",
        visibility: "public",
        media: media!("testcard"),
    },
    Sample {
        username: "tides",
        name: "Tides",
        featured: false,
        title: "Rehearsal (friends only)",
        description: "A private broadcast: it is on no list but its owner's.",
        intent: "music",
        tags: &["rehearsal"],
        status: "active",
        visibility: "private",
        media: media!("tides"),
    },
];

impl Sample {
    /// The body that makes its broadcast.
    pub fn request(&self) -> Value {
        json!({
            "title": self.title,
            "description": self.description,
            "ai_intent": self.intent,
            "tags": self.tags,
            "status": self.status,
            "visibility": self.visibility,
        })
    }

    /// Its recorded loop.
    ///
    /// # Errors
    /// When the recording is broken, which a test rules out.
    pub fn media(&self) -> anyhow::Result<Media> {
        let file = FlvFile::parse(Bytes::from_static(self.media));
        file.map(Arc::new).with_context(|| format!("the recording of {} is broken", self.username))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_can_be_played() {
        for sample in CAST {
            assert!(sample.media().unwrap().loop_duration() >= 5_000, "{}", sample.username);
        }
    }

    #[test]
    fn one_is_private_and_one_is_paused() {
        assert_eq!(CAST.iter().filter(|sample| sample.visibility == "private").count(), 1);
        assert_eq!(CAST.iter().filter(|sample| sample.status == "paused").count(), 1);
    }
}
