//! RTMP ingest: encoders publish, [`Packet`](crate::model::Packet)s come out.
//!
//! The protocol is sans-I/O: [`session::Session`] takes bytes and yields events, and [`listener::serve`] drives it over
//! TCP. A connection that asks to publish becomes a [`Request`]; accepting it gives a [`Publisher`] to pull packets
//! from. Nothing here knows what a stream key means.
//!
//! Standards: Adobe's Real Time Messaging Protocol 1.0 (2012), Action Message Format AMF0, Video File Format 10.1
//! (FLV), and Enhanced RTMP v2 for the fourcc headers of H.264 and AAC.

pub mod amf0;
pub mod chunk;
pub mod client;
pub mod flv;
pub mod handshake;
pub mod listener;
pub mod message;
pub mod session;

mod connection;
mod error;
mod figures;
mod flv_file;
mod key;
mod publisher;
mod rate;
mod settings;

pub use error::Error;
pub use figures::Figures;
pub use flv_file::{FlvFile, FlvFileError, FlvTag, TagKind};
pub use key::StreamKey;
pub use listener::{serve, serve_counted};
pub use publisher::{Publisher, Rejection, Request};
pub use settings::{Limits, Settings};
