//! Errors: counted, kept, and shown to administrators.

use crate::common::TestApp;
use crate::log::Log;
use crate::metrics::figure;

const ERRORS: &str = "/api/admin/errors";

/// A server whose database was taken away.
async fn app_without_a_database() -> (TestApp, crate::common::Person) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.running.close_database().await;
    (app, admin)
}

#[tokio::test]
async fn an_administrator_sees_what_failed_and_in_which_request() {
    let (_log, _guard) = Log::begin("off");
    let (app, admin) = app_without_a_database().await;
    let failed = app.stranger().get("/readyz").await;
    failed.is_problem(503, "unavailable");
    let again = app.stranger().get("/readyz").await.is(503);

    let list = admin.get(ERRORS).await.is(200);
    assert_eq!(list.header("cache-control"), "no-store");
    let items = list.body["items"].as_array().unwrap();
    let answered = items.iter().find(|item| item["message"] == "answered").unwrap();
    assert_eq!(answered["occurrences"][0]["fields"]["status"], "503");
    let away = items.iter().find(|item| item["message"] == "the database is unavailable").unwrap();
    let latest = away["occurrences"].as_array().unwrap().last().unwrap();
    assert_eq!((&latest["route"], &latest["method"]), (&"/readyz".into(), &"GET".into()));
    assert_eq!(latest["request_id"], failed.header("x-request-id"));
    assert!(!list.raw.contains(admin.token().unwrap()));
    let scrape = app.stranger().get("/metrics").await.is(200).raw;
    assert!(figure(&scrape, "tallylight_errors_total") >= 2.0);
    drop(again);
}

#[tokio::test]
async fn errors_are_listed_as_other_lists_are() {
    let (_log, _guard) = Log::begin("off");
    let (app, admin) = app_without_a_database().await;
    app.stranger().get("/readyz").await.is(503);
    let page = admin.get(&format!("{ERRORS}?limit=1&offset=1")).await.is(200);
    page.has("/limit", 1).has("/offset", 1).has("/next_cursor", serde_json::Value::Null);
    assert_eq!(page.body["items"].as_array().unwrap().len(), 1);
    assert!(page.body["total"].as_u64().unwrap() >= 2);
    for (query, field) in
        [("limit=0", "limit"), ("limit=101", "limit"), ("offset=-1", "offset"), ("q=a", "q")]
    {
        admin.get(&format!("{ERRORS}?{query}")).await.is_problem(400, "invalid-query").names(field);
    }
}

#[tokio::test]
async fn nobody_else_sees_errors() {
    let app = TestApp::start().await;
    app.stranger().get(ERRORS).await.is_problem(401, "unauthenticated");
    app.user("ada").await.get(ERRORS).await.is_problem(403, "forbidden");
}
