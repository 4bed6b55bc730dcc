//! What an operator sees of a running server.

mod common;
#[path = "sight/metrics.rs"]
mod metrics;
