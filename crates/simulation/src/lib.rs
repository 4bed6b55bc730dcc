//! A whole Tallylight in simulated time.

mod database;

pub use database::{Database, Room};
