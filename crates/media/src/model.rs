//! The media model at which ingest protocols and packagers meet.

use bytes::Bytes;

/// What an encoder sends, in the order in which it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// The decoder configuration of the video that follows. Repeated or changed at any time.
    VideoHeader(VideoHeader),
    /// The decoder configuration of the audio that follows. Repeated or changed at any time.
    AudioHeader(AudioHeader),
    /// One coded picture.
    Video(VideoPacket),
    /// One coded audio frame.
    Audio(AudioPacket),
}

impl Packet {
    /// How many bytes of media it carries.
    pub fn size(&self) -> usize {
        match self {
            Self::VideoHeader(header) => header.record.len(),
            Self::AudioHeader(header) => header.record.len(),
            Self::Video(packet) => packet.data.len(),
            Self::Audio(packet) => packet.data.len(),
        }
    }
}

/// A video decoder configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoHeader {
    /// Which codec the record is of.
    pub codec: VideoCodec,
    /// The codec's own record; for H.264 an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §5.3.3.1).
    pub record: Bytes,
}

/// The video codecs that can be ingested. More come with enhanced RTMP's fourcc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoCodec {
    /// ITU-T H.264, length-prefixed NAL units.
    H264,
}

/// An audio decoder configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioHeader {
    /// Which codec the record is of.
    pub codec: AudioCodec,
    /// The codec's own record; for AAC an `AudioSpecificConfig` (ISO/IEC 14496-3 §1.6.2.1).
    pub record: Bytes,
}

/// The audio codecs that can be ingested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioCodec {
    /// MPEG-4 AAC, raw access units.
    Aac,
}

/// One coded picture (access unit) as the encoder sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPacket {
    /// Decoding time in milliseconds on the encoder's clock; wraps at 2³² or, from some encoders, at 2³¹.
    pub timestamp: u32,
    /// Presentation time less decoding time, in milliseconds; negative from some encoders.
    pub composition: i32,
    /// Whether decoding can begin here.
    pub keyframe: bool,
    /// Length-prefixed NAL units, with the prefix size that the header's record names.
    pub data: Bytes,
}

/// One coded audio frame as the encoder sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioPacket {
    /// Presentation time in milliseconds on the encoder's clock; wraps as the video's does.
    pub timestamp: u32,
    /// One raw access unit, without ADTS.
    pub data: Bytes,
}
