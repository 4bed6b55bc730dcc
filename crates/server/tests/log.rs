//! The event log and analytics over HTTP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use common::{Person, Show, TestApp};
use serde_json::{Value, json};

fn address(show: &Show, what: &str) -> String {
    format!("/api/sessions/{}/{what}", show.id)
}

/// The types that a page of the log has, and where it goes on.
async fn page(person: &Person, show: &Show, query: &str) -> (Vec<String>, Value) {
    let answer = person.get(&address(show, &format!("events?{query}"))).await.is(200);
    let items = answer.body["items"].as_array().unwrap().clone();
    let kinds = items.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect();
    (kinds, answer.body)
}

#[tokio::test]
async fn an_owner_reads_the_log_without_a_gap() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let viewer = app.stranger();
    let place = viewer.joins(&show).await.is(200);
    viewer.leaves(&show, &place).await.is(204);

    let (kinds, body) = page(&ada, &show, "").await;
    assert_eq!(kinds, ["broadcast.created", "viewer.joined", "viewer.left"]);
    assert_eq!(body["next_after"], 3);
    let left = &body["items"][2];
    assert_eq!((&left["seq"], &left["session_id"]), (&json!(3), &json!(show.id)));
    assert_eq!(left["data"]["person"], body["items"][1]["data"]["person"]);
    assert!(left["data"]["watched"].as_f64().unwrap() >= 0.0);

    let (first, body) = page(&ada, &show, "limit=2").await;
    assert_eq!((first.len(), &body["next_after"]), (2, &json!(2)));
    assert_eq!(page(&ada, &show, "after=2&limit=2").await.0, ["viewer.left"]);
    let (newest, body) = page(&ada, &show, "order=desc&limit=2").await;
    assert_eq!(newest, ["viewer.left", "viewer.joined"]);
    assert_eq!(body["next_before"], 2);
    assert_eq!(page(&ada, &show, "order=desc&before=2").await.0, ["broadcast.created"]);
    let (of_type, body) = page(&ada, &show, "type=broadcast.created,viewer.left").await;
    assert_eq!(of_type, ["broadcast.created", "viewer.left"]);
    assert_eq!(body["next_before"], Value::Null);
    let (none, body) = page(&ada, &show, "type=poll.opened").await;
    assert_eq!(
        (none.len(), &body["next_after"]),
        (0, &json!(3)),
        "what is of another type is not read again"
    );
}

#[tokio::test]
async fn the_log_is_for_its_owner_and_asked_for_properly() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    for what in ["events", "analytics"] {
        app.stranger().get(&address(&show, what)).await.is_problem(401, "unauthenticated");
        bob.get(&address(&show, what)).await.is_problem(404, "not-found");
        ada.get("/api/sessions/0190b5f0-0000-7000-8000-000000000000/events")
            .await
            .is_problem(404, "not-found");
    }
    for query in ["limit=0", "limit=1001", "after=-1", "after=x", "type=No", "order=up", "from=1", "before="]
    {
        ada.get(&address(&show, &format!("events?{query}"))).await.is_problem(400, "invalid-query");
    }
    let event = json!({"type": "poll.opened"});
    bob.post(&address(&show, "events"), event.clone()).await.is_problem(404, "not-found");
    app.stranger().post(&address(&show, "events"), event).await.is_problem(401, "unauthenticated");
    bob.patch(&address(&show, "metadata"), json!({"a": 1})).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn integrators_log_events_of_their_own() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let event = json!({"type": "poll.opened", "data": {"choices": [1, 2]}, "metadata": {"by": "bot"}});
    let logged = ada.post(&address(&show, "events"), event.clone()).await.is(201);
    logged.has("/seq", 2).has("/type", "poll.opened").has("/user_id", ada.id.as_str());
    let (_, body) = page(&ada, &show, "after=1").await;
    assert_eq!(body["items"][0], logged.body, "it is read as it was answered");
    assert_eq!(
        (&body["items"][0]["data"], &body["items"][0]["metadata"]),
        (&event["data"], &event["metadata"])
    );
    ada.post(&address(&show, "events"), json!({"type": "poll.closed"})).await.is(201).has("/data", json!({}));

    let long = "x".repeat(17_000);
    for (body, field) in [
        (json!({"type": "viewer.joined"}), "type"),
        (json!({"type": "reaction"}), "type"),
        (json!({"type": "broadcast.mine"}), "type"),
        (json!({"type": ""}), "type"),
        (json!({"type": "Poll"}), "type"),
        (json!({"type": "a".repeat(51)}), "type"),
        (json!({}), "type"),
        (json!({"type": "poll", "data": []}), "data"),
        (json!({"type": "poll", "data": {"a": long}}), "data"),
        (json!({"type": "poll", "data": {"a": "\u{0}"}}), "data"),
        (json!({"type": "poll", "metadata": {"a": long}}), "metadata"),
        (json!({"type": "poll", "seq": 3}), "seq"),
    ] {
        let refused = ada.post(&address(&show, "events"), body).await;
        refused.is_problem(422, "invalid-fields").names(field);
    }
    ada.changes(&show, json!({"status": "ended"})).await.is(200);
    ada.post(&address(&show, "events"), json!({"type": "survey.sent"})).await.is(201);
}

#[tokio::test]
async fn metadata_changes_by_merge_patch() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.creates(json!({"title": "Launch day", "metadata": {"a": {"b": 1, "c": 2}, "d": 3}})).await;
    let patch = json!({"a": {"b": null, "e": [1]}, "d": null, "f": "new"});
    let after = json!({"a": {"c": 2, "e": [1]}, "f": "new"});
    assert_eq!(ada.patch(&address(&show, "metadata"), patch).await.is(200).body, after);
    ada.reads(&show).await.is(200).has("/metadata", after);
    let long = json!({"a": "x".repeat(17_000)});
    let refused = ada.patch(&address(&show, "metadata"), long).await;
    refused.is_problem(422, "invalid-fields").names("metadata");
    ada.patch(&address(&show, "metadata"), json!([1])).await.is_problem(422, "invalid-fields");
}

#[tokio::test]
async fn analytics_tell_totals_and_a_series() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let viewer = app.stranger();
    let first = viewer.joins(&show).await.is(200);
    viewer.joins(&show).await.is(200);
    viewer.leaves(&show, &first).await.is(204);

    let query = "analytics?period=5m&metrics=viewer_count,joins,engagement&interval=10s";
    let told = ada.get(&address(&show, query)).await.is(200);
    told.has("/session_id", show.id.as_str()).has("/period", "5m").has("/interval", 10);
    told.has("/metrics/viewer_count/total/current", 1).has("/metrics/viewer_count/total/peak", 2);
    told.has("/metrics/joins/total/value", 2).has("/metrics/engagement/total/interactions", 0);
    let metrics = told.body["metrics"].as_object().unwrap();
    assert_eq!(metrics.len(), 3);
    let series = metrics["joins"]["series"].as_array().unwrap();
    assert_eq!(series.len(), 31, "the open interval too");
    assert_eq!(series[0][0], told.body["from"]);
    let joins: u64 = series.iter().map(|point| point[1].as_u64().unwrap()).sum();
    assert_eq!(joins, 2);

    ada.changes(&show, json!({"status": "ended"})).await.is(200);
    let ended = ada.get(&address(&show, "analytics")).await.is(200);
    ended
        .has("/period", "all")
        .has("/metrics/viewer_count/total/current", 0)
        .has("/metrics/leaves/total/value", 2);
    let mine = ada.get("/api/users/me/analytics").await.is(200);
    mine.has("/broadcasts", 1)
        .has("/metrics/joins/total/value", 2)
        .has("/metrics/viewer_count/total/peak", 2);
    mine.has("/from", Value::Null);
    app.user("bob").await.get("/api/users/me/analytics?period=30d").await.is(200).has("/broadcasts", 0);
}

#[tokio::test]
async fn analytics_come_as_a_table_too() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let path = address(&show, "analytics?period=5m&interval=1m&metrics=viewer_count,joins&format=csv");
    let answer = ada.request(reqwest::Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    let text = answer.text().await.unwrap();
    let mut lines = text.split("\r\n");
    assert_eq!(lines.next(), Some("time,viewer_count,viewer_count_peak,joins"));
    assert_eq!(lines.next().unwrap().split(',').count(), 4);
    let asked = ada.request(reqwest::Method::GET, &address(&show, "analytics")).header("accept", "text/csv");
    assert!(asked.send().await.unwrap().text().await.unwrap().starts_with("time,viewer_count,"));
}

#[tokio::test]
async fn a_question_that_makes_no_sense_names_what_does() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    for (query, field, known) in [
        ("period=2h", "period", "5m, 15m, 1h, 6h, 24h, 7d, 30d, all"),
        ("metrics=viewers", "metrics", "viewer_count"),
        ("metrics=", "metrics", "unique_viewers"),
        ("interval=2m", "interval", "10s, 1m"),
        ("period=30d&interval=10s", "interval", "at most"),
        ("periods=1h", "periods", "period"),
    ] {
        let refused = ada.get(&address(&show, &format!("analytics?{query}"))).await;
        refused.is_problem(400, "invalid-query").names(field);
        assert!(refused.text("/detail").contains(known), "{query}: {}", refused.body);
    }
}

#[tokio::test]
async fn an_anonymous_person_is_known_by_the_device() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let (browser, path) = (app.stranger(), format!("/api/broadcasts/{}/join", show.id));
    let join = |cookie: String, origin: Option<String>| {
        let mut request = browser.request(reqwest::Method::POST, &path);
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        match origin {
            Some(origin) => request.header("origin", origin).send(),
            None => request.send(),
        }
    };
    let first = join(String::new(), None).await.unwrap();
    let cookie = first.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && !cookie.contains("Secure"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let same = join(cookie.clone(), None).await.unwrap();
    assert!(same.headers().get("set-cookie").is_none(), "it has one");
    let foreign = join(cookie, Some("https://elsewhere.example".into())).await.unwrap();
    assert!(foreign.headers().get("set-cookie").is_none(), "another site's visitors are not followed");
    let device = json!({"device_id": "0123456789abcdef"});
    app.stranger().joins_with(&show, device.clone()).await.is(200);
    app.stranger().joins_with(&show, device).await.is(200);
    app.stranger().joins_with(&show, json!({"device_id": "me"})).await.is_problem(422, "invalid-fields");

    let told = ada.get(&address(&show, "analytics?metrics=viewer_count,unique_viewers")).await.is(200);
    told.has("/metrics/viewer_count/total/current", 5).has("/metrics/unique_viewers/total/value", 3);
}
