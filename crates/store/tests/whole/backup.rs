//! Backups of a database in use, and their return.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tallylight_core::event::LeaveReason;
use tallylight_store::backup::{Manifest, Plan, back_up};
use tallylight_store::restore::{Restored, check, is_under_way, put_back};
use tallylight_store::{Location, Trouble};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::harness::{Db, NOON, Sqlite, patient};

/// A data folder in use, and another one to restore into.
struct House {
    db: Db,
    folder: TempDir,
}

impl House {
    async fn new() -> Self {
        Self { db: Db::fresh::<Sqlite>().await, folder: tempfile::tempdir().unwrap() }
    }

    fn database(&self) -> PathBuf {
        let Location::File(path) = self.db.database.location() else { panic!("it is a file") };
        path
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    /// The folder to restore into, with a secret of its own.
    fn data(&self) -> PathBuf {
        let data = self.folder.path().join("data");
        fs::create_dir_all(&data).unwrap();
        data
    }

    async fn backs_up(&self) -> Result<Manifest, Trouble> {
        self.backs_up_with(None).await
    }

    async fn backs_up_with(&self, secret: Option<&Path>) -> Result<Manifest, Trouble> {
        let (database, into) = (self.database(), self.backup());
        let plan = Plan { database: &database, secret, into: &into, version: "0.1.0", now: NOON };
        back_up(plan).await
    }

    async fn restores(&self) -> Result<Restored, Trouble> {
        let manifest = check(&self.backup(), patient()).await?;
        put_back(&self.backup(), &manifest, &self.data(), NOON).await
    }

    /// Why the backup is not taken.
    async fn is_refused(&self) -> String {
        let error = check(&self.backup(), patient()).await.unwrap_err().to_string();
        assert_eq!(names(&self.data()), Vec::<String>::new());
        error
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn number(file: &Path, text: &str) -> i64 {
    let mut connection = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    let number = sqlx::query_scalar(AssertSqlSafe(text.to_owned())).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    number
}

async fn execute(file: &Path, text: &str) {
    let mut connection = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_way_sees_one_moment_of_a_database_in_use() {
    let house = Arc::new(House::new().await);
    let (first, second) = (house.db.show(0).await, house.db.show(0).await);
    let written = Arc::new(Semaphore::new(0));
    let writers: Vec<_> = [first, second]
        .into_iter()
        .flat_map(|show| std::iter::repeat_n(show, 4))
        .map(|show| {
            let (house, written) = (house.clone(), written.clone());
            tokio::spawn(async move {
                loop {
                    house.db.watches(&show).await;
                    let (viewer, _) = house.db.watches(&show).await;
                    house.db.goes(&viewer, LeaveReason::Left, None).await;
                    written.add_permits(1);
                }
            })
        })
        .collect();
    written.acquire_many(40).await.unwrap().forget();
    let manifest = house.backs_up().await.unwrap();
    // They wrote on meanwhile and go on after it.
    written.acquire_many(40).await.unwrap().forget();
    writers.iter().for_each(|writer| writer.abort());

    assert_eq!(house.restores().await.unwrap(), Restored { kept: None, replaced_secret: false });
    let file = house.data().join("tallylight.db");
    let events = number(&file, "SELECT COUNT(*) FROM session_events").await;
    assert_eq!(u64::try_from(events).unwrap(), manifest.rows["session_events"]);
    assert!(events > 80, "{events}");
    let torn = "SELECT COUNT(*) FROM session_counters c JOIN broadcast_sessions b ON b.id = c.session_id
                WHERE c.seq <> (SELECT COUNT(*) FROM session_events e WHERE e.session_id = c.session_id)
                  OR c.seq <> (SELECT MAX(seq) FROM session_events e WHERE e.session_id = c.session_id)
                  OR c.viewers <> (SELECT COUNT(*) FROM active_viewers v
                                   WHERE v.session_id = c.session_id AND v.left_at IS NULL)
                  OR b.viewer_count <> c.viewers";
    assert_eq!(number(&file, torn).await, 0);
    tallylight_store::Store::open(&Location::File(file), patient()).await.unwrap();
}

#[tokio::test]
async fn a_backup_is_whole_and_for_its_owner_only() {
    let house = House::new().await;
    house.db.show(0).await;
    let secret = house.folder.path().join("its-secret");
    fs::write(&secret, "secret").unwrap();
    let manifest = house.backs_up_with(Some(&secret)).await.unwrap();
    assert_eq!(names(&house.backup()), ["backup.json", "secret.key", "tallylight.db"]);
    assert_eq!(mode(&house.backup()), 0o700);
    for name in names(&house.backup()) {
        assert_eq!(mode(&house.backup().join(&name)), 0o600, "{name}");
    }
    assert_eq!((manifest.format, manifest.schema, manifest.secret_key), (1, 12, true));
    assert_eq!(manifest.made_at, "2026-05-01T12:00:00.123456Z");
    assert_eq!(manifest.rows["users"], 1);
    assert_eq!(check(&house.backup(), patient()).await.unwrap(), manifest);
    assert_eq!(names(&house.backup()).len(), 3, "nothing is made beside it");

    let again = house.backs_up().await.unwrap_err().to_string();
    assert!(again.contains("is not empty"), "{again}");
    assert_eq!(names(&house.backup()).len(), 3, "and what is there stays");
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    let house = House::new().await;
    let missing = house.folder.path().join("no-secret");
    house.backs_up_with(Some(&missing)).await.unwrap_err();
    assert!(!house.backup().exists());
    fs::create_dir(house.backup()).unwrap();
    house.backs_up_with(Some(&missing)).await.unwrap_err();
    assert_eq!(names(&house.backup()), Vec::<String>::new(), "the operator's own folder stays");
}

#[tokio::test]
async fn what_was_there_is_kept_and_nothing_of_it_is_applied_to_what_comes() {
    let house = House::new().await;
    house.db.user("ada").await;
    let secret = house.folder.path().join("its-secret");
    fs::write(&secret, "secret").unwrap();
    house.backs_up_with(Some(&secret)).await.unwrap();
    house.db.user("bob").await;
    // As after a crash: bob is in the WAL only.
    for name in ["tallylight.db", "tallylight.db-wal", "tallylight.db-shm"] {
        fs::copy(house.database().with_file_name(name), house.data().join(name)).unwrap();
    }
    fs::write(house.data().join("secret.key"), "another").unwrap();

    let kept = house.data().join("before-restore-20260501T120000Z");
    let restored = house.restores().await.unwrap();
    assert_eq!(restored, Restored { kept: Some(kept.clone()), replaced_secret: true });
    assert_eq!(names(&house.data()), ["before-restore-20260501T120000Z", "secret.key", "tallylight.db"]);
    assert_eq!(names(&kept), ["secret.key", "tallylight.db", "tallylight.db-shm", "tallylight.db-wal"]);
    assert_eq!(fs::read_to_string(house.data().join("secret.key")).unwrap(), "secret");
    assert_eq!(mode(&house.data().join("secret.key")), 0o600);
    assert_eq!(fs::read_to_string(kept.join("secret.key")).unwrap(), "another");
    assert_eq!(number(&house.data().join("tallylight.db"), "SELECT COUNT(*) FROM users").await, 1);
    assert_eq!(number(&kept.join("tallylight.db"), "SELECT COUNT(*) FROM users").await, 2);

    // Once more in the same second: a folder beside that one; the secret is the same by now.
    let restored = house.restores().await.unwrap();
    let second = house.data().join("before-restore-20260501T120000Z-2");
    assert_eq!(restored, Restored { kept: Some(second.clone()), replaced_secret: false });
    assert_eq!(names(&second), ["tallylight.db"]);
}

#[tokio::test]
async fn a_log_that_is_put_back_has_another_name() {
    let house = House::new().await;
    house.db.show(0).await;
    house.backs_up().await.unwrap();
    house.restores().await.unwrap();
    let text = "SELECT epoch FROM broadcast_sessions";
    let (before, after) = (house.database(), house.data().join("tallylight.db"));
    assert_eq!(number(&before, text).await, 1);
    assert_ne!(number(&after, text).await, 1);
}

#[tokio::test]
async fn who_is_stopped_while_files_are_moved_begins_again() {
    let house = House::new().await;
    house.db.user("ada").await;
    house.backs_up().await.unwrap();
    let data = house.data();
    fs::create_dir(data.join("before")).unwrap();
    fs::write(data.join("before/tallylight.db"), "what was there").unwrap();
    fs::write(data.join("tallylight.db-wal"), "of what was there").unwrap();
    fs::write(data.join("restore-under-way"), "before").unwrap();
    assert!(is_under_way(&data));

    let restored = house.restores().await.unwrap();
    assert_eq!(restored.kept, Some(data.join("before")));
    assert!(!is_under_way(&data));
    assert_eq!(names(&data), ["before", "tallylight.db"]);
    assert_eq!(fs::read_to_string(data.join("before/tallylight.db")).unwrap(), "what was there");
    assert_eq!(fs::read_to_string(data.join("before/tallylight.db-wal")).unwrap(), "of what was there");
    assert_eq!(number(&data.join("tallylight.db"), "SELECT COUNT(*) FROM users").await, 1);
}

#[tokio::test]
async fn a_backup_that_is_not_whole_is_refused() {
    let house = House::new().await;
    let secret = house.folder.path().join("its-secret");
    fs::write(&secret, "secret").unwrap();
    house.backs_up_with(Some(&secret)).await.unwrap();
    fs::remove_file(house.backup().join("secret.key")).unwrap();
    assert!(house.is_refused().await.contains("lacks secret.key"));
    fs::write(house.backup().join("secret.key"), "secret").unwrap();

    let manifest = fs::read_to_string(house.backup().join("backup.json")).unwrap();
    let writes = |text: &str| fs::write(house.backup().join("backup.json"), text).unwrap();
    writes(&manifest.replace("\"format\": 1", "\"format\": 2"));
    assert!(house.is_refused().await.contains("newer Tallylight"));
    writes(&manifest.replace("\"users\": 0", "\"users\": 7"));
    assert!(house.is_refused().await.contains("has not the rows"));
    writes("{");
    assert!(house.is_refused().await.contains("backup.json"));
    fs::remove_file(house.backup().join("backup.json")).unwrap();
    assert!(house.is_refused().await.contains("it lacks backup.json"));
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let house = House::new().await;
    house.db.show(0).await;
    house.backs_up().await.unwrap();
    let file = house.backup().join("tallylight.db");
    let sound = fs::read(&file).unwrap();

    let mut damaged = sound.clone();
    let title = damaged.windows(6).position(|bytes| bytes == b"Launch").unwrap();
    damaged[title] = b'l';
    fs::write(&file, damaged).unwrap();
    assert!(house.is_refused().await.contains("its SHA-256 differs"));

    fs::write(&file, &sound).unwrap();
    execute(&file, "PRAGMA foreign_keys = OFF; DELETE FROM users").await;
    signs_again(&house);
    assert!(house.is_refused().await.contains("broadcast_sessions refers to users"));

    fs::write(&file, &sound).unwrap();
    execute(&file, "UPDATE _sqlx_migrations SET version = 99 WHERE version = 2").await;
    signs_again(&house);
    assert!(house.is_refused().await.contains("newer Tallylight"));

    // A table's root page that says that it is another kind of page.
    let page =
        usize::try_from(number(&file, "SELECT rootpage FROM sqlite_master WHERE name = 'users'").await);
    let mut damaged = sound;
    damaged[(page.unwrap() - 1) * 4096] = 0x7f;
    fs::write(&file, damaged).unwrap();
    signs_again(&house);
    let message = house.is_refused().await;
    assert!(message.contains("damaged") || message.contains("malformed"), "{message}");
}

/// Writes the database's SHA-256 into `backup.json` anew, as somebody might who changed it by hand.
fn signs_again(house: &House) {
    let bytes = fs::read(house.backup().join("tallylight.db")).unwrap();
    let digits: String =
        tallylight_core::secret::sha256(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = house.backup().join("backup.json");
    let mut manifest: Manifest = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    manifest.sha256 = digits;
    fs::write(&path, serde_json::to_string(&manifest).unwrap()).unwrap();
}
