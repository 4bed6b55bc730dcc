//! Initialization segments: `ftyp` and a `moov` without samples (ISO/IEC 23000-19 §7.3.1).

use super::boxes::{boxed, full, u16, u32, zeros};
use super::{AacConfig, AvcConfig, Fragment};
use crate::timeline::VIDEO_TIMESCALE;
use bytes::Bytes;

/// The unity matrix of `mvhd` and `tkhd`, in fixed point.
const MATRIX: [u32; 9] = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000];
/// "und" in packed ISO 639-2/T.
const UNDETERMINED: u16 = 0x55c4;

/// What differs between the two kinds of track.
struct TrackBoxes<'a> {
    timescale: u32,
    /// Width and height in pixels; 0 for audio.
    size: (u32, u32),
    volume: u16,
    handler: &'a [u8; 4],
    media_header: &'a dyn Fn(&mut Vec<u8>),
    sample_entry: &'a dyn Fn(&mut Vec<u8>),
}

/// The initialization segment of a video track.
pub fn video_init(config: &AvcConfig) -> Bytes {
    init(&TrackBoxes {
        timescale: VIDEO_TIMESCALE,
        size: (config.width, config.height),
        volume: 0,
        handler: b"vide",
        media_header: &|out| full(out, b"vmhd", 0, 1, |out| zeros(out, 8)),
        sample_entry: &|out| avc1(out, config),
    })
}

/// The initialization segment of an audio track, whose timescale is its sample rate.
pub fn audio_init(config: &AacConfig) -> Bytes {
    init(&TrackBoxes {
        timescale: config.format.sample_rate,
        size: (0, 0),
        volume: 0x100,
        handler: b"soun",
        media_header: &|out| full(out, b"smhd", 0, 0, |out| zeros(out, 4)),
        sample_entry: &|out| mp4a(out, config),
    })
}

fn init(track: &TrackBoxes<'_>) -> Bytes {
    let mut out = Vec::with_capacity(768);
    boxed(&mut out, b"ftyp", |out| {
        out.extend_from_slice(b"cmfc\0\0\0\0cmfciso6mp41");
    });
    boxed(&mut out, b"moov", |out| {
        movie_header(out, track.timescale);
        boxed(out, b"trak", |out| {
            track_header(out, track);
            media(out, track);
        });
        boxed(out, b"mvex", |out| {
            full(out, b"trex", 0, 0, |out| {
                u32(out, Fragment::TRACK_ID);
                u32(out, 1);
                zeros(out, 12);
            });
        });
    });
    Bytes::from(out)
}

fn movie_header(out: &mut Vec<u8>, timescale: u32) {
    full(out, b"mvhd", 0, 0, |out| {
        zeros(out, 8);
        u32(out, timescale);
        u32(out, 0);
        u32(out, 0x10000);
        u16(out, 0x100);
        zeros(out, 10);
        MATRIX.iter().for_each(|value| u32(out, *value));
        zeros(out, 24);
        u32(out, Fragment::TRACK_ID + 1);
    });
}

fn track_header(out: &mut Vec<u8>, track: &TrackBoxes<'_>) {
    const ENABLED_IN_MOVIE: u32 = 3;
    full(out, b"tkhd", 0, ENABLED_IN_MOVIE, |out| {
        zeros(out, 8);
        u32(out, Fragment::TRACK_ID);
        zeros(out, 4 + 4 + 8 + 4);
        u16(out, track.volume);
        zeros(out, 2);
        MATRIX.iter().for_each(|value| u32(out, *value));
        u32(out, track.size.0 << 16);
        u32(out, track.size.1 << 16);
    });
}

fn media(out: &mut Vec<u8>, track: &TrackBoxes<'_>) {
    boxed(out, b"mdia", |out| {
        full(out, b"mdhd", 0, 0, |out| {
            zeros(out, 8);
            u32(out, track.timescale);
            u32(out, 0);
            u16(out, UNDETERMINED);
            zeros(out, 2);
        });
        full(out, b"hdlr", 0, 0, |out| {
            zeros(out, 4);
            out.extend_from_slice(track.handler);
            zeros(out, 12 + 1);
        });
        boxed(out, b"minf", |out| {
            (track.media_header)(out);
            boxed(out, b"dinf", |out| {
                full(out, b"dref", 0, 0, |out| {
                    u32(out, 1);
                    full(out, b"url ", 0, 1, |_| {});
                });
            });
            sample_table(out, track);
        });
    });
}

/// The sample table: only descriptions, since all samples are in fragments.
fn sample_table(out: &mut Vec<u8>, track: &TrackBoxes<'_>) {
    boxed(out, b"stbl", |out| {
        full(out, b"stsd", 0, 0, |out| {
            u32(out, 1);
            (track.sample_entry)(out);
        });
        full(out, b"stts", 0, 0, |out| zeros(out, 4));
        full(out, b"stsc", 0, 0, |out| zeros(out, 4));
        full(out, b"stsz", 0, 0, |out| zeros(out, 8));
        full(out, b"stco", 0, 0, |out| zeros(out, 4));
    });
}

/// ISO/IEC 14496-15 §5.4.2.1.
fn avc1(out: &mut Vec<u8>, config: &AvcConfig) {
    const DPI_72: u32 = 0x48_0000;
    boxed(out, b"avc1", |out| {
        zeros(out, 6);
        u16(out, 1);
        zeros(out, 16);
        u16(out, u16::try_from(config.width).unwrap_or(u16::MAX));
        u16(out, u16::try_from(config.height).unwrap_or(u16::MAX));
        u32(out, DPI_72);
        u32(out, DPI_72);
        zeros(out, 4);
        u16(out, 1);
        zeros(out, 32);
        u16(out, 24);
        u16(out, 0xffff);
        boxed(out, b"avcC", |out| out.extend_from_slice(&config.record));
    });
}

/// ISO/IEC 14496-14 §6.7.2.
fn mp4a(out: &mut Vec<u8>, config: &AacConfig) {
    boxed(out, b"mp4a", |out| {
        zeros(out, 6);
        u16(out, 1);
        zeros(out, 8);
        u16(out, config.channels);
        u16(out, 16);
        zeros(out, 4);
        u32(out, u32::from(u16::try_from(config.format.sample_rate).unwrap_or(0)) << 16);
        full(out, b"esds", 0, 0, |out| elementary_stream(out, &config.record));
    });
}

/// The ES_Descriptor (ISO/IEC 14496-1 §7.2.6.5).
fn elementary_stream(out: &mut Vec<u8>, record: &[u8]) {
    const MPEG4_AUDIO: u8 = 0x40;
    const AUDIO_STREAM: u8 = 5 << 2 | 1;
    descriptor(out, 3, |out| {
        zeros(out, 3);
        descriptor(out, 4, |out| {
            out.extend_from_slice(&[MPEG4_AUDIO, AUDIO_STREAM]);
            zeros(out, 3 + 4 + 4);
            descriptor(out, 5, |out| out.extend_from_slice(record));
        });
        descriptor(out, 6, |out| out.push(2));
    });
}

/// A descriptor with its size in four bytes of seven bits.
fn descriptor(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let start = out.len();
    zeros(out, 4);
    body(out);
    let size = out.len() - start - 4;
    for (index, byte) in out[start..start + 4].iter_mut().enumerate() {
        let more = if index < 3 { 0x80 } else { 0 };
        *byte = (size >> (7 * (3 - index)) & 0x7f) as u8 | more;
    }
}
