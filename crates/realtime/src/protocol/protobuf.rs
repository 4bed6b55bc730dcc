//! The Protobuf form: messages under their lengths, one after the other.

use bytes::Buf;
use prost::Message;

use super::{
    Answer, Command, ConnectResult, MAX_COMMANDS, Malformed, Nothing, Publication, RefreshResult,
    SubscribeResult,
};
use crate::codes::{Refusal, Unsubscribe};

#[derive(Clone, PartialEq, Message)]
struct Reply {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(message, optional, tag = "2")]
    error: Option<Error>,
    #[prost(message, optional, tag = "4")]
    push: Option<Push>,
    #[prost(message, optional, tag = "5")]
    connect: Option<ConnectResult>,
    #[prost(message, optional, tag = "6")]
    subscribe: Option<SubscribeResult>,
    #[prost(message, optional, tag = "7")]
    unsubscribe: Option<Nothing>,
    #[prost(message, optional, tag = "8")]
    publish: Option<Nothing>,
    #[prost(message, optional, tag = "14")]
    refresh: Option<RefreshResult>,
}

#[derive(Clone, PartialEq, Message)]
struct Error {
    #[prost(uint32, tag = "1")]
    code: u32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(bool, tag = "3")]
    temporary: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Push {
    #[prost(string, tag = "2")]
    channel: String,
    #[prost(message, optional, tag = "4")]
    publication: Option<Publication>,
    #[prost(message, optional, tag = "7")]
    unsubscribe: Option<Unsubscribed>,
}

#[derive(Clone, PartialEq, Message)]
struct Unsubscribed {
    #[prost(uint32, tag = "2")]
    code: u32,
    #[prost(string, tag = "3")]
    reason: String,
}

/// Reads the commands of a message.
pub fn commands(mut message: &[u8]) -> Result<Vec<Command>, Malformed> {
    let mut commands = Vec::new();
    while message.has_remaining() {
        if commands.len() == MAX_COMMANDS {
            return Err(Malformed);
        }
        commands.push(Command::decode_length_delimited(&mut message).map_err(|_| Malformed)?);
    }
    if commands.is_empty() { Err(Malformed) } else { Ok(commands) }
}

/// A reply.
pub fn answer(id: u32, answer: &Answer) -> Vec<u8> {
    let mut reply = Reply { id, ..Reply::default() };
    match answer {
        Answer::Connect(result) => reply.connect = Some(result.clone()),
        Answer::Subscribe(_, result) => reply.subscribe = Some(result.clone()),
        Answer::Unsubscribe => reply.unsubscribe = Some(Nothing {}),
        Answer::Publish => reply.publish = Some(Nothing {}),
        Answer::Refresh(result) => reply.refresh = Some(*result),
        Answer::Refused(Refusal { code, message, temporary }) => {
            let (code, temporary) = (*code, *temporary);
            reply.error = Some(Error { code, message: (*message).to_owned(), temporary });
        }
    }
    reply.encode_length_delimited_to_vec()
}

fn pushed(push: Push) -> Vec<u8> {
    Reply { push: Some(push), ..Reply::default() }.encode_length_delimited_to_vec()
}

/// A publication as a push.
pub fn push(channel: &str, publication: &Publication) -> Vec<u8> {
    let publication = Some(publication.clone());
    pushed(Push { channel: channel.to_owned(), publication, unsubscribe: None })
}

/// The end of a subscription as a push.
pub fn unsubscribe(channel: &str, why: Unsubscribe) -> Vec<u8> {
    let unsubscribe = Some(Unsubscribed { code: why.code, reason: why.reason.to_owned() });
    pushed(Push { channel: channel.to_owned(), publication: None, unsubscribe })
}
