//! The commands about stored data, run as the operator runs them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "commands/backup.rs"]
mod backup;
#[path = "commands/doctor.rs"]
mod doctor;
#[path = "commands/harness.rs"]
mod harness;
#[path = "commands/key.rs"]
mod key;
#[path = "commands/migrate.rs"]
mod migrate;

#[path = "commands/user.rs"]
mod user;

mod common;

#[path = "common/live.rs"]
mod listener;
