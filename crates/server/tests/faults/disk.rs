//! A full disk (R12): nothing is corrupt, playback goes on, and it works again when there is room.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tallylight_testkit::{Durability, Postgres};
use tempfile::TempDir;

use crate::crowd::{Crowd, client};
use crate::player::{Encoder, Player};
use crate::process::Server;

/// A disk of a few megabytes, in memory.
struct Disk(TempDir);

impl Disk {
    /// `None` where one may not mount: to try all the same, run the tests as root.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path());
        if !mount.status().unwrap().success() {
            eprintln!("not run: a small disk may not be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let full = fs::write(&path, vec![0; 128 << 20]);
        assert!(full.is_err(), "the disk is full");
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// A show on air while the disk of its database is full and then is not.
async fn a_full_disk_loses_nothing(disk: Disk, mut server: Server, recovers: impl FnOnce()) {
    let http = client();
    let ada = server.ada(&http).await;
    let made = server.show(&http, &ada, 0).await;
    let show = made["id"].as_str().unwrap().to_owned();
    let _encoder = Encoder::publish(&made);
    let mut player = Player::begin(&http, &server.base, &show).await;
    let mut crowd = Crowd::gather(4, &server.base, &show);
    crowd.has_more(20).await;
    let ballast = disk.fill();
    player.has_more(4).await;
    let url = format!("{}/api/broadcasts/{show}/join", server.base);
    while http.post(&url).json(&serde_json::json!({})).send().await.unwrap().status() != 503 {}
    player.has_more(4).await;
    fs::remove_file(ballast).unwrap();
    recovers();
    crowd.has_more(20).await;
    player.has_more(2).await;
    let memories = crowd.stops().await;
    drop(player);
    server.empties(&http, &show).await;
    server.kill();
    memories.agree_with(&server.store().await, &show).await;
}

#[tokio::test]
async fn a_full_disk_under_sqlite_loses_nothing_and_stops_no_playback() {
    let Some(disk) = Disk::mount("8m") else { return };
    let server = Server::start(disk.path(), None);
    a_full_disk_loses_nothing(disk, server, || {}).await;
}

#[tokio::test]
async fn a_full_disk_under_postgres_loses_nothing_and_stops_no_playback() {
    let Some(disk) = Disk::mount("64m") else { return };
    let data = tempfile::tempdir().unwrap();
    let postgres = Postgres::options(Durability::Safe).data_in(disk.path()).start();
    let server = Server::start(data.path(), Some(&postgres.create_database()));
    // PostgreSQL gives up when it cannot write its log; its operator starts it again.
    a_full_disk_loses_nothing(disk, server, || postgres.restart_immediately()).await;
}
