//! A broadcast as players see it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Playlist, Show, b_frames, is_video, plain, retimed};
use std::time::Duration;
use tallylight_media::hls::{Placement, Rendition, Settings};
use tallylight_media::model::Packet;

/// The duration rules of RFC 8216bis §4.4.4.9 and §4.4.3.1.
fn check_durations(list: &Playlist) {
    let complete = list.segments.iter().map(|segment| (&segment.parts, true));
    for (parts, complete) in complete.chain([(&list.open_parts, false)]) {
        for (index, part) in parts.iter().enumerate() {
            assert!(part.duration <= list.part_target, "{part:?} of {}", list.part_target);
            let last = complete && index + 1 == parts.len();
            assert!(last || part.duration >= 0.85 * list.part_target, "{part:?} of {}", list.part_target);
        }
    }
    for segment in &list.segments {
        assert!(segment.duration.round() <= list.target_duration, "{segment:?}");
    }
}

#[tokio::test]
async fn parts_and_segments_keep_to_their_targets() {
    for packets in [plain(), b_frames()] {
        let mut show = Show::new(Settings::default());
        let mut publication = show.publish();
        for packet in packets {
            show.push_one(&mut publication, packet);
            if show.stream.is_playable() {
                check_durations(&show.playlist(Rendition::Video).await);
                check_durations(&show.playlist(Rendition::Audio).await);
            }
        }
        let list = show.playlist(Rendition::Video).await;
        let durations: Vec<f64> = list.segments.iter().map(|segment| segment.duration).collect();
        assert_eq!(durations, [2.0, 2.0, 2.0]);
        assert!(list.segments.iter().all(|segment| segment.parts[0].independent));
    }
}

#[tokio::test]
async fn it_is_playable_after_one_part() {
    for packets in [plain(), b_frames()] {
        let mut show = Show::new(Settings::default());
        let (start, mut publication) = (show.now, show.publish());
        for packet in packets {
            if show.push_one(&mut publication, packet).playable {
                break;
            }
            assert_eq!(show.stream.multivariant(""), None);
        }
        let waited = show.now.duration_since(start).unwrap();
        assert!(waited <= Duration::from_millis(400), "{waited:?}");
        for rendition in Rendition::ALL {
            let list = show.playlist(rendition).await;
            assert!(!show.get(&list.open_parts[0].uri).await.is_empty());
        }
    }
}

#[tokio::test]
async fn the_multivariant_playlist_names_what_is_sent() {
    let mut show = Show::new(Settings::default());
    show.play(plain());
    let text = String::from_utf8(show.stream.multivariant("TOKEN/").unwrap().to_vec()).unwrap();
    let (_, bandwidth) = text.split_once("BANDWIDTH=").unwrap();
    let bandwidth: u32 = bandwidth.split_once(',').unwrap().0.parse().unwrap();
    assert!((100_000..200_000).contains(&bandwidth), "{bandwidth}");
    assert!(
        text.contains("RESOLUTION=320x180,FRAME-RATE=30.000,AUDIO=\"audio\"\nTOKEN/video.m3u8\n"),
        "{text}"
    );
    assert!(text.contains("CODECS=\"avc1.42C00D,mp4a.40.2\""), "{text}");
    assert!(text.contains("CHANNELS=\"2\",URI=\"TOKEN/audio.m3u8\""), "{text}");
}

#[tokio::test]
async fn sound_alone_and_pictures_alone_are_broadcasts_too() {
    for video in [true, false] {
        let mut show = Show::new(Settings::default());
        show.play(plain().into_iter().filter(|packet| is_video(packet) == video).collect());
        let (here, away) =
            if video { (Rendition::Video, Rendition::Audio) } else { (Rendition::Audio, Rendition::Video) };
        let list = show.playlist(here).await;
        check_durations(&list);
        assert_eq!(list.segments.len(), 4, "{}", list.text);
        assert!(!list.text.contains("RENDITION-REPORT"));
        let text = String::from_utf8(show.stream.multivariant("").unwrap().to_vec()).unwrap();
        assert!(
            !text.contains("EXT-X-MEDIA") && text.ends_with(&format!("\n{}\n", here.playlist_name())),
            "{text}"
        );
        assert!(show.stream.playlist(away, Default::default(), Placement::Outside).await.is_err());
    }
}

#[tokio::test]
async fn sound_that_is_announced_and_never_comes_is_not_waited_for() {
    let mut show = Show::new(Settings::default());
    show.play(plain().into_iter().filter(|packet| !matches!(packet, Packet::Audio(_))).collect());
    let list = show.playlist(Rendition::Video).await;
    check_durations(&list);
    let durations: Vec<f64> = list.segments.iter().map(|segment| segment.duration).collect();
    assert_eq!(durations[..3], [2.0, 2.0, 2.0]);
}

#[tokio::test]
async fn both_renditions_tell_the_same_time() {
    let mut show = Show::new(Settings::default());
    show.play(b_frames());
    let (video, audio) = (show.playlist(Rendition::Video).await, show.playlist(Rendition::Audio).await);
    assert_eq!(video.msn, audio.msn);
    assert_eq!(video.segments.len(), audio.segments.len());
    for (video, audio) in video.segments.iter().zip(&audio.segments) {
        let millis = |date: &str| humantime::parse_rfc3339(date).unwrap();
        let (video, audio) = (millis(&video.date), millis(&audio.date));
        let apart = video.duration_since(audio).or_else(|_| audio.duration_since(video)).unwrap();
        assert!(apart <= Duration::from_millis(22), "{apart:?}");
    }
}

#[tokio::test]
async fn a_long_distance_between_keyframes_is_cut_into_segments() {
    let mut seen = 0;
    let mut packets = plain();
    packets.iter_mut().for_each(|packet| {
        if let Packet::Video(packet) = packet {
            packet.keyframe &= seen == 0;
            seen += 1;
        }
    });
    let mut show = Show::new(Settings::default());
    show.play(packets);
    let list = show.playlist(Rendition::Video).await;
    check_durations(&list);
    let starts: Vec<bool> = list.segments.iter().map(|segment| segment.parts[0].independent).collect();
    assert_eq!(starts, [true, false]);
}

#[tokio::test]
async fn the_window_slides() {
    let settings = Settings { window_segments: 2, retained_segments: 1, ..Settings::default() };
    let mut show = Show::new(settings);
    let mut publication = show.publish();
    let first = {
        let packets = plain().into_iter().filter(|packet| common::recorded_at(packet) < 2_500).collect();
        show.push(&mut publication, packets);
        show.playlist(Rendition::Video).await.segments[0].clone()
    };
    for round in 1..=3 {
        show.push(&mut publication, retimed(plain(), |time| time + round * 6_500));
    }
    let list = show.playlist(Rendition::Video).await;
    assert_eq!(list.segments.len(), 2);
    let name = first.uri.rsplit('/').next().unwrap();
    assert!(show.stream.resource(name).await.is_err(), "it is gone");
    assert!(show.stream.status().window_bytes < 150_000, "{:?}", show.stream.status());
}

#[tokio::test]
async fn bytes_bound_the_window_as_well() {
    let mut show = Show::new(Settings { window_bytes: 60_000, ..Settings::default() });
    show.play(plain());
    assert!(show.stream.status().window_bytes <= 60_000);
    assert!(!show.playlist(Rendition::Video).await.segments.is_empty());
}

#[tokio::test]
async fn media_is_outside_or_inside_the_folder_of_the_token() {
    let mut show = Show::new(Settings::default());
    show.play(plain());
    let list = |placement| show.stream.playlist(Rendition::Video, Default::default(), placement);
    let uri = |bytes: &[u8]| Playlist::parse(std::str::from_utf8(bytes).unwrap()).segments[0].uri.clone();
    assert!(uri(&list(Placement::Outside).await.unwrap()).starts_with("../seg/1-v"));
    assert!(uri(&list(Placement::Inside).await.unwrap()).starts_with("seg/1-v"));

    let mut show =
        Show::new(Settings { cdn_base: Some("https://cdn.example/".into()), ..Settings::default() });
    show.play(plain());
    let uri = show.playlist(Rendition::Video).await.segments[0].uri.clone();
    assert!(
        uri.starts_with("https://cdn.example/live/00000000-0000-0000-0000-000000000007/seg/1-v"),
        "{uri}"
    );
}

#[tokio::test]
async fn playlists_parse_elsewhere() {
    use quick_m3u8::{HlsLine, Reader, config::ParsingOptionsBuilder};
    let mut show = Show::new(Settings::default());
    let mut publication = show.publish();
    show.push(&mut publication, plain());
    let text = show.playlist(Rendition::Audio).await.text;
    let options = ParsingOptionsBuilder::new().with_parsing_for_all_tags().build();
    let mut reader = Reader::from_str(&text, options);
    let mut known = 0;
    while let Some(line) = reader.read_line().unwrap() {
        assert!(!matches!(line, HlsLine::UnknownTag(_) | HlsLine::Blank), "{line:?}");
        known += usize::from(matches!(line, HlsLine::KnownTag(_)));
    }
    assert!(known > 30, "{known}");
}
