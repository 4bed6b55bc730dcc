//! Settings, wiring, ingest admission, commands and shutdown of the `tallylight` binary.

pub mod cli;
pub mod demo;
mod http;
mod ingest;
mod keeper;
mod lock;
pub mod logging;
mod logs;
mod secret;
pub mod settings;
mod sight;
mod start;
mod tls;

pub use start::{Running, start};
