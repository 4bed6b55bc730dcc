//! What the server answers to commands (RTMP 1.0 §7.2; `FCPublish` and its kin are the field's custom).

use super::{Event, Phase, Session, WINDOW};
use crate::rtmp::{
    Error, StreamKey,
    amf0::Value,
    message::{Command, Message, kind, status},
};

/// Our own chunk size in bytes: every answer fits in one chunk.
const CHUNK_SIZE: u32 = 4096;
/// The one message stream that a connection gets.
const STREAM: f64 = 1.0;
/// What the server calls itself; clients look for these digits to choose features.
const SERVER_VERSION: &str = "FMS/3,0,1,123";

impl Session {
    pub(super) fn command(&mut self, stream: u32, command: &Command) -> Result<Option<Event>, Error> {
        match command.name.as_str() {
            "connect" => self.connect(command)?,
            "createStream" => self.succeed(command, Value::Number(STREAM)),
            "releaseStream" | "FCPublish" => self.succeed(command, Value::Undefined),
            "publish" => return self.publish(stream, command),
            "deleteStream" | "closeStream" | "FCUnpublish" => return Ok(self.unpublish(command)),
            "play" | "play2" | "getStreamLength" | "FCSubscribe" => return self.play(stream, command),
            // Answers to nothing that we asked, and bandwidth checks.
            "_result" | "_error" | "onStatus" | "_checkbw" => {}
            _ => self.fail(command, "NetConnection.Call.Failed", "this command is not known here"),
        }
        Ok(None)
    }

    fn connect(&mut self, command: &Command) -> Result<(), Error> {
        if self.phase != Phase::Connecting {
            return Err(Error::OutOfOrder("connect"));
        }
        if let Some(version) = command.object.get("flashVer").and_then(Value::as_str) {
            self.name_encoder(version);
        }
        let path = command.object.get("app").and_then(Value::as_str).unwrap_or_default();
        let (app, rest) = split_path(path);
        if app != self.app {
            let refused = Error::UnknownApp(self.app.clone());
            self.fail(command, "NetConnection.Connect.InvalidApp", &refused.to_string());
            // The encoder has its answer: no second one.
            self.phase = Phase::Closed;
            return Err(refused);
        }
        self.path_key = key(rest);
        self.phase = Phase::Connected;
        self.welcome(command);
        Ok(())
    }

    fn welcome(&mut self, command: &Command) {
        self.control(&Message::control(kind::WINDOW_ACK_SIZE, WINDOW));
        self.control(&Message::peer_bandwidth(WINDOW));
        self.writer.set_chunk_size(CHUNK_SIZE, &mut self.output);
        let server = Value::object([("fmsVer", SERVER_VERSION.into()), ("capabilities", 31.0.into())]);
        let mut information = vec![
            ("level".to_owned(), "status".into()),
            ("code".to_owned(), "NetConnection.Connect.Success".into()),
            ("description".to_owned(), "Connection succeeded.".into()),
            ("objectEncoding".to_owned(), 0.0.into()),
        ];
        if command.object.get("fourCcList").is_some() {
            let codecs = vec!["avc1".into(), "mp4a".into()];
            information.push(("fourCcList".to_owned(), Value::StrictArray(codecs)));
            information.push(("capsEx".to_owned(), 0.0.into()));
        }
        self.answer(&["_result".into(), command.transaction.into(), server, Value::Object(information)]);
    }

    fn publish(&mut self, stream: u32, command: &Command) -> Result<Option<Event>, Error> {
        if self.phase != Phase::Connected {
            return Err(Error::OutOfOrder("publish"));
        }
        self.phase = Phase::Asking(stream);
        let name = command.text(0).unwrap_or_default();
        match key(name).or_else(|| self.path_key.take()) {
            Some(key) => Ok(Some(Event::Publish { app: self.app.clone(), key })),
            None => {
                let refused = Error::MissingKey;
                self.reject("NetStream.Publish.Denied", &refused.to_string());
                Err(refused)
            }
        }
    }

    fn unpublish(&mut self, command: &Command) -> Option<Event> {
        let Phase::Publishing(stream) = self.phase else {
            // Some encoders tidy up before they begin.
            return None;
        };
        self.succeed(command, Value::Undefined);
        self.status(stream, status("status", "NetStream.Unpublish.Success", "Stream ended"));
        self.phase = Phase::Closed;
        Some(Event::Unpublish)
    }

    fn play(&mut self, stream: u32, command: &Command) -> Result<Option<Event>, Error> {
        let reason = Error::Playback.to_string();
        if command.name != "play" && command.name != "play2" {
            self.fail(command, "NetConnection.Call.Failed", &reason);
            return Ok(None);
        }
        self.status(stream, status("error", "NetStream.Play.Failed", &reason));
        self.phase = Phase::Closed;
        Err(Error::Playback)
    }

    fn succeed(&mut self, command: &Command, value: Value) {
        if command.transaction != 0.0 {
            self.answer(&["_result".into(), command.transaction.into(), Value::Null, value]);
        }
    }

    fn fail(&mut self, command: &Command, code: &str, description: &str) {
        if command.transaction != 0.0 {
            let information = status("error", code, description);
            self.answer(&["_error".into(), command.transaction.into(), Value::Null, information]);
        }
    }
}

/// Splits `app/rest`, without the slashes around and without `?parameters`.
fn split_path(path: &str) -> (&str, &str) {
    let path = without_parameters(path).trim_matches('/');
    path.split_once('/').unwrap_or((path, ""))
}

/// The stream key in a name or the end of a path, if there is one.
fn key(name: &str) -> Option<StreamKey> {
    let name = without_parameters(name).trim_matches('/').trim();
    (!name.is_empty()).then(|| StreamKey::new(name))
}

fn without_parameters(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}
