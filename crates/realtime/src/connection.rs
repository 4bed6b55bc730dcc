//! One client's socket: what arrives on it and what it is still to be sent.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tallylight_core::ids::{BroadcastId, ViewerId};

use crate::backlog::{Backlog, Key};
use crate::frame::Reader;
use crate::poll::Interest;
use crate::protocol::Form;

/// Names a connection for as long as the server runs.
pub type ConnectionId = u64;

/// A viewer who is kept alive by a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Where.
    pub session: BroadcastId,
    /// Who.
    pub viewer: ViewerId,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has not said who it is.
    Opening,
    /// It is at work.
    Open,
    /// The last was said; what it still sends is not read.
    Closing,
}

/// A connection of a shard. `S`: what its protocol has to remember.
#[derive(Debug)]
pub struct Connection<S> {
    pub(crate) id: ConnectionId,
    pub(crate) socket: OwnedFd,
    pub(crate) form: Form,
    pub(crate) phase: Phase,
    /// `None` while a message of it is being answered: the next one waits.
    pub(crate) session: Option<Box<S>>,
    pub(crate) reader: Reader,
    /// What arrived while a message was being answered.
    pub(crate) unread: Bytes,
    pub(crate) backlog: Option<Box<Backlog>>,
    /// Whether nothing is sent yet but gathered.
    pub(crate) is_corked: bool,
    /// What it is waited for.
    pub(crate) interest: Interest,
    /// The topics that it hears, and its place among their listeners.
    pub(crate) topics: Vec<(u32, u32)>,
    pub(crate) bound: Vec<Bound>,
    /// When something is due: a ping, the answer to one, the end of patience.
    pub(crate) due: Duration,
    /// Since when the answer to a ping is awaited.
    pub(crate) pinged: Option<Duration>,
    /// Since when the socket has taken nothing of what waits.
    pub(crate) stuck_since: Duration,
    /// How many bytes may wait beside those that may anyway: of answers that it asked for.
    pub(crate) granted: usize,
    /// When its token's time is over.
    pub(crate) expires: Option<Duration>,
    /// Whether its rights are to be looked at once its message is answered.
    pub(crate) is_to_be_reviewed: bool,
}

/// What became of bytes that were to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// They are sent, or wait.
    Well,
    /// The connection cannot be used any more.
    Dead,
}

impl<S> Connection<S> {
    /// Sends what must arrive.
    pub fn send(&mut self, bytes: &Bytes, now: Duration) -> Sent {
        let sent = match self.try_now(bytes) {
            Ok(sent) => sent,
            Err(_) => return Sent::Dead,
        };
        if sent < bytes.len() {
            self.wait(now).push(bytes.slice(sent..));
        }
        Sent::Well
    }

    /// Sends what may be replaced by something later as long as it waits. False: it waits for the socket, so that each
    /// piece of it is to be handed over by [`Connection::queue`].
    pub fn send_or_refuse(&mut self, bytes: &Bytes, now: Duration) -> Result<bool, ()> {
        let sent = self.try_now(bytes).map_err(|_| ())?;
        if sent == 0 {
            return Ok(false);
        }
        if sent < bytes.len() {
            self.wait(now).push(bytes.slice(sent..));
        }
        Ok(true)
    }

    /// Lets a piece wait.
    pub fn queue(&mut self, key: Option<Key>, bytes: Bytes, now: Duration) {
        let backlog = self.wait(now);
        match key {
            Some(key) => backlog.push_latest(key, bytes),
            None => backlog.push(bytes),
        }
    }

    /// Sends of what waits as much as the socket takes.
    pub fn flush(&mut self, now: Duration) -> Sent {
        if self.is_corked {
            return Sent::Well;
        }
        let Some(backlog) = &mut self.backlog else { return Sent::Well };
        while let Some(first) = backlog.first() {
            match write(&self.socket, first) {
                Ok(0) => return Sent::Well,
                Ok(count) => {
                    backlog.sent(count);
                    self.stuck_since = now;
                }
                Err(_) => return Sent::Dead,
            }
        }
        self.backlog = None;
        self.granted = 0;
        Sent::Well
    }

    /// Puts something before all that waits, and lets it go.
    pub fn uncork(&mut self, bytes: &Bytes, now: Duration) -> Sent {
        self.is_corked = false;
        let waiting = self.backlog.take();
        let sent = self.send(bytes, now);
        if let Some(mut waiting) = waiting {
            while let Some(piece) = waiting.first().cloned() {
                waiting.sent(piece.len());
                self.wait(now).push(piece);
            }
        }
        if sent == Sent::Dead { sent } else { self.flush(now) }
    }

    /// How many bytes wait.
    pub fn waiting(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.bytes())
    }

    /// What it should be waited for now.
    pub fn wanted(&self) -> Interest {
        let read = self.session.is_some() || self.phase == Phase::Closing;
        Interest { read, write: self.backlog.is_some() && !self.is_corked }
    }

    fn wait(&mut self, now: Duration) -> &mut Backlog {
        if self.backlog.is_none() {
            self.stuck_since = now;
        }
        self.backlog.get_or_insert_default()
    }

    fn try_now(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.backlog.is_some() || self.is_corked { Ok(0) } else { write(&self.socket, bytes) }
    }
}

/// Writes as much as the socket takes at once; 0: nothing now.
fn write(socket: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(count) => return Ok(count),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads what is there; `None`: nothing now, 0: the peer has ended.
pub fn read(socket: &OwnedFd, into: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match recv(socket, &mut *into, RecvFlags::DONTWAIT) {
            Ok((count, _)) => return Ok(Some(count)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}
