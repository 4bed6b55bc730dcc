//! Sends every message back, over the framing of the live feed: what conformance tests of WebSockets talk to.
//!
//! `echo 127.0.0.1:9001` prints the address it listens on.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tallylight_core::clock::SystemClock;
use tallylight_realtime::codes::Close;
use tallylight_realtime::frame::{Opcode, frame};
use tallylight_realtime::protocol::Form;
use tallylight_realtime::{Bound, Entry, Hub, Limits, Service, Turn, handshake};

const MIB: usize = 1024 * 1024;

struct Echo;

impl Service for Echo {
    type Session = ();

    fn message(self: &Arc<Self>, turn: Turn<()>, kind: Opcode, message: Vec<u8>) {
        turn.send(frame(kind, &message));
        turn.end();
    }

    fn is_alive(&self, _: Bound, _: Duration) {}

    fn is_lost(self: &Arc<Self>, _: Bound, _: Duration) {}

    fn standing(&self, (): &()) -> Option<Close> {
        None
    }

    fn may_stay(&self, (): &(), _: &str) -> bool {
        true
    }

    fn has_left(&self, (): &mut (), _: &str) -> Option<Bound> {
        None
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    let patience = Duration::from_secs(600);
    let limits = Limits {
        max_connections: 1_000,
        max_message: 64 * MIB,
        max_backlog: 256 * MIB,
        write_timeout: patience,
        connect_timeout: patience,
        ping_interval: patience,
        viewer_ping_interval: patience,
        pong_timeout: patience,
        window: Duration::ZERO,
    };
    let hub = Hub::start(&Arc::new(Echo), limits, Arc::new(SystemClock::start()))?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    for stream in listener.incoming() {
        let hub = hub.clone();
        std::thread::spawn(move || stream.and_then(|stream| welcome(&hub, stream)));
    }
    Ok(())
}

/// Answers the handshake, and hands the socket over.
fn welcome(hub: &Hub<()>, mut stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut key = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("sec-websocket-key") => {
                value.trim().clone_into(&mut key);
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let Some(accept) = handshake::accept(&key) else { return Ok(()) };
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let received = Bytes::copy_from_slice(reader.buffer());
    let session = Some(Box::new(()));
    hub.enter(Entry { socket: stream.into(), form: Form::Json, session, received });
    Ok(())
}
