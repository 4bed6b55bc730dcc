//! The chunk stream (RTMP 1.0 §5.3): messages cut into chunks and put together again.

mod reader;
mod writer;

pub use reader::ChunkReader;
pub use writer::ChunkWriter;

/// The chunk size of both directions until one side changes its own (RTMP 1.0 §5.4.1).
pub const DEFAULT_CHUNK_SIZE: usize = 128;

/// The value of the 24-bit field which says that the timestamp follows in 32 bits.
const EXTENDED: u32 = 0xff_ffff;

#[cfg(test)]
mod tests;
