//! What is told, once and in order.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::common::{Person, Show, TestApp};
use crate::listener::{Heard, Listener};

async fn logs(owner: &Person, show: &Show, number: usize) -> u64 {
    let body = json!({ "type": "poll.opened", "data": { "number": number }, "metadata": { "secret": true } });
    let logged = owner.post(&format!("/api/sessions/{}/events", show.id), body).await.is(201);
    logged.body["seq"].as_u64().unwrap()
}

fn offsets(publications: &Value) -> Vec<u64> {
    let all = publications.as_array().cloned().unwrap_or_default();
    all.iter().map(|publication| publication["offset"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn cards_appear_change_and_go() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let first = ada.goes_live("Launch day").await;
    let mut listener = Listener::connects(&app, None).await;
    let state = listener.subscribes("directory").await;
    assert_eq!(
        (&state["data"]["total"], &state["data"]["cards"][0]["title"]),
        (&json!(1), &json!("Launch day"))
    );
    assert_eq!(state.get("recoverable"), None);

    let second = ada.goes_live("Second").await;
    let card = listener.hears_of(|data| data["card"]["title"] == "Second").await;
    assert_eq!(
        (&card["type"], card["card"].get("publish")),
        (&json!("card"), None),
        "no stream key in a card"
    );
    app.stranger().joins(&second).await.is(200);
    let count = listener.hears_of(|data| data["type"] == "count").await;
    assert_eq!(count, json!({ "type": "count", "id": second.id, "viewer_count": 1 }));
    ada.changes(&first, json!({ "title": "Landing" })).await.is(200);
    listener.hears_of(|data| data["card"]["title"] == "Landing").await;
    ada.changes(&second, json!({ "visibility": "private" })).await.is(200);
    let gone = listener.hears_of(|data| data["type"] == "gone").await;
    assert_eq!(gone["id"], json!(second.id));
    ada.changes(&first, json!({ "status": "ended" })).await.is(200);
    let gone = listener.hears_of(|data| data["type"] == "gone").await;
    assert_eq!(gone["id"], json!(first.id));
}

#[tokio::test]
async fn an_owner_hears_all_and_others_what_is_public() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let mut owner = Listener::connects(&app, ada.token()).await;
    let state = owner.subscribes(&format!("owner:{}", show.id)).await;
    assert_eq!((&state["offset"], &state["data"]["session"]["id"]), (&json!(1), &json!(show.id)));
    let mut anybody = Listener::connects(&app, None).await;
    anybody.subscribes(&format!("session:{}", show.id)).await;

    app.stranger().joins(&show).await.is(200);
    logs(&ada, &show, 1).await;
    ada.changes(&show, json!({ "title": "Landing", "rtmp_url": "rtmp://cdn.example/secret" })).await.is(200);
    let mut whole = Vec::new();
    for _ in 0..3 {
        whole.push(owner.hears_event().await);
    }
    let kinds: Vec<_> = whole.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["viewer.joined", "poll.opened", "broadcast.updated"]);
    assert_eq!(whole[1]["metadata"], json!({ "secret": true }));
    let log = ada.get(&format!("/api/sessions/{}/events?after=1", show.id)).await.is(200);
    assert_eq!(json!(whole), log.body["items"], "the same as in the log");

    let (opened, updated) = (anybody.hears_event().await, anybody.hears_event().await);
    assert_eq!((&opened["seq"], &opened["data"]), (&json!(3), &json!({ "number": 1 })));
    assert_eq!((&opened["metadata"], &opened["user_id"]), (&json!({}), &json!(ada.id)));
    assert_eq!(updated["data"], json!({ "title": "Landing" }), "not where it is published to");
    let count = anybody.hears_of(|data| data["type"] == "count").await;
    assert_eq!(count, json!({ "type": "count", "viewer_count": 1, "peak_viewers": 1 }));
    let count = owner.hears_of(|data| data["type"] == "count").await;
    assert_eq!((&count["viewers"], &count["reported_viewers"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn what_was_missed_is_told_once_and_in_order() {
    follows_through_cuts(TestApp::start().await).await;
}

#[tokio::test]
async fn what_was_missed_is_told_out_of_postgres_too() {
    let database = tallylight_testkit::database();
    follows_through_cuts(TestApp::start_with(|settings| settings.database_url = database.url().into()).await)
        .await;
}

/// Somebody is cut off again and again while things happen.
async fn follows_through_cuts(app: TestApp) {
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let channel = format!("session:{}", show.id);
    let mut listener = Listener::connects(&app, None).await;
    let state = listener.subscribes(&channel).await;
    assert_eq!((&state["recoverable"], &state["positioned"]), (&json!(true), &json!(true)));
    let (epoch, mut position) = (state["epoch"].clone(), state["offset"].as_u64().unwrap());
    for round in 0..20 {
        // What is not heard before the cut is missed.
        let logged = join_all((0..10).map(|number| logs(&ada, &show, number))).await;
        if round % 2 == 0 {
            position = listener.hears_event().await["seq"].as_u64().unwrap();
        }
        drop(listener);
        app.stranger().joins(&show).await.is(200);
        let also = logs(&ada, &show, round).await;
        listener = Listener::connects(&app, None).await;
        let ask = json!({ "channel": channel, "recover": true, "offset": position, "epoch": epoch });
        let answer = listener.asks("subscribe", ask).await["subscribe"].clone();
        assert_eq!((&answer["recovered"], answer.get("error")), (&json!(true), None), "{answer}");
        let mut seqs: Vec<u64> = logged.into_iter().chain([also]).filter(|seq| *seq > position).collect();
        seqs.sort_unstable();
        let mut heard = offsets(&answer["publications"]);
        while heard.len() < seqs.len() {
            heard.push(listener.hears_event().await["seq"].as_u64().unwrap());
        }
        assert_eq!(heard, seqs, "round {round}");
        position = *seqs.last().unwrap();
    }
}

#[tokio::test]
async fn who_has_missed_too_much_or_reads_another_log_is_told_so() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let channel = format!("session:{}", show.id);
    for hundred in 0..10 {
        join_all((0..100).map(|number| logs(&ada, &show, hundred * 100 + number))).await;
    }
    let mut listener = Listener::connects(&app, None).await;
    let epoch = listener.subscribes(&channel).await["epoch"].clone();
    for (offset, epoch, recovered) in [
        (1, epoch.clone(), Some(1_000)),
        (0, epoch.clone(), None),
        (1_001, epoch.clone(), Some(0)),
        (1_002, epoch.clone(), None),
        (900, json!("another"), None),
        (900, json!("_"), None),
        (900, json!(""), Some(101)),
    ] {
        listener.asks("unsubscribe", json!({ "channel": channel })).await;
        let ask = json!({ "channel": channel, "recover": true, "offset": offset, "epoch": epoch });
        let answer = listener.asks("subscribe", ask.clone()).await["subscribe"].clone();
        assert_eq!(answer["was_recovering"], true);
        assert_eq!(answer["recovered"].as_bool(), recovered.map(|_| true), "{ask}");
        assert_eq!(offsets(&answer["publications"]).len(), recovered.unwrap_or_default(), "{ask}");
        let position = if recovered.is_some() { offset } else { 1_001 };
        assert_eq!(
            (&answer["offset"], &answer["data"]["session"]["id"]),
            (&json!(position), &json!(show.id))
        );
    }
}

#[tokio::test]
async fn a_broadcast_that_turns_private_is_gone_for_all_but_its_owner() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    let channel = format!("session:{}", show.id);
    let mut owner = Listener::connects(&app, ada.token()).await;
    owner.subscribes(&channel).await;
    let mut other = Listener::connects(&app, bob.token()).await;
    other.subscribes(&channel).await;
    ada.changes(&show, json!({ "status": "private" })).await.is(200);
    let gone = other.hears_of(|push| push["unsubscribe"].is_object()).await;
    assert_eq!(gone["channel"], json!(channel));
    assert!(gone["unsubscribe"]["code"].as_u64().unwrap() < 2_500, "{gone}");
    assert_eq!(other.is_refused(&channel).await, 102);
    logs(&ada, &show, 1).await;
    owner.hears_of(|event| event["type"] == "poll.opened").await;
    ada.changes(&show, json!({ "status": "active" })).await.is(200);
    other.subscribes(&channel).await;
    ada.delete(&format!("/api/broadcasts/{}", show.id)).await.is(204);
    for listener in [&mut owner, &mut other] {
        listener.hears_of(|push| push["unsubscribe"].is_object()).await;
        assert_eq!(listener.is_refused(&channel).await, 102);
    }
}

#[tokio::test]
async fn another_ones_log_is_not_there() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    let hidden = ada.creates(json!({ "title": "Rehearsal", "visibility": "private" })).await;
    let mut stranger = Listener::connects(&app, None).await;
    let mut other = Listener::connects(&app, bob.token()).await;
    let (owner, missing) = (format!("owner:{}", show.id), "owner:01a208fe-58c0-73c3-a8bb-a9b46bb91b32");
    assert_eq!((stranger.is_refused(&owner).await, stranger.is_refused(missing).await), (101, 101));
    assert_eq!((other.is_refused(&owner).await, other.is_refused(missing).await), (102, 102));
    for listener in [&mut stranger, &mut other] {
        assert_eq!(listener.is_refused(&format!("session:{}", hidden.id)).await, 102);
    }
}

#[tokio::test]
async fn a_reader_who_has_stalled_is_closed_and_slows_nobody() {
    let app = TestApp::start_with(|settings| settings.live_max_backlog = 64 * 1024).await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let channel = format!("owner:{}", show.id);
    let mut stalled = Listener::connects(&app, ada.token()).await;
    stalled.subscribes(&channel).await;
    let mut listener = Listener::connects(&app, ada.token()).await;
    listener.subscribes(&channel).await;
    let mut count = 0;
    // More than any socket's buffers take.
    for round in 0..16 {
        let texts = (0..50).map(|_| {
            let body = json!({ "type": "poll.opened", "data": { "text": "x".repeat(16_000) } });
            ada.request(reqwest::Method::POST, &format!("/api/sessions/{}/events", show.id))
                .json(&body)
                .send()
        });
        join_all(texts).await;
        while count < (round + 1) * 50 {
            count = listener.hears_event().await["seq"].as_u64().unwrap() - 1;
        }
    }
    assert_eq!(stalled.is_closed().await, Heard::Cut, "it hears what the buffers held, and no more");
}

#[tokio::test]
async fn what_is_over_before_the_next_second_is_told_all_the_same() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let mut first = Listener::connects(&app, None).await;
    first.subscribes("directory").await;
    let short = ada.goes_live("Short").await;
    let mut second = Listener::connects(&app, None).await;
    let state = second.subscribes("directory").await;
    assert_eq!(state["data"]["total"], 2);
    ada.changes(&short, json!({ "status": "ended" })).await.is(200);
    for listener in [&mut first, &mut second] {
        let gone = listener.hears_of(|data| data["type"] == "gone").await;
        assert_eq!(gone["id"], json!(short.id));
    }

    let channel = format!("session:{}", show.id);
    first.subscribes(&channel).await;
    let viewer = app.stranger().joins(&show).await.is(200);
    assert_eq!(second.subscribes(&channel).await["data"]["session"]["viewer_count"], 1);
    app.stranger().leaves(&show, &viewer).await.is(204);
    let count = second.hears_of(|data| data["peak_viewers"].is_u64() && data["viewer_count"] == 0).await;
    assert_eq!(count["peak_viewers"], 1);
}

#[tokio::test]
async fn however_long_an_answer_is_it_arrives() {
    let app = TestApp::start_with(|settings| settings.live_max_backlog = 64 * 1024).await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let path = format!("/api/sessions/{}/events", show.id);
    let body = json!({ "type": "poll.opened", "data": { "text": "x".repeat(15_000) } });
    join_all((0..100).map(|_| ada.post(&path, body.clone()))).await;
    let mut response = app
        .stranger()
        .request(reqwest::Method::GET, &format!("/api/live/sse?channels=session:{}&last_event_id=1", show.id))
        .send()
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("\nid: 101\n") {
        text += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!(text.matches("poll.opened").count(), 100);
}
