//! A transaction on a connection of either database.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Executor, Postgres, SqlStr, Sqlite};
use tokio::time::{Instant, timeout};

use crate::database::within;
use crate::failure::Failure;
use crate::figures::Figures;
use crate::row::Row;
use crate::statement::{Bulk, Statement, Value, for_postgres, for_sqlite, sql};

/// A connection out of a pool; of PostgreSQL with whether statements stay prepared on it.
pub enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>, bool),
}

/// A transaction under way. Dropped unfinished, it takes its connection with it.
pub struct Transaction {
    connection: Option<Connection>,
    /// How long its connection may take to be put back.
    limit: Duration,
    figures: Arc<Figures>,
    since: Instant,
    /// Whether an earlier try of the same may have been committed without our hearing of it.
    pub in_doubt: bool,
}

macro_rules! each {
    ($self:ident, $connection:ident, $prepared:ident => $sqlite:expr, $postgres:expr) => {
        match $self.connection.as_mut() {
            Some(Connection::Sqlite($connection)) => $sqlite,
            Some(Connection::Postgres($connection, $prepared)) => $postgres,
            None => return Err(Failure::Away("the transaction has ended".into())),
        }
    };
}

impl Transaction {
    /// On a connection on which something has begun, or a statement by itself will run.
    pub fn new(connection: Connection, limit: Duration, figures: Arc<Figures>) -> Self {
        Self { connection: Some(connection), limit, figures, since: Instant::now(), in_doubt: false }
    }

    /// Lets its statements take longer than usual.
    pub async fn allow(&mut self, time: Duration) -> Result<(), Failure> {
        if self.is_sqlite() {
            return Ok(());
        }
        let text = "SELECT set_config('statement_timeout', $1, TRUE)";
        self.rows(&sql(text).bind(&time.as_millis().to_string())).await.map(|_| ())
    }

    /// Executes something as it stands, without values.
    pub async fn raw(&mut self, text: SqlStr) -> Result<(), Failure> {
        let _timed = self.timed();
        each!(self, connection, _direct => {
            connection.execute(text).await?;
        }, {
            connection.execute(text).await?;
        });
        Ok(())
    }

    /// Executes a statement; how many rows it changed.
    pub async fn execute(&mut self, statement: &Statement) -> Result<u64, Failure> {
        let _timed = self.timed();
        Ok(each!(self, connection, direct => {
            let query = sqlx::query_with(statement.text, for_sqlite(&statement.values)?);
            query.execute(&mut **connection).await?.rows_affected()
        }, {
            let query = sqlx::query_with(statement.text, for_postgres(&statement.values)?);
            query.persistent(*direct).execute(&mut **connection).await?.rows_affected()
        }))
    }

    /// The rows of a statement.
    pub async fn rows(&mut self, statement: &Statement) -> Result<Vec<Row>, Failure> {
        self.built_rows(SqlStr::from_static(statement.text), &statement.values).await
    }

    /// The rows of a statement whose text is put together.
    pub async fn built_rows(&mut self, text: SqlStr, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let _timed = self.timed();
        Ok(each!(self, connection, direct => {
            let query = sqlx::query_with(text, for_sqlite(values)?);
            query.fetch_all(&mut **connection).await?.into_iter().map(Row::Sqlite).collect()
        }, {
            let query = sqlx::query_with(text, for_postgres(values)?);
            query.persistent(*direct).fetch_all(&mut **connection).await?.into_iter().map(Row::Postgres).collect()
        }))
    }

    /// The one row of a statement, if there is one.
    pub async fn row(&mut self, statement: &Statement) -> Result<Option<Row>, Failure> {
        Ok(self.rows(statement).await?.pop())
    }

    /// Executes a statement over many rows.
    pub async fn bulk(&mut self, bulk: &Bulk) -> Result<(), Failure> {
        self.bulk_rows(bulk).await.map(|_| ())
    }

    /// The rows of a statement over many rows.
    pub async fn bulk_rows(&mut self, bulk: &Bulk) -> Result<Vec<Row>, Failure> {
        if bulk.rows.is_empty() {
            return Ok(Vec::new());
        }
        let _timed = self.timed();
        Ok(each!(self, connection, direct => {
            let mut all = Vec::new();
            for chunk in bulk.for_sqlite() {
                let (text, arguments) = chunk?;
                let rows = sqlx::query_with(text, arguments).fetch_all(&mut **connection).await?;
                all.extend(rows.into_iter().map(Row::Sqlite));
            }
            all
        }, {
            let (text, arguments) = bulk.for_postgres()?;
            let query = sqlx::query_with(text, arguments).persistent(*direct);
            query.fetch_all(&mut **connection).await?.into_iter().map(Row::Postgres).collect()
        }))
    }

    /// Times a statement, until what is returned is dropped.
    fn timed(&self) -> Timed {
        Timed { figures: self.figures.clone(), since: Instant::now() }
    }

    /// Whether this is SQLite, whose transactions need no further locks.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.connection, Some(Connection::Sqlite(_)))
    }

    /// Puts what was done on disk.
    pub async fn commit(self, deadline: Instant) -> Result<(), Failure> {
        let (figures, since) = (self.figures.clone(), self.since);
        self.finish("COMMIT", deadline).await?;
        figures.transactions.took(since.elapsed());
        Ok(())
    }

    /// As [`Transaction::commit`], however long it takes.
    pub async fn commit_whenever(mut self) -> Result<(), Failure> {
        self.raw(SqlStr::from_static("COMMIT")).await?;
        self.put_back();
        Ok(())
    }

    /// Hands PostgreSQL lines for a `COPY … FROM STDIN`, in its text format.
    pub async fn copy_in(&mut self, text: &str, lines: &[u8]) -> Result<(), sqlx::Error> {
        let Some(Connection::Postgres(connection, _)) = self.connection.as_mut() else {
            return Err(sqlx::Error::Protocol("only PostgreSQL takes lines".into()));
        };
        let mut copy = connection.copy_in_raw(text).await?;
        copy.send(lines).await?;
        copy.finish().await.map(|_| ())
    }

    /// Executes several statements of the database's own dialect.
    pub async fn script(&mut self, text: SqlStr) -> Result<(), Failure> {
        self.raw(text).await
    }

    /// Ends what only read.
    pub async fn end_read(mut self, deadline: Instant) -> Result<(), Failure> {
        match &self.connection {
            Some(Connection::Postgres(_, false)) => self.finish("COMMIT", deadline).await,
            _ => {
                self.put_back();
                Ok(())
            }
        }
    }

    /// Gives the connection back. The pool tries it first, without a bound of its own: one that hangs is closed.
    fn put_back(&mut self) {
        match self.connection.take() {
            Some(Connection::Postgres(mut connection, _)) => {
                tokio::spawn(timeout(self.limit, connection.return_to_pool()));
            }
            other => drop(other),
        }
    }

    async fn finish(mut self, text: &'static str, deadline: Instant) -> Result<(), Failure> {
        within(deadline, self.raw(SqlStr::from_static(text))).await?;
        // Nothing is open on it any more: back into the pool.
        self.put_back();
        Ok(())
    }
}

/// A statement under way.
struct Timed {
    figures: Arc<Figures>,
    since: Instant,
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.figures.statements.took(self.since.elapsed());
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        match self.connection.take() {
            Some(Connection::Sqlite(connection)) => drop(connection.detach()),
            Some(Connection::Postgres(connection, _)) => drop(connection.detach()),
            None => {}
        }
    }
}
