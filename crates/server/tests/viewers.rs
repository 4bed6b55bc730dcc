//! Viewers over HTTP.

mod common;

use common::{Person, Show, TestApp};
use serde_json::json;

async fn count(person: &Person, show: &Show) -> u64 {
    let listed = person.get(&format!("/api/sessions/{}", show.id)).await.is(200);
    listed.body["viewer_count"].as_u64().unwrap_or(u64::MAX)
}

#[tokio::test]
async fn the_count_goes_up_with_a_join_and_down_with_a_leave() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let viewer = app.stranger();
    let (first, second) = (viewer.joins(&show).await.is(200), viewer.joins(&show).await.is(200));
    first.has("/heartbeat_interval", 5).has("/session/viewer_count", 1);
    assert_ne!(first.text("/viewer_id"), second.text("/viewer_id"), "two tabs are two viewers");
    assert_eq!(count(&viewer, &show).await, 2);
    viewer.beats(&show, &first).await.is(204);
    viewer.leaves(&show, &first).await.is(204);
    viewer.leaves(&show, &first).await.is(204);
    assert_eq!(count(&viewer, &show).await, 1);
    viewer.beats(&show, &first).await.is_problem(410, "viewer-gone");
    let back = json!({ "viewer_token": first.text("/viewer_token") });
    viewer.joins_with(&show, back).await.is_problem(410, "viewer-gone");
}

#[tokio::test]
async fn who_joins_again_with_the_token_is_the_same_viewer() {
    let app = TestApp::start().await;
    let show = app.user("ada").await.goes_live("Launch day").await;
    let viewer = app.stranger();
    let first = viewer.joins(&show).await.is(200);
    let back = json!({ "viewer_token": first.text("/viewer_token") });
    let again = viewer.joins_with(&show, back).await.is(200);
    assert_eq!(first.text("/viewer_id"), again.text("/viewer_id"));
    assert_eq!(count(&viewer, &show).await, 1);
}

#[tokio::test]
async fn the_owners_preview_does_not_count() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.creates(json!({ "title": "Launch day", "max_viewers": 1 })).await;
    app.stranger().joins(&show).await.is(200);
    let preview = ada.joins(&show).await.is(200);
    assert_eq!(count(&ada, &show).await, 1);
    ada.beats(&show, &preview).await.is(204);
    ada.leaves(&show, &preview).await.is(204);
    ada.beats(&show, &preview).await.is(204);
}

#[tokio::test]
async fn never_more_viewers_than_places() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.creates(json!({ "title": "Small room", "max_viewers": 3 })).await;
    let viewer = app.stranger();
    let joins = (0..12).map(|_| {
        let (viewer, id) = (viewer.clone(), show.id.clone());
        tokio::spawn(async move { viewer.post(&format!("/api/broadcasts/{id}/join"), json!({})).await })
    });
    let mut answers = Vec::new();
    for join in joins.collect::<Vec<_>>() {
        answers.push(join.await.unwrap());
    }
    let (inside, outside): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(inside.len(), 3);
    for answer in &outside {
        answer.is_problem(409, "broadcast-full");
    }
    assert_eq!(count(&viewer, &show).await, 3);
    ada.changes(&show, json!({ "max_viewers": 1 })).await.is(200);
    assert_eq!(count(&viewer, &show).await, 3, "lowering the limit removes nobody");
    viewer.leaves(&show, &inside[0]).await.is(204);
    viewer.joins(&show).await.is_problem(409, "broadcast-full");
}

#[tokio::test]
async fn ending_sends_everybody_home() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let viewer = app.stranger();
    let joined = viewer.joins(&show).await.is(200);
    ada.changes(&show, json!({ "status": "ended" })).await.is(200).has("/viewer_count", 0);
    viewer.beats(&show, &joined).await.is_problem(410, "viewer-gone");
    viewer
        .get(&format!("/api/sessions/{}", show.id))
        .await
        .is(200)
        .has("/viewer_count", 0)
        .has("/peak_viewers", 1);
}

#[tokio::test]
async fn turning_private_sends_the_uninvited_home() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let viewer = app.stranger();
    let joined = viewer.joins(&show).await.is(200);
    ada.changes(&show, json!({ "visibility": "private" })).await.is(200).has("/viewer_count", 0);
    viewer.beats(&show, &joined).await.is_problem(410, "viewer-gone");
    viewer.joins(&show).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn nobody_joins_in_anothers_name() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    bob.joins_with(&show, json!({ "user_id": ada.id })).await.is_problem(403, "forbidden");
    app.stranger().joins_with(&show, json!({ "user_id": bob.id })).await.is_problem(403, "forbidden");
    bob.joins_with(&show, json!({ "user_id": bob.id })).await.is(200);
    bob.joins_with(&show, json!({ "join_token": "guess" })).await.is_problem(403, "join-token-invalid");
}

#[tokio::test]
async fn a_token_of_one_kind_is_taken_for_no_other() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let (show, other) = (ada.goes_live("Launch day").await, ada.goes_live("Another").await);
    let joined = app.stranger().joins(&show).await.is(200);
    app.stranger().beats(&other, &joined).await.is_problem(410, "viewer-gone");
    let url = joined.text("/playback/hls_url");
    let playback = url.split('/').nth_back(1).unwrap().to_owned();
    let body = json!({ "viewer_token": playback });
    let path = format!("/api/broadcasts/{}/heartbeat", show.id);
    app.stranger().post(&path, body).await.is_problem(410, "viewer-gone");
}
