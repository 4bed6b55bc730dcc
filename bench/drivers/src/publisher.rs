//! Who publishes to the subscribers.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};

use anyhow::{Result, bail, ensure};

use crate::websocket::{Route, TEXT, frame};

/// A connection to publish on, which never makes its caller wait.
#[derive(Debug)]
pub struct Publisher {
    stream: TcpStream,
    pending: Vec<u8>,
    way: Way,
}

/// How it publishes.
#[derive(Debug, Clone)]
pub enum Way {
    /// By frames of a WebSocket at this path, each of which is passed on.
    Frames(&'static str),
    /// By events of a session, posted by its owner to be logged.
    Events {
        /// The session.
        session: String,
        /// The owner's access token.
        token: String,
    },
}

impl Publisher {
    /// Connects.
    ///
    /// # Errors
    /// When the server does not take it.
    pub fn connect(to: SocketAddrV4, way: Way) -> Result<Self> {
        let route = Route { from: Ipv4Addr::LOCALHOST, to, narrow: false };
        let stream = match &way {
            Way::Frames(path) => route.upgrade(path)?.0,
            Way::Events { .. } => route.connect()?,
        };
        stream.set_nonblocking(true)?;
        Ok(Self { stream, pending: Vec::new(), way })
    }

    /// Publishes a text without quotes.
    pub fn publish(&mut self, payload: &str) {
        match &self.way {
            Way::Frames(_) => self.pending.extend_from_slice(&frame(TEXT, payload.as_bytes())),
            Way::Events { session, token } => {
                let body = format!(r#"{{"type":"bench.tick","data":{{"p":"{payload}"}}}}"#);
                let request = format!(
                    "POST /api/sessions/{session}/events HTTP/1.1\r\nHost: server\r\n\
                     Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                self.pending.extend_from_slice(request.as_bytes());
            }
        }
    }

    /// Sends what the server takes, and looks at its answers.
    ///
    /// # Errors
    /// When it refused one, or closed the connection.
    pub fn advance(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            match self.stream.write(&self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut answer = [0; 8_192];
        let count = match self.stream.read(&mut answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            read => read?,
        };
        ensure!(count > 0, "the server closed the publisher's connection");
        let answer = String::from_utf8_lossy(&answer[..count]);
        if let Way::Events { .. } = self.way
            && answer.split("HTTP/1.1 ").skip(1).any(|answer| !answer.starts_with("201 "))
        {
            bail!("an event was refused: {answer}");
        }
        Ok(())
    }
}
