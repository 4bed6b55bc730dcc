//! Settings, wiring, ingest admission, commands and shutdown of the `tallylight` binary.

mod accounts;
mod alerts;
mod audit;
pub mod cli;
pub mod demo;
mod enforcer;
mod entrance;
mod forgetting;
mod http;
mod ingest;
mod keeper;
mod lock;
pub mod logging;
mod logs;
mod mail;
mod people;
mod secret;
pub mod settings;
mod sight;
mod start;
mod tls;
mod trouble;
mod usage;

pub use start::{Running, start};
