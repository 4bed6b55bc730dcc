use super::*;

/// An encoder's side, as the tests play it: it writes messages and reads what comes back.
struct Encoder {
    session: Session,
    writer: ChunkWriter,
    reader: ChunkReader,
}

impl Encoder {
    /// After the handshake.
    fn greeted() -> Self {
        let settings = Settings::default();
        let mut session = Session::new(&settings);
        session.input().extend_from_slice(&[3]);
        session.input().extend_from_slice(&[0; 2 * 1536]);
        assert_eq!(session.poll(), Ok(None));
        assert!(session.is_greeted());
        session.output().clear();
        Self { session, writer: ChunkWriter::default(), reader: ChunkReader::new(settings.limits) }
    }

    /// After `connect` with this application path.
    fn connected(app: &str) -> Self {
        let mut encoder = Self::greeted();
        encoder.connect(app).unwrap();
        encoder.replies();
        encoder
    }

    fn publishing() -> Self {
        let mut encoder = Self::connected("live");
        encoder.publish("KEY").unwrap();
        encoder.session.accept();
        encoder.replies();
        encoder
    }

    fn sends(&mut self, message: Message) -> Result<Option<Event>, Error> {
        self.writer.write(3, &message, self.session.input());
        self.session.poll()
    }

    fn calls(&mut self, name: &str, arguments: &[Value]) -> Result<Option<Event>, Error> {
        let values = [&[name.into(), 7.0.into()], arguments].concat();
        self.sends(Message::command(1, &values))
    }

    fn connect(&mut self, app: &str) -> Result<Option<Event>, Error> {
        let object = Value::object([("app", app.into()), ("flashVer", "FMLE/3.0\u{1}".into())]);
        self.calls("connect", &[object])
    }

    fn publish(&mut self, name: &str) -> Result<Option<Event>, Error> {
        self.calls("publish", &[Value::Null, name.into(), "live".into()])
    }

    /// The commands that came back: each one's name, and the code and description of its information.
    fn replies(&mut self) -> Vec<String> {
        let mut replies = Vec::new();
        while let Some(message) = self.reader.read(self.session.output()).unwrap() {
            match message.kind {
                kind::SET_CHUNK_SIZE => self.reader.set_chunk_size(message.number().unwrap()).unwrap(),
                kind::COMMAND => replies.push(brief(&Command::parse(&message).unwrap())),
                other => replies.push(format!("#{other}")),
            }
        }
        replies
    }
}

fn brief(command: &Command) -> String {
    let information = command.arguments.first().unwrap_or(&Value::Null);
    let field = |name| information.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{} {} {}", command.name, field("code"), field("description")).trim().to_owned()
}

fn asked(key: &str) -> Result<Option<Event>, Error> {
    Ok(Some(Event::Publish { app: "live".to_owned(), key: StreamKey::new(key) }))
}

#[test]
fn an_encoder_connects_publishes_and_ends() {
    let mut encoder = Encoder::greeted();
    encoder.connect("live").unwrap();
    assert_eq!(
        encoder.replies(),
        ["#5", "#6", "_result NetConnection.Connect.Success Connection succeeded."]
    );
    assert_eq!(encoder.session.encoder(), Some("FMLE/3.0"));

    for name in ["releaseStream", "FCPublish", "createStream"] {
        assert_eq!(encoder.calls(name, &[Value::Null, "KEY".into()]), Ok(None));
    }
    assert_eq!(encoder.replies(), ["_result"; 3]);
    assert_eq!(encoder.publish("KEY"), asked("KEY"));
    encoder.session.accept();
    assert_eq!(encoder.replies(), ["#4", "onStatus NetStream.Publish.Start Publishing"]);

    assert_eq!(encoder.calls("FCUnpublish", &[Value::Null]), Ok(Some(Event::Unpublish)));
    assert!(encoder.session.is_closed());
    assert_eq!(encoder.replies(), ["_result", "onStatus NetStream.Unpublish.Success Stream ended"]);
}

#[test]
fn the_key_is_found_where_people_put_it() {
    for (app, name) in [
        ("live", "KEY"),
        ("live/", "/KEY"),
        ("live", "KEY?backup=1&x=/y"),
        ("live/KEY", ""),
        ("live/KEY?x=1", ""),
        ("/live/KEY/", "?x"),
        ("live?x=1", " KEY "),
    ] {
        assert_eq!(Encoder::connected(app).publish(name), asked("KEY"), "{app} {name}");
    }
}

#[test]
fn a_missing_key_or_another_app_is_explained() {
    let mut encoder = Encoder::connected("live");
    assert_eq!(encoder.publish("?x=1"), Err(Error::MissingKey));
    assert_eq!(encoder.replies(), ["onStatus NetStream.Publish.Denied the stream key is missing"]);

    let mut encoder = Encoder::greeted();
    assert_eq!(encoder.connect("secret"), Err(Error::UnknownApp("live".to_owned())));
    let reason = "there is no such application here: the server address must end in /live";
    assert_eq!(encoder.replies(), [format!("_error NetConnection.Connect.InvalidApp {reason}")]);
}

#[test]
fn a_rejected_encoder_is_told_why() {
    let mut encoder = Encoder::connected("live");
    encoder.publish("KEY").unwrap();
    encoder.session.reject("NetStream.Publish.Denied", "no such key");
    assert_eq!(encoder.replies(), ["onStatus NetStream.Publish.Denied no such key"]);
    assert!(encoder.session.is_closed());
}

#[test]
fn nothing_is_read_before_the_answer() {
    let mut encoder = Encoder::connected("live");
    encoder.publish("KEY").unwrap();
    let frame = Message { kind: kind::AUDIO, timestamp: 0, stream: 1, payload: b"\xaf\x01x"[..].into() };
    assert_eq!(encoder.sends(frame), Ok(None));
    encoder.session.accept();
    assert!(matches!(encoder.session.poll(), Ok(Some(Event::Packet(_)))));
}

#[test]
fn a_codec_that_is_not_taken_ends_the_stream_with_its_name() {
    let mut encoder = Encoder::publishing();
    let header = Message { kind: kind::VIDEO, timestamp: 0, stream: 1, payload: b"\x90hvc1x"[..].into() };
    assert!(matches!(encoder.sends(header), Err(Error::Media(_))));
    let reason = "video codec HEVC (hvc1) is not supported: send H.264";
    assert_eq!(encoder.replies(), [format!("onStatus NetStream.Failed {reason}")]);
}

#[test]
fn watching_is_refused() {
    let mut encoder = Encoder::connected("live");
    assert_eq!(encoder.calls("getStreamLength", &[Value::Null, "KEY".into()]), Ok(None));
    assert!(encoder.replies()[0].starts_with("_error NetConnection.Call.Failed this server does not play"));
    assert_eq!(encoder.calls("play", &[Value::Null, "KEY".into()]), Err(Error::Playback));
    assert!(encoder.replies()[0].starts_with("onStatus NetStream.Play.Failed this server does not play"));
}

#[test]
fn commands_out_of_order_end_the_connection() {
    assert_eq!(Encoder::greeted().publish("KEY"), Err(Error::OutOfOrder("publish")));
    assert_eq!(Encoder::connected("live").connect("live"), Err(Error::OutOfOrder("connect")));
    assert_eq!(Encoder::publishing().publish("OTHER"), Err(Error::OutOfOrder("publish")));
    assert_eq!(Encoder::connected("live").calls("closeStream", &[Value::Null]), Ok(None));
}

#[test]
fn metadata_names_the_encoder_and_breaks_nothing() {
    let mut encoder = Encoder::publishing();
    let fields = Value::EcmaArray(vec![("encoder".to_owned(), "obs-output module".into())]);
    let named = Message::command(1, &["@setDataFrame".into(), "onMetaData".into(), fields]);
    encoder.sends(Message { kind: kind::DATA, ..named.clone() }).unwrap();
    assert_eq!(encoder.session.encoder(), Some("obs-output module"));
    let broken = Message { kind: kind::DATA, payload: b"\x03\0"[..].into(), ..named };
    assert_eq!(encoder.sends(broken), Ok(None));
}

#[test]
fn pings_are_answered_and_windows_acknowledged() {
    let mut encoder = Encoder::publishing();
    encoder.sends(Message::user_control(event::PING_REQUEST, 1234)).unwrap();
    assert_eq!(encoder.replies(), ["#4"]);
    encoder.sends(Message::control(kind::WINDOW_ACK_SIZE, 1)).unwrap();
    let silence = Message { kind: kind::AUDIO, timestamp: 0, stream: 1, payload: vec![0xaf; 20_000].into() };
    encoder.sends(silence).unwrap();
    assert_eq!(encoder.replies(), ["#3"], "one acknowledgement, although a window of 1 byte was asked for");
}

#[test]
fn long_commands_are_refused() {
    let long = Message { kind: kind::COMMAND, timestamp: 0, stream: 0, payload: vec![5; 70_000].into() };
    let refused = Error::MessageTooLong { length: 70_000, limit: 64 << 10 };
    assert_eq!(Encoder::connected("live").sends(long), Err(refused));
}

#[test]
fn strangers_have_no_room_for_media() {
    let picture = Message { kind: kind::VIDEO, timestamp: 0, stream: 1, payload: vec![0; 70_000].into() };
    let refused = Error::MessageTooLong { length: 70_000, limit: 64 << 10 };
    assert_eq!(Encoder::connected("live").sends(picture.clone()), Err(refused));
    assert!(
        matches!(Encoder::publishing().sends(picture), Err(Error::Media(_))),
        "taken, though not understood"
    );
}

#[test]
fn the_key_is_never_printed() {
    let mut encoder = Encoder::connected("live/SECRET");
    let event = encoder.publish("SECRET");
    encoder.session.input().extend_from_slice(b"SECRET");
    assert!(!format!("{event:?} {:?} {:?}", encoder.session.path_key, encoder.session).contains("SECRET"));
}
