//! Whatever happens to a test, nothing of its servers is left.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::iter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use tallylight_testkit::{Durability, PgBouncer, Postgres, SHARED_SERVER, Server, TEMPLATE, database, psql};

#[test]
fn nothing_is_left_when_servers_are_dropped() {
    let postgres = Postgres::start(Durability::Fast);
    let bouncer = PgBouncer::start(&postgres, "session");
    bouncer.psql("SELECT 1");
    let folders = folders_of(&postgres);
    assert!(processes_in(&folders) > 3, "the supervisor, the postmaster and its helpers");
    drop(postgres);
    assert_nothing_is_in(&folders);
}

#[test]
fn a_frozen_server_does_not_stay() {
    let postgres = Postgres::start(Durability::Fast);
    let folders = folders_of(&postgres);
    postgres.freeze();
    drop(postgres);
    assert_nothing_is_in(&folders);
}

#[test]
fn a_database_goes_with_its_handle() {
    let database = database();
    let url = database.url().to_owned();
    assert_eq!(psql(&url, "SELECT current_database()"), Ok(database.name().into()));
    drop(database);
    assert!(psql(&url, "SELECT 1").unwrap_err().contains("does not exist"));
}

#[test]
fn a_killed_process_leaves_no_server() {
    let mut run = Run::start("cat");
    run.process.kill().unwrap();
    run.process.wait().unwrap();
    leave_nothing(&run.folders);
}

#[test]
fn a_process_killed_while_its_server_is_frozen_leaves_none() {
    let mut run = Run::start("cat");
    signal("STOP", run.server.psql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"));
    signal(
        "STOP",
        fs::read_to_string(run.folders[0].join("data/postmaster.pid"))
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .into(),
    );
    run.process.kill().unwrap();
    run.process.wait().unwrap();
    leave_nothing(&run.folders);
}

#[test]
fn a_process_killed_while_it_makes_a_server_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    fs::set_permissions(&temporary, Permissions::from_mode(0o1777)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-postgres"));
    command.arg("true").env_remove(SHARED_SERVER).env_remove(TEMPLATE).env("TMPDIR", temporary.path());
    let mut process = command.spawn().unwrap();
    let entries =
        |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let making = || entries(temporary.path()).find(|folder| folder.join("data/PG_VERSION").exists());
    let folder = iter::repeat_with(making).flatten().next().unwrap();
    let folders = [fs::canonicalize(folder.join("data")).unwrap(), folder];
    process.kill().unwrap();
    process.wait().unwrap();
    leave_nothing(&folders);
}

#[test]
fn a_run_returns_the_exit_code_of_its_command() {
    let mut run = Run::start("read line; exit 7");
    drop(run.process.stdin.take());
    assert_eq!(run.process.wait().unwrap().code(), Some(7));
    leave_nothing(&run.folders);
}

#[test]
fn a_run_that_is_terminated_terminates_its_command() {
    let mut run = Run::start("exec cat");
    let _so_that_it_does_not_end_by_itself = run.process.stdin.take();
    signal("TERM", run.process.id().to_string());
    assert_eq!(run.process.wait().unwrap().code(), Some(128 + 15));
    leave_nothing(&run.folders);
}

/// A process with a server: `with-postgres`, running a shell.
struct Run {
    process: Child,
    server: Server,
    folders: [PathBuf; 2],
}

impl Run {
    fn start(script: &str) -> Self {
        let script = format!("echo ${SHARED_SERVER}; {script}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_with-postgres"));
        command.args(["sh", "-c", &script]).env_remove(SHARED_SERVER).env_remove(TEMPLATE);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let server = Server::at(url.trim());
        let folders = folders_of(&server);
        Self { process, server, folders }
    }
}

/// Nobody tells us when a supervisor, whose parent is gone, has ended: so we look until it has.
fn leave_nothing(folders: &[PathBuf; 2]) {
    while processes_in(folders) > 0 {
        thread::yield_now();
    }
    assert_nothing_is_in(folders);
}

fn signal(name: &str, pid: String) {
    assert!(Command::new("sh").args(["-c", "kill -$0 $1", name, &pid]).status().unwrap().success());
}

/// A server's folder, and where its data really is.
fn folders_of(server: &Server) -> [PathBuf; 2] {
    let data = PathBuf::from(server.psql("SHOW data_directory"));
    [data.parent().unwrap().to_owned(), fs::canonicalize(&data).unwrap()]
}

fn assert_nothing_is_in(folders: &[PathBuf; 2]) {
    assert_eq!(processes_in(folders), 0);
    assert!(!folders.iter().any(|folder| folder.exists()));
}

/// How many processes are at work there; one that has ended is nowhere, even if nobody has waited for it.
fn processes_in(folders: &[PathBuf; 2]) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let at_work = processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok());
    at_work.filter(|cwd| folders.iter().any(|folder| cwd.starts_with(folder))).count()
}
