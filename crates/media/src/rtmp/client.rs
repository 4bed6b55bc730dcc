//! A small RTMP publisher, for demonstrations and tests: it sends recorded FLV.

use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{FlvFile, FlvTag, StreamKey};

mod conversation;

pub use conversation::{Conversation, State};

/// How long the server may take to let us publish, and to take what we send.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why publishing ended.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server refused, or ended the stream, and said why.
    #[error("the server refused: {description} ({code})")]
    Refused {
        /// The status code, such as `NetStream.Publish.Denied`.
        code: String,
        /// What the server gave as its reason.
        description: String,
    },
    /// The server closed the connection without a reason.
    #[error("the server closed the connection")]
    Closed,
    /// The server did not answer, or did not take what was sent.
    #[error("the server did not answer within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// The server does not speak RTMP as it should.
    #[error(transparent)]
    Protocol(#[from] super::Error),
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A stream that the server has accepted.
#[derive(Debug)]
pub struct Publish {
    stream: TcpStream,
    conversation: Conversation,
}

impl Publish {
    /// Connects to `addr` and publishes to `app` under `key`.
    pub async fn connect(addr: SocketAddr, app: &str, key: &StreamKey) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let mut publish = Self { stream, conversation: Conversation::new(addr, app, key) };
        timeout(PATIENCE, publish.ask()).await.map_err(|_| ClientError::TimedOut)??;
        Ok(publish)
    }

    /// Sends a tag with its own timestamp.
    pub async fn send(&mut self, tag: &FlvTag) -> Result<(), ClientError> {
        self.send_at(tag, tag.timestamp).await
    }

    /// Sends a tag with another timestamp, in milliseconds.
    pub async fn send_at(&mut self, tag: &FlvTag, timestamp: u32) -> Result<(), ClientError> {
        self.listen()?;
        self.conversation.media(tag, timestamp);
        self.flush().await
    }

    /// Ends the stream properly.
    pub async fn finish(mut self) -> Result<(), ClientError> {
        self.conversation.finish();
        self.flush().await?;
        self.stream.shutdown().await?;
        // Until the server has closed too, so that nothing is lost.
        let mut rest = BytesMut::new();
        let closing = async {
            while self.stream.read_buf(&mut rest).await? > 0 {
                rest.clear()
            }
            Ok(())
        };
        timeout(PATIENCE, closing).await.map_err(|_| ClientError::TimedOut)?
    }

    /// Waits until the server ends the stream; the reason that it gives.
    pub async fn closed(&mut self) -> ClientError {
        loop {
            if let Err(error) = self.receive().await {
                return error;
            }
        }
    }

    async fn ask(&mut self) -> Result<(), ClientError> {
        while self.conversation.state() == State::Asking {
            self.flush().await?;
            self.receive().await?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<(), ClientError> {
        if self.stream.read_buf(self.conversation.input()).await? == 0 {
            return Err(ClientError::Closed);
        }
        self.conversation.poll()
    }

    /// Reads what has arrived, without waiting.
    fn listen(&mut self) -> Result<(), ClientError> {
        loop {
            match self.stream.try_read_buf(self.conversation.input()) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(_) => self.conversation.poll()?,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn flush(&mut self) -> Result<(), ClientError> {
        let writing = self.stream.write_all_buf(self.conversation.output());
        match timeout(PATIENCE, writing).await {
            Err(_) => Err(ClientError::TimedOut),
            Ok(Ok(())) => Ok(()),
            // The server may have said why before it closed.
            Ok(Err(error)) => match self.listen() {
                Err(refused @ ClientError::Refused { .. }) => Err(refused),
                _ => Err(error.into()),
            },
        }
    }
}

/// Publishes a file in real time, over and over with timestamps that go on, until `shutdown`; then ends the stream.
pub async fn play_loop(
    addr: SocketAddr,
    app: &str,
    key: &StreamKey,
    file: &FlvFile,
    shutdown: CancellationToken,
) -> Result<(), ClientError> {
    let mut publish = Publish::connect(addr, app, key).await?;
    let playing = async {
        let (start, mut offset) = (Instant::now(), Duration::ZERO);
        // A file too short to tell how long it lasts would be sent without pause.
        let round = Duration::from_millis(u64::from(file.loop_duration().max(1000)));
        loop {
            for tag in file.tags.iter().filter(|tag| offset.is_zero() || !tag.is_setup()) {
                let time = offset + Duration::from_millis(u64::from(tag.timestamp));
                sleep_until(start + time).await;
                publish.send_at(tag, time.as_millis() as u32).await?;
            }
            offset += round;
            sleep_until(start + offset).await;
        }
    };
    let ended: Option<Result<(), ClientError>> = shutdown.run_until_cancelled(playing).await;
    match ended {
        Some(ended) => ended,
        None => publish.finish().await,
    }
}

/// A metadata, audio or video message's chunk stream and message type.
fn route(tag: &FlvTag) -> (u32, u8) {
    use super::{TagKind, message::kind};
    match tag.kind {
        TagKind::Script => (4, kind::DATA),
        TagKind::Audio => (5, kind::AUDIO),
        TagKind::Video => (6, kind::VIDEO),
    }
}

/// `@setDataFrame` and the recorded metadata, as a server expects it.
fn script(body: &Bytes) -> Bytes {
    let mut message = BytesMut::with_capacity(body.len() + 16);
    super::amf0::encode(&"@setDataFrame".into(), &mut message);
    message.extend_from_slice(body);
    message.freeze()
}
