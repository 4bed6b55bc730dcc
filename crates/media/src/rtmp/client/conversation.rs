//! The publishing client's side of one connection, without a socket.

use std::{fmt, net::SocketAddr};

use bytes::BytesMut;

use super::{ClientError, route, script};
use crate::rtmp::{
    FlvTag, Limits, StreamKey, TagKind,
    amf0::Value,
    chunk::{ChunkReader, ChunkWriter},
    handshake::ClientHandshake,
    message::{Command, Message, kind},
};

/// Large enough that a picture is one or a few chunks, in bytes.
const CHUNK_SIZE: u32 = 60_000;
/// Transaction numbers of the commands whose answers matter.
const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 4.0;

/// How far the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not yet allowed to send media.
    Asking,
    /// Allowed to.
    Publishing,
}

/// One connection that publishes.
pub struct Conversation {
    app: String,
    address: String,
    key: StreamKey,
    state: State,
    /// `None` once it is over.
    handshake: Option<ClientHandshake>,
    reader: ChunkReader,
    writer: ChunkWriter,
    stream: u32,
    input: BytesMut,
    output: BytesMut,
}

/// Leaves out the bytes, because the stream key may be among them.
impl fmt::Debug for Conversation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Conversation").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Conversation {
    /// Begins: the handshake is in the output.
    pub fn new(addr: SocketAddr, app: &str, key: &StreamKey) -> Self {
        let mut output = BytesMut::new();
        Self {
            app: app.to_owned(),
            address: format!("rtmp://{addr}/{app}"),
            key: key.clone(),
            state: State::Asking,
            handshake: Some(ClientHandshake::start(&mut output)),
            reader: ChunkReader::new(Limits::default()),
            writer: ChunkWriter::default(),
            stream: 0,
            input: BytesMut::new(),
            output,
        }
    }

    /// Whether media may be sent.
    pub fn state(&self) -> State {
        self.state
    }

    /// Where arriving bytes are appended.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Bytes to send, to be taken from the front.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Takes in what arrived.
    pub fn poll(&mut self) -> Result<(), ClientError> {
        if let Some(handshake) = &mut self.handshake {
            if !handshake.advance(&mut self.input, &mut self.output)? {
                return Ok(());
            }
            self.handshake = None;
            self.connect();
        }
        while let Some(message) = self.reader.read(&mut self.input)? {
            match message.kind {
                kind::SET_CHUNK_SIZE => self.reader.set_chunk_size(message.number()?)?,
                kind::COMMAND => self.answered(&Command::parse(&message)?)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends a tag at a time in milliseconds.
    pub fn media(&mut self, tag: &FlvTag, timestamp: u32) {
        let (id, kind) = route(tag);
        let payload = if tag.kind == TagKind::Script { script(&tag.body) } else { tag.body.clone() };
        let message = Message { kind, timestamp, stream: self.stream, payload };
        self.writer.write(id, &message, &mut self.output);
    }

    /// Ends the stream.
    pub fn finish(&mut self) {
        let key = self.key.expose().into();
        self.call(0, "FCUnpublish", 6.0, &[Value::Null, key]);
        self.call(0, "deleteStream", 7.0, &[Value::Null, f64::from(self.stream).into()]);
    }

    fn connect(&mut self) {
        self.writer.set_chunk_size(CHUNK_SIZE, &mut self.output);
        let object = Value::object([
            ("app", self.app.as_str().into()),
            ("type", "nonprivate".into()),
            ("flashVer", concat!("Tallylight/", env!("CARGO_PKG_VERSION")).into()),
            ("tcUrl", self.address.as_str().into()),
        ]);
        self.call(0, "connect", CONNECT, &[object]);
    }

    fn answered(&mut self, command: &Command) -> Result<(), ClientError> {
        let information = command.arguments.first().unwrap_or(&Value::Null);
        let field = |name| information.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let refused = || Err(ClientError::Refused { code: field("code"), description: field("description") });
        match command.name.as_str() {
            "_error" if [CONNECT, CREATE_STREAM].contains(&command.transaction) => refused(),
            "onStatus" if field("level") == "error" => refused(),
            "onStatus" if field("code") == "NetStream.Publish.Start" => {
                self.state = State::Publishing;
                Ok(())
            }
            "_result" if command.transaction == CONNECT => {
                let key: Value = self.key.expose().into();
                self.call(0, "releaseStream", 2.0, &[Value::Null, key.clone()]);
                self.call(0, "FCPublish", 3.0, &[Value::Null, key]);
                self.call(0, "createStream", CREATE_STREAM, &[Value::Null]);
                Ok(())
            }
            "_result" if command.transaction == CREATE_STREAM => {
                self.stream = information.as_number().unwrap_or(1.0) as u32;
                let key = self.key.expose().into();
                self.call(self.stream, "publish", 5.0, &[Value::Null, key, "live".into()]);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn call(&mut self, stream: u32, name: &str, transaction: f64, arguments: &[Value]) {
        let values = [&[name.into(), transaction.into()], arguments].concat();
        self.writer.write(3, &Message::command(stream, &values), &mut self.output);
    }
}
