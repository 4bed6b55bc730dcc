//! Why a stream ended, in words that a broadcaster understands.

use std::{io, time::Duration};

use super::{amf0::AmfError, flv::FlvError};

/// Why a connection or a stream ended. `Display` is a sentence for the broadcaster, and never holds a stream key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The handshake took too long.
    #[error("the handshake did not finish within {} s", .0.as_secs_f32())]
    HandshakeTimeout(Duration),
    /// The encoder connected and did not publish.
    #[error("the encoder did not begin to publish within {} s", .0.as_secs_f32())]
    PublishTimeout(Duration),
    /// A publisher fell silent.
    #[error("nothing arrived for {} s", .0.as_secs_f32())]
    Idle(Duration),
    /// The connection ended without the encoder saying so first.
    #[error("the connection to the encoder was lost")]
    Disconnected,
    /// The operating system reported an error on the connection.
    #[error("the connection to the encoder failed: {0}")]
    Connection(io::ErrorKind),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The first byte is not RTMP version 3.
    #[error("this is not plain RTMP (first byte {0:#04x}): use an rtmp:// address")]
    NotRtmp(u8),
    /// A message is longer than allowed.
    #[error("a message of {length} bytes is longer than the {limit} allowed")]
    MessageTooLong {
        /// What the chunk header announced, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Too many messages were begun and not finished.
    #[error("more than {0} messages were begun and not finished")]
    TooManyPartialMessages(usize),
    /// Unfinished messages hold too much memory.
    #[error("unfinished messages hold more than {0} bytes")]
    TooMuchBuffered(usize),
    /// Too many chunk streams were used.
    #[error("more than {0} chunk streams are in use")]
    TooManyChunkStreams(usize),
    /// A compressed chunk header refers to a header that was never sent.
    #[error("chunk stream {0} begins without a full header")]
    UnknownChunkStream(u32),
    /// A chunk size outside RTMP §5.4.1.
    #[error("a chunk size of {0} is not valid")]
    ChunkSize(u32),
    /// A protocol control message is too short.
    #[error("a control message of type {0} is cut short")]
    ControlTruncated(u8),
    /// A command is not valid AMF0.
    #[error("a command could not be read: {0}")]
    Amf(#[from] AmfError),
    /// A command lacks its name, transaction or an argument.
    #[error("the command {0} is malformed")]
    MalformedCommand(&'static str),
    /// A command arrived when it makes no sense.
    #[error("the command {0} is out of order")]
    OutOfOrder(&'static str),
    /// The address names another application.
    #[error("there is no such application here: the server address must end in /{0}")]
    UnknownApp(String),
    /// No stream key was given.
    #[error("the stream key is missing")]
    MissingKey,
    /// Somebody wants to watch over RTMP.
    #[error("this server does not play over RTMP: open the watch page, or its HLS address")]
    Playback,
    /// A media message cannot be used.
    #[error(transparent)]
    Media(#[from] FlvError),
    /// A message type that no current encoder sends.
    #[error("messages of type {0} are not supported")]
    UnsupportedMessage(u8),
    /// The publisher sends too much.
    #[error("the bit rate is above the limit of {} kbit/s", .0 / 1000)]
    BitRate(u64),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => {
                Self::Disconnected
            }
            kind => Self::Connection(kind),
        }
    }
}
