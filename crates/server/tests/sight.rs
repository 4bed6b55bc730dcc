//! What an operator sees of a running server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "sight/alerts.rs"]
mod alerts;
mod common;
#[path = "sight/deploy.rs"]
mod deploy;
#[path = "sight/errors.rs"]
mod errors;
#[path = "sight/log.rs"]
mod log;
#[path = "sight/metrics.rs"]
mod metrics;
#[path = "sight/requests.rs"]
mod requests;
