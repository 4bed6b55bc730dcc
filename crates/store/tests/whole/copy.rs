//! From SQLite to PostgreSQL.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use tallylight_core::chat::Ban;
use tallylight_core::event::{EventQuery, EventType, LeaveReason};
use tallylight_core::quality::{Quality, QualityRow, Span};
use tallylight_core::store::Change;
use tallylight_store::copy::{Copied, Progress, Stage, copy};
use tallylight_store::{Location, Trouble, migrations};
use tallylight_testkit::{TestDatabase, database};

use crate::harness::{Db, NOON, Sqlite, patient};

/// A file of SQLite that is filled, and an empty PostgreSQL.
struct Move {
    db: Db,
    target: TestDatabase,
}

impl Move {
    async fn new() -> Self {
        Self { db: Db::fresh::<Sqlite>().await, target: database() }
    }

    fn file(&self) -> PathBuf {
        let Location::File(path) = self.db.database.location() else { panic!("it is a file") };
        path
    }

    fn to(&self) -> Location {
        Location::Server(self.target.url().to_owned())
    }

    async fn copies(&self) -> Result<Vec<Copied>, Trouble> {
        copy(&self.file(), &self.to(), patient(), &mut |_| {}).await
    }

    async fn is_refused(&self) -> String {
        let message = self.copies().await.unwrap_err().to_string();
        let password = self.target.url().split([':', '@']).nth(2).unwrap();
        assert!(!message.contains(password), "{message}");
        message
    }

    /// Rows of each table in PostgreSQL; `None` where there is no table.
    async fn target_rows(&self, table: &str) -> Option<i64> {
        let mut target = PgConnection::connect(self.target.url()).await.unwrap();
        let count = format!("SELECT COUNT(*) FROM {table}");
        sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut target).await.ok()
    }

    async fn in_sqlite(&self, text: &str) {
        let mut source = SqliteConnection::connect(self.file().to_str().unwrap()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut source).await.unwrap();
        source.close().await.unwrap();
    }

    async fn in_postgres(&self, text: &str) -> Vec<sqlx::postgres::PgRow> {
        let mut target = PgConnection::connect(self.target.url()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(text.to_owned())).fetch_all(&mut target).await.unwrap()
    }

    /// The target with its schema, still without rows.
    async fn migrates_the_target(&self) {
        migrations::run(&self.to(), patient()).await.unwrap();
    }
}

fn rows(copied: &[Copied]) -> Vec<(&str, u64)> {
    copied.iter().map(|copied| (copied.table, copied.rows)).collect()
}

#[tokio::test]
async fn everything_is_found_again_in_postgres() {
    let it = Move::new().await;
    let ada = it.db.user("ada").await;
    let sign_in = it.db.sign_in_of(&ada).await;
    let full = it.db.new_broadcast(&ada);
    it.db.insert_broadcast(&full, vec![it.db.event(EventType::BroadcastCreated)]).await.unwrap();
    let show = it.db.show_of(&ada, 0).await;
    let (viewer, _) = it.db.watches(&show).await;
    it.db.goes(&viewer, LeaveReason::TimedOut, None).await;
    it.db.joins(&viewer).await;
    let (gone, _) = it.db.watches(&show).await;
    it.db.goes(&gone, LeaveReason::Left, None).await;
    let ended = it.db.show_of(&ada, 5).await;
    it.db.watches(&ended).await;
    it.db.ends(&ended).await;
    let deleted = it.db.show_of(&ada, 0).await;
    it.db.saves(&deleted, |show| show.deleted_at = Some(NOON)).await.unwrap();
    let bob = it.db.user("bob").await;
    let told = Quality { viewers: 3, stalls: 7, ..Quality::default() };
    let row = QualityRow { id: it.db.id(), session_id: show.id, seconds: 10, bucket: NOON, sums: told };
    it.db.save_quality(vec![row]).await.unwrap();

    let until = Some(NOON + time::Duration::HOUR);
    let (user, by) = (bob.username.clone(), ada.username.clone());
    let reason = Some("spam".to_owned());
    let ban =
        Ban { owner: ada.id, user_id: bob.id, user, until, reason, by_id: ada.id, by, created_at: NOON };
    it.db.ban(&ban).await.unwrap();

    let copied = it.copies().await.unwrap();
    assert_eq!(
        rows(&copied),
        [
            ("users", 2),
            ("sign_ins", 1),
            ("bans", 0),
            ("api_keys", 0),
            ("api_key_usage", 0),
            ("audit_log", 0),
            ("chat_bans", 1),
            ("broadcast_sessions", 4),
            ("session_counters", 4),
            ("active_viewers", 3),
            ("join_tokens", 0),
            ("session_quality", 1),
            ("idempotency_keys", 0),
            ("session_events", 13),
        ]
    );
    let there = tallylight_store::Store::open(&it.to(), patient()).await.unwrap();
    use tallylight_core::store::{BanStore, BroadcastStore, SessionStore, UserStore};
    for show in [&full, &show, &ended] {
        assert_eq!(there.broadcast(show.id).await.unwrap(), it.db.broadcast(show.id).await.unwrap());
    }
    for show in [&full, &show, &ended, &deleted] {
        assert_eq!(
            there.events(show.id, &EventQuery::after(0, 100)).await.unwrap().events,
            it.db.log(show).await
        );
    }
    assert_eq!(there.broadcast(deleted.id).await.unwrap(), None);
    assert_eq!(there.seats().await.unwrap(), it.db.seats().await.unwrap());
    assert_eq!(there.seats().await.unwrap()[0].generation, 2);
    assert_eq!(there.user_by_login("BOB@example.org").await.unwrap(), Some(bob));
    assert_eq!(there.bans(ada.id).await.unwrap(), [ban]);
    assert_eq!(there.sign_in(sign_in.id).await.unwrap(), Some(sign_in));
    let day = Span { from: NOON, to: NOON + time::Duration::DAY, interval_seconds: 10 };
    assert_eq!(there.quality(show.id, day).await.unwrap(), it.db.quality(show.id, day).await.unwrap());
    // The copy is at work: it goes on counting where SQLite stopped.
    let change = Change { before: &show, after: &show, events: vec![], evict: None, at: NOON };
    assert!(there.save_broadcast(change).await.unwrap().is_some());
}

#[tokio::test]
async fn odd_texts_are_taken_over_as_they_are() {
    let it = Move::new().await;
    let show = it.db.show(0).await;
    it.db
        .saves(&show, |show| {
            show.title = "a\\b\tc\nd\r\\N \u{1f680}\u{1f468}\u{200d}\u{1f469}".into();
            show.description = Some(String::new());
            show.ai_intent = None;
            show.tags = vec!["".into(), "NULL".into(), "a\"b\\c,{d}".into(), "\u{1f680}\n".into()];
        })
        .await
        .unwrap();
    let (_, _) = it.db.watches(&show).await;
    let json = r#"{"a":1e2,"b":1.0,"c":9007199254740993,"ü":"\u001f\"\\","d":-0.0,"e":0.10000000000000000001,
                   "z":1,"z":[null,true,{"y":{},"x":1E-7}]}"#;
    it.in_sqlite(&format!("UPDATE broadcast_sessions SET metadata = '{json}'")).await;
    it.in_sqlite(&format!("UPDATE session_events SET event_data = '{{}}', metadata = '{json}'")).await;
    it.in_sqlite("UPDATE active_viewers SET ip_address = '::ffff:192.0.2.1', user_agent = 'é\\.'").await;

    it.copies().await.unwrap();
    let text =
        "SELECT metadata->>'c', metadata->>'b', metadata->>'ü', metadata->'z'->2->>'x', title, tags::text,
                  description, ai_intent FROM broadcast_sessions";
    let row = &it.in_postgres(text).await[0];
    let found: Vec<Option<String>> = (0..8).map(|index| row.get(index)).collect();
    let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
    let expected = [
        Some("9007199254740993"),
        Some("1.0"),
        Some("\u{1f}\"\\"),
        Some("0.0000001"),
        Some("a\\b\tc\nd\r\\N \u{1f680}\u{1f468}\u{200d}\u{1f469}"),
        Some("{\"\",\"NULL\",\"a\\\"b\\\\c,{d}\",\"\u{1f680}\n\"}"),
        Some(""),
        None,
    ];
    assert_eq!(found, expected);
    let text = "SELECT host(ip_address), user_agent FROM active_viewers";
    let row = &it.in_postgres(text).await[0];
    assert_eq!((row.get(0), row.get(1)), ("::ffff:192.0.2.1", "é\\."));
}

#[tokio::test]
async fn a_database_without_rows_is_taken_over() {
    let it = Move::new().await;
    assert!(it.copies().await.unwrap().iter().all(|copied| copied.rows == 0));
    assert_eq!(it.target_rows("session_events").await, Some(0));
    assert!(it.copies().await.unwrap().iter().all(|copied| copied.rows == 0), "it is still empty");
}

#[tokio::test]
async fn more_rows_than_are_in_memory_at_a_time_are_taken_over() {
    let it = Move::new().await;
    let show = it.db.show(0).await;
    let many = "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                INSERT INTO session_events (id, session_id, event_type, created_at, seq)
                SELECT randomblob(16), id, 'viewer.joined', created_at, i FROM broadcast_sessions, n";
    it.in_sqlite(many).await;
    let mut told: Vec<Progress> = Vec::new();
    copy(&it.file(), &it.to(), patient(), &mut |progress| told.push(progress)).await.unwrap();
    assert_eq!(it.target_rows("session_events").await, Some(2_000));
    let last = told.last().unwrap();
    assert_eq!((last.stage, last.table), (Stage::Checking, "session_events"));
    assert_eq!((last.of_table, last.of_all), ((2_000, 2_000), (2_003, 2_003)));
    assert_eq!(it.db.log(&show).await.len(), 2_000);
}

#[tokio::test]
async fn a_table_with_a_key_of_two_columns_is_taken_over_page_by_page() {
    let it = Move::new().await;
    it.db.user("ada").await;
    it.in_sqlite(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
         INSERT INTO users (id, username, display_name, email, email_folded, password_hash, role, stream_key_hash,
           stream_key_sealed, created_at)
         SELECT randomblob(16), 'user-' || i, '', '', 'user-' || i, '', 'viewer', randomblob(32), x'00', 0 FROM n",
    )
    .await;
    it.in_sqlite(
        "INSERT INTO chat_bans (owner_id, user_id, created_by, created_at)
         SELECT ada.id, u.id, ada.id, 0 FROM users u JOIN users ada ON ada.username = 'ada'
         WHERE u.username <> 'ada'",
    )
    .await;
    it.copies().await.unwrap();
    assert_eq!(it.target_rows("chat_bans").await, Some(1_500));
}

#[tokio::test]
async fn who_is_stopped_half_way_leaves_nothing_and_may_begin_again() {
    let it = Move::new().await;
    it.db.show(0).await;
    for (stage, table) in [(Stage::Copying, "session_events"), (Stage::Checking, "users")] {
        // A panic stops it just here; a cancelled future may still get as far as the commit.
        let mut listener = |progress: Progress| {
            let is_there = (progress.stage, progress.table) == (stage, table) && progress.of_table.0 == 1;
            assert!(!is_there, "half-way");
        };
        let (file, to) = (it.file(), it.to());
        let copying = copy(&file, &to, patient(), &mut listener);
        assert!(AssertUnwindSafe(copying).catch_unwind().await.is_err(), "it was stopped");
        assert_eq!(it.target_rows("users").await, None, "not even the table is there");
    }
    it.copies().await.unwrap();
    assert_eq!(it.target_rows("users").await, Some(1));
}

#[tokio::test]
async fn a_target_with_rows_is_refused_by_its_table_and_count() {
    let it = Move::new().await;
    it.db.user("ada").await;
    it.copies().await.unwrap();
    let message = it.is_refused().await;
    assert!(message.contains("its table users has 1 row;"), "{message}");
    assert!(message.starts_with("PostgreSQL 127.0.0.1:"), "{message}");
}

#[tokio::test]
async fn a_target_on_which_a_server_is_at_work_is_refused() {
    let it = Move::new().await;
    let server = tallylight_store::Store::open(&it.to(), patient()).await.unwrap();
    let _claim = server.claim().await.unwrap();
    assert!(it.is_refused().await.ends_with("a server is at work on it: stop it first"));
}

#[tokio::test]
async fn a_target_of_a_newer_version_is_refused() {
    let it = Move::new().await;
    it.migrates_the_target().await;
    it.in_postgres(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                    VALUES (99990101000000, 'from the future', TRUE, '', 0)",
    )
    .await;
    let message = it.is_refused().await;
    assert!(message.contains("newer Tallylight"), "{message}");
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_is_named_without_its_password() {
    let it = Move::new().await;
    let nobody = Location::Server("postgres://ada:hushhush@127.0.0.1:1/shows".into());
    let error = copy(&it.file(), &nobody, patient(), &mut |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("PostgreSQL 127.0.0.1:1, database shows"), "{error}");
    assert!(!error.contains("hushhush"), "{error}");
}

#[tokio::test]
async fn a_source_that_is_not_there_is_not_made() {
    let target = database();
    let to = Location::Server(target.url().to_owned());
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("tallylight.db");
    let error = copy(&missing, &to, patient(), &mut |_| {}).await.unwrap_err().to_string();
    assert_eq!(error, format!("there is no database at {}", missing.display()));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_source_that_is_none_is_refused_by_name() {
    let target = database();
    let to = Location::Server(target.url().to_owned());
    let error = copy(Path::new("Cargo.toml"), &to, patient(), &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("Cargo.toml"), "{error}");
}

#[tokio::test]
async fn a_source_that_lacks_a_migration_is_refused() {
    let it = Move::new().await;
    it.in_sqlite("DELETE FROM _sqlx_migrations WHERE version = 2").await;
    let message = it.is_refused().await;
    assert!(message.contains("lacks migration 2"), "{message}");
    assert_eq!(it.target_rows("users").await, None);
}

#[tokio::test]
async fn a_row_that_became_another_is_named_and_nothing_stays() {
    let it = Move::new().await;
    let (first, _) = (it.db.show(0).await, it.db.show(0).await);
    it.migrates_the_target().await;
    it.in_postgres(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN NEW.metadata := NEW.metadata || '{\"rocket\": 1}'; RETURN NEW; END $$;
         CREATE TRIGGER meddle BEFORE INSERT ON broadcast_sessions FOR EACH ROW EXECUTE FUNCTION meddle()",
    )
    .await;
    let message = it.is_refused().await;
    let expected = format!("broadcast_sessions, row {} is not the same in PostgreSQL", first.id);
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(it.target_rows("users").await, Some(0));
}

#[tokio::test]
async fn a_row_that_postgres_does_not_take_is_named() {
    let it = Move::new().await;
    let (_, long) = (it.db.show(0).await, it.db.show(0).await);
    it.db.saves(&long, |show| show.title = "x".repeat(256)).await.unwrap();
    let message = it.is_refused().await;
    let expected = format!("broadcast_sessions, row {} is not taken by PostgreSQL: value too long", long.id);
    assert!(message.starts_with(&expected), "{message}");
}

#[tokio::test]
async fn json_that_is_none_is_named() {
    let it = Move::new().await;
    let show = it.db.show(0).await;
    it.in_sqlite("UPDATE broadcast_sessions SET metadata = '{oh'").await;
    let message = it.is_refused().await;
    let expected = format!("broadcast_sessions, row {}, column metadata: is not JSON", show.id);
    assert!(message.starts_with(&expected), "{message}");
}
