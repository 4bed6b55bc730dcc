//! Where a database is, and how it is reached.

use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row, SqlSafeStr};
use tallylight_core::{Error, Result};
use tokio::time::timeout;
use tracing::info;

use crate::database::{Database, Limits, Manner, Pools};

/// A setting of our own that a server takes and a pooler does not hand on; so the two are told apart.
const PROBE: (&str, &str) = ("tallylight.direct", "on");

/// Connections to a server that are not in the pool: the writer's and the claim's.
const RESERVED: u32 = 2;

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of SQLite.
    File(PathBuf),
    /// The address of a PostgreSQL: `postgres://user:password@host:port/database?sslmode=verify-full`.
    Server(String),
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Location {
    /// The same without what is secret, for people.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(url) => match PgConnectOptions::from_str(url) {
                Ok(options) => server_name(&options),
                Err(_) => "the database".into(),
            },
        }
    }

    /// Says where something went wrong.
    pub(crate) fn blame(&self, error: Error) -> Error {
        match error {
            Error::Unavailable(outage) => Error::Unavailable(format!("{}: {outage}", self.name()).into()),
            other => other,
        }
    }
}

fn server_name(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    format!("PostgreSQL {}:{}, database {database}", options.get_host(), options.get_port())
}

/// Makes the pools. A file of SQLite is made if there is none.
pub async fn connect(location: &Location, limits: Limits) -> Result<Database> {
    let pools = match location {
        Location::File(path) => open_file(path, limits).await,
        Location::Server(url) => reach_server(url, limits).await,
    };
    Ok(Database {
        pools: pools.map_err(|reason| location.blame(Error::Unavailable(reason.into())))?,
        limits,
        figures: Arc::default(),
    })
}

/// As [`connect`], to look only: a file that is not there is not made, and one that is there is not changed.
pub async fn connect_to_read(location: &Location, limits: Limits) -> Result<Database> {
    match location {
        Location::File(path) => read_file(SqliteConnectOptions::new().filename(path), limits).await,
        Location::Server(_) => connect(location, limits).await,
    }
}

/// As [`connect_to_read`], of a file that nobody else uses: nothing is made beside it either.
pub async fn connect_at_rest(path: &Path, limits: Limits) -> Result<Database> {
    read_file(SqliteConnectOptions::new().filename(path).immutable(true), limits).await
}

async fn read_file(options: SqliteConnectOptions, limits: Limits) -> Result<Database> {
    let options = options.read_only(true).busy_timeout(limits.timeout);
    let location = Location::File(options.get_filename().to_owned());
    let pool = SqlitePoolOptions::new().acquire_timeout(limits.connect_timeout).test_before_acquire(false);
    let readers = pool.connect_with(options).await;
    let readers = readers.map_err(|error| location.blame(Error::Unavailable(error.to_string().into())))?;
    Ok(Database {
        pools: Pools::Sqlite { writer: readers.clone(), readers },
        limits,
        figures: Arc::default(),
    })
}

async fn open_file(path: &Path, limits: Limits) -> Result<Pools, String> {
    // Addresses and hashes of people are in it: for nobody but the server. SQLite gives its other files the same mode.
    let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    made.map_err(|error| error.to_string())?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What it keeps to undo half of a statement over many rows would otherwise go through a file.
        .pragma("temp_store", "MEMORY")
        .busy_timeout(limits.timeout);
    let pool = || SqlitePoolOptions::new().acquire_timeout(limits.connect_timeout).test_before_acquire(false);
    let failed = |error: sqlx::Error| error.to_string();
    let writer = pool().max_connections(1).connect_with(options.clone()).await.map_err(failed)?;
    let readers = pool().max_connections(limits.max_connections).connect_with(options.read_only(true)).await;
    Ok(Pools::Sqlite { writer, readers: readers.map_err(failed)? })
}

async fn reach_server(url: &str, limits: Limits) -> Result<Pools, String> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err("database_url must be an address that begins with postgres://".into());
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| format!("database_url: {error}"))?;
    // A pooler does not know this parameter, and we read no fractions.
    let mut options = options.extra_float_digits(None);
    if options.get_application_name().is_none() {
        options = options.application_name("tallylight");
    }
    let probe = options.clone().options([PROBE]);
    let (options, manner) = match inspect(&probe, limits).await {
        Ok(manner) => (options, manner),
        Err(reason) if reason.contains("unsupported startup parameter") => {
            let manner = inspect(&options, limits).await?;
            (options, manner)
        }
        Err(reason) => return Err(reason),
    };
    if !manner.is_direct {
        info!("the database is behind a pooler: statements are not kept prepared");
    }
    // For statements outside of transactions.
    let limited = options.clone().options([("statement_timeout", limits.timeout.as_millis().to_string())]);
    let capacity = if manner.is_direct { 100 } else { 0 };
    let pool = PgPoolOptions::new()
        .max_connections(limits.max_connections.saturating_sub(RESERVED).max(1))
        .acquire_timeout(limits.connect_timeout)
        .idle_timeout(limits.idle_timeout)
        .max_lifetime(limits.max_lifetime)
        .test_before_acquire(false)
        .connect_lazy_with(
            if manner.is_direct { limited } else { options }.statement_cache_capacity(capacity),
        );
    Ok(Pools::Postgres { pool, manner })
}

/// Connects once, to see whether this is the server itself, and whether it puts commits on disk of its own accord.
async fn inspect(options: &PgConnectOptions, limits: Limits) -> Result<Manner, String> {
    let text = "SELECT COALESCE(current_setting('tallylight.direct', TRUE), '') AS direct,
                  current_setting('synchronous_commit') AS synchronous_commit";
    let look = async {
        let mut connection = PgConnection::connect_with(options).await?;
        let row = sqlx::raw_sql(text).fetch_one(&mut connection).await?;
        let found: (String, String) = (row.try_get("direct")?, row.try_get("synchronous_commit")?);
        connection.close().await?;
        Ok::<_, sqlx::Error>(found)
    };
    let waited = || format!("no answer within {} s", limits.connect_timeout.as_secs_f64());
    let (direct, synchronous_commit) = timeout(limits.connect_timeout, look)
        .await
        .map_err(|_| waited())?
        .map_err(|error| error.to_string())?;
    Ok(Manner { begin: begin(limits.timeout, &synchronous_commit), is_direct: direct == PROBE.1 })
}

/// How transactions begin. The limits are the transaction's own: behind a pooler the session is others' too. A node
/// that freezes in a transaction must not hold its locks for long.
fn begin(limit: Duration, synchronous_commit: &str) -> sqlx::SqlStr {
    let millis = limit.as_millis();
    let mut text = format!(
        "BEGIN; SET LOCAL statement_timeout = {millis}; SET LOCAL idle_in_transaction_session_timeout = {millis}"
    );
    if synchronous_commit == "off" {
        info!(
            "the database answers before commits are on disk (synchronous_commit = off): it is told to wait for them"
        );
        text.push_str("; SET LOCAL synchronous_commit = on");
    }
    AssertSqlSafe(text).into_sql_str()
}
