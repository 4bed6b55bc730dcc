//! Recorded sessions of real encoders, fed to a session without a socket.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tallylight_media::{
    model::Packet,
    rtmp::{
        Error, Limits, Settings, StreamKey,
        session::{Event, Session},
    },
};

const FFMPEG_5: &[u8] = include_bytes!("rtmp_recordings/ffmpeg-5.1.rtmp");
const FFMPEG_5_CSV: &str = include_str!("rtmp_recordings/ffmpeg-5.1.csv");
const FFMPEG_9: &[u8] = include_bytes!("rtmp_recordings/ffmpeg-9.rtmp");
const FFMPEG_9_CSV: &str = include_str!("rtmp_recordings/ffmpeg-9.csv");
const FFMPEG_WRAP: &[u8] = include_bytes!("rtmp_recordings/ffmpeg-5.1-wrap.rtmp");
const LIBRTMP_WRAP: &[u8] = include_bytes!("rtmp_recordings/librtmp-wrap.rtmp");
const WRAP_CSV: &str = include_str!("rtmp_recordings/wrap.csv");
const HEVC: &[u8] = include_bytes!("rtmp_recordings/ffmpeg-9-hevc.rtmp");
const OPUS: &[u8] = include_bytes!("rtmp_recordings/ffmpeg-9-opus.rtmp");

/// Everything that a session makes of some bytes.
#[derive(Debug, PartialEq)]
struct Outcome {
    key: Option<StreamKey>,
    packets: Vec<Packet>,
    unpublished: bool,
    error: Option<Error>,
    encoder: Option<String>,
}

/// Feeds pieces to a new session, whose request is accepted at once.
fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let limits = Limits::default();
    let mut session = Session::new(&Settings::default());
    let mut outcome =
        Outcome { key: None, packets: Vec::new(), unpublished: false, error: None, encoder: None };
    for piece in pieces {
        session.input().extend_from_slice(piece);
        if let Err(error) = drain(&mut session, &mut outcome) {
            outcome.error = Some(error);
            break;
        }
        assert!(session.buffered() <= limits.max_buffered + piece.len(), "memory is bounded");
        // As a client does that reads what it is sent.
        session.output().clear();
    }
    outcome.encoder = session.encoder().map(str::to_owned);
    outcome
}

fn drain(session: &mut Session, outcome: &mut Outcome) -> Result<(), Error> {
    while let Some(event) = session.poll()? {
        match event {
            Event::Publish { key, .. } => {
                outcome.key = Some(key);
                session.accept();
            }
            Event::Packet(packet) => outcome.packets.push(packet),
            Event::Unpublish => outcome.unpublished = true,
        }
    }
    Ok(())
}

/// A packet as ffprobe prints it; headers are not packets there. ffmpeg's RTMP timestamps have 31 bits.
fn row(packet: &Packet) -> Option<String> {
    match packet {
        Packet::Video(video) => {
            let pts = i64::from(video.timestamp) + i64::from(video.composition);
            let flags = if video.keyframe { "K_" } else { "__" };
            Some(format!("video,{},{},{},{flags}", wrapped(pts), video.timestamp, video.data.len()))
        }
        Packet::Audio(audio) => {
            let time = audio.timestamp;
            Some(format!("audio,{time},{time},{},K_", audio.data.len()))
        }
        _ => None,
    }
}

fn wrapped(time: i64) -> i64 {
    time & 0x7fff_ffff
}

/// ffprobe's rows, with times wrapped as the sender wraps them.
fn expected_rows(csv: &str) -> Vec<String> {
    let row = |line: &str| {
        let fields: Vec<_> = line.split(',').collect();
        let time = |index: usize| wrapped(fields[index].parse().unwrap());
        format!("{},{},{},{},{}", fields[0], time(1), time(2), fields[3], fields[4])
    };
    csv.lines().map(row).collect()
}

#[test]
fn real_encoders_yield_the_packets_that_ffprobe_sees() {
    for (recording, csv, encoder) in [
        (FFMPEG_5, FFMPEG_5_CSV, "Lavf59.27.100"),
        (FFMPEG_9, FFMPEG_9_CSV, "Lavf63.1.102"),
        (FFMPEG_WRAP, WRAP_CSV, "Lavf59.27.100"),
        (LIBRTMP_WRAP, WRAP_CSV, "Lavf59.27.100"),
    ] {
        let outcome = feed([recording]);
        let rows: Vec<_> = outcome.packets.iter().filter_map(row).collect();
        assert_eq!(rows, expected_rows(csv));
        assert_eq!(outcome.packets.len() - rows.len(), 2, "one header each");
        assert_eq!(outcome.key.unwrap().expose(), "good");
        assert!(outcome.unpublished && outcome.error.is_none());
        assert_eq!(outcome.encoder.as_deref(), Some(encoder));
    }
}

#[test]
fn one_byte_at_a_time_makes_no_difference() {
    for recording in [FFMPEG_5, FFMPEG_9, FFMPEG_WRAP, LIBRTMP_WRAP, HEVC] {
        assert_eq!(feed(recording.chunks(1)), feed([recording]));
    }
}

#[test]
fn codecs_that_are_not_taken_are_named() {
    let reason = |recording| feed([recording]).error.unwrap().to_string();
    assert_eq!(reason(HEVC), "video codec HEVC (hvc1) is not supported: send H.264");
    assert_eq!(reason(OPUS), "audio codec Opus is not supported: send AAC");
}

#[test]
fn a_recording_that_breaks_off_is_no_error_of_the_session() {
    // The last 200 bytes take leave.
    for cut in (0..FFMPEG_5.len() - 200).step_by(97) {
        let outcome = feed([&FFMPEG_5[..cut]]);
        assert_eq!(outcome.error, None, "cut at {cut}");
        assert!(!outcome.unpublished, "cut at {cut}");
    }
}

/// Random pieces that make up the recording.
fn pieces(recording: &[u8], mut cuts: Vec<prop::sample::Index>) -> Vec<&[u8]> {
    let mut places: Vec<_> = cuts.drain(..).map(|cut| cut.index(recording.len())).collect();
    places.sort_unstable();
    places.push(recording.len());
    let mut start = 0;
    places.into_iter().map(|end| &recording[std::mem::replace(&mut start, end)..end]).collect()
}

fn any_recording() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![FFMPEG_5, FFMPEG_9, FFMPEG_WRAP, LIBRTMP_WRAP])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_splits_make_no_difference(
        recording in any_recording(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        prop_assert_eq!(feed(pieces(recording, cuts)), feed([recording]));
    }

    #[test]
    fn damaged_recordings_end_in_an_error_or_packets(
        recording in any_recording(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut bytes = recording.to_vec();
        for (place, byte) in damage {
            // The handshake is filler; damage does something only after it.
            let place = 3073 + place.index(bytes.len() - 3073);
            bytes[place] = byte;
        }
        feed(pieces(&bytes, cuts));
    }

    #[test]
    fn recordings_with_parts_moved_are_survived(
        recording in any_recording(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        length in 1..4000usize,
    ) {
        let (mut bytes, from) = (recording.to_vec(), from.index(recording.len()));
        let part: Vec<_> = bytes.drain(from..(from + length).min(bytes.len())).collect();
        let to = to.index(bytes.len() + 1);
        bytes.splice(to..to, part);
        feed([&bytes[..]]);
    }

    #[test]
    fn any_bytes_after_the_handshake_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        let greeting = [&[3u8][..], &[0; 2 * 1536], &bytes].concat();
        feed(greeting.chunks(700));
        feed([&bytes[..]]);
    }
}
