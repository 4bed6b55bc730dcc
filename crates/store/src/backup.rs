//! A consistent copy of a SQLite database that is in use, with all that is needed to put it back.
//!
//! A backup is a folder: the database, the server's secret if that is a file, and `backup.json`, which is written last
//! and tells what is in the others. A folder without it is no backup.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tallylight_core::clock::Time;
use time::format_description::well_known::Rfc3339;

use crate::files::{self, Drafts};
use crate::trouble::Trouble;

/// The name of a database of SQLite, in a data folder and in a backup.
pub const DATABASE_FILE: &str = "tallylight.db";
/// The name of the server's secret, in a data folder and in a backup.
pub const SECRET_FILE: &str = "secret.key";
/// What a backup holds.
pub const MANIFEST_FILE: &str = "backup.json";
/// How backups are made now.
pub const FORMAT: u32 = 1;

/// What a backup holds, as `backup.json` says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How the backup is made: [`FORMAT`].
    pub format: u32,
    /// Which Tallylight made it.
    pub tallylight: String,
    /// When, as RFC 3339 has it.
    pub made_at: String,
    /// The last migration of its schema.
    pub schema: i64,
    /// The SHA-256 of the database, in hexadecimal digits.
    pub sha256: String,
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
    /// Whether the server's secret is in it.
    pub secret_key: bool,
}

/// What is to be backed up.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The database.
    pub database: &'a Path,
    /// The server's secret, if it is a file.
    pub secret: Option<&'a Path>,
    /// The folder to make: not there yet, or empty.
    pub into: &'a Path,
    /// Which Tallylight this is.
    pub version: &'a str,
    /// The time.
    pub now: Time,
}

/// Makes a backup, whoever reads and writes the database meanwhile.
///
/// # Errors
/// What is in the way, naming the file; nothing is left of the backup then.
pub async fn back_up(plan: Plan<'_>) -> Result<Manifest, Trouble> {
    if !plan.database.exists() {
        return Err(Trouble(format!("there is no database at {}", plan.database.display())));
    }
    let mut drafts = Drafts::default();
    make_folder(plan.into, &mut drafts)?;
    let database = draft(plan.into, DATABASE_FILE, &mut drafts);
    files::create(&database.draft)?;
    // SQLite itself may have a journal beside it for a moment.
    drafts.add(plan.into.join(format!("{DATABASE_FILE}.part-journal")));
    vacuum(plan.database, &database.draft).await?;
    files::sync(&database.draft)?;
    let secret = plan.secret.map(|_| draft(plan.into, SECRET_FILE, &mut drafts));
    if let (Some(from), Some(secret)) = (plan.secret, &secret) {
        files::copy(from, &secret.draft)?;
    }
    let (schema, rows) = contents(&database.draft).await?;
    let manifest = Manifest {
        format: FORMAT,
        tallylight: plan.version.to_owned(),
        made_at: plan.now.format(&Rfc3339).map_err(|error| Trouble(error.to_string()))?,
        schema,
        sha256: files::sha256(&database.draft)?,
        rows,
        secret_key: secret.is_some(),
    };
    let told = draft(plan.into, MANIFEST_FILE, &mut drafts);
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| Trouble(error.to_string()))?;
    files::write(&told.draft, (text + "\n").as_bytes())?;
    for file in [Some(database), secret, Some(told)].into_iter().flatten() {
        files::rename(&file.draft, &file.path)?;
        files::sync(plan.into)?;
    }
    files::sync_parent(plan.into)?;
    drafts.keep();
    Ok(manifest)
}

struct Draft {
    draft: PathBuf,
    path: PathBuf,
}

fn draft(folder: &Path, name: &str, drafts: &mut Drafts) -> Draft {
    let file = Draft { draft: folder.join(format!("{name}.part")), path: folder.join(name) };
    drafts.add(file.draft.clone());
    drafts.add(file.path.clone());
    file
}

fn make_folder(folder: &Path, drafts: &mut Drafts) -> Result<(), Trouble> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                Err(Trouble(format!("{} is not empty: a backup goes into a new folder", folder.display())))
            }
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(Trouble::at(folder))?;
            drafts.add(folder.to_owned());
            Ok(())
        }
        Err(error) => Err(Trouble::at(folder)(error)),
    }
}

/// Copies a database as of one moment, on a connection of its own, so that nobody waits.
async fn vacuum(from: &Path, into: &Path) -> Result<(), Trouble> {
    let failed = |error: sqlx::Error| Trouble(format!("{}: {error}", from.display()));
    // Whole, so that it cannot be taken for an address.
    let into = std::path::absolute(into).map_err(Trouble::at(into))?;
    let target =
        into.to_str().ok_or_else(|| Trouble(format!("{} is not a name in UTF-8", into.display())))?;
    let options = SqliteConnectOptions::new().filename(from).read_only(true);
    let mut connection = options.connect().await.map_err(failed)?;
    let done = sqlx::query("VACUUM INTO $1").bind(target).execute(&mut connection).await;
    let closed = connection.close().await;
    done.map_err(|error| Trouble(format!("{} cannot be copied to {target}: {error}", from.display())))?;
    closed.map_err(failed)
}

/// Opens a database that nobody else uses, leaving nothing beside it.
pub(crate) async fn open_at_rest(path: &Path) -> Result<SqliteConnection, Trouble> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    options.connect().await.map_err(|error| Trouble(format!("{}: {error}", path.display())))
}

/// The last migration of a database at rest, and how many rows each table has.
pub(crate) async fn contents(path: &Path) -> Result<(i64, BTreeMap<String, u64>), Trouble> {
    let mut connection = open_at_rest(path).await?;
    let found = count(&mut connection).await;
    connection.close().await.ok();
    found.map_err(|error| Trouble(format!("{}: {error}", path.display())))
}

async fn count(connection: &mut SqliteConnection) -> Result<(i64, BTreeMap<String, u64>), sqlx::Error> {
    let schema = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations");
    let schema = schema.fetch_one(&mut *connection).await?;
    let tables = "SELECT name FROM sqlite_master
                  WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await?;
    let mut rows = BTreeMap::new();
    for table in tables {
        let text = format!("SELECT COUNT(*) FROM \"{}\"", table.replace('"', "\"\""));
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut *connection).await?;
        rows.insert(table, u64::try_from(count).unwrap_or_default());
    }
    Ok((schema, rows))
}
