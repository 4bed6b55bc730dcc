//! RTMP messages: protocol control (RTMP 1.0 §5.4, §7.1.7) and commands (§7.2).

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Error,
    amf0::{self, Value},
};

/// Message types (RTMP 1.0 §5.4 and §7.1).
pub mod kind {
    #![allow(missing_docs)]
    pub const SET_CHUNK_SIZE: u8 = 1;
    pub const ABORT: u8 = 2;
    pub const ACKNOWLEDGEMENT: u8 = 3;
    pub const USER_CONTROL: u8 = 4;
    pub const WINDOW_ACK_SIZE: u8 = 5;
    pub const SET_PEER_BANDWIDTH: u8 = 6;
    pub const AUDIO: u8 = 8;
    pub const VIDEO: u8 = 9;
    pub const DATA_AMF3: u8 = 15;
    pub const COMMAND_AMF3: u8 = 17;
    pub const DATA: u8 = 18;
    pub const COMMAND: u8 = 20;
    pub const AGGREGATE: u8 = 22;
}

/// User control events (RTMP 1.0 §7.1.7).
pub mod event {
    #![allow(missing_docs)]
    pub const STREAM_BEGIN: u16 = 0;
    pub const PING_REQUEST: u16 = 6;
    pub const PING_RESPONSE: u16 = 7;
}

/// One message, put together from its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One of [`kind`].
    pub kind: u8,
    /// Milliseconds on the sender's clock, as sent: 31- and 32-bit wraps are left in.
    pub timestamp: u32,
    /// Message stream; 0 is the connection itself.
    pub stream: u32,
    /// What follows the header.
    pub payload: Bytes,
}

impl Message {
    /// A protocol control message that holds one number.
    pub fn control(kind: u8, number: u32) -> Self {
        Self { kind, timestamp: 0, stream: 0, payload: Bytes::copy_from_slice(&number.to_be_bytes()) }
    }

    /// Sets the window in which the peer must acknowledge; it may be changed by the peer (limit type "dynamic").
    pub fn peer_bandwidth(window: u32) -> Self {
        let mut payload = BytesMut::with_capacity(5);
        payload.put_u32(window);
        payload.put_u8(2);
        Self { kind: kind::SET_PEER_BANDWIDTH, timestamp: 0, stream: 0, payload: payload.freeze() }
    }

    /// A user control event and its number.
    pub fn user_control(event: u16, number: u32) -> Self {
        let mut payload = BytesMut::with_capacity(6);
        payload.put_u16(event);
        payload.put_u32(number);
        Self { kind: kind::USER_CONTROL, timestamp: 0, stream: 0, payload: payload.freeze() }
    }

    /// A command or its answer, in AMF0.
    pub fn command(stream: u32, values: &[Value]) -> Self {
        let mut payload = BytesMut::with_capacity(256);
        values.iter().for_each(|value| amf0::encode(value, &mut payload));
        Self { kind: kind::COMMAND, timestamp: 0, stream, payload: payload.freeze() }
    }

    /// The big-endian number at the start of a protocol control message.
    pub fn number(&self) -> Result<u32, Error> {
        let bytes = self.payload.first_chunk().ok_or(Error::ControlTruncated(self.kind))?;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// The values of a command or data message. The AMF3 variants begin with a zero byte and go on in AMF0.
    pub fn values(&self) -> Result<Vec<Value>, Error> {
        let is_amf3 = matches!(self.kind, kind::COMMAND_AMF3 | kind::DATA_AMF3);
        let body = match self.payload.first() {
            Some(0) if is_amf3 => &self.payload[1..],
            _ => &self.payload[..],
        };
        Ok(amf0::decode(body)?)
    }
}

/// A command (RTMP 1.0 §7.2): name, transaction, command object, arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Its name, such as `connect`.
    pub name: String,
    /// What the answer refers to; 0 wants none.
    pub transaction: f64,
    /// The command object, which is null in most.
    pub object: Value,
    /// What follows.
    pub arguments: Vec<Value>,
}

impl Command {
    /// Reads a command message.
    pub fn parse(message: &Message) -> Result<Self, Error> {
        let mut values = message.values()?.into_iter();
        let Some(Value::String(name)) = values.next() else {
            return Err(Error::MalformedCommand("without a name"));
        };
        let transaction = values.next().and_then(|value| value.as_number()).unwrap_or(0.0);
        let object = values.next().unwrap_or(Value::Null);
        Ok(Self { name, transaction, object, arguments: values.collect() })
    }

    /// The argument at that place, if it is a string.
    pub fn text(&self, index: usize) -> Option<&str> {
        self.arguments.get(index).and_then(Value::as_str)
    }
}

/// The information object of a status (RTMP 1.0 §7.2.2).
pub fn status(level: &str, code: &str, description: &str) -> Value {
    Value::object([("level", level.into()), ("code", code.into()), ("description", description.into())])
}
