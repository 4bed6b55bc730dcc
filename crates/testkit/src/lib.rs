//! Real servers for tests, from Debian's packages: PostgreSQL, and PgBouncer in front of it.
//!
//! A test that only needs a database takes [`database`]. One that freezes, crashes or encrypts a server starts a
//! [`Postgres`] of its own. Whatever becomes of the test's process, even SIGKILL, its servers stop and their folders go.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's harness fails by panicking, as the test does"
)]

mod daemon;
mod database;
mod options;
mod pgbouncer;
mod postgres;
mod promtool;
mod server;
mod system;
mod template;
mod tls;

pub use database::{SHARED_SERVER, TestDatabase, database, shared};
pub use options::{Durability, Options};
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use promtool::promtool;
pub use server::{Server, psql, psql_command};
pub use template::{TEMPLATE, Template};
pub use tls::Certificate;
