//! What the drivers share.

pub mod api;
pub mod fleet;
pub mod flv;
pub mod playable;
pub mod process;
pub mod publisher;
pub mod rtmp;
pub mod socket;
pub mod websocket;
