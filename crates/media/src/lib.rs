//! Media: bytes in, bytes out. Knows no user, no database and no HTTP framework.
//!
//! Ingest protocols ([`rtmp`]) yield [`model::Packet`]s; `hls` turns them into LL-HLS held in memory. The two meet
//! only at [`model`].

pub mod cmaf;
pub mod hls;
pub mod model;
pub mod rtmp;
#[cfg(feature = "thumbnails")]
pub mod thumbnail;
pub mod timeline;
