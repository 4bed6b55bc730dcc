//! The real binary, killed and starved, with people outside who remember what it has acknowledged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "faults/crowd.rs"]
mod crowd;
#[path = "faults/database.rs"]
mod database;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/fsync.rs"]
mod fsync;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/player.rs"]
mod player;
#[path = "faults/process.rs"]
mod process;
