//! The managers over a real database, with a clock that the tests drive.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "managers/accounts.rs"]
mod accounts;
#[path = "managers/admin.rs"]
mod admin;
#[path = "managers/audit.rs"]
mod audit;
#[path = "managers/broadcasts.rs"]
mod broadcasts;
#[path = "managers/chat.rs"]
mod chat;
#[path = "managers/erasure.rs"]
mod erasure;
#[path = "managers/faults.rs"]
mod faults;
#[path = "managers/history.rs"]
mod history;
#[path = "managers/ingest.rs"]
mod ingest;
#[path = "managers/invitations.rs"]
mod invitations;
#[path = "managers/keys.rs"]
mod keys;
#[path = "managers/lists.rs"]
mod lists;
#[path = "managers/profile.rs"]
mod profile;
#[path = "managers/quality.rs"]
mod quality;
#[path = "managers/rights.rs"]
mod rights;
#[path = "managers/sign_ins.rs"]
mod sign_ins;
#[path = "managers/tokens.rs"]
mod tokens;
#[path = "managers/viewers.rs"]
mod viewers;
#[path = "managers/world.rs"]
mod world;
