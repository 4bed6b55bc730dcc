//! A whole Tallylight in simulated time: the real managers on a server that dies, a database that freezes, viewers and
//! owners behind lines that fail, all of it out of one seed. A judge watches from outside.
//!
//! Everything runs on one thread whose clock passes when nobody has anything to do, and every choice is the seed's, so
//! that a seed's run is the same each time, line by line. Nothing here is part of the server.

mod clocks;
mod database;
mod dice;
mod fate;
mod fold;
mod judge;
mod machine;
mod network;
mod people;
mod remote;
mod run;
mod server;
mod trace;

pub use database::{Database, Room};
pub use run::{Verdict, run};
