//! The server's side of one connection, without a socket: bytes in, [`Event`]s and bytes out.

use std::fmt;

use bytes::BytesMut;

use super::{
    Error, Limits, Settings, StreamKey,
    amf0::Value,
    chunk::{ChunkReader, ChunkWriter},
    flv,
    handshake::ServerHandshake,
    message::{Command, Message, event, kind, status},
};
use crate::model::Packet;

mod commands;

/// After how many bytes each side acknowledges, as we ask for it.
const WINDOW: u32 = 2_500_000;
/// The smallest window that is honoured, so that nobody asks for an acknowledgement of every byte.
const SMALLEST_WINDOW: u32 = 16 << 10;
/// Characters kept of an encoder's name.
const MAX_ENCODER_NAME: usize = 100;

/// Chunk streams that answers go out on; encoders do not care, servers usually choose these.
mod chunk_stream {
    pub const CONTROL: u32 = 2;
    pub const CONNECTION: u32 = 3;
    pub const STREAM: u32 = 5;
}

/// What the bytes meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The encoder asks to publish. Nothing more is read until [`Session::accept`] or [`Session::reject`].
    Publish {
        /// The application, which is the one of the settings.
        app: String,
        /// The stream key.
        key: StreamKey,
    },
    /// A packet of the accepted stream.
    Packet(Packet),
    /// The encoder ended its stream properly.
    Unpublish,
}

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before `connect`.
    Connecting,
    /// After `connect`, before `publish`.
    Connected,
    /// The publish request awaits an answer on this message stream.
    Asking(u32),
    /// Accepted, on this message stream.
    Publishing(u32),
    /// Over; input is ignored.
    Closed,
}

/// One connection.
pub struct Session {
    app: String,
    limits: Limits,
    phase: Phase,
    handshake: ServerHandshake,
    reader: ChunkReader,
    writer: ChunkWriter,
    input: BytesMut,
    output: BytesMut,
    /// A key in the address, after the application.
    path_key: Option<StreamKey>,
    encoder: Option<String>,
    acknowledge: Acknowledge,
}

/// Counts what arrived, for the peer's acknowledgement window (RTMP 1.0 §5.4.3). The count wraps, as its field does.
#[derive(Debug)]
struct Acknowledge {
    window: u32,
    received: u32,
    sent: u32,
}

impl Acknowledge {
    /// Counts bytes; the number to acknowledge, when it is time to.
    fn count(&mut self, bytes: usize) -> Option<u32> {
        self.received = self.received.wrapping_add(bytes as u32);
        if self.received.wrapping_sub(self.sent) < self.window {
            return None;
        }
        self.sent = self.received;
        Some(self.received)
    }
}

/// Leaves out the bytes, because a stream key may be among them.
impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl Session {
    /// A connection that was just opened.
    pub fn new(settings: &Settings) -> Self {
        Self {
            app: settings.app.clone(),
            limits: settings.limits,
            phase: Phase::Connecting,
            handshake: ServerHandshake::default(),
            reader: ChunkReader::new(settings.limits.for_strangers()),
            writer: ChunkWriter::default(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            path_key: None,
            encoder: None,
            acknowledge: Acknowledge { window: WINDOW, received: 0, sent: 0 },
        }
    }

    /// Where arriving bytes are appended. What [`Session::poll`] leaves there it needs again.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Bytes to send, to be taken from the front.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Whether the handshake is over.
    pub fn is_greeted(&self) -> bool {
        self.handshake.is_done()
    }

    /// Whether the conversation is over. What is in [`Session::output`] is still to be sent.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// What encodes, as it calls itself in `connect` or in its metadata: at most 100 printable characters.
    pub fn encoder(&self) -> Option<&str> {
        self.encoder.as_deref()
    }

    /// Bytes held: unread input and unfinished messages.
    pub fn buffered(&self) -> usize {
        self.input.len() + self.reader.buffered()
    }

    /// The next event. `None`: more input is needed, or an answer to [`Event::Publish`].
    ///
    /// An error ends the conversation; its reason is then in the output, for encoders that listen.
    pub fn poll(&mut self) -> Result<Option<Event>, Error> {
        let before = self.input.len();
        let result = self.advance();
        if let Some(received) = self.acknowledge.count(before - self.input.len()) {
            self.control(&Message::control(kind::ACKNOWLEDGEMENT, received));
        }
        if let Err(error) = &result {
            self.close(&error.to_string());
        }
        result
    }

    /// Lets the encoder publish.
    pub fn accept(&mut self) {
        let Phase::Asking(stream) = self.phase else { return };
        self.phase = Phase::Publishing(stream);
        self.reader.set_limits(self.limits);
        self.control(&Message::user_control(event::STREAM_BEGIN, stream));
        self.status(stream, status("status", "NetStream.Publish.Start", "Publishing"));
    }

    /// Refuses the encoder and ends the conversation. `code` is an `onStatus` code, `description` is for people.
    pub fn reject(&mut self, code: &str, description: &str) {
        let Phase::Asking(stream) = self.phase else { return };
        self.phase = Phase::Closed;
        self.status(stream, status("error", code, description));
    }

    /// Ends the conversation and tells the encoder why.
    pub fn close(&mut self, reason: &str) {
        match self.phase {
            Phase::Asking(stream) | Phase::Publishing(stream) => {
                self.status(stream, status("error", "NetStream.Failed", reason));
            }
            Phase::Connecting | Phase::Connected if self.is_greeted() => {
                self.status(0, status("error", "NetConnection.Connect.Rejected", reason));
            }
            _ => {}
        }
        self.phase = Phase::Closed;
    }

    fn advance(&mut self) -> Result<Option<Event>, Error> {
        if !self.handshake.advance(&mut self.input, &mut self.output)? {
            return Ok(None);
        }
        while !matches!(self.phase, Phase::Asking(_) | Phase::Closed) {
            let Some(message) = self.reader.read(&mut self.input)? else { return Ok(None) };
            if let Some(event) = self.receive(message)? {
                return Ok(Some(event));
            }
        }
        if self.is_closed() {
            self.input.clear();
        }
        Ok(None)
    }

    fn receive(&mut self, message: Message) -> Result<Option<Event>, Error> {
        match message.kind {
            kind::AUDIO | kind::VIDEO => return self.media(message),
            kind::COMMAND | kind::COMMAND_AMF3 => {
                self.check_length(&message)?;
                return self.command(message.stream, &Command::parse(&message)?);
            }
            kind::DATA | kind::DATA_AMF3 => self.data(&message),
            kind::SET_CHUNK_SIZE => self.reader.set_chunk_size(message.number()?)?,
            kind::ABORT => self.reader.abort(message.number()?),
            kind::WINDOW_ACK_SIZE => self.acknowledge.window = message.number()?.max(SMALLEST_WINDOW),
            kind::USER_CONTROL => self.user_control(&message),
            kind::AGGREGATE => return Err(Error::UnsupportedMessage(message.kind)),
            // Acknowledgements, bandwidth, shared objects: nothing depends on them.
            _ => {}
        }
        Ok(None)
    }

    fn media(&self, message: Message) -> Result<Option<Event>, Error> {
        if !matches!(self.phase, Phase::Publishing(_)) {
            return Ok(None);
        }
        let packet = match message.kind {
            kind::AUDIO => flv::audio(message.timestamp, message.payload)?,
            _ => flv::video(message.timestamp, message.payload)?,
        };
        Ok(packet.map(Event::Packet))
    }

    fn check_length(&self, message: &Message) -> Result<(), Error> {
        let (length, limit) = (message.payload.len(), self.limits.max_command);
        if length > limit { Err(Error::MessageTooLong { length, limit }) } else { Ok(()) }
    }

    /// Metadata only names the encoder. Nothing depends on it, so what cannot be read is passed over.
    fn data(&mut self, message: &Message) {
        if self.check_length(message).is_err() {
            return;
        }
        let values = message.values().unwrap_or_default();
        if let Some(name) = values.iter().find_map(|value| value.get("encoder")).and_then(Value::as_str) {
            self.name_encoder(name);
        }
    }

    fn name_encoder(&mut self, name: &str) {
        let printable: String =
            name.chars().filter(|char| !char.is_control()).take(MAX_ENCODER_NAME).collect();
        if !printable.is_empty() {
            self.encoder = Some(printable);
        }
    }

    fn user_control(&mut self, message: &Message) {
        if let Some([high, low, data @ ..]) = message.payload.first_chunk::<6>()
            && u16::from_be_bytes([*high, *low]) == event::PING_REQUEST
        {
            self.control(&Message::user_control(event::PING_RESPONSE, u32::from_be_bytes(*data)));
        }
    }

    fn control(&mut self, message: &Message) {
        self.writer.write(chunk_stream::CONTROL, message, &mut self.output);
    }

    /// Answers a command on the connection.
    fn answer(&mut self, values: &[Value]) {
        self.writer.write(chunk_stream::CONNECTION, &Message::command(0, values), &mut self.output);
    }

    fn status(&mut self, stream: u32, information: Value) {
        let message = Message::command(stream, &["onStatus".into(), 0.0.into(), Value::Null, information]);
        self.writer.write(chunk_stream::STREAM, &message, &mut self.output);
    }
}

#[cfg(test)]
mod tests;
