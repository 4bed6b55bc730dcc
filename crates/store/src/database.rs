//! Connections and transactions of either database, and how long anybody waits for them.
//!
//! Whatever is asked is answered within [`Limits::timeout`]: what the database fails at for the moment is tried again
//! until then. A connection on which something failed or hung is closed rather than put back, so that nothing waits
//! behind a database that is away.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{Executor, Postgres, SqlStr, Sqlite};
use tallylight_core::Result;
use tokio::time::{Instant, sleep, timeout_at};

use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Bulk, Statement, Value, for_postgres, for_sqlite};

/// The wait before the second, third … try; the last one is repeated.
const BACKOFF: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(50), Duration::from_millis(100)];

/// How long something may take, and how much of it may go on at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until a connection is there: free in the pool, or made anew.
    pub connect_timeout: Duration,
    /// Until an answer, tries and waits together.
    pub timeout: Duration,
    /// After how long without use a connection of PostgreSQL is closed.
    pub idle_timeout: Duration,
    /// After how long a connection of PostgreSQL is replaced.
    pub max_lifetime: Duration,
    /// The most connections at once: to PostgreSQL, or of readers of SQLite.
    pub max_connections: u32,
    /// How long a write waits for others to share its transaction.
    pub gather: Duration,
    /// The most writes in one transaction.
    pub batch: usize,
    /// The most writes that wait; further ones are refused.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_millis(2_500),
            idle_timeout: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(1_800),
            max_connections: 10,
            gather: Duration::from_millis(2),
            batch: 1_000,
            queue: 10_000,
        }
    }
}

/// The pools of one database.
#[derive(Debug, Clone)]
pub enum Pools {
    /// SQLite has one writer at a time: a single connection queues them in order instead of letting them collide.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// PostgreSQL, perhaps behind a pooler.
    Postgres { pool: PgPool, manner: Manner },
}

/// How to speak to a PostgreSQL.
#[derive(Debug, Clone)]
pub struct Manner {
    /// How a transaction begins: with this connection's limits, which a pooler would otherwise hand to others.
    pub begin: SqlStr,
    /// Whether each connection is a session of its own, so that statements stay prepared. Behind a pooler only a
    /// transaction is.
    pub is_direct: bool,
}

/// What is done in one transaction. It comes to the same when an earlier try of it was committed;
/// [`Transaction::in_doubt`] tells that this may be so.
#[async_trait]
pub trait Work: Sync {
    /// What it comes to.
    type Done: Send;

    /// Does it, up to the commit.
    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure>;
}

/// How long a caller goes on trying.
struct Patience {
    deadline: Instant,
    tries: usize,
}

impl Patience {
    /// Waits for the next try; the failure, when it is not worth one or there is no time.
    async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        let may_pass = matches!(failure, Failure::Away(_));
        if !may_pass || !backoff(self.tries, self.deadline).await {
            return Err(failure);
        }
        self.tries += 1;
        Ok(())
    }
}

/// A database and its limits.
#[derive(Debug, Clone)]
pub struct Database {
    pub pools: Pools,
    pub limits: Limits,
}

enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>, bool),
}

/// A transaction under way. Dropped unfinished, it takes its connection with it.
pub struct Transaction {
    connection: Option<Connection>,
    /// Whether an earlier try of the same may have been committed without our hearing of it.
    pub in_doubt: bool,
}

impl Database {
    /// Rows of a statement that changes nothing.
    pub async fn rows(&self, statement: Statement) -> Result<Vec<Row>> {
        let mut patience = self.patience();
        loop {
            match self.read(&statement, patience.deadline).await {
                Err(failure) => patience.after(failure).await?,
                Ok(rows) => return Ok(rows),
            }
        }
    }

    async fn read(&self, statement: &Statement, deadline: Instant) -> Result<Vec<Row>, Failure> {
        let mut transaction = self.begin_read(deadline).await?;
        let rows = within(deadline, transaction.rows(statement)).await?;
        transaction.end_read(deadline).await?;
        Ok(rows)
    }

    /// The one row of a statement that changes nothing, if there is one.
    pub async fn row(&self, statement: Statement) -> Result<Option<Row>> {
        Ok(self.rows(statement).await?.pop())
    }

    /// Does one transaction, again while the database is away.
    ///
    /// # Errors
    /// [`Failure::Away`] after the time-out; it may have been done then.
    pub async fn transact<W: Work>(&self, work: &W) -> Result<W::Done, Failure> {
        let mut patience = self.patience();
        let mut in_doubt = false;
        loop {
            match self.attempt(work, &mut in_doubt, patience.deadline).await {
                Err(failure) => patience.after(failure).await?,
                Ok(done) => return Ok(done),
            }
        }
    }

    async fn attempt<W: Work>(
        &self,
        work: &W,
        in_doubt: &mut bool,
        deadline: Instant,
    ) -> Result<W::Done, Failure> {
        let mut transaction = self.begin(deadline).await?;
        transaction.in_doubt = *in_doubt;
        let done = within(deadline, work.run(&mut transaction)).await?;
        *in_doubt = true;
        transaction.commit(deadline).await?;
        Ok(done)
    }

    fn patience(&self) -> Patience {
        Patience { deadline: Instant::now() + self.limits.timeout, tries: 0 }
    }

    /// Begins a transaction that writes. On SQLite it holds the write lock from its start, so that what it reads cannot
    /// change under it.
    pub async fn begin(&self, deadline: Instant) -> Result<Transaction, Failure> {
        let mut transaction = self.acquire(true, deadline).await?;
        let begin = match &self.pools {
            Pools::Sqlite { .. } => SqlStr::from_static("BEGIN IMMEDIATE"),
            Pools::Postgres { manner, .. } => manner.begin.clone(),
        };
        within(deadline, transaction.raw(begin)).await?;
        Ok(transaction)
    }

    /// Begins a transaction that may take as long as it needs.
    pub async fn begin_for_long(&self) -> Result<Transaction, Failure> {
        let deadline = Instant::now() + self.limits.timeout;
        let mut transaction = self.acquire(true, deadline).await?;
        let begin = if self.is_sqlite() { "BEGIN IMMEDIATE" } else { "BEGIN" };
        within(deadline, transaction.raw(SqlStr::from_static(begin))).await?;
        Ok(transaction)
    }

    /// Begins a transaction that only reads, however long, and sees one state of everything.
    pub async fn begin_snapshot(&self) -> Result<Transaction, Failure> {
        let deadline = Instant::now() + self.limits.timeout;
        let mut transaction = self.acquire(false, deadline).await?;
        let begin =
            if self.is_sqlite() { "BEGIN" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
        within(deadline, transaction.raw(SqlStr::from_static(begin))).await?;
        Ok(transaction)
    }

    /// Whether this is SQLite.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }

    /// A single statement needs no transaction, but behind a pooler its parts could reach different sessions.
    async fn begin_read(&self, deadline: Instant) -> Result<Transaction, Failure> {
        let mut transaction = self.acquire(false, deadline).await?;
        if let Pools::Postgres { manner, .. } = &self.pools
            && !manner.is_direct
        {
            within(deadline, transaction.raw(manner.begin.clone())).await?;
        }
        Ok(transaction)
    }

    async fn acquire(&self, writes: bool, deadline: Instant) -> Result<Transaction, Failure> {
        let connection = match &self.pools {
            Pools::Sqlite { writer, .. } if writes => {
                Connection::Sqlite(within(deadline, writer.acquire()).await?)
            }
            Pools::Sqlite { readers, .. } => Connection::Sqlite(within(deadline, readers.acquire()).await?),
            Pools::Postgres { pool, manner } => {
                Connection::Postgres(within(deadline, pool.acquire()).await?, manner.is_direct)
            }
        };
        Ok(Transaction { connection: Some(connection), in_doubt: false })
    }

    /// Closes every connection, after what they are at.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres { pool, .. } => pool.close().await,
        }
    }
}

/// Waits before the next try; false when there is no time for one.
pub async fn backoff(tries: usize, deadline: Instant) -> bool {
    let wait = BACKOFF[tries.min(BACKOFF.len() - 1)];
    if Instant::now() + wait >= deadline {
        return false;
    }
    sleep(wait).await;
    true
}

/// Waits for an answer until the deadline.
pub async fn within<T, E: Into<Failure>>(
    deadline: Instant,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match timeout_at(deadline, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Failure::Away("the database did not answer in time".into())),
    }
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
    async fn raw(&mut self, text: SqlStr) -> Result<(), Failure> {
        each!(self, connection, _direct => {
            connection.execute(text).await?;
        }, {
            connection.execute(text).await?;
        });
        Ok(())
    }

    /// Executes a statement; how many rows it changed.
    pub async fn execute(&mut self, statement: &Statement) -> Result<u64, Failure> {
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

    /// Whether this is SQLite, whose transactions need no further locks.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.connection, Some(Connection::Sqlite(_)))
    }

    /// Puts what was done on disk.
    pub async fn commit(self, deadline: Instant) -> Result<(), Failure> {
        self.finish("COMMIT", deadline).await
    }

    /// As [`Transaction::commit`], however long it takes.
    pub async fn commit_whenever(mut self) -> Result<(), Failure> {
        self.raw(SqlStr::from_static("COMMIT")).await?;
        drop(self.connection.take());
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

    async fn end_read(mut self, deadline: Instant) -> Result<(), Failure> {
        match &self.connection {
            Some(Connection::Postgres(_, false)) => self.finish("COMMIT", deadline).await,
            _ => {
                drop(self.connection.take());
                Ok(())
            }
        }
    }

    async fn finish(mut self, text: &'static str, deadline: Instant) -> Result<(), Failure> {
        within(deadline, self.raw(SqlStr::from_static(text))).await?;
        // Nothing is open on it any more: back into the pool.
        drop(self.connection.take());
        Ok(())
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
