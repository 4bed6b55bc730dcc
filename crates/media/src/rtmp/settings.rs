//! Every limit of the RTMP server, in one place.

use std::time::Duration;

/// What the RTMP server allows. `Default` suits one server open to the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The application that encoders name in the address: `live` in `rtmp://host/live`. Any other is refused.
    pub app: String,
    /// From the connection to the end of the handshake. 5 s.
    pub handshake_timeout: Duration,
    /// From the connection to the `publish` command, handshake included. 10 s.
    pub publish_timeout: Duration,
    /// The longest silence of a publisher, and the longest time that it may leave our replies unread. 15 s.
    pub idle_timeout: Duration,
    /// How long a closed connection is still read from, so that the encoder gets to see why it was closed. 1 s.
    pub linger: Duration,
    /// Connections at once, publishers included. 1,000.
    pub max_connections: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64. 0 means no limit of its own. 64.
    pub max_connections_per_ip: usize,
    /// The most that a publisher may send, in bits a second over `bitrate_window`. 0 means no limit. 50 Mbit/s.
    pub max_bitrate: u64,
    /// What `max_bitrate` is averaged over, so that a keyframe or a burst after a stall is no offence. 5 s.
    pub bitrate_window: Duration,
    /// Requests waiting to be taken from the channel; further encoders wait until `publish_timeout`. 64.
    pub request_queue: usize,
    /// Bounds of the protocol parser.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            app: "live".to_owned(),
            handshake_timeout: Duration::from_secs(5),
            publish_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            linger: Duration::from_secs(1),
            max_connections: 1_000,
            max_connections_per_ip: 64,
            max_bitrate: 50_000_000,
            bitrate_window: Duration::from_secs(5),
            request_queue: 64,
            limits: Limits::default(),
        }
    }
}

/// What one connection may make the parser hold in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in one message. 8 MiB.
    pub max_message: usize,
    /// Messages begun and not finished, over all chunk streams. 8.
    pub max_partial_messages: usize,
    /// Bytes held in unfinished messages together. 16 MiB.
    pub max_buffered: usize,
    /// Chunk streams with remembered headers. Encoders use fewer than ten. 64.
    pub max_chunk_streams: usize,
    /// Bytes in a command or metadata message, and in any message before a stream is accepted. 64 KiB.
    pub max_command: usize,
}

impl Limits {
    /// Bounds for those who have not shown a key that was accepted: they have only commands to send.
    pub(crate) fn for_strangers(self) -> Self {
        Self {
            max_message: self.max_command.min(self.max_message),
            max_buffered: (4 * self.max_command).min(self.max_buffered),
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 8 << 20,
            max_partial_messages: 8,
            max_buffered: 16 << 20,
            max_chunk_streams: 64,
            max_command: 64 << 10,
        }
    }
}
