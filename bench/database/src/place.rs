//! The database of a load: fresh for each, and removed after it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tallylight_bench_drivers::process::Server;
use tallylight_store::Location;

/// What each database is called, and each file begins with.
const NAME: &str = "durable";

/// Numbers are unique in a session; so there is no gap if the last is as high as there are many.
const COUNT: &str = "SELECT COUNT(*) FILTER (WHERE number <> last), CAST(SUM(number) AS BIGINT)
                     FROM (SELECT COUNT(*) AS number, MAX(seq) AS last FROM session_events GROUP BY session_id) AS s";

/// Where to write; presence is in memory and needs none.
#[derive(Debug, Args)]
pub struct Place {
    /// A server of PostgreSQL, without the database.
    #[arg(long, value_name = "URL", requires = "pid")]
    postgres: Option<String>,
    /// The process of that server.
    #[arg(long)]
    pid: Option<i32>,
    /// A folder for a file of SQLite.
    #[arg(long, value_name = "FOLDER", conflicts_with = "postgres")]
    sqlite: Option<PathBuf>,
}

/// As [`Place`], for what differs.
pub enum Kind {
    /// The address of the database.
    Postgres(String),
    /// The file.
    Sqlite(PathBuf),
}

impl Place {
    pub fn is_given(&self) -> bool {
        self.postgres.is_some() || self.sqlite.is_some()
    }

    pub fn kind(&self) -> Kind {
        match (&self.postgres, &self.sqlite) {
            (Some(server), _) => Kind::Postgres(format!("{server}/{NAME}")),
            (None, folder) => Kind::Sqlite(folder.clone().unwrap_or_default().join(format!("{NAME}.db"))),
        }
    }

    pub fn location(&self) -> Location {
        match self.kind() {
            Kind::Postgres(url) => Location::Server(url),
            Kind::Sqlite(path) => Location::File(path),
        }
    }

    /// The processes that are the database, unless that is ourselves.
    pub fn server(&self) -> Option<Server> {
        self.pid.filter(|_| self.postgres.is_some()).map(Server)
    }

    /// Makes it, with nothing in it.
    pub async fn empty(&self) -> Result<()> {
        self.remove().await?;
        self.administer(&format!("CREATE DATABASE {NAME}")).await
    }

    /// Leaves no work of the past to whatever comes next, and has the statistics that a database in use has.
    pub async fn settle(&self) -> Result<()> {
        if let Kind::Postgres(url) = self.kind() {
            sqlx::raw_sql("ANALYZE; CHECKPOINT").execute(&mut PgConnection::connect(&url).await?).await?;
        }
        Ok(())
    }

    pub async fn remove(&self) -> Result<()> {
        if let Kind::Sqlite(path) = self.kind() {
            for end in ["", "-wal", "-shm"] {
                let file = path.with_extension(format!("db{end}"));
                // SQLite removes its companions itself when the last connection is closed, which may be just now.
                match std::fs::remove_file(&file) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error).with_context(|| file.display().to_string());
                    }
                    _ => {}
                }
            }
        }
        self.administer(&format!("DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")).await
    }

    async fn administer(&self, text: &str) -> Result<()> {
        let Some(server) = &self.postgres else { return Ok(()) };
        let mut connection = PgConnection::connect(&format!("{server}/postgres")).await?;
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.context(text.to_owned())?;
        Ok(connection.close().await?)
    }

    /// How many events there are; an error if the numbers of a session have a gap.
    pub async fn count_events(&self) -> Result<u64> {
        let (gaps, events): (i64, i64) = match self.kind() {
            Kind::Postgres(url) => {
                sqlx::query_as(COUNT).fetch_one(&mut PgConnection::connect(&url).await?).await?
            }
            Kind::Sqlite(path) => {
                let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
                sqlx::query_as(COUNT).fetch_one(&mut connection).await?
            }
        };
        ensure!(gaps == 0, "{gaps} sessions have a gap in their numbers");
        Ok(events.try_into()?)
    }
}
