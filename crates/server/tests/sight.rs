//! What an operator sees of a running server.

mod common;
#[path = "sight/log.rs"]
mod log;
#[path = "sight/metrics.rs"]
mod metrics;
#[path = "sight/requests.rs"]
mod requests;
