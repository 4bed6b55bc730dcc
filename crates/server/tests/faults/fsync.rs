//! What was answered was on disk before (R2): seen in the system calls of the server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::crowd::client;
use crate::process::Server;

/// Whether processes may be traced here; in some containers they may not.
fn may_trace() -> bool {
    Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success())
}

/// Notes what a process reads, writes and syncs, until that ends.
fn trace(pid: u32, log: &Path) -> Child {
    let mut tracer = Command::new("strace")
        .args(["-f", "-y", "-s", "64", "-e", "trace=fsync,fdatasync,read,recvfrom,write,writev,sendto", "-p"])
        .args([&pid.to_string(), "-o", log.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(tracer.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().contains("attached")), "the process could not be traced");
    std::thread::spawn(move || told.for_each(drop));
    tracer
}

/// The first line from `start` on that a condition holds for.
fn find(log: &[String], start: usize, condition: impl Fn(&str) -> bool) -> usize {
    let found = log[start..].iter().position(|line| condition(line));
    start + found.unwrap_or_else(|| panic!("not in the log from line {start}:\n{}", log[start..].join("\n")))
}

fn lines(log: &Path) -> Vec<String> {
    fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_join_is_synced_to_disk_before_it_is_answered() {
    if !may_trace() {
        eprintln!("not run: processes may not be traced here");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("strace.log");
    let mut server = Server::start(data.path(), None);
    let http = client();
    let ada = server.ada(&http).await;
    let show = server.show(&http, &ada, 0).await;
    let mut tracer = trace(server.pid(), &log);
    let url = format!("{}/api/broadcasts/{}/join", server.base, show["id"].as_str().unwrap());
    http.post(url).json(&serde_json::json!({})).send().await.unwrap().error_for_status().unwrap();
    server.kill();
    tracer.wait().unwrap();
    let log = lines(&log);
    let asked = find(&log, 0, |line| line.contains("POST /api/broadcasts"));
    let synced = find(&log, asked, |line| line.contains("sync") && line.ends_with("= 0"));
    let begun = find(&log, asked, |line| line.contains("sync(") && line.contains("tallylight.db-wal"));
    let answered = find(&log, asked, |line| line.contains("HTTP/1.1 200"));
    assert!(
        begun <= synced && synced < answered,
        "asked {asked}, synced {begun} to {synced}, answered {answered}"
    );
}
