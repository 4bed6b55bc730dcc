//! `tallylight doctor audit`.

use tallylight_testkit::{database, psql};

use crate::common::TestApp;
use crate::harness::Operator;

/// A broadcast with viewers who came and went, and one that has ended.
async fn is_watched(app: &TestApp) -> String {
    let ada = app.user("ada").await;
    let (show, ended) = (ada.goes_live("Launch day").await, ada.goes_live("Rehearsal").await);
    for show in [&show, &ended] {
        let first = app.stranger().joins(show).await.is(200);
        app.stranger().joins(show).await.is(200);
        app.stranger().leaves(show, &first).await.is(204);
    }
    ada.changes(&ended, serde_json::json!({"status": "ended"})).await.is(200);
    show.id
}

#[tokio::test]
async fn a_server_is_audited_while_it_runs_and_when_it_stands() {
    let operator = Operator::new();
    let app = operator.serves().await;
    let show = is_watched(&app).await;
    let said = operator.runs(&["doctor", "audit"]).await.succeeds();
    said.says("Audited 2 sessions with 10 events").says("agrees with the log");
    operator
        .runs(&["doctor", "audit", "--session", &show])
        .await
        .succeeds()
        .says("Audited 1 session with 4 events");
    app.running.stop().await;
    operator.runs(&["doctor", "audit"]).await.succeeds().says("agrees with the log");
    let nobody = "0190b5f0-0000-7000-8000-000000000000";
    operator.runs(&["doctor", "audit", "--session", nobody]).await.fails("there is no session");
}

#[tokio::test]
async fn what_does_not_agree_is_told_by_session() {
    let (operator, postgres) = (Operator::new(), database());
    let place = [("DATABASE_URL", postgres.url())];
    operator.runs_with(&place, &["doctor", "audit"]).await.fails("tallylight migrate");
    let url = postgres.url().to_owned();
    let app = TestApp::start_with(|settings| settings.database_url = url).await;
    let show = is_watched(&app).await;
    app.running.stop().await;
    operator.runs_with(&place, &["doctor", "audit"]).await.succeeds();

    for (damage, undo, fault) in [
        (
            "session_counters SET viewers = viewers + 1",
            "viewers = viewers - 1",
            "viewers: 2 are served, the log says 1",
        ),
        ("session_counters SET peak = 7", "peak = 2", "peak: 7 are served, the log says 2"),
        (
            "session_progress SET people = people + 1",
            "people = people - 1",
            "people: 3 are served, the log says 2",
        ),
        ("session_rollups SET leaves = leaves + 1", "leaves = leaves - 1", "is served, the log says"),
        (
            "active_viewers SET left_reason = 'left', left_at = joined_at",
            "left_at = NULL",
            "places taken: 1 are",
        ),
    ] {
        psql(postgres.url(), &format!("UPDATE {damage}")).unwrap();
        let said = operator.runs_with(&place, &["doctor", "audit"]).await;
        assert_eq!(said.code, Some(1), "{damage}: {}{}", said.out, said.err);
        said.says(&format!("Session {show}")).says(fault).says("do not agree with their logs");
        let table = damage.split(' ').next().unwrap();
        psql(postgres.url(), &format!("UPDATE {table} SET {undo}")).unwrap();
    }
}
