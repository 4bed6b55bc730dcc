//! An encoder that asks to publish, and one that does.

use std::{fmt, net::SocketAddr, time::Duration};

use tokio::time::{Instant, timeout};

use super::{Error, Settings, StreamKey, connection::Connection, rate::RateLimit, session::Event};
use crate::model::Packet;

/// Why an encoder is refused: a code for programs, a description for people. OBS and ffmpeg log the description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    code: &'static str,
    description: String,
}

impl Rejection {
    /// The key is not valid, or may not publish now. `NetStream.Publish.Denied`: OBS knows this code, and not
    /// `BadName`.
    pub fn denied(description: impl Into<String>) -> Self {
        Self { code: "NetStream.Publish.Denied", description: description.into() }
    }

    /// The server cannot take the stream, although the key is good: it is full, or something failed.
    pub fn failed(description: impl Into<String>) -> Self {
        Self { code: "NetStream.Failed", description: description.into() }
    }
}

/// An encoder that waits for permission to publish. Dropping it closes the connection without a reason.
pub struct Request {
    /// The application of the address, such as `live`.
    pub app: String,
    /// The stream key. It is a credential: never log it.
    pub key: StreamKey,
    /// Where the encoder connects from.
    pub peer: SocketAddr,
    /// What the encoder calls itself, if it does.
    pub encoder: Option<String>,
    pub(crate) connection: Connection,
    pub(crate) settings: Settings,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Request");
        debug.field("app", &self.app).field("key", &self.key).field("peer", &self.peer);
        debug.field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

impl Request {
    /// Lets the encoder publish. If it has gone meanwhile, the publisher's first `next` says so.
    pub async fn accept(mut self) -> Publisher {
        self.connection.session.accept();
        self.connection.expect_media();
        // A connection that broke meanwhile reports the same on reading.
        let _ = self.connection.flush().await;
        Publisher {
            peer: self.peer,
            rate: RateLimit::new(self.settings.max_bitrate, self.settings.bitrate_window),
            max_bitrate: self.settings.max_bitrate,
            idle_timeout: self.settings.idle_timeout,
            since: Instant::now(),
            end: None,
            connection: self.connection,
        }
    }

    /// Refuses the encoder, tells it why, and closes; at most about `linger` later.
    pub async fn reject(mut self, rejection: Rejection) {
        self.connection.session.reject(rejection.code, &rejection.description);
        self.connection.finish().await;
    }
}

/// An accepted encoder. One task owns it and pulls; an encoder that sends faster than it is pulled is slowed by TCP.
#[derive(Debug)]
pub struct Publisher {
    peer: SocketAddr,
    connection: Connection,
    rate: RateLimit,
    max_bitrate: u64,
    idle_timeout: Duration,
    since: Instant,
    /// How the stream ended, once it has.
    end: Option<Result<(), Error>>,
}

impl Publisher {
    /// The next packet, or `None` once the encoder has ended its stream properly. Cancelling loses nothing.
    ///
    /// After an error the encoder has been told why, as far as it listens; the publisher only remains to be dropped.
    pub async fn next(&mut self) -> Result<Option<Packet>, Error> {
        if self.end.is_none() {
            let end = match self.pull().await {
                Ok(Some(packet)) => return Ok(Some(packet)),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = &end {
                self.connection.session.close(&error.to_string());
            }
            self.end = Some(end);
        }
        // Remembered first, so that cancelling here does not forget how the stream ended.
        self.connection.finish().await;
        self.end.clone().unwrap_or(Ok(())).map(|()| None)
    }

    /// Where the encoder connects from.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What the encoder calls itself; its metadata may name it better than the request did.
    pub fn encoder(&self) -> Option<&str> {
        self.connection.session.encoder()
    }

    /// Ends the stream and tells the encoder why; returns at most about `linger` later.
    pub async fn close(mut self, reason: &str) {
        self.connection.session.close(reason);
        self.connection.finish().await;
    }

    async fn pull(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            match self.connection.session.poll()? {
                Some(Event::Packet(packet)) => return Ok(Some(packet)),
                Some(Event::Unpublish) => return Ok(None),
                // A request was answered before; nothing asks twice.
                Some(Event::Publish { .. }) => {}
                None => self.receive().await?,
            }
        }
    }

    async fn receive(&mut self) -> Result<(), Error> {
        self.connection.flush().await?;
        let received = timeout(self.idle_timeout, self.connection.receive()).await;
        let count = received.map_err(|_| Error::Idle(self.idle_timeout))??;
        if self.rate.allows(count, self.since.elapsed()) {
            Ok(())
        } else {
            Err(Error::BitRate(self.max_bitrate))
        }
    }
}
