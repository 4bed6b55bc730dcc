//! One server to a database.
//!
//! Who is there is known to each server for itself, so two servers on one database would time out each other's viewers.
//! The first holds a lock on a connection of its own; PostgreSQL gives it up with the connection, however that ends.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};
use tallylight_core::{Error, Result};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, info};

use crate::Store;
use crate::database::Pools;

/// Any number will do that nobody else takes for something else.
pub const LOCK: i64 = 7_221_651_302_022;
/// How often the holder looks whether its connection still stands.
const PERIOD: Duration = Duration::from_secs(1);
/// How long the lock of a server that just ended may take to be free.
const GRACE: Duration = Duration::from_secs(2);
/// How a peer that vanished without a word is noticed: after 10 s of silence, by three probes 3 s apart.
const KEEPALIVE: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3";

/// Held as long as the database is ours.
#[derive(Debug)]
pub struct Claim {
    _held: Option<DropGuard>,
}

impl Store {
    /// Claims the database for this server. A file is claimed with its data folder, and behind a pooler there is no
    /// connection to hold a lock with: both are granted.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while another server holds it.
    pub async fn claim(&self) -> Result<Claim> {
        let Pools::Postgres { pool, manner } = &self.database.pools else { return Ok(Claim { _held: None }) };
        if !manner.is_direct {
            info!("behind a pooler nothing keeps a second server from this database: start one only");
            return Ok(Claim { _held: None });
        }
        let holder =
            Holder { options: (*pool.connect_options()).clone(), limit: self.database.limits.timeout };
        let deadline = Instant::now() + GRACE;
        let connection = loop {
            if let Some(connection) = holder.lock().await? {
                break connection;
            }
            if Instant::now() >= deadline {
                return Err(Error::Unavailable("another server is at work on this database".into()));
            }
            sleep(PERIOD / 10).await;
        };
        let stop = CancellationToken::new();
        tokio::spawn(holder.hold(connection, stop.clone()));
        Ok(Claim { _held: Some(stop.drop_guard()) })
    }
}

struct Holder {
    options: PgConnectOptions,
    limit: Duration,
}

impl Holder {
    /// A connection that holds the lock; `None` while another does.
    async fn lock(&self) -> Result<Option<PgConnection>> {
        let attempt = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            sqlx::raw_sql(KEEPALIVE).execute(&mut connection).await?;
            let query = sqlx::query("SELECT pg_try_advisory_lock($1) AS granted").bind(LOCK);
            let granted: bool = query.fetch_one(&mut connection).await?.try_get("granted")?;
            Ok::<_, sqlx::Error>(granted.then_some(connection))
        };
        let silent = |_| Error::Unavailable("the database did not answer in time".into());
        timeout(self.limit, attempt)
            .await
            .map_err(silent)?
            .map_err(|error| Error::Unavailable(error.to_string().into()))
    }

    /// Keeps the lock, on another connection when this one breaks, until told to stop.
    async fn hold(self, mut connection: PgConnection, stop: CancellationToken) {
        let keeping = async {
            let mut held_by_others = 0;
            loop {
                sleep(PERIOD).await;
                if matches!(timeout(self.limit, connection.ping()).await, Ok(Ok(()))) {
                    continue;
                }
                match self.lock().await {
                    Ok(Some(another)) => (connection, held_by_others) = (another, 0),
                    Ok(None) => held_by_others += 1,
                    Err(_) => {}
                }
                // At first it may be the old connection, whose end the database has not noticed.
                if held_by_others > 30 {
                    error!("another server works on this database: each times out the other's viewers");
                }
            }
        };
        stop.run_until_cancelled(keeping).await;
    }
}
