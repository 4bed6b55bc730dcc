//! The schema and how it grows.
//!
//! All that is pending is done in one transaction under a lock that ends with it, so that servers that start together
//! take turns, a pooler may be in between, and whoever is killed half-way leaves the schema as it was. A migration
//! first expands: the version before it must be able to go on. What it makes superfluous is dropped a release later.

use std::time::Duration;

use sqlx::migrate::{Migration, Migrator};
use tallylight_core::{Error, Result};
use tracing::info;

use crate::connect::{self, Location};
use crate::database::{Database, Limits};
use crate::failure::Failure;
use crate::statement::{Statement, Value, sql};
use crate::transaction::Transaction;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// A migration of this version, or one that only a newer version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: i64,
    /// What it does, in a few words.
    pub description: String,
    /// Whether the database has it.
    pub state: State,
}

/// Where a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The database has it.
    Applied,
    /// It will be applied at the next start, or by `tallylight migrate`.
    Pending,
    /// The database has it, and this version does not know it.
    Unknown,
    /// The database has another one under this number.
    Changed,
}

/// What a database has and what it lacks; nothing is changed. A database without any schema, and a file that is not
/// there, lack everything.
///
/// # Errors
/// [`Error::Unavailable`] naming the database and what is wrong with it.
pub async fn status(location: &Location, limits: Limits) -> Result<Vec<Step>> {
    if let Location::File(path) = location
        && !path.exists()
    {
        return Ok(steps(&SQLITE, &[]));
    }
    let database = connect::connect_to_read(location, limits).await?;
    let found = look(&database).await;
    database.close().await;
    found.map_err(|failure| location.blame(failure.into()))
}

/// As [`status`], on open connections.
pub(crate) async fn look(database: &Database) -> Result<Vec<Step>, Failure> {
    let mut transaction = database.begin_snapshot(database.soon()).await?;
    let found = current(&mut transaction).await?;
    transaction.commit_whenever().await?;
    Ok(found)
}

/// As [`status`], inside a transaction.
pub(crate) async fn current(transaction: &mut Transaction) -> Result<Vec<Step>, Failure> {
    let applied = if has_history(transaction).await? { applied(transaction).await? } else { Vec::new() };
    Ok(steps(migrator_of(transaction.is_sqlite()), &applied))
}

/// Applies what is pending; all steps as they stand then.
///
/// # Errors
/// As [`status`]; nothing is changed then.
pub async fn run(location: &Location, limits: Limits) -> Result<Vec<Step>> {
    let database = connect::connect(location, limits).await?;
    let done = run_on(&database).await;
    database.close().await;
    done.map_err(|error| location.blame(error))
}

/// As [`run`], on open connections.
pub(crate) async fn run_on(database: &Database) -> Result<Vec<Step>> {
    let mut transaction = database.begin_for_long().await?;
    let steps = apply_pending(&mut transaction).await?;
    transaction.commit_whenever().await?;
    Ok(steps)
}

/// As [`run`], inside a transaction.
pub(crate) async fn apply_pending(transaction: &mut Transaction) -> Result<Vec<Step>, Failure> {
    let migrator = migrator_of(transaction.is_sqlite());
    if !transaction.is_sqlite() {
        take_turn(transaction).await?;
    }
    if !has_history(transaction).await? {
        transaction.script(history_table(transaction)).await?;
    }
    let before = steps(migrator, &applied(transaction).await?);
    refuse_strange(&before)?;
    for migration in migrator.iter() {
        if before.iter().any(|step| step.version == migration.version && step.state == State::Pending) {
            apply(transaction, migration).await?;
        }
    }
    Ok(steps(migrator, &applied(transaction).await?))
}

/// Waits until no other server changes the schema.
async fn take_turn(transaction: &mut Transaction) -> Result<(), Failure> {
    // Any number will do that nobody else takes for something else.
    let text = "SELECT pg_try_advisory_xact_lock(7221651302021) AS granted";
    let mut waits = 0;
    loop {
        let row = transaction.row(&sql(text)).await?;
        if row.map(|row| row.get("granted")).transpose()? == Some(true) {
            return Ok(());
        }
        if waits % 100 == 0 {
            info!("another server brings the schema up to date: waiting for it");
        }
        waits += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn apply(transaction: &mut Transaction, migration: &Migration) -> Result<(), Failure> {
    let what = |failure: Failure| {
        let error = Error::from(failure);
        let what = format!("migration {} ({}): {error}", migration.version, migration.description);
        Error::Unavailable(what.into())
    };
    transaction.script(migration.sql.clone()).await.map_err(what)?;
    let text = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                VALUES ($1, $2, TRUE, $3, 0)";
    let checksum = Value::Bytes(migration.checksum.to_vec());
    let note = sql(text).bind(migration.version).bind(&migration.description.to_string()).bind(checksum);
    transaction.execute(&note).await.map(|_| ())
}

fn migrator_of(is_sqlite: bool) -> &'static Migrator {
    if is_sqlite { &SQLITE } else { &POSTGRES }
}

/// The history has the shape that sqlx's own tools know.
fn history_table(transaction: &Transaction) -> sqlx::SqlStr {
    sqlx::SqlStr::from_static(if transaction.is_sqlite() {
        "CREATE TABLE _sqlx_migrations (
           version BIGINT PRIMARY KEY, description TEXT NOT NULL,
           installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
           success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)"
    } else {
        "CREATE TABLE _sqlx_migrations (
           version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
           success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)"
    })
}

async fn has_history(transaction: &mut Transaction) -> Result<bool, Failure> {
    let statement: Statement = sql(if transaction.is_sqlite() {
        "SELECT name FROM sqlite_master WHERE name = '_sqlx_migrations'"
    } else {
        "SELECT 1 WHERE to_regclass('_sqlx_migrations') IS NOT NULL"
    });
    Ok(transaction.row(&statement).await?.is_some())
}

type Applied = (i64, String, Vec<u8>);

async fn applied(transaction: &mut Transaction) -> Result<Vec<Applied>, Failure> {
    let statement = sql("SELECT version, description, checksum FROM _sqlx_migrations ORDER BY version");
    let rows = transaction.rows(&statement).await?;
    let read =
        |row: &crate::row::Row| Ok((row.count("version")?, row.text("description")?, row.get("checksum")?));
    Ok(rows.iter().map(read).collect::<Result<_>>()?)
}

fn steps(migrator: &Migrator, applied: &[Applied]) -> Vec<Step> {
    let known = migrator.iter().map(|migration| {
        let state = match applied.iter().find(|(version, ..)| *version == migration.version) {
            None => State::Pending,
            Some((.., checksum)) if checksum[..] == migration.checksum[..] => State::Applied,
            Some(_) => State::Changed,
        };
        Step { version: migration.version, description: migration.description.to_string(), state }
    });
    let unknown = applied.iter().filter(|(version, ..)| !migrator.version_exists(*version));
    let unknown = unknown.map(|(version, description, _)| Step {
        version: *version,
        description: description.clone(),
        state: State::Unknown,
    });
    let mut steps: Vec<Step> = known.chain(unknown).collect();
    steps.sort_by_key(|step| step.version);
    steps
}

/// Refuses a schema that this version does not know.
///
/// # Errors
/// [`Error::Unavailable`] naming the first step that is not as this version knows it.
pub fn refuse_strange(steps: &[Step]) -> Result<()> {
    for Step { version, description, state } in steps {
        match state {
            State::Applied | State::Pending => {}
            State::Unknown => {
                let what = format!(
                    "the database was written by a newer Tallylight (its schema has migration {version}, \
                     \"{description}\", which this version does not know): start the newer version"
                );
                return Err(Error::Unavailable(what.into()));
            }
            State::Changed => {
                let what =
                    format!("migration {version} of this database differs from the one that was released");
                return Err(Error::Unavailable(what.into()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of each migration's SHA-384. A line is added with a migration and never changes after its release.
    const WRITTEN: &[(&str, i64, &str)] = &[
        ("sqlite", 1, "3d4ce4ad57dd090fc21dc8fd"),
        ("sqlite", 2, "57f3cef3b1f285af661ddb36"),
        ("sqlite", 3, "8592fc6c96ff4935546881ee"),
        ("sqlite", 4, "8e16715b9b0b7d377fb6f0d9"),
        ("sqlite", 5, "0b5b980f49c7ff0184b82fa6"),
        ("sqlite", 6, "27e54177003385b3f20955d2"),
        ("sqlite", 7, "8098d251ebc830b8d41f5aec"),
        ("sqlite", 8, "a45034ef5e9bf3fdf0188855"),
        ("sqlite", 9, "302ee3496e71bb7d96d91d08"),
        ("sqlite", 10, "f3da045f47323bdc4c86c21f"),
        ("sqlite", 11, "674e1256563db9d0e19c3051"),
        ("sqlite", 12, "d4e0a22ea0e06fae98a06c15"),
        ("postgres", 2, "71b33f62f4c15763e17e36be"),
        ("postgres", 3, "e151e8fb477c2c1330fabbc1"),
        ("postgres", 4, "7089606efd337b2ef669966d"),
        ("postgres", 5, "0b5b980f49c7ff0184b82fa6"),
        ("postgres", 6, "b5e23fb54b71675b8dcd3644"),
        ("postgres", 7, "2c3b0832d43af932410a7432"),
        ("postgres", 8, "fe140e213fe7bca56a71da31"),
        ("postgres", 9, "1ddf24572cdd934f25d4c5ee"),
        ("postgres", 10, "84c6563f62ef5227941af00d"),
        ("postgres", 11, "674e1256563db9d0e19c3051"),
        ("postgres", 12, "d4e0a22ea0e06fae98a06c15"),
    ];

    fn all() -> impl Iterator<Item = (&'static str, &'static Migration)> {
        let of = |name, migrator: &'static Migrator| migrator.iter().map(move |migration| (name, migration));
        of("sqlite", &SQLITE).chain(of("postgres", &POSTGRES))
    }

    #[test]
    fn a_migration_stays_as_it_was_written() {
        let sum = |migration: &Migration| {
            migration.checksum[..12].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let found: Vec<_> =
            all().map(|(name, migration)| (name, migration.version, sum(migration))).collect();
        let written: Vec<_> =
            WRITTEN.iter().map(|(name, version, sum)| (*name, *version, sum.to_string())).collect();
        assert_eq!(found, written);
    }

    #[test]
    fn what_contracts_the_schema_says_so_in_its_name() {
        for (name, migration) in all() {
            let text = migration.sql.as_str().to_uppercase();
            let contracts =
                ["DROP ", "RENAME ", "SET NOT NULL", "TRUNCATE "].iter().any(|word| text.contains(word));
            assert_eq!(
                contracts,
                migration.description.starts_with("contract"),
                "{name} {}: what the version before still needs goes a release later",
                migration.version
            );
        }
    }
}
