//! The multivariant playlist (RFC 8216bis §4.4.6): one variant, since nothing is transcoded.

use super::Rendition;
use super::board::Board;
use super::window::Window;
use bytes::Bytes;
use std::fmt::{self, Write};

/// Bits a second: the highest of any segment, and the average.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct BitRate {
    pub peak: f64,
    pub average: f64,
}

impl BitRate {
    /// Measures complete segments, or what there is of the first.
    pub(super) fn of(window: &Window) -> Self {
        let complete = window.segments.iter().map(|segment| &**segment);
        let open = window.open.as_ref().filter(|_| window.segments.is_empty());
        let (mut bits, mut seconds, mut peak) = (0.0, 0.0, 0.0_f64);
        for segment in complete.chain(open).filter(|segment| segment.duration > 0.0) {
            let size = segment.bytes() as f64 * 8.0;
            bits += size;
            seconds += segment.duration;
            peak = peak.max(size / segment.duration);
        }
        if seconds > 0.0 { Self { peak, average: bits / seconds } } else { Self::default() }
    }
}

/// Renders the playlist, with `prefix` before the names of media playlists.
pub(super) fn render(board: &Board, prefix: &str) -> Bytes {
    let mut out = String::with_capacity(512);
    // Writing to a string cannot fail.
    let _ = write(board, prefix, &mut out);
    Bytes::from(out)
}

fn write(board: &Board, prefix: &str, out: &mut String) -> fmt::Result {
    let present = |rendition: &Rendition| board.has(*rendition);
    let rates =
        Rendition::ALL.into_iter().filter(present).map(|rendition| BitRate::of(&board.window(rendition)));
    let rate = rates.fold(BitRate::default(), |sum, rate| BitRate {
        peak: sum.peak + rate.peak,
        average: sum.average + rate.average,
    });
    let video = board.video_config.as_ref();
    let audio = board.audio_config.as_ref();
    writeln!(out, "#EXTM3U\n#EXT-X-VERSION:9")?;
    if let (Some(_), Some(audio)) = (video, audio) {
        let (channels, uri) = (audio.channels, Rendition::Audio.playlist_name());
        write!(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,")?;
        writeln!(out, "CHANNELS=\"{channels}\",URI=\"{prefix}{uri}\"")?;
    }
    let (peak, average) = (rate.peak.ceil().max(1.0), rate.average.ceil().max(1.0));
    write!(out, "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average}")?;
    let codecs = [video.map(|video| video.codec()), audio.map(|audio| audio.codec())];
    let codecs: Vec<String> = codecs.into_iter().flatten().collect();
    write!(out, ",CODECS=\"{}\"", codecs.join(","))?;
    if let Some(video) = video {
        write!(out, ",RESOLUTION={}x{}", video.width, video.height)?;
        if board.measures.frame_rate > 0.0 {
            write!(out, ",FRAME-RATE={:.3}", board.measures.frame_rate)?;
        }
        if audio.is_some() {
            write!(out, ",AUDIO=\"audio\"")?;
        }
    }
    let main = if video.is_some() { Rendition::Video } else { Rendition::Audio };
    writeln!(out, "\n{prefix}{}", main.playlist_name())
}
