//! Settings, wiring, ingest admission, commands and shutdown of the `tallylight` binary.

mod accounts;
pub mod cli;
pub mod demo;
mod http;
mod ingest;
mod keeper;
mod lock;
mod logging;
mod logs;
mod mail;
mod secret;
pub mod settings;
mod start;
mod tls;

pub use start::{Running, start};
