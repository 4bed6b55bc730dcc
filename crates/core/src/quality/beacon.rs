//! What our own players, and whoever does as they do, tell with heartbeats and when they leave.

use crate::error::{Error, FieldError, Result};

/// The longest startup that is believed, in milliseconds: ten minutes.
pub const MAX_STARTUP_MS: u32 = 600_000;
/// The most that may have been played or stalled since the report before, in milliseconds: an hour, as after a network
/// that was away.
pub const MAX_AMOUNT_MS: u32 = 3_600_000;
/// The most stalls since the report before.
pub const MAX_STALLS: u32 = 10_000;

/// Why playback broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Playlists or media could not be fetched.
    Network,
    /// What was fetched could not be decoded.
    Media,
    /// The player cannot play this kind of media at all.
    Unsupported,
    /// Anything else, and whatever CMCD calls a fatal error: its codes are each player's own.
    Other,
}

impl Failure {
    /// All, in the order in which they are counted.
    pub const ALL: [Self; 4] = [Self::Network, Self::Media, Self::Unsupported, Self::Other];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Media => "media",
            Self::Unsupported => "unsupported",
            Self::Other => "other",
        }
    }
}

/// What happened since a player's report before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Beacon {
    /// From the wish to play to the first picture, told once.
    pub startup_ms: Option<u32>,
    /// For how long was played.
    pub played_ms: u32,
    /// For how long playback had stalled.
    pub stalled_ms: u32,
    /// How often it stalled.
    pub stalls: u32,
    /// Why playback broke off, told once until it plays again.
    pub failure: Option<Failure>,
}

impl Beacon {
    /// Refuses what no player can mean.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each field that is out of bounds.
    pub fn check(&self) -> Result<()> {
        let bounds = [
            ("startup_ms", self.startup_ms.unwrap_or_default(), MAX_STARTUP_MS),
            ("played_ms", self.played_ms, MAX_AMOUNT_MS),
            ("stalled_ms", self.stalled_ms, MAX_AMOUNT_MS),
            ("stalls", self.stalls, MAX_STALLS),
        ];
        let too_large = bounds.iter().filter(|(_, value, most)| value > most).map(|(name, _, most)| {
            FieldError { field: format!("playback.{name}"), message: format!("must be at most {most}") }
        });
        let errors: Vec<_> = too_large.collect();
        if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
    }
}
