//! Puts messages together from chunks, within bounds.

use bytes::{Buf, BytesMut};

use super::{DEFAULT_CHUNK_SIZE, EXTENDED};
use crate::rtmp::{Error, Limits, message::Message};

/// Room made for a message at once. Longer ones grow as they arrive, so that announcing 8 MB costs the sender 8 MB.
const FIRST_ALLOCATION: usize = 256 << 10;

/// Reads chunks and yields messages.
#[derive(Debug)]
pub struct ChunkReader {
    limits: Limits,
    chunk_size: usize,
    streams: Vec<ChunkStream>,
    /// The chunk whose payload is being read: place in `streams`, and bytes left of it.
    current: Option<(usize, usize)>,
    /// Messages begun and not finished.
    partial: usize,
    /// Bytes in them.
    buffered: usize,
}

/// What is remembered of a chunk stream, for headers that leave it out.
#[derive(Debug, Default)]
struct ChunkStream {
    id: u32,
    timestamp: u32,
    delta: u32,
    /// The 32-bit field of the last header that had one.
    extended: Option<u32>,
    length: usize,
    kind: u8,
    message_stream: u32,
    /// Whether a message has begun and not ended.
    open: bool,
    payload: BytesMut,
}

/// The parts of a chunk's basic header.
#[derive(Clone, Copy)]
struct Basic {
    format: u8,
    id: u32,
    size: usize,
}

impl ChunkReader {
    /// A reader at the end of the handshake.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            chunk_size: DEFAULT_CHUNK_SIZE,
            streams: Vec::new(),
            current: None,
            partial: 0,
            buffered: 0,
        }
    }

    /// Changes the bounds for what comes from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Applies the sender's chunk size, in bytes (RTMP 1.0 §5.4.1).
    pub fn set_chunk_size(&mut self, size: u32) -> Result<(), Error> {
        if size == 0 || size > i32::MAX as u32 {
            return Err(Error::ChunkSize(size));
        }
        self.chunk_size = size as usize;
        Ok(())
    }

    /// Drops the unfinished message of that chunk stream (RTMP 1.0 §5.4.2).
    pub fn abort(&mut self, id: u32) {
        if let Some(index) = self.streams.iter().position(|stream| stream.id == id) {
            self.discard(index);
        }
    }

    /// Bytes held in unfinished messages.
    pub fn buffered(&self) -> usize {
        self.buffered
    }

    /// Takes chunks from `input` until a message is complete. `None`: all of `input` that can be used has been.
    pub fn read(&mut self, input: &mut BytesMut) -> Result<Option<Message>, Error> {
        loop {
            let (index, left) = match self.current.take() {
                Some(current) => current,
                None => match self.begin(input)? {
                    Some(begun) => begun,
                    None => return Ok(None),
                },
            };
            let taken = left.min(input.len());
            self.take(index, taken, input)?;
            if taken < left {
                self.current = Some((index, left - taken));
                return Ok(None);
            }
            if self.streams[index].payload.len() == self.streams[index].length {
                return Ok(Some(self.finish(index)));
            }
        }
    }

    /// Reads a chunk's header, if all of it is there: the chunk stream's place, and how many bytes of payload follow.
    fn begin(&mut self, input: &mut BytesMut) -> Result<Option<(usize, usize)>, Error> {
        let Some(basic) = basic_header(input) else { return Ok(None) };
        let known = self.streams.iter().position(|stream| stream.id == basic.id);
        let empty = ChunkStream { id: basic.id, ..ChunkStream::default() };
        let before = known.map_or(&empty, |index| &self.streams[index]);
        let Some((mut header, size)) = before.next_header(basic, input) else { return Ok(None) };

        // Some librtmp clients begin a chunk stream with format 1, which lacks only the message stream.
        if known.is_none() && basic.format > 1 {
            return Err(Error::UnknownChunkStream(basic.id));
        }
        if header.length > self.limits.max_message {
            return Err(Error::MessageTooLong { length: header.length, limit: self.limits.max_message });
        }
        input.advance(size);
        let index = self.place(known, basic.id)?;
        if basic.format < 3 {
            self.discard(index);
        }
        let stream = &mut self.streams[index];
        header.payload = std::mem::take(&mut stream.payload);
        header.open = stream.open;
        *stream = header;
        if !stream.open {
            self.open(index)?;
        }
        let stream = &self.streams[index];
        Ok(Some((index, self.chunk_size.min(stream.length - stream.payload.len()))))
    }

    fn place(&mut self, known: Option<usize>, id: u32) -> Result<usize, Error> {
        if let Some(index) = known {
            return Ok(index);
        }
        if self.streams.len() >= self.limits.max_chunk_streams {
            return Err(Error::TooManyChunkStreams(self.limits.max_chunk_streams));
        }
        self.streams.push(ChunkStream { id, ..ChunkStream::default() });
        Ok(self.streams.len() - 1)
    }

    fn open(&mut self, index: usize) -> Result<(), Error> {
        if self.partial >= self.limits.max_partial_messages {
            return Err(Error::TooManyPartialMessages(self.limits.max_partial_messages));
        }
        self.partial += 1;
        self.streams[index].open = true;
        Ok(())
    }

    fn take(&mut self, index: usize, count: usize, input: &mut BytesMut) -> Result<(), Error> {
        if self.buffered + count > self.limits.max_buffered {
            return Err(Error::TooMuchBuffered(self.limits.max_buffered));
        }
        let stream = &mut self.streams[index];
        if count > 0 && stream.payload.is_empty() {
            stream.payload.reserve(stream.length.min(FIRST_ALLOCATION));
        }
        stream.payload.extend_from_slice(&input[..count]);
        input.advance(count);
        self.buffered += count;
        Ok(())
    }

    fn finish(&mut self, index: usize) -> Message {
        let stream = &mut self.streams[index];
        let payload = std::mem::take(&mut stream.payload).freeze();
        stream.open = false;
        self.partial -= 1;
        self.buffered -= payload.len();
        Message { kind: stream.kind, timestamp: stream.timestamp, stream: stream.message_stream, payload }
    }

    fn discard(&mut self, index: usize) {
        let stream = &mut self.streams[index];
        if stream.open {
            stream.open = false;
            self.partial -= 1;
            self.buffered -= stream.payload.len();
            stream.payload = BytesMut::new();
        }
    }
}

impl ChunkStream {
    /// This chunk stream's header after the chunk at the start of `input`, and that header's size in bytes. `None`
    /// while the header is incomplete. The payload is left to the caller.
    fn next_header(&self, basic: Basic, input: &[u8]) -> Option<(Self, usize)> {
        let fields = &input[basic.size..];
        let mut next = Self { extended: self.extended, payload: BytesMut::new(), ..*self };
        let mut size = [11, 7, 3, 0][usize::from(basic.format)];
        if fields.len() < size {
            return None;
        }
        if basic.format < 2 {
            next.length = be24(&fields[3..]) as usize;
            next.kind = fields[6];
        }
        if basic.format == 0 {
            next.message_stream = u32::from_le_bytes(*fields[7..].first_chunk()?);
        }
        if basic.format < 3 {
            let mut time = be24(fields);
            next.extended = None;
            if time == EXTENDED {
                time = u32::from_be_bytes(*fields.get(size..)?.first_chunk()?);
                next.extended = Some(time);
                size += 4;
            }
            next.delta = time;
            next.timestamp = if basic.format == 0 { time } else { self.timestamp.wrapping_add(time) };
        } else {
            size += self.repeated_extended(fields)?;
            if !self.open {
                next.timestamp = self.timestamp.wrapping_add(self.delta);
            }
        }
        Some((next, basic.size + size))
    }

    /// How many bytes of extended timestamp follow a format 3 header; `None` while that cannot be told. Encoders
    /// repeat the field, and old ones do not, so it is taken only where it says the same again.
    fn repeated_extended(&self, fields: &[u8]) -> Option<usize> {
        let Some(extended) = self.extended else { return Some(0) };
        let next = u32::from_be_bytes(*fields.first_chunk()?);
        Some(if next == extended || next == self.timestamp { 4 } else { 0 })
    }
}

fn basic_header(input: &[u8]) -> Option<Basic> {
    let first = *input.first()?;
    let (id, size) = match first & 0x3f {
        0 => (64 + u32::from(*input.get(1)?), 2),
        1 => (64 + u32::from(*input.get(1)?) + 256 * u32::from(*input.get(2)?), 3),
        id => (u32::from(id), 1),
    };
    Some(Basic { format: first >> 6, id, size })
}

/// The caller has made sure that three bytes are there.
fn be24(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}
