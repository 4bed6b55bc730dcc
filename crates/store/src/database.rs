//! Connections and transactions of either database, and how long anybody waits for them.
//!
//! Whatever is asked is answered within [`Limits::timeout`]: what the database fails at for the moment is tried again
//! until then. Only reads of all there is may take [`LONG_READ`] times as long. A connection on which something failed or
//! hung is closed rather than put back, so that nothing waits behind a database that is away.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlStr;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use tallylight_core::Result;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::warn;

use crate::failure::Failure;
use crate::figures::Figures;
use crate::row::Row;
use crate::statement::{Bulk, Statement};
use crate::transaction::{Connection, Transaction};

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
            timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(1_800),
            max_connections: 10,
            gather: Duration::from_millis(1),
            batch: 1_000,
            queue: 10_000,
        }
    }
}

/// How much longer than others a read may take that goes through all there is.
const LONG_READ: u32 = 5;

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

/// What is read or done in one transaction. It comes to the same when an earlier try of it was committed;
/// [`Transaction::in_doubt`] tells that this may be so.
#[async_trait]
pub trait Work: Sync {
    /// What it comes to.
    type Done: Send;

    /// How much longer than others it may take, for what it has to go through.
    fn extra_time(&self) -> Duration {
        Duration::ZERO
    }

    /// Does it, up to the commit.
    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure>;
}

/// How long a caller goes on trying.
struct Patience {
    figures: Arc<Figures>,
    deadline: Instant,
    tries: usize,
}

impl Patience {
    /// Waits for the next try; the failure, when it is not worth one or there is no time.
    async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        self.figures.failed(&failure);
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
    pub figures: Arc<Figures>,
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

    /// As [`Database::rows`] for as many rows as there may be: reading them may take [`LONG_READ`] times as long. The
    /// database gives up on it when the caller does.
    pub async fn all_rows(&self, statement: Statement) -> Result<Vec<Row>> {
        let mut patience = self.patience();
        loop {
            match self.read_all(&statement).await {
                Err(failure) => patience.after(failure).await?,
                Ok(rows) => return Ok(rows),
            }
        }
    }

    async fn read_all(&self, statement: &Statement) -> Result<Vec<Row>, Failure> {
        let mut transaction = self.begin_snapshot(self.soon()).await?;
        let time = self.limits.timeout * LONG_READ;
        let deadline = Instant::now() + time;
        within(deadline, transaction.allow(time)).await?;
        let rows = within(deadline, transaction.rows(statement)).await?;
        transaction.commit(deadline).await?;
        Ok(rows)
    }

    /// Reads several things as of one moment.
    pub async fn as_of_one_moment<W: Work>(&self, work: &W) -> Result<W::Done, Failure> {
        let mut patience = self.patience();
        loop {
            match self.look(work, patience.deadline).await {
                Err(failure) => patience.after(failure).await?,
                Ok(done) => return Ok(done),
            }
        }
    }

    async fn look<W: Work>(&self, work: &W, deadline: Instant) -> Result<W::Done, Failure> {
        let mut transaction = self.begin_snapshot(deadline).await?;
        within(deadline, transaction.allow(self.limits.timeout)).await?;
        let done = within(deadline, work.run(&mut transaction)).await;
        // Whoever may not have what it asked for takes no connection along.
        if matches!(done, Ok(_) | Err(Failure::Refused(_))) {
            transaction.commit(deadline).await?;
        }
        done
    }

    /// As [`Database::all_rows`] of a statement over many rows.
    pub async fn all_bulk_rows(&self, bulk: &Bulk) -> Result<Vec<Row>> {
        let mut patience = self.patience();
        loop {
            match self.read_bulk(bulk).await {
                Err(failure) => patience.after(failure).await?,
                Ok(rows) => return Ok(rows),
            }
        }
    }

    async fn read_bulk(&self, bulk: &Bulk) -> Result<Vec<Row>, Failure> {
        let mut transaction = self.begin_snapshot(self.soon()).await?;
        let time = self.limits.timeout * LONG_READ;
        let deadline = Instant::now() + time;
        within(deadline, transaction.allow(time)).await?;
        let rows = within(deadline, transaction.bulk_rows(bulk)).await?;
        transaction.commit(deadline).await?;
        Ok(rows)
    }

    /// The one row of a statement that changes nothing, if there is one.
    pub async fn row(&self, statement: Statement) -> Result<Option<Row>> {
        Ok(self.rows(statement).await?.pop())
    }

    /// Does one transaction, again while the database is away.
    ///
    /// # Errors
    /// [`Failure::Away`] after the time-out; it says whether it may have been done.
    pub async fn transact<W: Work>(&self, work: &W) -> Result<W::Done, Failure> {
        let mut patience = self.patience();
        let mut in_doubt = false;
        loop {
            match self.attempt(work, &mut in_doubt, patience.deadline).await {
                Err(failure) if in_doubt => patience.after(failure.after_commit()).await?,
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
        let (extra, mut deadline) = (work.extra_time(), deadline);
        if !extra.is_zero() {
            within(deadline, transaction.allow(self.limits.timeout + extra)).await?;
            deadline += extra;
        }
        let done = within(deadline, work.run(&mut transaction)).await?;
        *in_doubt = true;
        transaction.commit(deadline).await?;
        Ok(done)
    }

    fn patience(&self) -> Patience {
        Patience { figures: self.figures.clone(), deadline: self.soon(), tries: 0 }
    }

    /// Until when the database should have answered.
    pub fn soon(&self) -> Instant {
        Instant::now() + self.limits.timeout
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
        let begin = if self.is_sqlite() {
            "BEGIN IMMEDIATE"
        } else {
            // Whoever freezes in it must not keep the others waiting for ever.
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '60s'"
        };
        within(deadline, transaction.raw(SqlStr::from_static(begin))).await?;
        Ok(transaction)
    }

    /// Begins a transaction that only reads, however long, and sees one state of everything.
    pub async fn begin_snapshot(&self, deadline: Instant) -> Result<Transaction, Failure> {
        let mut transaction = self.acquire(false, deadline).await?;
        let begin = if self.is_sqlite() {
            "BEGIN"
        } else {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0"
        };
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
        Ok(Transaction::new(connection, self.limits.timeout, self.figures.clone()))
    }

    /// The same with a connection of its own, for which others cannot make it wait.
    pub fn with_own_connection(&self) -> Self {
        let Pools::Postgres { pool, manner } = &self.pools else { return self.clone() };
        let options = pool.options().clone().max_connections(1);
        let pool = options.connect_lazy_with((*pool.connect_options()).clone());
        Self { pools: Pools::Postgres { pool, manner: manner.clone() }, ..self.clone() }
    }

    /// Closes every connection, after what they are at; those that hang are left.
    pub async fn close(&self) {
        let closed = async {
            match &self.pools {
                Pools::Sqlite { writer, readers } => {
                    readers.close().await;
                    writer.close().await;
                }
                Pools::Postgres { pool, .. } => pool.close().await,
            }
        };
        if timeout(self.limits.timeout, closed).await.is_err() {
            warn!("some connections to the database hang: they are left to themselves");
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
