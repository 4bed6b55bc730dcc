//! The JSON form. Payloads are JSON already and go in as they are: nothing is parsed to be sent.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{Answer, Command, MAX_COMMANDS, Malformed, Publication, SubscribeResult};
use crate::codes::{Close, Refusal, Unsubscribe};

/// Reads the commands of a text: JSON objects, a line each.
pub fn commands(text: &[u8]) -> Result<Vec<Command>, Malformed> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    // Taken as it comes, an array would fill the fields in their order.
    let is_object = |line: &[u8]| line.trim_ascii_start().first() == Some(&b'{');
    let command = |line| serde_json::from_slice(line).map_err(|_| Malformed);
    let commands = lines.map(|line| if is_object(line) { command(line) } else { Err(Malformed) });
    let commands: Vec<Command> = commands.take(MAX_COMMANDS + 1).collect::<Result<_, _>>()?;
    if (1..=MAX_COMMANDS).contains(&commands.len()) { Ok(commands) } else { Err(Malformed) }
}

/// Leaves a field's JSON as it is.
pub fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.map_or_else(Bytes::new, |raw| Bytes::from(String::from(Box::<str>::from(raw)))))
}

fn text<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// JSON of ours that came as bytes.
fn payload(data: &Bytes) -> &str {
    std::str::from_utf8(data).unwrap_or("null")
}

/// A reply.
pub fn answer(id: u32, answer: &Answer) -> String {
    let (name, body) = named(answer);
    format!("{{\"id\":{id},\"{name}\":{body}}}")
}

fn named(answer: &Answer) -> (&'static str, String) {
    match answer {
        Answer::Connect(result) => ("connect", text(result)),
        Answer::Subscribe(_, result) => ("subscribe", subscribe(result)),
        Answer::Unsubscribe => ("unsubscribe", "{}".into()),
        Answer::Publish => ("publish", "{}".into()),
        Answer::Refresh(result) => ("refresh", text(result)),
        Answer::Refused(refusal) => ("error", refused(*refusal)),
    }
}

/// An answer where nobody asked: the beginning of a connection or of a subscription.
pub fn announcement(answer: &Answer) -> String {
    match answer {
        Answer::Subscribe(channel, result) => {
            format!("{{\"channel\":{},\"subscribe\":{}}}", text(&**channel), subscribe(result))
        }
        _ => {
            let (name, body) = named(answer);
            format!("{{\"{name}\":{body}}}")
        }
    }
}

fn refused(refusal: Refusal) -> String {
    let Refusal { code, message, temporary } = refusal;
    let temporary = if temporary { ",\"temporary\":true" } else { "" };
    format!("{{\"code\":{code},\"message\":{}{temporary}}}", text(&message))
}

fn subscribe(result: &SubscribeResult) -> String {
    let mut fields: Vec<String> = Vec::new();
    for (name, is_set) in [
        ("recoverable", result.recoverable),
        ("positioned", result.positioned),
        ("was_recovering", result.was_recovering),
        ("recovered", result.recovered),
    ] {
        if is_set {
            fields.push(format!("\"{name}\":true"));
        }
    }
    if !result.epoch.is_empty() {
        fields.push(format!("\"epoch\":{}", text(&result.epoch)));
    }
    if result.offset > 0 {
        fields.push(format!("\"offset\":{}", result.offset));
    }
    if !result.data.is_empty() {
        fields.push(format!("\"data\":{}", payload(&result.data)));
    }
    if !result.publications.is_empty() {
        let all: Vec<String> = result.publications.iter().map(publication).collect();
        fields.push(format!("\"publications\":[{}]", all.join(",")));
    }
    format!("{{{}}}", fields.join(","))
}

fn publication(publication: &Publication) -> String {
    let data = payload(&publication.data);
    match publication.offset {
        0 => format!("{{\"data\":{data}}}"),
        offset => format!("{{\"data\":{data},\"offset\":{offset}}}"),
    }
}

/// A publication as a push.
pub fn push(channel: &str, publication: &Publication) -> String {
    format!("{{\"push\":{}}}", bare_push(channel, publication))
}

/// As [`push`], without what wraps it.
pub fn bare_push(channel: &str, one: &Publication) -> String {
    format!("{{\"channel\":{},\"pub\":{}}}", text(&channel), publication(one))
}

/// The end of a subscription as a push.
pub fn unsubscribe(channel: &str, why: Unsubscribe) -> String {
    format!("{{\"push\":{}}}", bare_unsubscribe(channel, why))
}

/// As [`unsubscribe`], without what wraps it.
pub fn bare_unsubscribe(channel: &str, why: Unsubscribe) -> String {
    let Unsubscribe { code, reason } = why;
    let (channel, reason) = (text(&channel), text(&reason));
    format!("{{\"channel\":{channel},\"unsubscribe\":{{\"code\":{code},\"reason\":{reason}}}}}")
}

/// The end of a connection that has no close frames.
pub fn disconnect(why: Close) -> String {
    format!("{{\"disconnect\":{{\"code\":{},\"reason\":{}}}}}", why.code, text(&why.reason))
}
