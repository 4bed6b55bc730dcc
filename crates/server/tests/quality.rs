//! What players tell of playback, over HTTP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use std::time::Duration;

use common::{Answer, Person, Show, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use tallylight_core::ids::BroadcastId;
use tallylight_core::quality::{Quality, Span};

/// All that was told of a session.
async fn told(app: &TestApp, show: &Show) -> Quality {
    app.running.sessions.write_quality().await.unwrap();
    let (now, day) = (app.running.sessions.now(), Duration::from_secs(86_400));
    let span = Span { from: now - day, to: now + day, interval_seconds: 10 };
    let id: BroadcastId = show.id.parse().unwrap();
    let mut sum = Quality::default();
    for (_, quality) in app.running.sessions.playback_quality(id, span).await.unwrap() {
        sum.add(&quality);
    }
    sum
}

impl Person {
    async fn tells(&self, verb: &str, show: &Show, viewer: &Answer, playback: Value) -> Answer {
        let body = json!({ "viewer_token": viewer.text("/viewer_token"), "playback": playback });
        self.post(&format!("/api/broadcasts/{}/{verb}", show.id), body).await
    }

    /// Posts events where the viewer's playlists are.
    async fn posts_events(&self, viewer: &Answer, body: &'static str) -> Answer {
        let url = viewer.text("/playback/hls_url").replace("index.m3u8", "cmcd");
        let request = self.request(Method::POST, &url).header("content-type", "application/cmcd").body(body);
        Answer::read(request.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn beacons_come_with_heartbeats_and_with_the_goodbye() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let eve = app.stranger();
    let viewer = eve.joins(&show).await.is(200);
    let first =
        json!({ "startup_ms": 900, "played_ms": 4000, "stalled_ms": 1000, "stalls": 1, "failure": "media" });
    eve.tells("heartbeat", &show, &viewer, first).await.is(204);
    eve.tells("heartbeat", &show, &viewer, Value::Null).await.is(204);
    eve.tells("heartbeat", &show, &viewer, json!({ "failure": null })).await.is(204);
    eve.tells("leave", &show, &viewer, json!({ "played_ms": 2000 })).await.is(204);
    eve.tells("leave", &show, &viewer, json!({ "played_ms": 2000 })).await.is(204);
    let sum = told(&app, &show).await;
    assert_eq!((sum.viewers, sum.started(), sum.startup_ms), (1, 1, 900));
    assert_eq!((sum.played_ms, sum.stalled_ms, sum.stalls), (6_000, 1_000, 1));
    assert_eq!((sum.failures, sum.failed_viewers), ([0, 1, 0, 0], 1));

    let metrics = "metrics=startup_time,rebuffer_ratio,playback_failures";
    let answer = ada.get(&format!("/api/sessions/{}/analytics?{metrics}", show.id)).await.is(200);
    let mine = ada.get(&format!("/api/users/me/analytics?{metrics}")).await.is(200);
    for told in [&answer, &mine] {
        told.has("/metrics/startup_time/total/value", 0.9).has("/metrics/startup_time/total/viewers", 1);
        told.has("/metrics/rebuffer_ratio/total/value", 1.0 / 7.0)
            .has("/metrics/rebuffer_ratio/total/stalls", 1);
        told.has("/metrics/playback_failures/total/reasons/media", 1);
        told.has("/metrics/playback_failures/total/share", 1.0);
    }
    let series = answer.body.pointer("/metrics/playback_failures/series").unwrap().as_array().unwrap();
    assert_eq!(series.iter().map(|point| point[1].as_u64().unwrap()).sum::<u64>(), 1);
}

#[tokio::test]
async fn a_beacon_that_makes_no_sense_is_refused_by_name_and_no_more_than_that() {
    let app = TestApp::start().await;
    let show = app.user("ada").await.goes_live("Launch day").await;
    let eve = app.stranger();
    for (playback, field) in [
        (json!({ "played_ms": 3_600_001 }), "playback.played_ms"),
        (json!({ "played_ms": 1e300 }), "playback.played_ms"),
        (json!({ "startup_ms": 600_001 }), "playback.startup_ms"),
        (json!({ "startup_ms": -1 }), "playback.startup_ms"),
        (json!({ "stalls": -1 }), "playback.stalls"),
        (json!({ "stalled_ms": "1" }), "playback.stalled_ms"),
        (json!({ "failure": "gremlins" }), "playback.failure"),
        (json!({ "mood": "good" }), "mood"),
        (json!([1, 2, 3]), "playback"),
        (json!(7), "playback"),
    ] {
        let viewer = eve.joins(&show).await.is(200);
        for verb in ["heartbeat", "leave"] {
            let told = eve.tells(verb, &show, &viewer, playback.clone()).await;
            told.is_problem(422, "invalid-fields").names(field);
        }
        eve.tells("heartbeat", &show, &viewer, playback).await.is_problem(410, "viewer-gone");
    }
    eve.get(&format!("/api/broadcasts/{}", show.id)).await.is(200).has("/viewer_count", 0);
    assert!(told(&app, &show).await.is_empty());
}

#[tokio::test]
async fn milliseconds_are_rounded() {
    let app = TestApp::start().await;
    let show = app.user("ada").await.goes_live("Launch day").await;
    let eve = app.stranger();
    let viewer = eve.joins(&show).await.is(200);
    let fine = json!({ "startup_ms": 839.6, "played_ms": 4200.5, "stalled_ms": 0.4 });
    eve.tells("heartbeat", &show, &viewer, fine).await.is(204);
    eve.tells("heartbeat", &show, &viewer, json!({ "startup_ms": null })).await.is(204);
    let sum = told(&app, &show).await;
    assert_eq!((sum.startup_ms, sum.played_ms, sum.stalled_ms), (840, 4_201, 0));
}

#[tokio::test]
async fn events_are_taken_where_the_playlists_are() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let eve = app.stranger();
    let (viewer, preview) = (eve.joins(&show).await.is(200), ada.joins(&show).await.is(200));
    let events = "e=ps,sid=\"a\",sta=s,ts=1777000000000,v=2\n\
                  e=ps,sid=\"a\",sta=p,ts=1777000000850,v=2\n\
                  e=t,sid=\"a\",sta=p,ts=1777000030850,v=2\n";
    for who in [&viewer, &preview] {
        eve.posts_events(who, events).await.is(204);
    }
    eve.posts_events(&viewer, "\u{0}\u{fffd}, no=report)").await.is(204);
    let sum = told(&app, &show).await;
    assert_eq!((sum.viewers, sum.startup_ms, sum.played_ms), (1, 850, 30_000));
    let wrong = eve.request(Method::POST, &format!("/live/{}/wrong/cmcd", show.id)).body(events);
    Answer::read(wrong.send().await.unwrap()).await.is_problem(404, "not-found");
    ada.changes(&show, json!({ "status": "ended" })).await.is(200);
    eve.posts_events(&viewer, events).await.is_problem(410, "broadcast-ended");
}

#[tokio::test]
async fn players_on_other_sites_may_say_how_they_play() {
    let app = TestApp::start().await;
    let show = app.user("ada").await.goes_live("Launch day").await;
    let asked = app
        .stranger()
        .request(Method::OPTIONS, &format!("/live/{}/index.m3u8", show.id))
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "cmcd-object,cmcd-request,cmcd-session,cmcd-status");
    let allowed = Answer::read(asked.send().await.unwrap()).await.is(200);
    for name in ["cmcd-object", "cmcd-request", "cmcd-session", "cmcd-status", "range", "content-type"] {
        assert!(allowed.header("access-control-allow-headers").contains(name), "{name}");
    }
}
