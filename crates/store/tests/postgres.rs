//! What only a server can do: encrypt, be away, crash, and be shared by processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "postgres/commits.rs"]
mod commits;
#[path = "contract/harness.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod harness;
#[path = "postgres/migrations.rs"]
mod migrations;
#[path = "postgres/plans.rs"]
mod plans;
#[path = "postgres/processes.rs"]
mod processes;
#[path = "postgres/reach.rs"]
mod reach;
#[path = "postgres/way.rs"]
mod way;
