//! A server of a test's own.

use std::fs;
use std::process::Stdio;

use tallylight_testkit::{Durability, Postgres, psql, psql_command};

#[test]
fn a_server_answers_on_its_port() {
    let postgres = Postgres::start(Durability::Fast);
    assert_eq!(postgres.psql("SELECT 1"), "1");
    assert_eq!(postgres.psql("SHOW port"), postgres.port().to_string());
    assert_eq!(postgres.psql("SHOW fsync"), "off");
    assert!(postgres.log().contains("ready to accept connections"));
}

#[test]
fn a_server_is_set_up_as_told() {
    let place = tempfile::tempdir().unwrap();
    let postgres =
        Postgres::options(Durability::Safe).setting("max_connections = 7").data_in(place.path()).start();
    assert_eq!(postgres.psql("SHOW max_connections"), "7");
    assert_eq!(
        postgres.psql("SELECT current_setting('fsync'), current_setting('synchronous_commit')"),
        "on|on"
    );

    let data = fs::canonicalize(postgres.psql("SHOW data_directory")).unwrap();
    assert_eq!(data.parent(), Some(place.path()));
    drop(postgres);
    assert!(!data.exists());
}

#[test]
fn each_database_is_empty_and_new() {
    let postgres = Postgres::start(Durability::Fast);
    let (one, another) = (postgres.create_database(), postgres.create_database());
    psql(&one, "CREATE TABLE shows ()").unwrap();
    assert_eq!(psql(&another, "SELECT to_regclass('shows') IS NULL"), Ok("t".into()));
}

#[test]
fn a_crash_keeps_the_port_and_what_was_committed() {
    let postgres = Postgres::start(Durability::Safe);
    let (url, pid) = (postgres.create_database(), postgres.pid());
    psql(&url, "CREATE TABLE shows AS SELECT 'Launch day' AS title").unwrap();
    postgres.restart_immediately();
    assert_eq!(psql(&url, "SELECT title FROM shows"), Ok("Launch day".into()));
    assert_ne!(postgres.pid(), pid);
    assert!(postgres.log().contains("database system was not properly shut down"));
}

#[test]
fn a_stopped_server_refuses_until_it_starts_again() {
    let postgres = Postgres::start(Durability::Fast);
    postgres.stop();
    assert!(psql(&postgres.url("postgres"), "SELECT 1").unwrap_err().contains("Connection refused"));
    postgres.start_again();
    assert_eq!(postgres.psql("SELECT 1"), "1");
}

#[test]
fn a_frozen_server_answers_only_once_it_thaws() {
    let postgres = Postgres::start(Durability::Fast);
    postgres.freeze();
    assert_eq!(states_of(&postgres), ["T"]);
    let mut asking =
        psql_command(&postgres.url("postgres"), "SELECT 1").stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(asking.try_wait().unwrap(), None);

    postgres.thaw();
    assert_eq!(String::from_utf8(asking.wait_with_output().unwrap().stdout).unwrap(), "1\n");
}

#[test]
fn a_frozen_server_can_crash() {
    let postgres = Postgres::start(Durability::Fast);
    postgres.freeze();
    postgres.restart_immediately();
    assert_eq!(postgres.psql("SELECT 1"), "1");
}

#[test]
fn connections_to_one_database_can_be_cut() {
    let postgres = Postgres::start(Durability::Fast);
    let (one, another) = ("postgres", "template1");
    let wait = |name| {
        let command = "SELECT pg_advisory_lock_shared(1); LISTEN shows; SELECT pg_sleep(3600)";
        psql_command(&postgres.url(name), command)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (cut, mut spared) = (wait(one), wait(another));
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    while postgres.psql(waiting) != "2" {}

    postgres.terminate_backends(Some(one));
    let complaint = String::from_utf8(cut.wait_with_output().unwrap().stderr).unwrap();
    assert!(complaint.contains("terminating connection due to administrator command"), "{complaint}");
    assert_eq!(postgres.psql(waiting), "1");
    postgres.terminate_backends(None);
    assert!(!spared.wait().unwrap().success());
}

/// The states in which the server's processes are, each once.
fn states_of(postgres: &Postgres) -> Vec<String> {
    let data = fs::canonicalize(postgres.log_path().with_file_name("data")).ok();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let of_server = processes.filter(|path| fs::read_link(path.join("cwd")).ok() == data);
    let stats = of_server.filter_map(|path| fs::read_to_string(path.join("stat")).ok());
    let states = stats.filter_map(|stat| Some(stat.rsplit(") ").next()?.split(' ').next()?.to_owned()));
    let mut states: Vec<String> = states.collect();
    assert!(states.len() > 3, "the postmaster and its helpers");
    states.sort_unstable();
    states.dedup();
    states
}
