//! A full disk (R12): nothing is corrupt, playback goes on, and it works again when there is room.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::crowd::{Crowd, client};
use crate::player::{Encoder, Player};
use crate::process::Server;

/// A disk of a few megabytes, in memory.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(folder.path()).status();
        assert!(
            mounted.unwrap().success(),
            "a small disk could not be mounted: these tests need the right to"
        );
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let full = fs::write(&path, vec![0; 16 << 20]);
        assert!(full.is_err(), "the disk is full");
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_stops_no_playback() {
    let disk = Disk::mount();
    let mut server = Server::start(disk.path(), None);
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
    crowd.has_more(20).await;
    player.has_more(2).await;
    let memories = crowd.stops().await;
    drop(player);
    server.empties(&http, &show).await;
    server.kill();
    memories.agree_with(&server.store().await, &show).await;
}
