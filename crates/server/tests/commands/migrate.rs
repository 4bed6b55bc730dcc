//! `tallylight migrate`, `migrate status` and `migrate copy`.

use serde_json::json;
use tallylight::settings::Settings;
use tallylight_testkit::{database, psql};

use crate::common::{TestApp, account};
use crate::harness::Operator;

#[tokio::test]
async fn a_look_at_the_schema_makes_nothing() {
    let operator = Operator::new();
    let said = operator.runs(&["migrate", "status"]).await.succeeds();
    said.says("first").says("pending").says("migrations are pending");
    assert_eq!(operator.files(&operator.data()), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_pending_is_applied_once() {
    let operator = Operator::new();
    operator.runs(&["migrate"]).await.succeeds().says("applied now").says("The schema is up to date.");
    let again = operator.runs(&["migrate"]).await.succeeds();
    again.says("The schema is up to date.");
    assert!(!again.out.contains("now"), "{}", again.out);
    operator.runs(&["migrate", "status"]).await.succeeds().says("The schema is up to date.");
}

#[tokio::test]
async fn a_file_that_a_server_uses_is_looked_at_only() {
    let operator = Operator::new();
    let app = operator.serves().await;
    operator.runs(&["migrate"]).await.fails("stop the server first");
    operator.runs(&["migrate", "copy", "--to", "postgres://x@127.0.0.1:1/y"]).await.fails("stop the server");
    operator.runs(&["migrate", "status"]).await.succeeds().says("The schema is up to date.");
    app.running.stop().await;
    operator.runs(&["migrate"]).await.succeeds();
}

#[tokio::test]
async fn postgres_is_migrated_where_the_settings_say() {
    let (operator, postgres) = (Operator::new(), database());
    let place = [("DATABASE_URL", postgres.url())];
    let said = operator.runs_with(&place, &["migrate", "status"]).await.succeeds();
    said.says("migrations are pending").says("PostgreSQL 127.0.0.1");
    operator.runs_with(&place, &["migrate"]).await.succeeds().says("applied now");
    operator.runs_with(&place, &["migrate"]).await.succeeds().says("The schema is up to date.");
    psql(postgres.url(), "UPDATE _sqlx_migrations SET version = 99 WHERE version = 2").unwrap();
    let newer = operator.runs_with(&place, &["migrate", "status"]).await.fails("newer Tallylight");
    newer.says("not known to this one");
    operator.runs_with(&place, &["migrate"]).await.fails("newer Tallylight");
    psql(postgres.url(), "UPDATE _sqlx_migrations SET version = 2, checksum = '' WHERE version = 99")
        .unwrap();
    operator.runs_with(&place, &["migrate", "status"]).await.fails("differs from the one that was released");
}

#[tokio::test]
async fn the_server_goes_on_in_postgres_after_a_copy() {
    let (operator, postgres) = (Operator::new(), database());
    let app = operator.serves().await;
    let ada = app.user("ada").await;
    let show =
        ada.creates(json!({ "title": "Launch \u{1f680}", "metadata": { "a": 1.0 }, "tags": ["x"] })).await;
    let key = ada.get("/api/users/me/stream-key").await.text("/stream_key");
    app.stranger().joins(&show).await.is(200);
    app.running.stop().await;

    let said = operator.runs(&["migrate", "copy", "--to", postgres.url()]).await.succeeds();
    said.says("active_viewers").says("equal").says("database_url").says("Keep secret.key");
    assert!(said.err.contains("checking session_events: 2 rows"), "{}", said.err);
    let password = postgres.url().split([':', '@']).nth(2).unwrap();
    assert!(!format!("{}{}", said.out, said.err).contains(password));
    operator.runs(&["migrate", "copy", "--to", postgres.url()]).await.fails("its table users has 1 row");

    let (data, url) = (operator.data(), postgres.url().to_owned());
    let change = |settings: &mut Settings| (settings.data_dir, settings.database_url) = (data, url);
    let app = TestApp::start_with(change).await;
    let login = json!({ "login": "ada", "password": account("ada")["password"] });
    let token = app.stranger().post("/api/auth/login", login).await.is(200).text("/access_token");
    app.stranger().with(token).get("/api/users/me/stream-key").await.has("/stream_key", key);
    let path = format!("/api/broadcasts/{}", show.id);
    app.stranger().get(&path).await.is(200).has("/title", "Launch \u{1f680}").has("/viewer_count", 1);
    app.running.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_not_copied_and_not_made() {
    let operator = Operator::new();
    let to = "postgres://ada:hushhush@127.0.0.1:1/shows";
    operator.runs(&["migrate", "copy", "--to", to]).await.fails("there is no database at");
    assert_eq!(operator.files(&operator.data()), Vec::<String>::new());
    operator.runs(&["migrate"]).await.succeeds();
    operator.runs(&["migrate", "copy"]).await.fails("--to");
    let said = operator.runs(&["migrate", "copy", "--to", to]).await;
    let said = said.fails("PostgreSQL 127.0.0.1:1, database shows");
    assert!(!said.err.contains("hushhush"), "{}", said.err);
    let said =
        operator.runs(&["migrate", "copy", "--to", "mysql://ada:hushhush@x/y"]).await.fails("postgres://");
    assert!(!said.err.contains("hushhush"), "{}", said.err);
}
