//! Every statement of the busy paths finds its rows by an index: what PostgreSQL itself explains of what it executes.

use tallylight_core::analytics::{Period, Progress, Window};
use tallylight_core::directory::{Query, Scope};
use tallylight_core::event::{EventQuery, EventType, LeaveReason};
use tallylight_core::quality::{Quality, QualityRow, Span};
use tallylight_core::viewer::SignOfLife;
use tallylight_store::Location;
use tallylight_testkit::{Durability, Postgres, psql};

use crate::harness::{Db, NOON, OnServer};

/// A server whose log explains each statement.
struct Explaining {
    server: Postgres,
    url: String,
}

impl OnServer for Explaining {
    fn make() -> Self {
        let server = Postgres::options(Durability::Fast)
            .setting("session_preload_libraries = 'auto_explain'")
            .setting("auto_explain.log_min_duration = 0")
            .setting("auto_explain.log_nested_statements = on")
            .start();
        let url = server.create_database();
        Self { server, url }
    }

    fn url(&self) -> String {
        self.url.clone()
    }

    fn direct_url(&self) -> String {
        self.url.clone()
    }

    fn log(&self) -> String {
        self.server.log()
    }
}

/// As many rows as a server has after a while.
const CROWD: &str = "
  INSERT INTO users SELECT gen_random_uuid(), 'u' || n, '', '', 'e' || n, '', 'viewer', sha256(n::text::bytea), '', now()
    FROM generate_series(1, 5000) AS n;
  INSERT INTO broadcast_sessions (id, title, user_id, started_at, ended_at, status, stream_key_hash, stream_key_sealed)
    SELECT id, 'old', id, now(), now(), 'ended', sha256(id::text::bytea), '' FROM users;
  INSERT INTO session_counters (session_id) SELECT id FROM broadcast_sessions ON CONFLICT DO NOTHING;
  INSERT INTO active_viewers (id, session_id, left_at, left_reason)
    SELECT gen_random_uuid(), id, now(), 'left' FROM users, generate_series(1, 4);
  INSERT INTO session_events (id, session_id, event_type, seq)
    SELECT gen_random_uuid(), id, 'broadcast.updated', n FROM users, generate_series(1, 4) AS n;
  INSERT INTO sign_ins SELECT gen_random_uuid(), id, '', now(), now(), now() FROM users;
  INSERT INTO chat_bans SELECT id, id, NULL, NULL, id, now() FROM users;
  INSERT INTO session_quality (id, session_id, bucket)
    SELECT gen_random_uuid(), id, now() - n * interval '10 s' FROM users, generate_series(1, 4) AS n;
  INSERT INTO session_progress SELECT id, 1, now(), now(), 0, 0, 0, 0 FROM users;
  INSERT INTO session_people SELECT id, 'p' || n, 0, now() FROM users, generate_series(1, 4) AS n;
  INSERT INTO session_rollups
    SELECT id, 3600, now() - n * interval '1 h', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM users, generate_series(1, 4) AS n;
  ANALYZE";

/// Plans by which a table of this size is read whole, but where it is meant to be.
fn whole_reads(log: &str) -> Vec<&str> {
    let tables = [
        "users",
        "broadcast_sessions",
        "session_counters",
        "active_viewers",
        "session_events",
        "session_people",
        "session_progress",
        "session_quality",
        "session_rollups",
        "sign_ins",
        "chat_bans",
    ];
    let is_whole =
        |line: &&str| line.contains("Seq Scan on ") && tables.iter().any(|table| line.contains(table));
    log.lines().filter(is_whole).collect()
}

#[tokio::test]
async fn no_busy_statement_reads_a_whole_table() {
    let db = Db::fresh::<Explaining>().await;
    let Location::Server(url) = db.database.location() else { panic!("a server") };
    let (ada, show) = (db.user("ada").await, db.show(1_000).await);
    psql(&url, CROWD).unwrap();
    let db = db.reopened().await;
    let start = db.database.log().len();
    // Often enough that PostgreSQL settles on plans that do not look at the values.
    for _ in 0..12 {
        let (viewer, _) = db.watches(&show).await;
        db.append(show.id, db.event(EventType::BroadcastUpdated)).await.unwrap();
        let message = db.event(EventType::ChatMessage);
        db.say(show.id, message.clone()).await.unwrap();
        db.logged_event(show.id, message.id).await.unwrap().unwrap();
        db.delete_message(show.id, message.id, db.event(EventType::ChatDeleted)).await.unwrap().unwrap();
        db.bans(ada.id).await.unwrap();
        db.unban(ada.id, ada.id).await.unwrap();
        db.note_seen(vec![SignOfLife { viewer: viewer.id, session_id: show.id, at: NOON }]).await.unwrap();
        db.goes(&viewer, LeaveReason::TimedOut, Some(1)).await.unwrap();
        db.joins(&viewer).await;
        db.viewer(show.id, viewer.id).await.unwrap();
        for kinds in [vec![], vec!["viewer.left".to_owned()], vec!["broadcast.updated".to_owned()]] {
            db.events(show.id, &EventQuery { kinds, ..EventQuery::after(3, 100) }).await.unwrap();
        }
        let before = db.broadcast(show.id).await.unwrap().unwrap();
        db.saves(&before.broadcast, |show| show.title = "Again".into()).await.unwrap();
        db.broadcast_by_stream_key(&show.stream_key.hash).await.unwrap().unwrap();
        db.open_broadcasts().await.unwrap();
        db.live_at(NOON + time::Duration::seconds(1), &Query::default(), 10_000).await.unwrap();
        let (by_ada, of_ada) = (Some("ada".into()), Scope::PrivateOf(ada.id));
        db.live_at(NOON, &Query { user: by_ada, ..Query::default() }, 10_000).await.unwrap();
        db.live_at(NOON, &Query { scope: of_ada, ..Query::default() }, 10_000).await.unwrap();
        db.viewers_at(NOON, &[show.id]).await.unwrap();
        db.user_by_login("ada").await.unwrap();
        db.user_by_stream_key(&ada.stream_key.hash).await.unwrap();
        let sign_in = db.sign_in_of(&ada).await;
        db.rotate_sign_in(&sign_in, &sign_in).await.unwrap();
        db.end_sign_in(sign_in.id, NOON).await.unwrap();
        db.seats().await.unwrap();
        let row = QualityRow {
            id: db.id(),
            session_id: show.id,
            seconds: 10,
            bucket: NOON,
            sums: Quality::default(),
        };
        db.save_quality(vec![row]).await.unwrap();
        let day = Span { from: NOON, to: NOON + time::Duration::DAY, interval_seconds: 60 };
        db.quality(show.id, day).await.unwrap();
        db.add_up(show.id).await.unwrap();
        for period in [Period::All, Period::Hour] {
            let choose = |log: &Progress| Window::new(period, None, log, NOON);
            db.summary(show.id, &choose).await.unwrap();
        }
        db.behind(Some(ada.id)).await.unwrap();
        for since in [None, Some(NOON)] {
            db.summaries_of(ada.id, since).await.unwrap();
            db.quality_of(ada.id, since).await.unwrap();
        }
    }
    let before = db.broadcast(show.id).await.unwrap().unwrap();
    db.ends(&before.broadcast).await;
    assert_eq!(db.remove_ended(NOON + time::Duration::SECOND).await.unwrap(), Some(show.id));
    let log = db.database.log();
    assert!(log[start..].contains("Index"), "the server explains what it executes");
    assert_eq!(whole_reads(&log[start..]), Vec::<&str>::new());
}
