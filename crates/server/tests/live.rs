//! The live feed over WebSocket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

#[path = "common/live.rs"]
mod listener;

#[path = "live/connections.rs"]
mod connections;
#[path = "live/events.rs"]
mod events;
#[path = "live/pace.rs"]
mod pace;
#[path = "live/people.rs"]
mod people;
#[path = "live/places.rs"]
mod places;
#[path = "live/rights.rs"]
mod rights;
#[path = "live/streams.rs"]
mod streams;
