//! The limit for fan-out: one thread, raw epoll, one frame made once and written once to each subscriber.
//!
//! `fanout-stub ADDRESS:PORT` sends whoever asked for `/sub` what comes on `/pub`. It knows the key of the handshake
//! that our driver sends, expects requests and frames of a publisher whole, and leaves out a subscriber whose buffer
//! is full: less than this nothing can do.

use std::env::args;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The answer to the sample key of RFC 6455 §1.3.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// No index of a client.
const LISTENER: u64 = u64::MAX;

fn main() -> Result<()> {
    let Some(address) = args().nth(1) else { return Err(Error::other("usage: fanout-stub ADDRESS:PORT")) };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Stub::listen(&address)?.run()
}

struct Stub {
    epoll: Epoll,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    New,
    Subscriber,
    Publisher,
}

impl Stub {
    fn listen(address: &str) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let listener = TcpListener::bind(address)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        Ok(Self { epoll, listener, clients: Vec::new(), buffer: vec![0; 64 << 10] })
    }

    fn run(&mut self) -> Result<()> {
        let mut events = [EpollEvent::empty(); 256];
        loop {
            let count = self.epoll.wait(&mut events, EpollTimeout::NONE)?;
            for event in &events[..count] {
                match event.data() {
                    LISTENER => self.accept()?,
                    index => self.serve(index as usize)?,
                }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, self.clients.len() as u64))?;
        self.clients.push(Some(Client { stream, kind: Kind::New }));
        Ok(())
    }

    fn serve(&mut self, index: usize) -> Result<()> {
        let Some(client) = &mut self.clients[index] else { return Ok(()) };
        let count = match client.stream.read(&mut self.buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(0) | Err(_) => {
                self.clients[index] = None;
                return Ok(());
            }
            Ok(count) => count,
        };
        match client.kind {
            Kind::New => {
                let publishes = self.buffer.starts_with(b"GET /pub ");
                client.kind = if publishes { Kind::Publisher } else { Kind::Subscriber };
                client.stream.write_all(SWITCHING)
            }
            Kind::Subscriber => Ok(()),
            Kind::Publisher => self.pass_on(count),
        }
    }

    /// Frames of a publisher, masked with zeros and below 64 KiB.
    fn pass_on(&mut self, count: usize) -> Result<()> {
        let mut at = 0;
        while at + 2 <= count {
            let (head, length) = match self.buffer[at + 1] & 0x7f {
                126 => (4, usize::from(u16::from_be_bytes([self.buffer[at + 2], self.buffer[at + 3]]))),
                length => (2, usize::from(length)),
            };
            let payload = at + head + 4;
            let mut frame = self.buffer[at..at + head].to_vec();
            frame[1] &= 0x7f;
            frame.extend_from_slice(&self.buffer[payload..payload + length]);
            for client in self.clients.iter_mut().flatten().filter(|client| client.kind == Kind::Subscriber) {
                let _ = client.stream.write(&frame);
            }
            at = payload + length;
        }
        Ok(())
    }
}
