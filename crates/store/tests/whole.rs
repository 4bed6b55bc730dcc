//! What is done with whole databases: copies, backups and their return.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "whole/backup.rs"]
mod backup;
#[path = "whole/copy.rs"]
mod copy;
#[path = "contract/harness.rs"]
#[allow(dead_code, reason = "the contract uses all of it")]
mod harness;
