//! Our rows as they would be written without gathering: an INSERT and a commit each.

use anyhow::{Result, ensure};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection, SqlitePool};

use crate::fill::{Hall, event};
use crate::meter::{Caller, Figures, Meter};
use crate::place::{Kind, Place};

const INSERT: &str =
    "INSERT INTO session_events (id, session_id, event_type, event_data, created_at, user_id, seq)
                      VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Each caller writes into a session of its own: on PostgreSQL on its own connection, on SQLite on the only one.
pub async fn insert(place: &Place, hall: &Hall, callers: usize, meter: Meter) -> Result<(Figures, u64)> {
    ensure!(callers <= hall.sessions.len(), "each caller needs a broadcast of its own");
    let numbers = |number| Log { hall: Hall { sessions: vec![hall.session(number)] }, seq: 1 };
    match place.kind() {
        Kind::Postgres(url) => {
            let mut writers = Vec::new();
            for number in 0..callers {
                writers.push(OnPostgres(PgConnection::connect(&url).await?, numbers(number)));
            }
            meter.run(writers).await
        }
        Kind::Sqlite(path) => {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true);
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            let writer = |number| OnSqlite(pool.clone(), numbers(number));
            let done = meter.run((0..callers).map(writer).collect()).await;
            pool.close().await;
            done
        }
    }
}

struct Log {
    hall: Hall,
    seq: i64,
}

struct OnPostgres(PgConnection, Log);

impl Caller for OnPostgres {
    async fn write(&mut self) -> Result<u64> {
        let Self(connection, log) = self;
        let event = event()?;
        log.seq += 1;
        let insert = sqlx::query(INSERT)
            .bind(event.id.0)
            .bind(log.hall.session(0).0)
            .bind(event.kind.as_ref())
            .bind(Json(event.data))
            .bind(event.created_at)
            .bind(event.user_id.map(|id| id.0))
            .bind(log.seq);
        Ok(insert.execute(connection).await?.rows_affected())
    }
}

struct OnSqlite(SqlitePool, Log);

impl Caller for OnSqlite {
    async fn write(&mut self) -> Result<u64> {
        let Self(pool, log) = self;
        let event = event()?;
        log.seq += 1;
        let insert = sqlx::query(INSERT)
            .bind(event.id.0)
            .bind(log.hall.session(0).0)
            .bind(event.kind.as_ref())
            .bind(Json(event.data))
            .bind(i64::try_from(event.created_at.unix_timestamp_nanos() / 1_000)?)
            .bind(event.user_id.map(|id| id.0))
            .bind(log.seq);
        Ok(insert.execute(&*pool).await?.rows_affected())
    }
}
