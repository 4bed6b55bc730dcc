//! The Centrifuge client protocol: commands in, replies and pushes out, as JSON lines, as Protobuf or as Server-Sent
//! Events. The numbers of fields are those of the protocol's published schema.

mod json;
mod protobuf;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::codes::{Close, Refusal, Unsubscribe};
use crate::frame::{Opcode, frame};

/// In which form a client is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON objects in text frames.
    Json,
    /// Protobuf messages in binary frames.
    Protobuf,
    /// Pushes as events of a stream without frames (HTML Living Standard §9.2).
    Events,
}

/// A client's command: one of the fields is given, or none for a pong.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct Command {
    /// Numbers the reply; 0 where none is awaited.
    #[prost(uint32, tag = "1")]
    pub id: u32,
    /// Who it is.
    #[prost(message, optional, tag = "4")]
    pub connect: Option<ConnectRequest>,
    /// What it wants to hear.
    #[prost(message, optional, tag = "5")]
    pub subscribe: Option<SubscribeRequest>,
    /// What it has heard enough of.
    #[prost(message, optional, tag = "6")]
    pub unsubscribe: Option<ChannelRequest>,
    /// What it has to say.
    #[prost(message, optional, tag = "7")]
    pub publish: Option<PublishRequest>,
    /// Who else is there.
    #[prost(message, optional, tag = "8")]
    pub presence: Option<ChannelRequest>,
    /// How many are there.
    #[prost(message, optional, tag = "9")]
    pub presence_stats: Option<ChannelRequest>,
    /// What was published.
    #[prost(message, optional, tag = "10")]
    pub history: Option<ChannelRequest>,
    /// A message that nothing answers.
    #[prost(message, optional, tag = "12")]
    pub send: Option<Nothing>,
    /// A call.
    #[prost(message, optional, tag = "13")]
    pub rpc: Option<Nothing>,
    /// A newer token.
    #[prost(message, optional, tag = "14")]
    pub refresh: Option<RefreshRequest>,
    /// A newer token of a channel.
    #[prost(message, optional, tag = "15")]
    pub sub_refresh: Option<ChannelRequest>,
}

/// A command whose fields do not matter.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct Nothing {}

/// See [`Command::connect`].
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct ConnectRequest {
    /// An access token.
    #[prost(string, tag = "1")]
    pub token: String,
    /// What the client calls itself.
    #[prost(string, tag = "4")]
    pub name: String,
    /// Headers that a browser cannot set otherwise.
    #[prost(map = "string, string", tag = "6")]
    pub headers: HashMap<String, String>,
}

/// See [`Command::subscribe`].
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct SubscribeRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    pub channel: String,
    /// A token for it.
    #[prost(string, tag = "2")]
    pub token: String,
    /// Whether what came after a position is asked for.
    #[prost(bool, tag = "3")]
    pub recover: bool,
    /// The position's stream.
    #[prost(string, tag = "6")]
    pub epoch: String,
    /// The position.
    #[prost(uint64, tag = "7")]
    pub offset: u64,
    /// What else the client gives.
    #[prost(bytes = "bytes", tag = "8")]
    #[serde(deserialize_with = "json::raw")]
    pub data: Bytes,
    /// A filter of tags, which is not offered here.
    #[prost(bytes = "bytes", tag = "13")]
    #[serde(deserialize_with = "json::raw")]
    pub tf: Bytes,
}

/// A command about a channel.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct ChannelRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    pub channel: String,
}

/// See [`Command::publish`].
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct PublishRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    pub channel: String,
    /// JSON.
    #[prost(bytes = "bytes", tag = "2")]
    #[serde(deserialize_with = "json::raw")]
    pub data: Bytes,
}

/// See [`Command::refresh`].
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct RefreshRequest {
    /// An access token.
    #[prost(string, tag = "1")]
    pub token: String,
}

/// How long a connection is good, if not for ever.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message, Serialize)]
pub struct RefreshResult {
    /// Whether it ends.
    #[prost(bool, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub expires: bool,
    /// After so many seconds.
    #[prost(uint32, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub ttl: u32,
}

/// The answer to a connect command.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub struct ConnectResult {
    /// Names the connection.
    #[prost(string, tag = "1")]
    pub client: String,
    /// Who answers.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Whether the connection ends unless it is refreshed.
    #[prost(bool, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub expires: bool,
    /// After so many seconds.
    #[prost(uint32, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub ttl: u32,
    /// The server pings each so many seconds.
    #[prost(uint32, tag = "7")]
    #[serde(skip_serializing_if = "is_default")]
    pub ping: u32,
    /// Whether pings are to be answered.
    #[prost(bool, tag = "8")]
    #[serde(skip_serializing_if = "is_default")]
    pub pong: bool,
}

/// Something published on a channel.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Publication {
    /// JSON.
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
    /// The position in the stream; 0: it has none.
    #[prost(uint64, tag = "6")]
    pub offset: u64,
}

/// The answer to a subscribe command.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SubscribeResult {
    /// Whether a later subscribe may ask for what was missed.
    #[prost(bool, tag = "3")]
    pub recoverable: bool,
    /// Names the stream.
    #[prost(string, tag = "6")]
    pub epoch: String,
    /// What was missed.
    #[prost(message, repeated, tag = "7")]
    pub publications: Vec<Publication>,
    /// Whether all that was missed is in it.
    #[prost(bool, tag = "8")]
    pub recovered: bool,
    /// The position from which the client goes on.
    #[prost(uint64, tag = "9")]
    pub offset: u64,
    /// Whether the stream has positions.
    #[prost(bool, tag = "10")]
    pub positioned: bool,
    /// The state as it is: JSON.
    #[prost(bytes = "bytes", tag = "11")]
    pub data: Bytes,
    /// Whether the client asked for what it missed.
    #[prost(bool, tag = "12")]
    pub was_recovering: bool,
}

/// What answers a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To connect.
    Connect(ConnectResult),
    /// To subscribe, with the channel.
    Subscribe(Arc<str>, SubscribeResult),
    /// To unsubscribe.
    Unsubscribe,
    /// To publish.
    Publish,
    /// To refresh.
    Refresh(RefreshResult),
    /// Why not.
    Refused(Refusal),
}

/// The most commands of one message.
const MAX_COMMANDS: usize = 256;

/// A message that is not what the protocol knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Form {
    /// Reads the commands of one message.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn commands(self, kind: Opcode, message: &[u8]) -> Result<Vec<Command>, Malformed> {
        match (self, kind) {
            (Self::Json, Opcode::Text) => json::commands(message),
            (Self::Protobuf, Opcode::Binary) => protobuf::commands(message),
            _ => Err(Malformed),
        }
    }

    /// Whether a message is nothing but the answer to a ping.
    pub fn is_pong(self, kind: Opcode, message: &[u8]) -> bool {
        match (self, kind) {
            (Self::Json, Opcode::Text) => message.trim_ascii() == b"{}",
            (Self::Protobuf, Opcode::Binary) => message == [0],
            _ => false,
        }
    }

    /// A ping, with its frame.
    pub fn ping(self) -> &'static [u8] {
        match self {
            Self::Json => b"\x81\x02{}",
            Self::Protobuf => b"\x82\x01\x00",
            Self::Events => b"data: {}\n\n",
        }
    }

    /// An answer, with its frame.
    pub fn answer(self, id: u32, answer: &Answer) -> Bytes {
        match self {
            Self::Json => frame(Opcode::Text, json::answer(id, answer).as_bytes()),
            Self::Protobuf => frame(Opcode::Binary, &protobuf::answer(id, answer)),
            Self::Events => self.announce(answer),
        }
    }

    /// As events: the position goes into the id, and what was missed follows as events of its own.
    fn announce(self, answer: &Answer) -> Bytes {
        let Answer::Subscribe(channel, result) = answer else {
            return event(None, &json::announcement(answer));
        };
        let mut result = result.clone();
        let missed = std::mem::take(&mut result.publications);
        let (id, positioned) = (result.offset, result.positioned);
        let first = json::announcement(&Answer::Subscribe(channel.clone(), result));
        let first = event(positioned.then_some(id), &first);
        [first, self.push(channel, missed.iter())].concat().into()
    }

    /// Publications of a channel, with one frame around all.
    pub fn push<'a>(self, channel: &str, all: impl Iterator<Item = &'a Publication>) -> Bytes {
        match self {
            Self::Json => {
                let lines: Vec<String> = all.map(|one| json::push(channel, one)).collect();
                frame(Opcode::Text, lines.join("\n").as_bytes())
            }
            Self::Protobuf => {
                let messages: Vec<u8> = all.flat_map(|one| protobuf::push(channel, one)).collect();
                frame(Opcode::Binary, &messages)
            }
            Self::Events => {
                let one = |one: &Publication| {
                    let id = (one.offset > 0).then_some(one.offset);
                    event(id, &json::bare_push(channel, one))
                };
                all.map(one).collect::<Vec<_>>().concat().into()
            }
        }
    }

    /// The end of a subscription, with its frame.
    pub fn unsubscribe(self, channel: &str, why: Unsubscribe) -> Bytes {
        match self {
            Self::Json => frame(Opcode::Text, json::unsubscribe(channel, why).as_bytes()),
            Self::Protobuf => frame(Opcode::Binary, &protobuf::unsubscribe(channel, why)),
            Self::Events => event(None, &json::bare_unsubscribe(channel, why)),
        }
    }

    /// The last that is sent.
    pub fn close(self, why: Close) -> Bytes {
        match self {
            Self::Json | Self::Protobuf => crate::frame::close_frame(why.code, why.reason),
            Self::Events => event(None, &json::disconnect(why)),
        }
    }
}

/// One event of a stream. JSON of ours has no line feeds.
fn event(id: Option<u64>, data: &str) -> Bytes {
    let id = id.map_or(String::new(), |id| format!("id: {id}\n"));
    format!("{id}data: {data}\n\n").into()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
