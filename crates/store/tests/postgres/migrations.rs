//! The schema, made by several at once and by some that are killed.

use tallylight_store::migrations::{self, State};
use tallylight_store::{Limits, Location, Store};
use tallylight_testkit::psql;
use tokio::task::JoinSet;

use crate::harness::Db;
use crate::way::Lossy;

#[tokio::test]
async fn servers_that_start_together_make_the_schema_once() {
    let database = tallylight_testkit::database();
    let location = Location::Server(database.url().to_owned());
    let before = migrations::status(&location, Limits::default()).await.unwrap();
    assert!(!before.is_empty() && before.iter().all(|step| step.state == State::Pending));
    let mut starts = JoinSet::new();
    for _ in 0..8 {
        let location = location.clone();
        starts.spawn(async move { Store::open(&location, Limits::default()).await.map(|_| ()) });
    }
    assert!(starts.join_all().await.into_iter().all(|started| started.is_ok()));
    let after = migrations::status(&location, Limits::default()).await.unwrap();
    assert!(after.iter().all(|step| step.state == State::Applied));
}

#[tokio::test]
async fn a_migration_that_is_cut_off_at_any_point_leaves_the_old_schema_or_the_new() {
    let database = tallylight_testkit::database();
    let location = Location::Server(database.url().to_owned());
    let impatient = Limits { timeout: std::time::Duration::from_secs(5), ..Limits::default() };
    let way = Lossy::to(&location).await;
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    for answers in 0..50 {
        way.breaks_after(answers);
        let outcome = Store::open(&Location::Server(way.url.clone()), impatient).await;
        let count = psql(database.url(), tables).unwrap();
        match count.trim() {
            "0" => assert!(outcome.is_err(), "no schema after {answers} answers, and no error"),
            count => assert_eq!(count, "7"),
        }
    }
    Store::open(&location, Limits::default()).await.unwrap();
    assert_eq!(psql(database.url(), tables).unwrap().trim(), "7");
}

#[tokio::test]
async fn an_older_database_is_brought_up_to_date_with_its_rows() {
    let db = Db::fresh::<crate::harness::Sqlite>().await;
    let show = db.show(0).await;
    db.watches(&show).await;
    db.database
        .script("DROP INDEX active_viewers_by_session; DROP INDEX broadcast_sessions_by_end; DELETE FROM _sqlx_migrations WHERE version > 1")
        .await;
    let status = migrations::status(&db.database.location(), Limits::default()).await.unwrap();
    assert_eq!(status.iter().filter(|step| step.state == State::Pending).count(), status.len() - 1);
    let db = db.reopened().await;
    assert_eq!(db.logged(&show).await, ["broadcast.created", "viewer.joined"]);
    let status = migrations::status(&db.database.location(), Limits::default()).await.unwrap();
    assert!(status.iter().all(|step| step.state == State::Applied));
}
