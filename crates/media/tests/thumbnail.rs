//! Pictures of what is on air.
#![cfg(feature = "thumbnails")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use bytes::Bytes;
use common::{Show, plain};
use std::sync::Arc;
use tallylight_media::cmaf::AvcConfig;
use tallylight_media::hls::{Settings, Stream, Thumbnail};
use tallylight_media::model::Packet;
use tallylight_media::thumbnail;

fn keyframe() -> (AvcConfig, Bytes) {
    let (mut config, mut picture) = (None, None);
    for packet in plain() {
        match packet {
            Packet::VideoHeader(header) => config = Some(AvcConfig::parse(&header.record, 4_096).unwrap()),
            Packet::Video(packet) if packet.keyframe => picture = picture.or(Some(packet.data)),
            _ => {}
        }
    }
    (config.unwrap(), picture.unwrap())
}

/// Width and height in a JPEG's frame header (ITU-T T.81 §B.2.2).
fn size(jpeg: &[u8]) -> (u16, u16) {
    let at = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let be16 = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
    (be16(at + 7), be16(at + 5))
}

#[test]
fn a_keyframe_becomes_a_jpeg_of_at_most_the_width() {
    let (config, keyframe) = keyframe();
    assert_eq!(size(&thumbnail::render(&config, &keyframe, 640).unwrap()), (320, 180));
    assert_eq!(size(&thumbnail::render(&config, &keyframe, 160).unwrap()), (160, 90));
}

#[test]
fn broken_keyframes_are_survived() {
    let (config, keyframe) = keyframe();
    assert!(thumbnail::render(&config, &[], 640).is_err());
    assert!(thumbnail::render(&config, &keyframe[..keyframe.len() / 2], 640).is_err());
    for seed in 0..60_usize {
        let mut bytes = keyframe.to_vec();
        for step in 1..6 {
            let at = 4 + (seed * 7_919 + step * step * 104_729) % (bytes.len() - 4);
            bytes[at] ^= 1 << (seed % 8);
        }
        // Whatever it answers, it answers.
        let _ = thumbnail::render(&config, &bytes, 640);
    }
}

async fn taken(stream: &Arc<Stream>, version: u64) -> Thumbnail {
    loop {
        if let Some(thumbnail) = stream.thumbnail().filter(|thumbnail| thumbnail.version >= version) {
            return thumbnail;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_first_comes_at_once_and_the_next_when_due() {
    let mut show = Show::new(Settings::default());
    let (start, mut publication) = (show.now, show.publish());
    show.push(&mut publication, plain());
    let first = taken(&show.stream, 1).await;
    assert_eq!(first.version, 1);
    assert!(first.taken_at.duration_since(start).unwrap().as_millis() < 100);
    show.push(&mut publication, common::retimed(plain(), |time| time + 6_500));
    let second = taken(&show.stream, 2).await;
    assert!(second.taken_at.duration_since(start).unwrap().as_secs() >= 10);
}
