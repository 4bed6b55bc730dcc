//! What goes over the wire, as the official clients read it.

use proptest::prelude::*;
use prost::Message;

use super::*;

fn text(bytes: &Bytes) -> &str {
    // Short frames only: two bytes of head.
    std::str::from_utf8(&bytes[2..]).unwrap()
}

#[test]
fn commands_come_several_to_a_message_in_whatever_order_of_fields() {
    let message = br#"{"connect":{"token":"t","name":"js","headers":{"A":"b"},"flag":1},"id":1}
{"id": 2, "subscribe": {"channel": "directory", "recover": true, "offset": 7, "epoch": "e", "data": {"a": [1]}}}
"#;
    let commands = Form::Json.commands(Opcode::Text, message).unwrap();
    assert_eq!(commands[0].connect.as_ref().map(|it| it.token.as_str()), Some("t"));
    let subscribe = commands[1].subscribe.as_ref().unwrap();
    assert_eq!((commands[1].id, subscribe.offset, &subscribe.data[..]), (2, 7, &br#"{"a": [1]}"#[..]));
    let pong = Form::Json.commands(Opcode::Text, b"{}").unwrap();
    assert_eq!(pong, [Command::default()]);
    for bad in
        ["", "\n", "{}{}", "[]", "null", "{\"id\":-1}", "{\"id\":1,\"connect\":5}", "{\"id\":4294967296}"]
    {
        assert_eq!(Form::Json.commands(Opcode::Text, bad.as_bytes()), Err(Malformed), "{bad}");
    }
    assert_eq!(Form::Json.commands(Opcode::Binary, b"{}"), Err(Malformed), "text alone is JSON");
}

#[test]
fn protobuf_says_the_same() {
    let subscribe = SubscribeRequest { channel: "directory".into(), offset: 7, ..Default::default() };
    let command = Command { id: 2, subscribe: Some(subscribe), ..Default::default() };
    let message = [command.encode_length_delimited_to_vec(), vec![0]].concat();
    let commands = Form::Protobuf.commands(Opcode::Binary, &message).unwrap();
    assert_eq!(commands, [command, Command::default()]);
    assert!(Form::Protobuf.is_pong(Opcode::Binary, &[0]) && Form::Json.is_pong(Opcode::Text, b" {}\n"));
    assert_eq!(Form::Protobuf.commands(Opcode::Binary, &[5, 1]), Err(Malformed));
    assert_eq!(Form::Protobuf.commands(Opcode::Text, b"{}"), Err(Malformed));
}

#[test]
fn nothing_is_said_where_there_is_nothing_to_say() {
    let result =
        SubscribeResult { recoverable: true, positioned: true, epoch: "k3".into(), ..Default::default() };
    let answer = Form::Json.answer(3, &Answer::Subscribe("a".into(), result));
    assert_eq!(text(&answer), r#"{"id":3,"subscribe":{"recoverable":true,"positioned":true,"epoch":"k3"}}"#);
    let plain = Answer::Subscribe("a".into(), SubscribeResult::default());
    assert_eq!(text(&Form::Json.answer(4, &plain)), r#"{"id":4,"subscribe":{}}"#);
    assert_eq!(
        text(&Form::Json.answer(5, &Answer::Refused(Refusal::TOO_MANY))),
        r#"{"id":5,"error":{"code":111,"message":"too many requests","temporary":true}}"#
    );
    assert_eq!(text(&Form::Json.answer(6, &Answer::Unsubscribe)), r#"{"id":6,"unsubscribe":{}}"#);
}

#[test]
fn what_is_published_together_is_one_frame_of_lines() {
    let one = |data: &'static str, offset| Publication { data: Bytes::from_static(data.as_bytes()), offset };
    let all = [one("{\"n\":1}", 41), one("2", 0)];
    let pushed = Form::Json.push("session:1", all.iter());
    assert_eq!(
        std::str::from_utf8(&pushed[2..]).unwrap(),
        "{\"push\":{\"channel\":\"session:1\",\"pub\":{\"data\":{\"n\":1},\"offset\":41}}}\n\
         {\"push\":{\"channel\":\"session:1\",\"pub\":{\"data\":2}}}"
    );
    let events = Form::Events.push("session:1", all.iter());
    assert_eq!(
        std::str::from_utf8(&events).unwrap(),
        "id: 41\ndata: {\"channel\":\"session:1\",\"pub\":{\"data\":{\"n\":1},\"offset\":41}}\n\n\
         data: {\"channel\":\"session:1\",\"pub\":{\"data\":2}}\n\n"
    );
}

#[test]
fn a_channel_cannot_break_out_of_its_name() {
    let one = Publication { data: Bytes::from_static(b"1"), offset: 0 };
    let pushed = Form::Json.push("a\"\n}", std::iter::once(&one));
    assert_eq!(text(&pushed), r#"{"push":{"channel":"a\"\n}","pub":{"data":1}}}"#);
}

proptest! {
    #[test]
    fn no_message_makes_it_panic(message in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Form::Protobuf.commands(Opcode::Binary, &message);
        let _ = Form::Json.commands(Opcode::Text, &message);
    }

    #[test]
    fn what_one_form_says_the_other_understands(
        id in 1_u32..,
        channel in ".{0,40}",
        epoch in "[a-z0-9]{0,12}",
        offset in 0_u64..1 << 53,
        recover: bool,
    ) {
        let said = serde_json::json!({
            "id": id,
            "subscribe": { "channel": channel, "epoch": epoch, "offset": offset, "recover": recover },
        });
        let read = Form::Json.commands(Opcode::Text, said.to_string().as_bytes()).unwrap();
        let binary = read[0].encode_length_delimited_to_vec();
        prop_assert_eq!(&Form::Protobuf.commands(Opcode::Binary, &binary).unwrap(), &read);
        let subscribe = read[0].subscribe.clone().unwrap();
        prop_assert_eq!((subscribe.channel, subscribe.offset, subscribe.recover), (channel, offset, recover));
    }
}
