//! Who may connect, and for how long.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::common::TestApp;
use crate::listener::{Heard, Listener, request};

#[tokio::test]
async fn who_does_not_speak_websocket_is_told_so() {
    let app = TestApp::start().await;
    app.stranger().get("/api/live").await.is_problem(426, "upgrade-required");
    let other = connect_async(request(&app, &[("sec-websocket-version", "12")])).await;
    assert!(matches!(other, Err(Error::Http(response)) if response.status() == 426));
    let bad = connect_async(request(&app, &[("sec-websocket-key", "c2hvcnQ=")])).await;
    assert!(matches!(bad, Err(Error::Http(response)) if response.status() == 426));
}

#[tokio::test]
async fn a_subprotocol_is_echoed_only_if_it_was_offered() {
    let app = TestApp::start().await;
    for (offered, echoed) in [
        ("centrifuge-json", Some("centrifuge-json")),
        ("other, centrifuge-protobuf", Some("centrifuge-protobuf")),
    ] {
        let (_, response) =
            connect_async(request(&app, &[("sec-websocket-protocol", offered)])).await.unwrap();
        let found = response.headers().get("sec-websocket-protocol").map(|it| it.to_str().unwrap());
        assert_eq!(found, echoed);
    }
    let (_, response) = connect_async(request(&app, &[])).await.unwrap();
    assert_eq!(response.headers().get("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn there_is_room_for_so_many() {
    let app = TestApp::start_with(|settings| settings.live_max_connections = 1).await;
    let _first = Listener::connects(&app, None).await;
    let second = connect_async(request(&app, &[])).await;
    assert!(matches!(second, Err(Error::Http(response)) if response.status() == 503));
}

#[tokio::test]
async fn a_token_is_checked_where_it_is_given() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let mut listener = Listener::opens(&app, &[]).await;
    let answer = listener.asks("connect", json!({ "token": ada.token() })).await;
    let ttl = answer["connect"]["ttl"].as_u64().unwrap();
    assert!(answer["connect"]["expires"] == true && (800..=900).contains(&ttl), "{answer}");
    let refreshed = listener.asks("refresh", json!({ "token": ada.token() })).await;
    assert_eq!(refreshed["refresh"]["expires"], true);
    let bob = app.user("bob").await;
    let refreshed = listener.asks("refresh", json!({ "token": bob.token() })).await;
    assert_eq!(refreshed["error"]["code"], 101, "a connection stays whose it is");

    let mut stranger = Listener::opens(&app, &[]).await;
    stranger.says(r#"{"id":1,"connect":{"token":"nonsense"}}"#).await;
    assert_eq!(stranger.is_closed().await, Heard::Closed(3500));
    let mut anonymous = Listener::opens(&app, &[]).await;
    let answer = anonymous.asks("connect", json!({})).await;
    assert_eq!((&answer["connect"]["ping"], answer["connect"].get("ttl")), (&json!(25), None));
}

#[tokio::test]
async fn with_a_foreign_page_the_request_itself_says_nothing_about_its_visitor() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let bearer = format!("Bearer {}", ada.token().unwrap());
    let own = format!("http://{}", app.running.http);
    let channel = format!("owner:{}", show.id);
    for (origin, refusal) in [
        (Some("https://elsewhere.example"), Some(101)),
        (Some("null"), Some(101)),
        (Some(own.as_str()), None),
        (None, None),
    ] {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let mut listener = Listener::opens(&app, &headers).await;
        listener.asks("connect", json!({})).await;
        let answer = listener.asks("subscribe", json!({ "channel": channel })).await;
        assert_eq!(answer["error"]["code"].as_u64(), refusal, "from {origin:?}: {answer}");
    }
    let mut listener = Listener::opens(&app, &[("origin", "https://elsewhere.example")]).await;
    listener.asks("connect", json!({ "token": ada.token() })).await;
    listener.subscribes(&channel).await;
}

#[tokio::test]
async fn whoever_breaks_the_protocol_is_closed_for_good() {
    let app = TestApp::start().await;
    for (first, code) in [
        ("not JSON", 3501),
        ("{}{}", 3501),
        (r#"{"id":1,"subscribe":{"channel":"directory"}}"#, 3501),
        (r#"{"connect":{}}"#, 3501),
    ] {
        let mut listener = Listener::opens(&app, &[]).await;
        listener.says(first).await;
        assert_eq!(listener.is_closed().await, Heard::Closed(code), "{first}");
    }
    let mut twice = Listener::connects(&app, None).await;
    twice.says(r#"{"id":9,"connect":{}}"#).await;
    assert_eq!(twice.is_closed().await, Heard::Closed(3501));
    let mut binary = Listener::connects(&app, None).await;
    binary.sends(Message::binary(b"{}".to_vec())).await;
    assert_eq!(binary.is_closed().await, Heard::Closed(3501));
    let mut long = Listener::connects(&app, None).await;
    long.says(" ".repeat(70_000)).await;
    assert_eq!(long.is_closed().await, Heard::Closed(1009));
}

#[tokio::test]
async fn who_says_nothing_is_closed_and_so_is_who_answers_no_ping() {
    let app = TestApp::start_with(|settings| {
        settings.live_connect_timeout = 1;
        settings.live_ping_interval = 1;
        settings.live_pong_timeout = 1;
    })
    .await;
    let mut silent = Listener::opens(&app, &[]).await;
    assert_eq!(silent.is_closed().await, Heard::Closed(3502));
    let mut deaf = Listener::connects(&app, None).await;
    deaf.answers_pings = false;
    assert_eq!(deaf.is_closed().await, Heard::Closed(3012));
}

#[tokio::test]
async fn what_is_not_offered_is_refused_by_name() {
    let app = TestApp::start().await;
    let mut listener = Listener::connects(&app, None).await;
    for (what, fields, code) in [
        ("rpc", json!({ "method": "x" }), 104),
        ("history", json!({ "channel": "directory" }), 108),
        ("presence", json!({ "channel": "directory" }), 108),
        ("presence_stats", json!({ "channel": "directory" }), 108),
        ("publish", json!({ "channel": "directory", "data": {} }), 103),
        ("subscribe", json!({ "channel": "nonsense" }), 102),
        ("subscribe", json!({ "channel": "" }), 107),
        ("subscribe", json!({ "channel": "directory", "tf": { "op": "eq" } }), 107),
    ] {
        let answer = listener.asks(what, fields.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{what} {fields}: {answer}");
    }
    listener.subscribes("directory").await;
    assert_eq!(listener.is_refused("directory").await, 105);
    let left = listener.asks("unsubscribe", json!({ "channel": "directory" })).await;
    assert_eq!(left["unsubscribe"], json!({}));
    listener.subscribes("directory").await;
}

#[tokio::test]
async fn a_review_of_all_connections_ends_none_that_may_be_there() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let (channel, all) = (format!("session:{}", show.id), format!("owner:{}", show.id));
    let mut owner = Listener::connects(&app, ada.token()).await;
    let mut stranger = Listener::connects(&app, None).await;
    owner.subscribes(&all).await;
    stranger.subscribes(&channel).await;
    let mut newcomer = Listener::opens(&app, &[]).await;
    app.running.live.review();
    ada.changes(&show, json!({ "title": "Landing day" })).await.is(200);
    for listener in [&mut owner, &mut stranger] {
        assert_eq!(listener.hears_event().await["type"], "broadcast.updated");
    }
    newcomer.asks("connect", json!({})).await;
    newcomer.subscribes(&channel).await;
}

#[tokio::test]
async fn a_server_that_stops_tells_clients_to_come_back() {
    let app = TestApp::start().await;
    let mut listener = Listener::connects(&app, None).await;
    let (ended, ()) = tokio::join!(listener.is_closed(), app.stops());
    assert_eq!(ended, Heard::Closed(3001));
}

#[tokio::test]
async fn a_message_holds_so_many_commands() {
    let app = TestApp::start().await;
    let mut listener = Listener::connects(&app, None).await;
    listener.says(["{}"; 256].join("\n")).await;
    listener.subscribes("directory").await;
    listener.says(["{}"; 257].join("\n")).await;
    assert_eq!(listener.is_closed().await, Heard::Closed(3501));
}

#[tokio::test]
async fn an_answer_to_a_ping_counts_wherever_it_stands() {
    let app = TestApp::start_with(|settings| {
        settings.live_ping_interval = 1;
        settings.live_pong_timeout = 1;
    })
    .await;
    let mut listener = Listener::connects(&app, None).await;
    listener.answers_pings = false;
    for id in 100..103 {
        listener.is_pinged().await;
        let command = json!({ "id": id, "unsubscribe": { "channel": "directory" } });
        listener.says(format!("{command}\n{{}}")).await;
    }
    listener.is_pinged().await;
    assert_eq!(listener.is_closed().await, Heard::Closed(3012));
}

#[tokio::test]
async fn whatever_they_call_the_server_all_hear_who_is_live() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    ada.goes_live("Launch day").await;
    let mut listeners = Vec::new();
    for number in 0..40 {
        let mut listener = Listener::opens(&app, &[("host", &format!("live-{number}.example"))]).await;
        listener.asks("connect", json!({})).await;
        let state = listener.subscribes("directory").await;
        let address = state["data"]["cards"][0]["hls_url"].as_str().unwrap().to_owned();
        let own =
            if number < 32 { format!("http://live-{number}.example/live/") } else { "/live/".to_owned() };
        assert!(address.starts_with(&own), "{number}: {address}");
        listeners.push(listener);
    }
    ada.goes_live("Second").await;
    for listener in &mut listeners {
        listener.hears_of(|data| data["card"]["title"] == "Second").await;
    }
}

#[tokio::test]
async fn garbage_ends_its_own_connection_and_nothing_else() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let mut listener = Listener::connects(&app, None).await;
    listener.subscribes("directory").await;
    let handshake = "GET /api/live HTTP/1.1\r\nHost: live.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for seed in 0..64_u32 {
        let mut socket = TcpStream::connect(app.running.http).await.unwrap();
        socket.write_all(handshake.as_bytes()).await.unwrap();
        // Behind the first two bytes, which are those of a frame every other time, whatever comes.
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        let mut garbage: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(3_000)
        .collect();
        if seed % 2 == 0 {
            garbage[..2].copy_from_slice(&[0x82, 0xFE]);
        }
        // The server may have closed before all of it is written.
        let _ = socket.write_all(&garbage).await;
        let _ = socket.shutdown().await;
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    }
    ada.goes_live("Launch day").await;
    listener.hears_of(|data| data["card"]["title"] == "Launch day").await;
}
