//! A backup, looked through and put back in place.
//!
//! Nothing of what was there is lost: it is moved into a folder beside. While files are moved a mark stands in the data
//! folder, on which no server starts: one that is stopped half-way is begun again, by the same command.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tallylight_core::clock::Time;
use time::macros::format_description;

use crate::backup::{self, DATABASE_FILE, FORMAT, MANIFEST_FILE, Manifest, SECRET_FILE};
use crate::connect;
use crate::database::Limits;
use crate::files::{self, Drafts};
use crate::migrations;
use crate::trouble::Trouble;

/// The mark: while it is in a data folder, files are being put back there. It holds the name of the folder beside.
const MARK: &str = "restore-under-way";
/// What SQLite keeps beside a database. It must not outlive the database that it belongs to: it would be applied to
/// the next one.
const COMPANIONS: [&str; 3] = ["tallylight.db-wal", "tallylight.db-shm", "tallylight.db-journal"];

/// What was put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where what was there before is kept, if anything was.
    pub kept: Option<PathBuf>,
    /// Whether another secret was replaced, which is kept too.
    pub replaced_secret: bool,
}

/// Looks a backup through: whether it is whole, sound, and of a schema that this version knows.
///
/// # Errors
/// What is wrong with it.
pub async fn check(folder: &Path, limits: Limits) -> Result<Manifest, Trouble> {
    let manifest = read_manifest(folder)?;
    let database = folder.join(DATABASE_FILE);
    if files::sha256(&database)? != manifest.sha256 {
        let what = "is not the file that was backed up: its SHA-256 differs from the one in backup.json";
        return Err(Trouble(format!("{} {what}", database.display())));
    }
    if manifest.secret_key && !folder.join(SECRET_FILE).exists() {
        return Err(Trouble(format!("{} lacks {SECRET_FILE}, which was backed up", folder.display())));
    }
    let at = |error: Trouble| error.about(database.display());
    let mut connection = backup::open_at_rest(&database).await?;
    let sound = examine(&mut connection).await;
    connection.close().await.ok();
    sound.map_err(at)?;
    let source = connect::connect_at_rest(&database, limits).await?;
    let steps = migrations::look(&source).await;
    source.close().await;
    migrations::refuse_strange(&steps.map_err(|error| at(error.into()))?)
        .map_err(|error| at(error.into()))?;
    if backup::contents(&database).await? != (manifest.schema, manifest.rows.clone()) {
        return Err(Trouble(format!("{} has not the rows that backup.json tells of", database.display())));
    }
    Ok(manifest)
}

fn read_manifest(folder: &Path) -> Result<Manifest, Trouble> {
    let path = folder.join(MANIFEST_FILE);
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            Trouble(format!("{} is no whole backup: it lacks {MANIFEST_FILE}", folder.display()))
        }
        _ => Trouble::at(&path)(error),
    })?;
    // The format goes first: a later one may look different in all else.
    let format = serde_json::from_str::<serde_json::Value>(&text).ok();
    let format = format.and_then(|json| json.get("format")?.as_u64());
    if format.is_some_and(|format| format != u64::from(FORMAT)) {
        return Err(Trouble(format!("{} was made by a newer Tallylight: use that one", folder.display())));
    }
    serde_json::from_str(&text).map_err(|error| Trouble(format!("{}: {error}", path.display())))
}

async fn examine(connection: &mut SqliteConnection) -> Result<(), Trouble> {
    let failed = |error: sqlx::Error| Trouble(error.to_string());
    let found = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_all(&mut *connection).await;
    let found: Vec<String> = found.map_err(failed)?;
    if found != ["ok"] {
        return Err(Trouble(format!("the database is damaged: {}", found.join("; "))));
    }
    let text = "SELECT \"table\" || ' refers to ' || parent FROM pragma_foreign_key_check LIMIT 1";
    let lost: Option<String> =
        sqlx::query_scalar(text).fetch_optional(&mut *connection).await.map_err(failed)?;
    match lost {
        Some(lost) => Err(Trouble(format!("a row is missing to which another refers: {lost}"))),
        None => Ok(()),
    }
}

/// Whether files are being put back in a data folder, or were when that was stopped.
pub fn is_under_way(data: &Path) -> bool {
    data.join(MARK).exists()
}

/// Puts a backup in place of what is in a data folder that nobody uses. The time names the folder for what was there.
///
/// # Errors
/// What is in the way. Unless [`is_under_way`], everything is as it was.
pub async fn put_back(
    backup: &Path,
    manifest: &Manifest,
    data: &Path,
    now: Time,
) -> Result<Restored, Trouble> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let stamp = now.format(format).map_err(|error| Trouble(error.to_string()))?;
    let mut drafts = Drafts::default();
    let (database, secret) = (data.join("tallylight.db.new"), data.join("secret.key.new"));
    drafts.add(database.clone());
    drafts.add(secret.clone());
    if files::copy(&backup.join(DATABASE_FILE), &database)? != manifest.sha256 {
        return Err(Trouble(format!("{} changed while it was copied", backup.display())));
    }
    rename_logs(&database).await?;
    let secret_differs = manifest.secret_key && {
        files::copy(&backup.join(SECRET_FILE), &secret)?;
        fs::read(&secret).ok() != fs::read(data.join(SECRET_FILE)).ok()
    };
    let replaced_secret = secret_differs && data.join(SECRET_FILE).exists();
    let old = [DATABASE_FILE].into_iter().chain(COMPANIONS).chain(replaced_secret.then_some(SECRET_FILE));
    let kept = set_aside(data, old.collect(), &stamp)?;
    if secret_differs {
        files::rename(&secret, &data.join(SECRET_FILE))?;
    }
    files::rename(&database, &data.join(DATABASE_FILE))?;
    files::sync(data)?;
    let mark = data.join(MARK);
    fs::remove_file(&mark).map_err(Trouble::at(&mark))?;
    files::sync(data)?;
    Ok(Restored { kept, replaced_secret })
}

/// Gives every log another name: numbers that were given out since the backup are given out again, and whoever has read
/// them must not take the new ones for the rest.
async fn rename_logs(database: &Path) -> Result<(), Trouble> {
    let options = SqliteConnectOptions::new().filename(database).journal_mode(SqliteJournalMode::Delete);
    let failed = |error: sqlx::Error| Trouble(format!("{}: {error}", database.display()));
    let mut connection = options.connect().await.map_err(failed)?;
    let known = "SELECT COUNT(*) FROM pragma_table_info('broadcast_sessions') WHERE name = 'epoch'";
    let known: i64 = sqlx::query_scalar(known).fetch_one(&mut connection).await.map_err(failed)?;
    // An older schema names its logs when it is migrated.
    if known > 0 {
        let text = "UPDATE broadcast_sessions SET epoch = ABS(RANDOM() % 2251799813685248)";
        sqlx::query(text).execute(&mut connection).await.map_err(failed)?;
    }
    connection.close().await.map_err(failed)?;
    files::sync(database)
}

/// Moves files into the folder beside, which an earlier try may have begun to fill: what it has stays there, and what
/// stands in its place since is that try's own.
fn set_aside(data: &Path, names: Vec<&str>, stamp: &str) -> Result<Option<PathBuf>, Trouble> {
    let mark = data.join(MARK);
    let begun = match fs::read_to_string(&mark) {
        Ok(name) => Some(name.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Trouble::at(&mark)(error)),
    };
    let folder = begun.clone().unwrap_or_else(|| unused(data, stamp));
    if begun.is_none() {
        // Written beside and moved: a mark without the name would forget the folder.
        let draft = data.join("restore-under-way.new");
        files::write(&draft, folder.as_bytes())?;
        files::rename(&draft, &mark)?;
        files::sync(data)?;
    }
    let folder = data.join(folder);
    let old: Vec<_> = names.into_iter().filter(|name| data.join(name).exists()).collect();
    if old.is_empty() {
        return Ok(folder.exists().then_some(folder));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(Trouble::at(&folder))?;
    for name in old {
        let (from, to) = (data.join(name), folder.join(name));
        if to.exists() {
            fs::remove_file(&from).map_err(Trouble::at(&from))?;
        } else {
            files::rename(&from, &to)?;
        }
    }
    files::sync(&folder)?;
    files::sync(data)?;
    Ok(Some(folder))
}

fn unused(data: &Path, stamp: &str) -> String {
    let names = (1..).map(|number: u32| match number {
        1 => format!("before-restore-{stamp}"),
        _ => format!("before-restore-{stamp}-{number}"),
    });
    let mut free = names.filter(|name| !data.join(name).exists());
    free.next().unwrap_or_default()
}
