//! What the databases can do: many rows a commit, one commit after the other, with nothing around it.

use anyhow::Result;
use rusqlite::params;
use sqlx::{Connection, PgConnection};

use crate::fill::Hall;
use crate::meter::{Caller, Figures, Meter};
use crate::place::{Kind, Place};

/// 40 bytes, as an event's particulars at their least.
const DATA: &str = r#"{"v":1,"ua":"web","ref":"home","q":1234}"#;

/// Into our table, with its reference, its two unique keys and its JSON.
pub async fn our_rows(place: &Place, hall: Hall, batch: usize, meter: Meter) -> Result<(Figures, u64)> {
    match place.kind() {
        Kind::Postgres(url) => {
            let connection = PgConnection::connect(&url).await?;
            meter.run(vec![OurRows { connection, hall, batch, from: 0 }]).await
        }
        Kind::Sqlite(path) => our_rows_on_sqlite(rusqlite::Connection::open(path)?, &hall, batch, meter),
    }
}

/// Into a table of five plain columns with one index.
pub async fn plain_rows(place: &Place, batch: usize, meter: Meter) -> Result<(Figures, u64)> {
    match place.kind() {
        Kind::Postgres(url) => {
            let mut connection = PgConnection::connect(&url).await?;
            let table = "CREATE TABLE plain (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, room BIGINT NOT NULL,
                           user_id BIGINT NOT NULL, kind SMALLINT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now(),
                           data TEXT NOT NULL);
                         CREATE INDEX ON plain (room, at)";
            sqlx::raw_sql(table).execute(&mut connection).await?;
            meter.run(vec![PlainRows { connection, batch, from: 0 }]).await
        }
        Kind::Sqlite(path) => plain_rows_on_sqlite(rusqlite::Connection::open(path)?, batch, meter),
    }
}

struct OurRows {
    connection: PgConnection,
    hall: Hall,
    batch: usize,
    from: usize,
}

impl Caller for OurRows {
    async fn write(&mut self) -> Result<u64> {
        let rows = self.hall.numbered(self.from, self.batch)?;
        self.from += self.batch;
        let text =
            "INSERT INTO session_events (id, session_id, event_type, event_data, created_at, user_id, seq)
                    SELECT * FROM UNNEST($1, $2, $3, $4::text[]::jsonb[], $5, $6, $7)";
        let insert = sqlx::query(text)
            .bind(rows.iter().map(|row| row.event.id.0).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.session.0).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.event.kind.as_ref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.event.data.to_string()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.event.created_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.event.user_id.map(|id| id.0)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.seq).collect::<Vec<_>>());
        Ok(insert.execute(&mut self.connection).await?.rows_affected())
    }
}

struct PlainRows {
    connection: PgConnection,
    batch: usize,
    from: i64,
}

impl Caller for PlainRows {
    async fn write(&mut self) -> Result<u64> {
        let numbers = self.from..self.from + i64::try_from(self.batch)?;
        self.from = numbers.end;
        let text = "INSERT INTO plain (room, user_id, kind, data) SELECT * FROM UNNEST($1, $2, $3, $4)";
        let insert = sqlx::query(text)
            .bind(numbers.clone().map(|number| number % 1_000).collect::<Vec<_>>())
            .bind(numbers.collect::<Vec<_>>())
            .bind(vec![1_i16; self.batch])
            .bind(vec![DATA; self.batch]);
        Ok(insert.execute(&mut self.connection).await?.rows_affected())
    }
}

const DURABLY: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";

fn our_rows_on_sqlite(
    mut connection: rusqlite::Connection,
    hall: &Hall,
    batch: usize,
    meter: Meter,
) -> Result<(Figures, u64)> {
    connection.execute_batch(DURABLY)?;
    let mut from = 0;
    meter.run_blocking(|| {
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO session_events (id, session_id, event_type, event_data, created_at, user_id, seq)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?;
        for row in hall.numbered(from, batch)? {
            let at = i64::try_from(row.event.created_at.unix_timestamp_nanos() / 1_000)?;
            let user = row.event.user_id.map(|id| id.0.into_bytes());
            let (id, session) = (row.event.id.0.as_bytes(), row.session.0.as_bytes());
            let (kind, data) = (row.event.kind.as_ref(), row.event.data.to_string());
            insert.execute(params![id, session, kind, data, at, user, row.seq])?;
        }
        drop(insert);
        transaction.commit()?;
        from += batch;
        Ok(batch as u64)
    })
}

fn plain_rows_on_sqlite(
    mut connection: rusqlite::Connection,
    batch: usize,
    meter: Meter,
) -> Result<(Figures, u64)> {
    connection.execute_batch(DURABLY)?;
    connection.execute_batch(
        "CREATE TABLE plain (id INTEGER PRIMARY KEY, room INTEGER NOT NULL, user_id INTEGER NOT NULL,
           kind INTEGER NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL);
         CREATE INDEX plain_by_room ON plain (room, at)",
    )?;
    let mut number = 0_i64;
    meter.run_blocking(|| {
        let transaction = connection.transaction()?;
        let mut insert = transaction
            .prepare_cached("INSERT INTO plain (room, user_id, kind, at, data) VALUES (?, ?, 1, ?, ?)")?;
        for _ in 0..batch {
            number += 1;
            insert.execute(params![number % 1_000, number, number, DATA])?;
        }
        drop(insert);
        transaction.commit()?;
        Ok(batch as u64)
    })
}
