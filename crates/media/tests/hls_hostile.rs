//! Broken and hostile encoders end their own publication and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use bytes::Bytes;
use common::{Show, plain};
use proptest::prelude::*;
use tallylight_media::cmaf::ConfigError;
use tallylight_media::hls::{MediaError, Settings};
use tallylight_media::model::{
    AudioCodec, AudioHeader, AudioPacket, Packet, VideoCodec, VideoHeader, VideoPacket,
};

fn video_record() -> Bytes {
    let record = plain().into_iter().find_map(|packet| match packet {
        Packet::VideoHeader(header) => Some(header.record),
        _ => None,
    });
    record.unwrap()
}

fn refused(packets: Vec<Packet>, settings: Settings) -> MediaError {
    let mut show = Show::new(settings);
    let mut publication = show.publish();
    let error = packets.into_iter().find_map(|packet| publication.push(packet, show.now).err());
    let error = error.expect("it is refused");
    assert_eq!(publication.push(plain().remove(0), show.now), Err(error), "and stays so");
    error
}

fn header(record: Bytes) -> Packet {
    Packet::VideoHeader(VideoHeader { codec: VideoCodec::H264, record })
}

fn picture(data: &'static [u8]) -> Packet {
    let data = Bytes::from_static(data);
    Packet::Video(VideoPacket { timestamp: 0, composition: 0, keyframe: true, data })
}

#[test]
fn a_broadcaster_is_told_what_is_wrong() {
    let record = video_record();
    let broken = |packets| refused(packets, Settings::default());
    let cut = vec![header(record.slice(..record.len() / 2))];
    assert_eq!(broken(cut), MediaError::Config(ConfigError::BrokenVideo));
    let beyond = vec![header(record.clone()), picture(&[0, 0, 1, 0, 0x65])];
    assert_eq!(broken(beyond), MediaError::BrokenPicture);
    let audio = AudioHeader { codec: AudioCodec::Aac, record: Bytes::new() };
    assert_eq!(broken(vec![Packet::AudioHeader(audio)]), MediaError::Config(ConfigError::BrokenAudio));

    let limits = Settings { max_picture_side: 200, ..Settings::default() };
    let error = refused(vec![header(record)], limits);
    assert_eq!(error.to_string(), "the picture is 320×180; at most 200×200 is accepted");
    let limits = Settings { max_bit_rate: 40_000, ..Settings::default() };
    let error = refused(plain(), limits);
    assert_eq!(error.to_string(), "the stream exceeds the limit of 40 kbit/s; lower the encoder's bit rate");
}

#[test]
fn keyframes_have_to_come() {
    let limits = Settings { max_keyframe_interval: std::time::Duration::from_secs(1), ..Settings::default() };
    let error = refused(plain(), limits);
    assert_eq!(
        error.to_string(),
        "no keyframe for 1 seconds; set the encoder's keyframe interval to 2 seconds"
    );
}

#[test]
fn media_before_headers_is_left_out() {
    let mut show = Show::new(Settings::default());
    let mut publication = show.publish();
    let (headers, media): (Vec<Packet>, Vec<Packet>) = plain()
        .into_iter()
        .partition(|packet| matches!(packet, Packet::VideoHeader(_) | Packet::AudioHeader(_)));
    show.push(&mut publication, media);
    assert_eq!(show.stream.status().window_bytes, 0);
    show.push(&mut publication, headers);
}

/// Packets of all kinds, with the headers real, broken or missing.
fn packet() -> impl Strategy<Value = Packet> {
    let record = video_record();
    let length = record.len();
    let video = (any::<bool>(), 0..length, any::<u8>()).prop_map(move |(whole, at, byte)| {
        let mut bytes = record.to_vec();
        if !whole {
            bytes[at] = byte;
        }
        header(bytes.into())
    });
    let audio =
        prop_oneof![Just(vec![0x11, 0x90]), Just(vec![0x12, 0x10]), prop::collection::vec(any::<u8>(), 0..6)]
            .prop_map(|record| {
                Packet::AudioHeader(AudioHeader { codec: AudioCodec::Aac, record: record.into() })
            });
    let time = || prop_oneof![0..20_000_u32, any::<u32>()];
    let data = || {
        let unit = prop::collection::vec(any::<u8>(), 0..40);
        let framed = unit.clone().prop_map(|unit| [&(unit.len() as u32).to_be_bytes()[..], &unit].concat());
        prop_oneof![8 => framed, 1 => unit].prop_map(Bytes::from)
    };
    let pictures =
        (time(), any::<i32>(), any::<bool>(), data()).prop_map(|(timestamp, composition, keyframe, data)| {
            Packet::Video(VideoPacket { timestamp, composition, keyframe, data })
        });
    let frames =
        (time(), data()).prop_map(|(timestamp, data)| Packet::Audio(AudioPacket { timestamp, data }));
    prop_oneof![1 => video, 1 => audio, 12 => pictures, 12 => frames]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_an_encoder_sends_panics(packets in prop::collection::vec(packet(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut show = Show::new(Settings { window_bytes: 4_096, ..Settings::default() });
        let mut publication = show.publish();
        for packet in packets {
            if publication.push(packet, show.now).is_err() {
                publication = show.publish();
            }
            prop_assert!(show.stream.status().window_bytes <= 4_096 + 2_048);
        }
        publication.finish();
        if show.stream.is_playable() {
            let list = runtime.block_on(async {
                match show.stream.status().video {
                    Some(_) => show.playlist(tallylight_media::hls::Rendition::Video).await,
                    None => show.playlist(tallylight_media::hls::Rendition::Audio).await,
                }
            });
            let longest = list.segments.iter().map(|segment| segment.duration).fold(0.0, f64::max);
            prop_assert!(longest.round() <= list.target_duration, "{longest}");
        }
    }
}
