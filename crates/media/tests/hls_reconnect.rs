//! A broadcast outlives its encoder.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Show, b_frames, plain};
use std::time::Duration;
use tallylight_media::hls::{MediaError, PublishId, Rendition, Settings};
use tallylight_media::model::Packet;

#[tokio::test]
async fn another_encoder_goes_on_after_a_discontinuity() {
    let mut show = Show::new(Settings::default());
    show.play(plain());
    let before = show.playlist(Rendition::Video).await;
    assert!(!before.ended && before.hint.is_none());
    show.now += Duration::from_secs(20);
    show.play(b_frames());

    for rendition in Rendition::ALL {
        let list = show.playlist(rendition).await;
        let breaks: Vec<usize> =
            (0..list.segments.len()).filter(|index| list.segments[*index].discontinuity).collect();
        // Seven are listed: the first of the first publication has gone.
        assert_eq!((list.segments.len(), breaks), (7, vec![3]), "{}", list.text);
        assert_eq!(list.msn, before.msn + 1);
        assert_eq!(list.discontinuity_sequence, before.discontinuity_sequence);
        assert_ne!(list.segments[2].map, list.segments[3].map);
        let date = |index: usize| humantime::parse_rfc3339(&list.segments[index].date).unwrap();
        let pause = date(3).duration_since(date(2)).unwrap();
        assert!((Duration::from_secs(20)..Duration::from_secs(21)).contains(&pause), "{pause:?}");
        let eras = show.samples(rendition).await;
        assert_eq!(eras.len(), 2);
        assert!(eras[0].last().unwrap().dts < eras[1][0].dts, "media times go on");
    }
}

#[tokio::test]
async fn a_new_publication_takes_over_from_an_open_one() {
    let mut show = Show::new(Settings::default());
    let mut old = show.publish();
    let head: Vec<Packet> =
        plain().into_iter().filter(|packet| common::recorded_at(packet) < 1_000).collect();
    show.push(&mut old, head.clone());
    let mut new = show.publish();
    assert_eq!(old.push(head[0].clone(), show.now), Err(MediaError::Replaced));
    drop(old);
    show.push(&mut new, plain());
    assert!(show.stream.status().is_live, "the old one takes nothing with it");
    let list = show.playlist(Rendition::Video).await;
    assert!(list.segments[0].uri.contains("/1-v") && list.segments[0].duration < 1.0);
    assert!(list.segments[1].uri.contains("/2-v") && list.segments[1].discontinuity);
}

#[tokio::test]
async fn changed_headers_begin_a_new_era() {
    let mut show = Show::new(Settings::default());
    let mut publication = show.publish();
    show.push(&mut publication, plain());
    show.push(&mut publication, common::retimed(b_frames(), |time| time + 6_500));
    publication.finish();
    for rendition in Rendition::ALL {
        let list = show.playlist(rendition).await;
        let changes = list.segments.iter().filter(|segment| segment.discontinuity).count();
        assert_eq!(changes, 1, "{}", list.text);
        assert_eq!(show.samples(rendition).await.len(), 2);
    }
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let mut show = Show::new(Settings::default());
    let mut publication = show.publish();
    let error = (0..40).find_map(|round| {
        let packets = if round % 2 == 0 { plain() } else { b_frames() };
        packets.into_iter().take(40).find_map(|packet| publication.push(packet, show.now).err())
    });
    assert_eq!(error, Some(MediaError::TooManyChanges));
}

#[tokio::test]
async fn sound_that_comes_late_joins_at_a_keyframe() {
    let mut show = Show::new(Settings::default());
    let late = |packet: &Packet| common::is_video(packet) || common::recorded_at(packet) > 1_500;
    let mut packets: Vec<Packet> = plain();
    let header = packets.iter().position(|packet| matches!(packet, Packet::AudioHeader(_))).unwrap();
    let header = packets.remove(header);
    packets.retain(late);
    let first = packets.iter().position(|packet| matches!(packet, Packet::Audio(_))).unwrap();
    packets.insert(first, header);
    show.play(packets);
    let (video, audio) = (show.playlist(Rendition::Video).await, show.playlist(Rendition::Audio).await);
    assert_eq!(video.segments.len(), 4);
    assert!(video.segments[1].discontinuity);
    assert_eq!(audio.segments.len(), 3, "{}", audio.text);
    assert_eq!(audio.msn, video.msn + 1);
}

#[tokio::test]
async fn the_end_is_final() {
    let mut show = Show::new(Settings::default());
    let mut publication = show.publish();
    show.push(&mut publication, plain());
    show.origin.end(show.stream.id());
    assert_eq!(publication.push(plain().remove(0), show.now), Err(MediaError::Ended));
    let list = show.playlist(Rendition::Video).await;
    assert!(list.ended && list.hint.is_none());
    assert!(matches!(show.stream.publish(PublishId(9), show.now), Err(MediaError::Ended)));
    show.origin.remove(show.stream.id());
    assert!(show.origin.get(show.stream.id()).is_none());
}

#[tokio::test]
async fn numbers_never_go_back_over_a_restart_of_the_server() {
    let mut show = Show::new(Settings::default());
    show.play(plain());
    let before = show.playlist(Rendition::Video).await;
    let mut after = Show::new(Settings::default());
    after.now = show.now + Duration::from_secs(3_600);
    after.play(plain());
    let (old, new) = (show.samples(Rendition::Video).await, after.samples(Rendition::Video).await);
    let pause = (new[0][0].dts - old[0].last().unwrap().dts) / 90_000;
    assert!((3_599..3_602).contains(&pause), "media times go on: {pause} s");
    let after = after.playlist(Rendition::Video).await;
    assert!(after.msn >= before.msn + 3, "{} then {}", before.msn, after.msn);
    assert!(after.discontinuity_sequence > before.discontinuity_sequence);
    assert!(after.discontinuity_sequence < 1_000_000, "hls.js keeps an array of that length");
}
