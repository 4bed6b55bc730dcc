//! The simple handshake (RTMP 1.0 §5.2), as a server and as a client.
//!
//! Encoders that offer the digest variant fall back to this one, because the version field of our S1 is zero.

use bytes::{Buf, BufMut, BytesMut};

use super::Error;

/// Bytes in C1, C2, S1 and S2.
const BLOCK: usize = 1536;
/// The only version in use.
const VERSION: u8 = 3;

/// The server's side.
#[derive(Debug, Default)]
pub struct ServerHandshake {
    state: ServerState,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum ServerState {
    #[default]
    Hello,
    Acknowledgement,
    Done,
}

impl ServerHandshake {
    /// Takes what it can from `input`, writes what is due to `output`, and says whether the handshake is over.
    pub fn advance(&mut self, input: &mut BytesMut, output: &mut BytesMut) -> Result<bool, Error> {
        if self.state == ServerState::Hello && hello(input)? {
            // S0, S1 and S2; S2 echoes C1.
            put_hello(output);
            output.put_slice(&input[1..=BLOCK]);
            input.advance(1 + BLOCK);
            self.state = ServerState::Acknowledgement;
        }
        if self.state == ServerState::Acknowledgement && input.len() >= BLOCK {
            // C2 ought to echo S1. Digest clients sign it instead, so nothing is gained by looking.
            input.advance(BLOCK);
            self.state = ServerState::Done;
        }
        Ok(self.is_done())
    }

    /// Whether chunks follow.
    pub fn is_done(&self) -> bool {
        self.state == ServerState::Done
    }
}

/// The client's side.
#[derive(Debug, Default)]
pub struct ClientHandshake {
    done: bool,
}

impl ClientHandshake {
    /// Writes C0 and C1.
    pub fn start(output: &mut BytesMut) -> Self {
        put_hello(output);
        Self::default()
    }

    /// Takes what it can from `input`, writes C2 when due, and says whether the handshake is over.
    pub fn advance(&mut self, input: &mut BytesMut, output: &mut BytesMut) -> Result<bool, Error> {
        if !self.done && hello(input)? && input.len() > 2 * BLOCK {
            output.put_slice(&input[1..=BLOCK]);
            input.advance(1 + 2 * BLOCK);
            self.done = true;
        }
        Ok(self.done)
    }
}

/// Whether version byte and first block of the other side are there; refuses another version at its first byte.
fn hello(input: &BytesMut) -> Result<bool, Error> {
    match input.first() {
        Some(&VERSION) => Ok(input.len() > BLOCK),
        Some(&other) => Err(Error::NotRtmp(other)),
        None => Ok(false),
    }
}

/// Version, then a block of zero time, zero version and filler. The filler needs no entropy: nobody relies on it.
fn put_hello(output: &mut BytesMut) {
    output.reserve(1 + 2 * BLOCK);
    output.put_u8(VERSION);
    output.put_u64(0);
    output.extend((8..BLOCK).map(|position| (position * 37 % 251) as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_byte_by_byte() {
        let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
        let mut client = ClientHandshake::start(&mut to_server);
        let mut server = ServerHandshake::default();

        let mut trickle = BytesMut::new();
        while !to_server.is_empty() {
            trickle.extend_from_slice(&to_server.split_to(1));
            assert!(!server.advance(&mut trickle, &mut to_client).unwrap());
        }
        assert_eq!(to_client.len(), 1 + 2 * BLOCK);
        assert!(client.advance(&mut to_client, &mut to_server).unwrap());
        to_server.extend_from_slice(b"rest");
        assert!(server.advance(&mut to_server, &mut to_client).unwrap());
        assert_eq!(&to_server[..], b"rest", "what follows the handshake is left alone");
    }

    #[test]
    fn another_protocol_is_refused_at_its_first_byte() {
        for first in [0x16, b'G', 6, 0] {
            let mut input = BytesMut::from(&[first][..]);
            let refused = ServerHandshake::default().advance(&mut input, &mut BytesMut::new());
            assert_eq!(refused, Err(Error::NotRtmp(first)));
        }
    }
}
