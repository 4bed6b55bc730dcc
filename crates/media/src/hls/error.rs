//! What can go wrong, for broadcasters and for players.

use crate::cmaf::ConfigError;

/// Why a publication cannot go on. The text is for the broadcaster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// A decoder configuration cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The lengths of the NAL units do not add up.
    #[error("the encoder sent a broken H.264 picture")]
    BrokenPicture,
    /// One frame is too large.
    #[error("the encoder sent a frame of {bytes} bytes; at most {max} are accepted")]
    FrameTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The bit rate is too high.
    #[error("the stream exceeds the limit of {max_kbit} kbit/s; lower the encoder's bit rate")]
    BitRateTooHigh {
        /// The limit, in thousand bits a second.
        max_kbit: u64,
    },
    /// Keyframes are too far apart.
    #[error("no keyframe for {seconds} seconds; set the encoder's keyframe interval to 2 seconds")]
    NoKeyframe {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// Headers change all the time.
    #[error("the encoder changes its settings too often")]
    TooManyChanges,
    /// Another publication of the same broadcast took over.
    #[error("another encoder has taken over this broadcast")]
    Replaced,
    /// The broadcast has ended.
    #[error("the broadcast has ended")]
    Ended,
}

/// Why a request for a playlist or a resource is not answered with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no such thing, or no longer. 404.
    #[error("there is no such playlist or segment")]
    NotFound,
    /// The directives make no sense. 400.
    #[error("{0}")]
    BadRequest(&'static str),
    /// Nothing new came in three target durations. 503.
    #[error("no new media arrived in time")]
    Timeout,
    /// Too many requests wait already. 503.
    #[error("too many requests are waiting")]
    Busy,
}
