//! A low-latency HLS origin in memory (RFC 8216bis).
//!
//! [`Origin`] keeps a [`Stream`] a broadcast. An ingest task owns a [`Publication`], pushes packets into it and needs
//! no lock to do so; with each part it puts up an immutable window, from which any number of viewers read.
//! Nothing here opens a socket or reads a clock.

mod board;
mod era;
mod error;
mod lane;
mod limits;
mod multivariant;
mod name;
mod origin;
mod packager;
mod playlist;
mod preview;
mod publication;
mod settings;
mod status;
mod stream;
mod window;

pub use error::{MediaError, RequestError};
pub use name::PublishId;
pub use origin::Origin;
pub use publication::{Progress, Publication};
pub use settings::Settings;
pub use status::{AudioStatus, Status, VideoStatus};
pub use stream::{Directives, Placement, Resource, ResourceKind, Stream, Thumbnail};

/// One of the renditions of a broadcast, each with a playlist of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rendition {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl Rendition {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Video, Self::Audio];

    /// The file name of its media playlist.
    pub fn playlist_name(self) -> &'static str {
        match self {
            Self::Video => "video.m3u8",
            Self::Audio => "audio.m3u8",
        }
    }

    /// The rendition whose media playlist has this file name.
    pub fn from_playlist_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rendition| rendition.playlist_name() == name)
    }

    /// The media type of its segments.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Video => "video/mp4",
            Self::Audio => "audio/mp4",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Video => Self::Audio,
            Self::Audio => Self::Video,
        }
    }
}

/// The media type of playlists.
pub const PLAYLIST_CONTENT_TYPE: &str = "application/vnd.apple.mpegurl";
