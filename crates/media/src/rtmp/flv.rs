//! The bodies of audio and video messages: FLV tags (Video File Format 10.1, annex E.4) and Enhanced RTMP v2.
//!
//! H.264 and AAC are taken, whichever header announces them; every other codec is refused by name.

use bytes::{Buf, Bytes};

use crate::model::{AudioCodec, AudioHeader, AudioPacket, Packet, VideoCodec, VideoHeader, VideoPacket};

/// Why an audio or video message cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlvError {
    /// Another video codec.
    #[error("video codec {0} is not supported: send H.264")]
    VideoCodec(String),
    /// Another audio codec.
    #[error("audio codec {0} is not supported: send AAC")]
    AudioCodec(String),
    /// Several tracks in one stream (Enhanced RTMP v2).
    #[error("multitrack streams are not supported: send one video and one audio track")]
    Multitrack,
    /// The tag ends inside its header.
    #[error("an audio or video message is cut short")]
    Truncated,
}

/// Packet types after a fourcc (Enhanced RTMP v2); the first three also number the legacy `AVCPacketType`.
mod packet_type {
    pub const HEADER: u8 = 0;
    pub const FRAME: u8 = 1;
    /// A video frame whose composition time is zero and left out.
    pub const FRAME_X: u8 = 3;
    pub const AUDIO_MULTITRACK: u8 = 5;
    pub const VIDEO_MULTITRACK: u8 = 6;
    /// Something precedes the real packet type.
    pub const EXTENDED: u8 = 7;
}

const KEYFRAME: u8 = 1;
/// A "frame" that is a hint to a player that seeks.
const COMMAND_FRAME: u8 = 5;
const LEGACY_H264: u8 = 7;
const LEGACY_AAC: u8 = 10;
/// The sound format which says that a fourcc follows.
const FOURCC_AUDIO: u8 = 9;

/// Reads a video message. `None`: a tag without a picture, such as an end of sequence.
///
/// `timestamp` is the message's, in milliseconds.
pub fn video(timestamp: u32, mut body: Bytes) -> Result<Option<Packet>, FlvError> {
    let Ok(first) = body.try_get_u8() else { return Ok(None) };
    let frame_type = first >> 4 & 7;
    let enhanced = first & 0x80 != 0;
    if frame_type == COMMAND_FRAME {
        return Ok(None);
    }
    let kind = match enhanced {
        true => enhanced_video(first & 15, &mut body)?,
        false if first & 15 != LEGACY_H264 => {
            return Err(FlvError::VideoCodec(legacy_video_name(first & 15)));
        }
        false => match body.try_get_u8() {
            Ok(kind) => kind,
            Err(_) => return Ok(None),
        },
    };
    let composition = match kind {
        // The legacy header has the field in every tag.
        _ if !enhanced => composition(&mut body)?,
        packet_type::FRAME => composition(&mut body)?,
        _ => 0,
    };
    if body.is_empty() {
        return Ok(None);
    }
    Ok(match kind {
        packet_type::HEADER => {
            Some(Packet::VideoHeader(VideoHeader { codec: VideoCodec::H264, record: body }))
        }
        packet_type::FRAME => Some(picture(timestamp, composition, frame_type, body)),
        packet_type::FRAME_X if enhanced => Some(picture(timestamp, composition, frame_type, body)),
        _ => None,
    })
}

fn picture(timestamp: u32, composition: i32, frame_type: u8, data: Bytes) -> Packet {
    Packet::Video(VideoPacket { timestamp, composition, keyframe: frame_type == KEYFRAME, data })
}

/// Reads an audio message. `None`: a tag without sound.
///
/// `timestamp` is the message's, in milliseconds.
pub fn audio(timestamp: u32, mut body: Bytes) -> Result<Option<Packet>, FlvError> {
    let Ok(first) = body.try_get_u8() else { return Ok(None) };
    let kind = match first >> 4 {
        FOURCC_AUDIO => enhanced_audio(first & 15, &mut body)?,
        LEGACY_AAC => match body.try_get_u8() {
            Ok(kind) => kind,
            Err(_) => return Ok(None),
        },
        other => return Err(FlvError::AudioCodec(legacy_audio_name(other))),
    };
    if body.is_empty() {
        return Ok(None);
    }
    Ok(match kind {
        packet_type::HEADER => {
            Some(Packet::AudioHeader(AudioHeader { codec: AudioCodec::Aac, record: body }))
        }
        packet_type::FRAME => Some(Packet::Audio(AudioPacket { timestamp, data: body })),
        _ => None,
    })
}

/// Checks the fourcc and gives the packet type.
fn enhanced_video(kind: u8, body: &mut Bytes) -> Result<u8, FlvError> {
    let kind = skip_extensions(kind, body)?;
    if kind == packet_type::VIDEO_MULTITRACK {
        return Err(FlvError::Multitrack);
    }
    match &fourcc(body)? {
        b"avc1" => Ok(kind),
        other => Err(FlvError::VideoCodec(printable(other))),
    }
}

/// Checks the fourcc and gives the packet type.
fn enhanced_audio(kind: u8, body: &mut Bytes) -> Result<u8, FlvError> {
    let kind = skip_extensions(kind, body)?;
    if kind == packet_type::AUDIO_MULTITRACK {
        return Err(FlvError::Multitrack);
    }
    match &fourcc(body)? {
        b"mp4a" => Ok(kind),
        other => Err(FlvError::AudioCodec(printable(other))),
    }
}

/// Passes over `ModEx` data, which refines timestamps below the millisecond, to the real packet type.
fn skip_extensions(mut kind: u8, body: &mut Bytes) -> Result<u8, FlvError> {
    while kind == packet_type::EXTENDED {
        let mut size = usize::from(body.try_get_u8().map_err(|_| FlvError::Truncated)?) + 1;
        if size == 256 {
            size = usize::from(body.try_get_u16().map_err(|_| FlvError::Truncated)?) + 1;
        }
        if body.len() <= size {
            return Err(FlvError::Truncated);
        }
        body.advance(size);
        kind = body.get_u8() & 15;
    }
    Ok(kind)
}

fn fourcc(body: &mut Bytes) -> Result<[u8; 4], FlvError> {
    let fourcc = *body.first_chunk().ok_or(FlvError::Truncated)?;
    body.advance(4);
    Ok(fourcc)
}

/// A signed 24-bit number of milliseconds. Some encoders end a stream with a tag that has no room for it.
fn composition(body: &mut Bytes) -> Result<i32, FlvError> {
    match body.first_chunk() {
        Some(&[high, middle, low]) => {
            body.advance(3);
            Ok(i32::from_be_bytes([high, middle, low, 0]) >> 8)
        }
        None if body.is_empty() => Ok(0),
        None => Err(FlvError::Truncated),
    }
}

/// A fourcc is the sender's bytes, and is shown to people.
fn printable(fourcc: &[u8; 4]) -> String {
    match fourcc {
        b"hvc1" => "HEVC (hvc1)".to_owned(),
        b"av01" => "AV1 (av01)".to_owned(),
        b"vp09" => "VP9 (vp09)".to_owned(),
        b"vp08" => "VP8 (vp08)".to_owned(),
        b"Opus" => "Opus".to_owned(),
        b"fLaC" => "FLAC".to_owned(),
        b"ac-3" => "AC-3".to_owned(),
        b"ec-3" => "E-AC-3".to_owned(),
        b".mp3" => "MP3".to_owned(),
        other => other.escape_ascii().to_string(),
    }
}

/// Video File Format 10.1, E.4.3.1; 12 is a common private use.
fn legacy_video_name(codec: u8) -> String {
    match codec {
        2 => "Sorenson H.263".to_owned(),
        3 | 6 => "Screen Video".to_owned(),
        4 | 5 => "On2 VP6".to_owned(),
        12 => "HEVC".to_owned(),
        other => format!("number {other}"),
    }
}

/// Video File Format 10.1, E.4.2.1.
fn legacy_audio_name(format: u8) -> String {
    match format {
        0 | 3 => "PCM".to_owned(),
        1 => "ADPCM".to_owned(),
        2 | 14 => "MP3".to_owned(),
        4..=6 => "Nellymoser".to_owned(),
        7 | 8 => "G.711".to_owned(),
        11 => "Speex".to_owned(),
        other => format!("number {other}"),
    }
}

#[cfg(test)]
mod tests;
