//! A session on its TCP connection.

use std::{future::Future, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{
    Error, Settings,
    listener::Slot,
    session::{Event, Session},
};

/// Room for one read before a stream is accepted: more is not needed, and strangers get no more.
const SMALL_READ: usize = 4 << 10;
/// Room for one read of a publisher: at 3 Mbit/s, all that arrived since the last one.
const LARGE_READ: usize = 32 << 10;

/// A session, its socket, and its place among the connections allowed.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) session: Session,
    stream: TcpStream,
    read_size: usize,
    /// The longest wait for the peer to take a reply.
    write_timeout: Duration,
    linger: Duration,
    /// Freed with the connection.
    _slot: Slot,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, settings: &Settings, slot: Slot) -> Self {
        Self {
            session: Session::new(settings),
            stream,
            read_size: SMALL_READ,
            write_timeout: settings.idle_timeout,
            linger: settings.linger,
            _slot: slot,
        }
    }

    /// Reads until the handshake is over, and then until the encoder asks to publish.
    pub(crate) async fn negotiate(&mut self, settings: &Settings, since: Instant) -> Result<Event, Error> {
        let greeting = async {
            while !self.session.is_greeted() {
                self.session.poll()?;
                self.flush().await?;
                if !self.session.is_greeted() {
                    self.receive().await?;
                }
            }
            Ok(())
        };
        let deadline = since + settings.handshake_timeout;
        within(deadline, greeting, Error::HandshakeTimeout(settings.handshake_timeout)).await?;

        let asking = async {
            loop {
                let event = self.session.poll()?;
                self.flush().await?;
                match event {
                    Some(event) => return Ok(event),
                    None => self.receive().await?,
                };
            }
        };
        let deadline = since + settings.publish_timeout;
        within(deadline, asking, Error::PublishTimeout(settings.publish_timeout)).await
    }

    /// Waits for bytes; how many came. Cancelling loses nothing.
    pub(crate) async fn receive(&mut self) -> Result<usize, Error> {
        let input = self.session.input();
        input.reserve(self.read_size);
        match self.stream.read_buf(input).await? {
            0 => Err(Error::Disconnected),
            count => Ok(count),
        }
    }

    /// Sends what the session has to say. Cancelling loses nothing.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        let output = self.session.output();
        if output.is_empty() {
            return Ok(());
        }
        let written = timeout(self.write_timeout, self.stream.write_all_buf(output)).await;
        written.map_err(|_| Error::Idle(self.write_timeout))??;
        Ok(())
    }

    /// From now on the peer is a publisher.
    pub(crate) fn expect_media(&mut self) {
        self.read_size = LARGE_READ;
    }

    /// Sends what is left to say and closes. What the peer still sends is read for a moment, because closing a
    /// socket with unread input resets it, and the peer then loses our last words.
    pub(crate) async fn finish(&mut self) {
        let linger = self.linger;
        let parting = async {
            self.flush().await?;
            self.stream.shutdown().await?;
            loop {
                self.session.input().clear();
                self.receive().await?;
            }
        };
        let _: Result<Result<(), Error>, _> = timeout(linger, parting).await;
    }
}

async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
    late: Error,
) -> Result<T, Error> {
    tokio::time::timeout_at(deadline, work).await.map_err(|_| late)?
}
