//! Odd input that looked harmless: each was found by requests made up of the API's description.

mod common;

use common::{PASSWORD, TestApp};
use serde_json::json;

#[tokio::test]
async fn a_name_with_a_nul_in_it_is_nobodys_on_postgresql_too() {
    let database = tallylight_testkit::database();
    let app = TestApp::start_with(|settings| settings.database_url = database.url().into()).await;
    app.user("ada").await;
    let signs_in = |login: &str| json!({ "login": login, "password": PASSWORD });
    let refused = app.stranger().post("/api/auth/login", signs_in("ada\0")).await;
    refused.is_problem(422, "invalid-fields");
    app.stranger().post("/api/auth/login", signs_in("ada")).await.is(200);
    app.stops().await;
}

#[tokio::test]
async fn an_address_that_a_browser_would_have_to_mend_is_not_handed_on() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    for address in
        ["rtmp://\u{9b}", "https://cdn.example/a b", "https://cdn.exam\nple/", " https://cdn.example/"]
    {
        let body = json!({ "title": "Elsewhere", "webrtc_endpoint": address });
        let refused = ada.post("/api/broadcasts", body).await;
        refused.is_problem(422, "invalid-fields").names("webrtc_endpoint");
    }
}

#[tokio::test]
async fn five_is_five_however_it_is_written() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.creates(json!({ "title": "Launch day", "max_viewers": 5.0 })).await;
    ada.reads(&show).await.has("/max_viewers", 5);
    ada.changes(&show, json!({ "max_viewers": 6e0, "viewer_count": 7.0 }))
        .await
        .is(200)
        .has("/max_viewers", 6);
    ada.changes(&show, json!({ "max_viewers": 6.5 }))
        .await
        .is_problem(422, "invalid-fields")
        .names("max_viewers");
}

#[tokio::test]
async fn no_event_has_a_number_that_databases_do_not_know() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let (most, more) = (i64::MAX, i64::MAX as u64 + 1);
    for parameter in ["events?after", "events?before", "chat?before"] {
        let ask =
            async |number: u64| ada.get(&format!("/api/sessions/{}/{parameter}={number}", show.id)).await;
        ask(most as u64).await.is(200);
        let (_, name) = parameter.split_once('?').unwrap();
        ask(more).await.is_problem(400, "invalid-query").names(name);
    }
}
