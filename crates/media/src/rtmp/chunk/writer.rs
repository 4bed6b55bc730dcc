//! Cuts messages into chunks.

use bytes::{BufMut, BytesMut};

use super::{DEFAULT_CHUNK_SIZE, EXTENDED};
use crate::rtmp::message::{Message, kind};

/// Writes messages as chunks, with the shortest header that says enough.
#[derive(Debug)]
pub struct ChunkWriter {
    chunk_size: usize,
    streams: Vec<Written>,
}

/// The last header of a chunk stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    id: u32,
    timestamp: u32,
    /// Known only after a header that held a difference: receivers disagree on what a full header implies.
    delta: Option<u32>,
    length: usize,
    kind: u8,
    stream: u32,
}

impl Default for ChunkWriter {
    fn default() -> Self {
        Self { chunk_size: DEFAULT_CHUNK_SIZE, streams: Vec::new() }
    }
}

impl ChunkWriter {
    /// Announces and applies a chunk size of 1 to 0xFFFFFF bytes (RTMP 1.0 §5.4.1).
    pub fn set_chunk_size(&mut self, size: u32, output: &mut BytesMut) {
        let size = size.clamp(1, EXTENDED);
        self.write(2, &Message::control(kind::SET_CHUNK_SIZE, size), output);
        self.chunk_size = size as usize;
    }

    /// Appends a message on the chunk stream `id` (2 to 65,599).
    pub fn write(&mut self, id: u32, message: &Message, output: &mut BytesMut) {
        let extended = self.header(id, message, output);
        let mut chunks = message.payload.chunks(self.chunk_size);
        output.put_slice(chunks.next().unwrap_or_default());
        for chunk in chunks {
            put_basic(3, id, output);
            if let Some(time) = extended {
                output.put_u32(time);
            }
            output.put_slice(chunk);
        }
    }

    /// Writes the first chunk's header and gives the extended timestamp, which the further chunks repeat.
    fn header(&mut self, id: u32, message: &Message, output: &mut BytesMut) -> Option<u32> {
        let (format, written) = self.compress(id, message);
        put_basic(format, id, output);
        let time = written.delta.unwrap_or(message.timestamp);
        let field = time.min(EXTENDED);
        if format < 3 {
            output.put_uint(u64::from(field), 3);
        }
        if format < 2 {
            output.put_uint(message.payload.len() as u64, 3);
            output.put_u8(message.kind);
        }
        if format == 0 {
            output.put_u32_le(message.stream);
        }
        let extended = (field == EXTENDED).then_some(time);
        if let Some(time) = extended {
            output.put_u32(time);
        }
        extended
    }

    /// Chooses the header's format, and remembers the header.
    fn compress(&mut self, id: u32, message: &Message) -> (u8, Written) {
        let mut written = Written {
            id,
            timestamp: message.timestamp,
            delta: None,
            length: message.payload.len(),
            kind: message.kind,
            stream: message.stream,
        };
        let Some(last) = self.streams.iter_mut().find(|stream| stream.id == id) else {
            self.streams.push(written);
            return (0, written);
        };
        let mut format = 0;
        if last.stream == message.stream && last.timestamp <= message.timestamp {
            let delta = message.timestamp - last.timestamp;
            written.delta = Some(delta);
            format = match (last.length, last.kind) == (written.length, written.kind) {
                true if last.delta == Some(delta) && delta < EXTENDED => 3,
                true => 2,
                false => 1,
            };
        }
        *last = written;
        (format, written)
    }
}

fn put_basic(format: u8, id: u32, output: &mut BytesMut) {
    let format = format << 6;
    match id {
        ..64 => output.put_u8(format | id as u8),
        64..320 => output.put_slice(&[format, (id - 64) as u8]),
        _ => output.put_slice(&[format | 1, (id - 64) as u8, ((id - 64) >> 8) as u8]),
    }
}
