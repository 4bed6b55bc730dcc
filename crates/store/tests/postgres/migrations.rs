//! The schema, made by several at once and by some that are killed.

use tallylight_core::event::LeaveReason;
use tallylight_core::quality::{Quality, QualityRow, Span};
use tallylight_store::migrations::{self, State};
use tallylight_store::{Limits, Location, Store};
use tallylight_testkit::psql;
use time::macros::datetime;
use tokio::task::JoinSet;

use crate::harness::{Db, NOON, patient};
use crate::way::Lossy;

#[tokio::test]
async fn servers_that_start_together_make_the_schema_once() {
    let database = tallylight_testkit::database();
    let location = Location::Server(database.url().to_owned());
    let before = migrations::status(&location, patient()).await.unwrap();
    assert!(!before.is_empty() && before.iter().all(|step| step.state == State::Pending));
    let mut starts = JoinSet::new();
    for _ in 0..8 {
        let location = location.clone();
        starts.spawn(async move { Store::open(&location, patient()).await.map(|_| ()) });
    }
    for started in starts.join_all().await {
        started.unwrap();
    }
    let after = migrations::status(&location, patient()).await.unwrap();
    assert!(after.iter().all(|step| step.state == State::Applied));
}

#[tokio::test]
async fn a_migration_that_is_cut_off_at_any_point_leaves_the_old_schema_or_the_new() {
    let database = tallylight_testkit::database();
    let location = Location::Server(database.url().to_owned());
    let impatient = Limits { timeout: std::time::Duration::from_secs(5), ..Limits::default() };
    let way = Lossy::to(&location).await;
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    let whole = tallylight_testkit::database();
    Store::open(&Location::Server(whole.url().to_owned()), patient()).await.unwrap();
    let all = psql(whole.url(), tables).unwrap();
    for answers in 0..50 {
        way.breaks_after(answers);
        let outcome = Store::open(&Location::Server(way.url.clone()), impatient).await;
        let count = psql(database.url(), tables).unwrap();
        match count.trim() {
            "0" => assert!(outcome.is_err(), "no schema after {answers} answers, and no error"),
            count => assert_eq!(count, all.trim()),
        }
    }
    Store::open(&location, patient()).await.unwrap();
    assert_eq!(psql(database.url(), tables).unwrap(), all);
}

/// Takes back what came with the seventh step and after it.
const LATE: &str =
    "DROP TABLE idempotency_keys; DROP TABLE audit_log; DROP TABLE join_tokens; DROP TABLE api_key_usage; DROP TABLE api_keys;
    DROP TABLE bans; ALTER TABLE active_viewers DROP COLUMN join_token_id;
    ALTER TABLE active_viewers DROP COLUMN device; DROP INDEX sign_ins_by_end; ALTER TABLE sign_ins DROP COLUMN ended_at;
    ALTER TABLE sign_ins DROP COLUMN ip_address; ALTER TABLE sign_ins DROP COLUMN user_agent;
    ALTER TABLE users DROP COLUMN default_title; ALTER TABLE users DROP COLUMN erased_at;
    DROP INDEX users_by_change; ALTER TABLE users DROP COLUMN changed_at;
    DROP TABLE chat_bans; ALTER TABLE broadcast_sessions DROP COLUMN epoch";

/// Takes back what else came after the first schema of either database.
const OLDER: &str =
    "DROP INDEX session_events_by_type; DROP TABLE session_progress; DROP TABLE session_rollups;
    DROP TABLE session_people; DROP TABLE session_quality;
    DROP INDEX broadcast_sessions_by_end; ALTER TABLE active_viewers DROP COLUMN person;
    DELETE FROM _sqlx_migrations WHERE version > 2";

/// The log of a show as an older version wrote it, and as it is after the migrations.
async fn is_brought_up_to_date(db: Db, forget: &'static str) {
    let show = db.show(0).await;
    let (bob, _) = db.watches(&show).await;
    let left = (LeaveReason::TimedOut, None);
    db.goes_at(&bob, left, NOON + time::Duration::microseconds(1_500_001)).await.unwrap();
    let before = (db.log(&show).await, db.viewer(show.id, bob.id).await.unwrap());
    db.database.script(LATE).await;
    db.database.script(OLDER).await;
    db.database.script(forget).await;
    let status = migrations::status(&db.database.location(), patient()).await.unwrap();
    assert!(status.iter().all(|step| (step.state == State::Pending) == (step.version > 2)));
    let db = db.reopened().await;
    assert_eq!((db.log(&show).await, db.viewer(show.id, bob.id).await.unwrap()), before);
    let status = migrations::status(&db.database.location(), patient()).await.unwrap();
    assert!(status.iter().all(|step| step.state == State::Applied));
}

#[tokio::test]
async fn an_older_file_is_brought_up_to_date_with_its_rows() {
    let forget = "UPDATE session_events SET event_data = json_remove(event_data, '$.person', '$.watched')
                  WHERE event_type = 'viewer.left'";
    is_brought_up_to_date(Db::fresh::<crate::harness::Sqlite>().await, forget).await;
}

#[tokio::test]
async fn an_older_database_is_brought_up_to_date_with_its_rows() {
    let forget = "UPDATE session_events SET event_data = event_data - 'person' - 'watched'
                  WHERE event_type = 'viewer.left'";
    is_brought_up_to_date(Db::fresh::<crate::harness::Postgres>().await, forget).await;
}

/// What was told of playback before there were long buckets is in those too.
async fn has_long_buckets(db: Db) {
    let show = db.show(0).await;
    let noon = datetime!(2026-05-01 12:00 UTC);
    let row = |(seconds, stalls): (i64, u64)| {
        let (id, session_id, bucket) = (db.id(), show.id, noon + time::Duration::seconds(seconds));
        QualityRow { id, session_id, seconds: 10, bucket, sums: Quality { stalls, ..Quality::default() } }
    };
    db.save_quality([(0, 1), (310, 20), (590, 300), (3_600, 4_000)].map(row).to_vec()).await.unwrap();
    let older = "DROP INDEX session_quality_by_length; ALTER TABLE session_quality DROP COLUMN seconds;
                 DELETE FROM _sqlx_migrations WHERE version > 5";
    db.database.script(LATE).await;
    db.database.script(older).await;
    let db = db.reopened().await;
    for (interval_seconds, expected) in
        [(10, vec![1, 20, 300, 4_000]), (300, vec![1, 320, 4_000]), (3_600, vec![321, 4_000])]
    {
        let span = Span { from: noon, to: noon + time::Duration::DAY, interval_seconds };
        let told = db.quality(show.id, span).await.unwrap();
        assert_eq!(told.iter().map(|(_, told)| told.stalls).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn what_an_older_file_knows_of_playback_is_in_long_buckets_too() {
    has_long_buckets(Db::fresh::<crate::harness::Sqlite>().await).await;
}

#[tokio::test]
async fn what_an_older_database_knows_of_playback_is_in_long_buckets_too() {
    has_long_buckets(Db::fresh::<crate::harness::Postgres>().await).await;
}
