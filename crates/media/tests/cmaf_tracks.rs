//! What is packaged is CMAF, and holds every picture and every sound of the recording.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Show, b_frames, boxes, plain};
use std::collections::HashSet;
use tallylight_media::hls::{Rendition, Settings};
use tallylight_media::model::Packet;

async fn track(packets: Vec<Packet>, rendition: Rendition) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut show = Show::new(Settings::default());
    show.play(packets);
    let list = show.playlist(rendition).await;
    let init = show.get(&list.segments[0].map).await.to_vec();
    let mut segments = Vec::new();
    for segment in &list.segments {
        segments.push(show.get(&segment.uri).await.to_vec());
    }
    (init, segments)
}

#[tokio::test]
async fn tracks_conform_to_cmaf() {
    for (packets, rendition) in
        [(plain(), Rendition::Video), (b_frames(), Rendition::Video), (plain(), Rendition::Audio)]
    {
        let (init, segments) = track(packets, rendition).await;
        let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
        let mut issues = transmux::validate::validate_cmaf_track(&init, &segments);
        // A warning that does not hold for the chunks of which low-latency segments are made.
        issues.retain(|issue| issue.code != "media.sample.non-sync-first");
        assert!(issues.is_empty(), "{rendition:?}: {issues:#?}");
    }
}

#[tokio::test]
async fn every_picture_and_frame_arrives_unchanged() {
    for packets in [plain(), b_frames()] {
        let sent = |video: bool| {
            let data = packets.iter().filter_map(move |packet| match packet {
                Packet::Video(packet) if video => Some(packet.data.to_vec()),
                Packet::Audio(packet) if !video => Some(packet.data.to_vec()),
                _ => None,
            });
            data.collect::<Vec<_>>()
        };
        let mut show = Show::new(Settings::default());
        show.play(packets.clone());
        let [video] = &show.samples(Rendition::Video).await[..] else { panic!("one era") };
        let [audio] = &show.samples(Rendition::Audio).await[..] else { panic!("one era") };
        assert_eq!(video.iter().map(|sample| sample.data.clone()).collect::<Vec<_>>(), sent(true));
        let (first, rest) = (sent(false).len() - audio.len(), audio.iter().map(|sample| sample.data.clone()));
        assert!(first <= 4, "{first} frames before the first picture");
        assert_eq!(rest.collect::<Vec<_>>(), sent(false)[first..]);
    }
}

#[tokio::test]
async fn tracks_have_no_gap_and_no_picture_time_twice() {
    for packets in [plain(), b_frames()] {
        let mut show = Show::new(Settings::default());
        show.play(packets);
        for rendition in Rendition::ALL {
            let [samples] = &show.samples(rendition).await[..] else { panic!("one era") };
            for pair in samples.windows(2) {
                assert_eq!(pair[0].dts + i64::from(pair[0].duration), pair[1].dts);
            }
            let shown: HashSet<i64> = samples.iter().map(|sample| sample.pts).collect();
            assert_eq!(shown.len(), samples.len());
        }
    }
}

#[tokio::test]
async fn segments_and_only_they_begin_with_a_segment_type() {
    let mut show = Show::new(Settings::default());
    show.play(plain());
    for segment in show.playlist(Rendition::Video).await.segments {
        let bytes = show.get(&segment.uri).await;
        let kinds: Vec<[u8; 4]> = boxes(&bytes).map(|(kind, _)| kind).collect();
        assert_eq!(kinds[0], *b"styp");
        assert!(kinds[1..].chunks(2).all(|pair| pair == [*b"moof", *b"mdat"]), "{kinds:?}");
    }
}
