//! As much of WebSocket (RFC 6455) as a subscriber needs.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};

/// A frame of text.
pub const TEXT: u8 = 1;
/// A frame that ends the connection.
pub const CLOSE: u8 = 8;
/// A frame that asks for a sign of life.
pub const PING: u8 = 9;
/// The sign of life.
pub const PONG: u8 = 10;

const PATIENCE: Duration = Duration::from_secs(20);
/// The key of RFC 6455 §1.3: stubs answer it without computing anything.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// How a connection is made.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// One of our own addresses; each has ports of its own.
    pub from: Ipv4Addr,
    /// The server.
    pub to: SocketAddrV4,
    /// Whether it takes as little as it can: a short receive buffer, and packets of Ethernet's size, since both ends
    /// make their buffers larger on loopback than anywhere else.
    pub narrow: bool,
}

impl Route {
    /// Connects.
    ///
    /// # Errors
    /// When the server is not there, or no port is left.
    pub fn connect(self) -> io::Result<TcpStream> {
        let stream = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&stream, sockopt::IpBindAddressNoPort, &true)?;
        if self.narrow {
            setsockopt(&stream, sockopt::RcvBuf, &4_096)?;
            setsockopt(&stream, sockopt::TcpMaxSeg, &1_448)?;
        }
        let fd = stream.as_raw_fd();
        bind(fd, &SockaddrIn::from(SocketAddrV4::new(self.from, 0)))?;
        connect(fd, &SockaddrIn::from(self.to))?;
        let stream = TcpStream::from(stream);
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Connects and asks for a WebSocket; with it, what came behind the answer.
    ///
    /// # Errors
    /// When the server does not answer, or says no.
    pub fn upgrade(self, path: &str) -> io::Result<(TcpStream, Vec<u8>)> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
            self.to
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let mut buffer = [0; 2_048];
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&buffer[..count]);
            let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            if !answer.starts_with(b"HTTP/1.1 101 ") {
                return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
            }
            stream.set_nonblocking(true)?;
            return Ok((stream, answer.split_off(end + 4)));
        }
    }
}

/// A frame as a client sends it: masked with zeros, which every server must undo and which changes nothing.
///
/// # Panics
/// When it has 64 KiB or more, which nothing here sends.
#[must_use]
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(0x80 | length),
        _ => {
            bytes.push(0x80 | 126);
            let length = u16::try_from(payload.len()).expect("a frame below 64 KiB");
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// The first frame in what a server sent, opcode and payload, and how many bytes it takes; nothing if it is not whole.
#[must_use]
pub fn first_frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (length, head): (usize, usize) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        length => (usize::from(length), 2),
    };
    let payload = bytes.get(head..head.checked_add(length)?)?;
    Some((first & 0x0f, payload, head + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_whole_and_only_whole() {
        for length in [0, 1, 125, 126, 65_535, 70_000] {
            let payload = vec![7; length];
            let head = match length {
                0..126 => vec![0x81, length as u8],
                126..65_536 => [&[0x81, 126][..], &(length as u16).to_be_bytes()].concat(),
                _ => [&[0x81, 127][..], &(length as u64).to_be_bytes()].concat(),
            };
            let bytes = [&head[..], &payload, &[0x89]].concat();
            assert_eq!(first_frame(&bytes), Some((TEXT, &payload[..], bytes.len() - 1)));
            assert_eq!(first_frame(&bytes[..bytes.len() - 2]).map(|(.., count)| count), None);
        }
    }
}
