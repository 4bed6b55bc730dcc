//! What the drivers share.

pub mod flv;
pub mod playable;
pub mod process;
pub mod rtmp;
