//! Requests that wait for media.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Playlist, Show, plain, recorded_at};
use std::time::Duration;
use tallylight_media::hls::{Directives, Placement, Publication, Rendition, RequestError, Settings};
use tallylight_media::model::Packet;

const BOTH: Directives = Directives { msn: None, part: None };

/// A show that has been on for 1.2 seconds, and the rest of its packets.
fn on_air(settings: Settings) -> (Show, Publication, Vec<Packet>) {
    let mut show = Show::new(settings);
    let mut publication = show.publish();
    let (before, after) = plain().into_iter().partition(|packet| recorded_at(packet) < 1_200);
    show.push(&mut publication, before);
    (show, publication, after)
}

async fn ask(show: &Show, msn: u64, part: Option<usize>) -> Result<Playlist, RequestError> {
    let directives = Directives { msn: Some(msn), part };
    let bytes = show.stream.playlist(Rendition::Video, directives, Placement::Outside).await?;
    Ok(Playlist::parse(std::str::from_utf8(&bytes).unwrap()))
}

#[tokio::test]
async fn a_reload_waits_for_the_part_that_it_names() {
    let (mut show, mut publication, rest) = on_air(Settings::default());
    let list = show.playlist(Rendition::Video).await;
    let (msn, part) = (list.msn, list.open_parts.len());
    assert_eq!(ask(&show, msn, Some(part - 1)).await.unwrap().text, list.text);
    let stream = show.stream.clone();
    let directives = Directives { msn: Some(msn), part: Some(part) };
    let waiting =
        tokio::spawn(async move { stream.playlist(Rendition::Video, directives, Placement::Outside).await });
    while show.stream.status().blocked_requests == 0 {
        tokio::task::yield_now().await;
    }
    let mut rest = rest.into_iter();
    while !waiting.is_finished() {
        show.push_one(&mut publication, rest.next().unwrap());
        tokio::task::yield_now().await;
    }
    let bytes = waiting.await.unwrap().unwrap();
    assert_eq!(Playlist::parse(std::str::from_utf8(&bytes).unwrap()).open_parts.len(), part + 1);
    assert_eq!(show.stream.status().blocked_requests, 0);
}

#[tokio::test]
async fn the_part_hinted_at_is_waited_for() {
    let (mut show, mut publication, rest) = on_air(Settings::default());
    let mut asked = 0;
    for packet in rest {
        let hint = show.playlist(Rendition::Video).await.hint.unwrap();
        let name = hint.rsplit('/').next().unwrap().to_owned();
        let stream = show.stream.clone();
        let mut waiting = Box::pin(async move { stream.resource(&name).await });
        let early = tokio::time::timeout(Duration::ZERO, &mut waiting).await;
        assert!(early.is_err(), "it is not there yet");
        if show.push_one(&mut publication, packet).parts > 0
            && let Ok(part) = tokio::time::timeout(Duration::ZERO, &mut waiting).await
        {
            assert!(!part.unwrap().is_empty());
            asked += 1;
        }
    }
    assert!(asked >= 17, "{asked} hinted parts came, each as hinted");
}

#[tokio::test]
async fn impossible_requests_are_refused() {
    let (show, _publication, _) = on_air(Settings::default());
    let msn = show.playlist(Rendition::Video).await.msn;
    assert!(matches!(ask(&show, msn + 2, None).await, Err(RequestError::BadRequest(_))));
    assert!(matches!(ask(&show, msn, Some(60)).await, Err(RequestError::BadRequest(_))));
    let part_alone = Directives { msn: None, part: Some(1) };
    let refused = show.stream.playlist(Rendition::Video, part_alone, Placement::Outside).await;
    assert!(matches!(refused, Err(RequestError::BadRequest(_))));
    for name in ["", "../x", "1-v1.m4s", &format!("2-v{msn}.0.m4s"), &format!("1-v{msn}.9.m4s")] {
        assert_eq!(show.stream.resource(name).await, Err(RequestError::NotFound), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_encoder_ends_the_wait() {
    let (show, _publication, _) = on_air(Settings::default());
    let msn = show.playlist(Rendition::Video).await.msn;
    let start = tokio::time::Instant::now();
    assert_eq!(ask(&show, msn, None).await.unwrap_err(), RequestError::Timeout);
    assert_eq!(start.elapsed().as_secs(), 12);
}

#[tokio::test(start_paused = true)]
async fn without_an_encoder_the_playlist_comes_unchanged() {
    let (show, publication, _) = on_air(Settings::default());
    publication.finish();
    let list = show.playlist(Rendition::Video).await;
    let start = tokio::time::Instant::now();
    assert_eq!(ask(&show, list.msn + 1, Some(0)).await.unwrap().text, list.text);
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test]
async fn the_end_answers_all_who_wait() {
    let (show, _publication, _) = on_air(Settings::default());
    let msn = show.playlist(Rendition::Video).await.msn;
    let (answer, ()) = tokio::join!(ask(&show, msn, None), async { show.stream.end() });
    assert!(answer.unwrap().ended);
}

#[tokio::test]
async fn only_so_many_may_wait() {
    let (show, _publication, _) = on_air(Settings { max_blocked_requests: 1, ..Settings::default() });
    let msn = show.playlist(Rendition::Video).await.msn;
    let (first, second) = (ask(&show, msn, None), ask(&show, msn, None));
    let (mut first, second) = (Box::pin(first), second);
    assert!(tokio::time::timeout(Duration::ZERO, &mut first).await.is_err());
    assert_eq!(second.await.unwrap_err(), RequestError::Busy);
}

#[tokio::test]
async fn playlists_are_the_same_bytes_for_all() {
    let (show, _publication, _) = on_air(Settings::default());
    let ask = || show.stream.playlist(Rendition::Video, BOTH, Placement::Outside);
    let (first, second) = (ask().await.unwrap(), ask().await.unwrap());
    assert_eq!(first.as_ptr(), second.as_ptr(), "rendered once");
}
