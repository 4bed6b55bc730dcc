//! Whatever timestamps an encoder sends, players get a timeline that they can trust.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use bytes::Bytes;
use common::{b_frames, plain, retimed};
use proptest::prelude::*;
use std::collections::HashSet;
use tallylight_media::model::{AudioPacket, Packet, VideoPacket};
use tallylight_media::timeline::{AudioFormat, Frame, Picture, Timeline};

const FORMAT: AudioFormat = AudioFormat { sample_rate: 48_000, frame_length: 1_024 };

fn run(packets: impl IntoIterator<Item = Packet>) -> (Vec<Picture>, Vec<Frame>) {
    let mut timeline = Timeline::new(10_000);
    timeline.set_audio(FORMAT);
    let (mut pictures, mut frames) = (Vec::new(), Vec::new());
    for packet in packets {
        match packet {
            Packet::Video(packet) => pictures.extend(timeline.video(packet)),
            Packet::Audio(packet) => frames.extend(timeline.audio(packet)),
            _ => {}
        }
    }
    pictures.extend(timeline.flush_video());
    (pictures, frames)
}

#[test]
fn wraps_leave_no_trace() {
    for packets in [plain, b_frames] {
        let straight = run(packets());
        let wrapping_32 = |timestamp: u32| timestamp.wrapping_sub(3_000);
        let wrapping_31 = |timestamp: u32| timestamp.wrapping_sub(3_000) & 0x7fff_ffff;
        assert_eq!(run(retimed(packets(), wrapping_32)), straight);
        assert_eq!(run(retimed(packets(), wrapping_31)), straight);
    }
}

/// How much later audio ends than video, in milliseconds.
fn skew(pictures: &[Picture], frames: &[Frame]) -> i64 {
    frames.last().unwrap().start / 48 - pictures.last().unwrap().dts / 90
}

#[test]
fn jumps_leave_neither_gap_nor_skew() {
    let jumps: [fn(u32) -> u32; 2] = [
        |time| if time < 3_000 { time } else { time + 7_000_000 },
        |time| if time < 3_000 { time + 90_000 } else { time },
    ];
    let straight = run(b_frames());
    for jump in jumps {
        let (pictures, frames) = run(retimed(b_frames(), jump));
        let longest = pictures.iter().map(|picture| picture.duration).max();
        assert!(longest <= Some(40 * 90), "{longest:?}");
        let steps: HashSet<i64> = frames.windows(2).map(|pair| pair[1].start - pair[0].start).collect();
        assert_eq!(steps, HashSet::from([1_024]));
        let moved = skew(&pictures, &frames) - skew(&straight.0, &straight.1);
        assert!(moved.abs() <= 40, "audio moved by {moved} ms against video");
    }
}

/// Timestamps as bad encoders send them: near each other for a while, then anywhere.
fn timestamps() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..5_000_u32, 2 => u32::MAX - 5_000..=u32::MAX, 1 => 0x7fff_0000..0x8000_ffff_u32, 2 => any::<u32>()]
}

fn packets() -> impl Strategy<Value = Vec<Packet>> {
    let composition = prop_oneof![3 => -200..200_i32, 1 => any::<i32>()];
    let video = (timestamps(), composition, any::<bool>()).prop_map(|(timestamp, composition, keyframe)| {
        Packet::Video(VideoPacket { timestamp, composition, keyframe, data: Bytes::new() })
    });
    let audio =
        timestamps().prop_map(|timestamp| Packet::Audio(AudioPacket { timestamp, data: Bytes::new() }));
    prop::collection::vec(prop_oneof![video, audio], 0..250)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_timestamps_give_a_growing_timeline(packets in packets()) {
        let count = packets.len() as i64;
        let (pictures, frames) = run(packets);
        prop_assert!(pictures.windows(2).all(|pair| pair[0].dts < pair[1].dts));
        prop_assert!(pictures.windows(2).all(|pair| pair[0].dts + i64::from(pair[0].duration) == pair[1].dts));
        prop_assert!(frames.windows(2).all(|pair| pair[0].start + 1_024 <= pair[1].start));
        let shown: HashSet<i64> = pictures.iter().map(|picture| picture.pts).collect();
        prop_assert_eq!(shown.len(), pictures.len());
        // Each packet moves time on by a bounded gap at most.
        let limit = (10_000 + 3_000 + (count + 1) * 3_500) * 90;
        prop_assert!(pictures.iter().all(|picture| (0..limit).contains(&picture.dts)));
    }
}
