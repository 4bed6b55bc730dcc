//! As much of RTMP as an encoder speaks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::flv::{Clip, Tag};

/// What ffmpeg and OBS use.
const CHUNK: usize = 4_096;
const PATIENCE: Duration = Duration::from_secs(10);

const COMMAND: u8 = 20;
const DATA: u8 = 18;

/// An encoder that publishes a clip in real time, over and over.
#[derive(Debug)]
pub struct Publisher {
    stream: TcpStream,
    /// When it began to connect.
    pub first_byte: Instant,
    on_air: Instant,
    next: usize,
    /// Milliseconds of all earlier passes.
    before: u32,
    pending: Vec<u8>,
    sent: usize,
}

impl Publisher {
    /// Connects and asks to publish; returns when the server allows it.
    ///
    /// # Errors
    /// When the server does not answer or says no.
    pub fn open(address: &str, app: &str, key: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let first_byte = Instant::now();
        shake_hands(&mut stream)?;
        connect(&mut stream, address, app)?;
        publish(&mut stream, key)?;
        stream.set_nonblocking(true)?;
        let on_air = Instant::now();
        Ok(Self { stream, first_byte, on_air, next: 0, before: 0, pending: Vec::new(), sent: 0 })
    }

    /// Sends what is due; how many bytes the server took.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn advance(&mut self, clip: &Clip) -> io::Result<usize> {
        // Acknowledgements are not needed, but must not pile up.
        if matches!(self.stream.read(&mut [0; 4_096]), Ok(0)) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if self.sent == self.pending.len() {
            self.queue_due(clip);
        }
        if self.pending.is_empty() {
            return Ok(0);
        }
        match self.stream.write(&self.pending[self.sent..]) {
            Ok(count) => {
                self.sent += count;
                Ok(count)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn queue_due(&mut self, clip: &Clip) {
        self.pending.clear();
        self.sent = 0;
        let elapsed = self.on_air.elapsed().as_millis();
        loop {
            let Some(tag) = clip.tags.get(self.next) else {
                self.next = 0;
                self.before += clip.duration;
                continue;
            };
            let timestamp = self.before + tag.timestamp;
            if u128::from(timestamp) > elapsed {
                return;
            }
            self.next += 1;
            if !tag.once || self.before == 0 {
                write_media(&mut self.pending, timestamp, tag);
            }
        }
    }
}

fn write_media(out: &mut Vec<u8>, timestamp: u32, tag: &Tag) {
    let chunk_stream = if tag.kind == 8 { 4 } else { 6 };
    if tag.kind == DATA {
        let mut body = string("@setDataFrame");
        body.extend_from_slice(&tag.body);
        return message(out, (chunk_stream, 1), tag.kind, timestamp, &body);
    }
    message(out, (chunk_stream, 1), tag.kind, timestamp, &tag.body);
}

fn shake_hands(stream: &mut TcpStream) -> io::Result<()> {
    let mut hello = vec![0; 1 + 1_536];
    hello[0] = 3;
    for (index, byte) in hello.iter_mut().enumerate().skip(9) {
        *byte = (index * 7 % 256) as u8;
    }
    stream.write_all(&hello)?;
    let mut answer = vec![0; 1 + 2 * 1_536];
    stream.read_exact(&mut answer)?;
    stream.write_all(&answer[1..=1_536])
}

fn connect(stream: &mut TcpStream, address: &str, app: &str) -> io::Result<()> {
    let mut out = Vec::new();
    message(&mut out, (2, 0), 1, 0, &(CHUNK as u32).to_be_bytes());
    let mut body = [string("connect"), number(1.0), vec![3]].concat();
    let address = format!("rtmp://{address}/{app}");
    for (name, value) in [("app", app), ("type", "nonprivate"), ("flashVer", "FMLE/3.0"), ("tcUrl", &address)]
    {
        body.extend_from_slice(&string(name)[1..]);
        body.extend_from_slice(&string(value));
    }
    body.extend_from_slice(&[0, 0, 9]);
    message(&mut out, (3, 0), COMMAND, 0, &body);
    stream.write_all(&out)?;
    wait_for(stream, b"Connect.Success")
}

fn publish(stream: &mut TcpStream, key: &str) -> io::Result<()> {
    let null = vec![5];
    let mut out = Vec::new();
    for (command, transaction) in [("releaseStream", 2.0), ("FCPublish", 3.0)] {
        let body = [string(command), number(transaction), null.clone(), string(key)].concat();
        message(&mut out, (3, 0), COMMAND, 0, &body);
    }
    let create = [string("createStream"), number(4.0), null.clone()].concat();
    message(&mut out, (3, 0), COMMAND, 0, &create);
    stream.write_all(&out)?;
    wait_for(stream, &[string("_result"), number(4.0)].concat())?;
    let mut out = Vec::new();
    let body = [string("publish"), number(5.0), null, string(key), string("live")].concat();
    message(&mut out, (4, 1), COMMAND, 0, &body);
    stream.write_all(&out)?;
    wait_for(stream, b"Publish.Start")
}

fn wait_for(stream: &mut TcpStream, wanted: &[u8]) -> io::Result<()> {
    let mut heard = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::Error::other("the server refused to go on"));
        }
        heard.extend_from_slice(&buffer[..count]);
        if heard.windows(wanted.len()).any(|window| window == wanted) {
            return Ok(());
        }
    }
}

/// A message in chunks, with a full header; `streams`: chunk stream and message stream.
fn message(out: &mut Vec<u8>, streams: (u8, u32), kind: u8, timestamp: u32, body: &[u8]) {
    let (chunk_stream, message_stream) = streams;
    out.push(chunk_stream);
    out.extend_from_slice(&timestamp.to_be_bytes()[1..]);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.push(kind);
    out.extend_from_slice(&message_stream.to_le_bytes());
    // The first message, the chunk size, comes before that size holds, and fits into any.
    for (index, chunk) in body.chunks(CHUNK).enumerate() {
        if index > 0 {
            out.push(0xc0 | chunk_stream);
        }
        out.extend_from_slice(chunk);
    }
}

/// An AMF0 string.
fn string(text: &str) -> Vec<u8> {
    let mut out = vec![2];
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    out
}

/// An AMF0 number.
fn number(value: f64) -> Vec<u8> {
    let mut out = vec![0];
    out.extend_from_slice(&value.to_be_bytes());
    out
}
