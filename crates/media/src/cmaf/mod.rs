//! CMAF tracks (ISO/IEC 23000-19): initialization segments and fragments, one track each.

mod aac;
mod avc;
mod boxes;
mod fragment;
mod init;

pub use aac::AacConfig;
pub use avc::AvcConfig;
pub use fragment::{Fragment, Sample};
pub use init::{audio_init, video_init};

/// Why a decoder configuration cannot be packaged. The text is for the broadcaster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The AVCDecoderConfigurationRecord is cut short or not of version 1.
    #[error("the encoder sent a broken H.264 header")]
    BrokenVideo,
    /// The sequence parameter set cannot be read.
    #[error("the encoder sent an H.264 sequence parameter set that cannot be read")]
    BrokenSequence,
    /// The picture is larger than the limit.
    #[error("the picture is {width}×{height}; at most {max}×{max} is accepted")]
    PictureTooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The limit for either.
        max: u32,
    },
    /// The AudioSpecificConfig cannot be read or names no usable sample rate.
    #[error("the encoder sent an AAC header that cannot be read")]
    BrokenAudio,
}
