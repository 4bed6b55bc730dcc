//! Many subscribers of one topic, on one thread.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::websocket::{CLOSE, PING, PONG, Route, TEXT, first_frame, frame};

/// Stands before the sending time and the number in a payload.
const MARK: &[u8] = b"~T";
const MARKED: usize = 2 + 20 + 1 + 8;
/// Connections from one of our addresses, far below the ports that it has.
const PER_ADDRESS: usize = 5_000;

/// Many subscribers of one topic.
#[derive(Debug)]
pub struct Fleet {
    epoll: Epoll,
    to: SocketAddrV4,
    /// All times in payloads count from here.
    epoch: Instant,
    subscribers: Vec<Subscriber>,
    buffer: Vec<u8>,
    /// What arrived.
    pub arrivals: Arrivals,
    /// Objects that say that a subscription stands.
    pub subscribed: usize,
}

#[derive(Debug)]
struct Subscriber {
    stream: TcpStream,
    /// The beginning of a frame.
    part: Vec<u8>,
}

/// What arrived of the payloads.
#[derive(Debug)]
pub struct Arrivals {
    /// How long each was under way, in nanoseconds.
    pub each: Histogram<u64>,
    /// How long it took until the last subscriber had it.
    pub last: Histogram<u64>,
    /// All there were.
    pub count: usize,
    /// How many have a payload that not all have.
    under_way: HashMap<u32, usize>,
    /// How many all have.
    whole: u32,
}

impl Arrivals {
    fn new() -> Result<Self> {
        Ok(Self {
            each: Histogram::new(3)?,
            last: Histogram::new(3)?,
            count: 0,
            under_way: HashMap::new(),
            whole: 0,
        })
    }

    /// Forgets the times, so that only what follows is in them.
    pub fn reset(&mut self) {
        self.each.reset();
        self.last.reset();
        self.count = 0;
    }

    /// Whether all subscribers have all of so many payloads.
    #[must_use]
    pub fn are_whole(&self, payloads: u32) -> bool {
        self.whole == payloads
    }

    fn note(&mut self, number: u32, nanos: u64, subscribers: usize) -> Result<()> {
        self.each.record(nanos)?;
        self.count += 1;
        let have = self.under_way.entry(number).or_default();
        *have += 1;
        if *have == subscribers {
            self.under_way.remove(&number);
            self.whole += 1;
            self.last.record(nanos)?;
        }
        Ok(())
    }
}

impl Fleet {
    /// Nobody yet.
    ///
    /// # Errors
    /// When the system has no epoll left.
    pub fn new(to: SocketAddrV4) -> Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            to,
            epoch: Instant::now(),
            subscribers: Vec::new(),
            buffer: vec![0; 64 << 10],
            arrivals: Arrivals::new()?,
            subscribed: 0,
        })
    }

    /// One more subscriber, who says `hello` when connected.
    ///
    /// # Errors
    /// When the server does not take it, or one before fared badly.
    pub fn add(&mut self, path: &str, hello: &[u8]) -> Result<()> {
        let index = self.subscribers.len();
        let route = Route { from: self.address_of(index), to: self.to, narrow: false };
        let (mut stream, part) =
            with_patience(|| route.upgrade(path)).with_context(|| format!("subscriber {index}"))?;
        if !hello.is_empty() {
            stream.write_all(&frame(TEXT, hello))?;
        }
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
        self.subscribers.push(Subscriber { stream, part });
        // Those who are there must not fall silent while the others connect.
        if index.is_multiple_of(64) { self.receive(EpollTimeout::ZERO) } else { Ok(()) }
    }

    /// A subscriber who says `hello` and never reads; it does not belong to the fleet.
    ///
    /// # Errors
    /// When the server does not take it.
    pub fn stalled(&self, path: &str, hello: &[u8]) -> Result<TcpStream> {
        let route = Route { from: Ipv4Addr::new(127, 0, 0, 200), to: self.to, narrow: true };
        let (mut stream, _) = route.upgrade(path).context("the stalled subscriber")?;
        if !hello.is_empty() {
            stream.write_all(&frame(TEXT, hello))?;
        }
        Ok(stream)
    }

    fn address_of(&self, index: usize) -> Ipv4Addr {
        // 127.0.0.1 is left to everybody else.
        let block = u8::try_from(index / PER_ADDRESS).unwrap_or(u8::MAX - 2);
        Ipv4Addr::new(127, 0, 0, 2 + block)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// A payload of `size` bytes that says when it was made.
    #[must_use]
    pub fn payload(&self, number: u32, size: usize) -> String {
        let mut payload = format!("~T{:020}S{number:08}", self.epoch.elapsed().as_nanos());
        payload.extend(std::iter::repeat_n('x', size.saturating_sub(payload.len())));
        payload
    }

    /// Reads what is there, or comes within the time.
    ///
    /// # Errors
    /// When the server closed a connection, or refused something.
    pub fn receive(&mut self, wait: EpollTimeout) -> Result<()> {
        let mut events = [EpollEvent::empty(); 512];
        let count = self.epoll.wait(&mut events, wait)?;
        for event in &events[..count] {
            let index = event.data() as usize;
            let read = match self.subscribers[index].stream.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                read => read.with_context(|| format!("subscriber {index}"))?,
            };
            if read == 0 {
                bail!("the server closed the connection of subscriber {index}");
            }
            self.take(index, read)?;
        }
        Ok(())
    }

    fn take(&mut self, index: usize, read: usize) -> Result<()> {
        let at = u64::try_from(self.epoch.elapsed().as_nanos())?;
        let mut part = std::mem::take(&mut self.subscribers[index].part);
        let buffer = std::mem::take(&mut self.buffer);
        let bytes = if part.is_empty() {
            &buffer[..read]
        } else {
            part.extend_from_slice(&buffer[..read]);
            &part
        };
        let mut rest = bytes;
        while let Some((opcode, payload, length)) = first_frame(rest) {
            self.heed(index, opcode, payload, at)?;
            rest = &rest[length..];
        }
        self.subscribers[index].part = rest.to_vec();
        self.buffer = buffer;
        Ok(())
    }

    fn heed(&mut self, index: usize, opcode: u8, payload: &[u8], at: u64) -> Result<()> {
        match opcode {
            PING => return self.send(index, &frame(PONG, payload)),
            CLOSE => bail!(
                "the server closes subscriber {index}: {}",
                String::from_utf8_lossy(&payload[2.min(payload.len())..])
            ),
            _ => {}
        }
        if self.note_payloads(payload, at)? {
            return Ok(());
        }
        for object in payload.split(|&byte| byte == b'\n') {
            if object == b"{}" {
                self.send(index, &frame(TEXT, b"{}"))?;
            } else if find(object, b"\"error\":").is_some() {
                bail!("the server refuses subscriber {index}: {}", String::from_utf8_lossy(object));
            } else if find(object, b"\"subscribe\":").is_some() {
                self.subscribed += 1;
            }
        }
        Ok(())
    }

    /// Whether there was one.
    fn note_payloads(&mut self, text: &[u8], at: u64) -> Result<bool> {
        let (subscribers, mut rest, mut found) = (self.subscribers.len(), text, false);
        while let Some(start) = find(rest, MARK) {
            let Some(marked) = rest.get(start..start + MARKED) else { break };
            let (sent, number) = (digits(&marked[2..22]), digits(&marked[23..]));
            self.arrivals.note(u32::try_from(number)?, at.saturating_sub(sent), subscribers)?;
            rest = &rest[start + MARKED..];
            found = true;
        }
        Ok(found)
    }

    fn send(&mut self, index: usize, frame: &[u8]) -> Result<()> {
        self.subscribers[index].stream.write_all(frame).with_context(|| format!("subscriber {index}"))
    }
}

/// A server that is busy accepting may turn some away at first.
fn with_patience<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
                    && began.elapsed() < Duration::from_secs(5) =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn digits(text: &[u8]) -> u64 {
    text.iter().fold(0, |sum, &digit| sum * 10 + u64::from(digit.wrapping_sub(b'0')))
}
