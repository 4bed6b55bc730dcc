//! The server and our client, over loopback.
//!
//! Where time matters the clock is paused: it then jumps to the next timer whenever nothing else is to be done.

#![allow(clippy::unwrap_used)]

use std::{future::Future, net::SocketAddr, time::Duration};

use bytes::Bytes;
use tallylight_media::{
    model::Packet,
    rtmp::{
        self, Error, FlvFile, Publisher, Rejection, Request, Settings, StreamKey, TagKind,
        client::{ClientError, Publish, play_loop},
        flv,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

fn sample() -> FlvFile {
    FlvFile::parse(Bytes::from_static(include_bytes!("rtmp_recordings/loop.flv"))).unwrap()
}

fn sample_packets() -> Vec<Packet> {
    let packet = |tag: &rtmp::FlvTag| match tag.kind {
        TagKind::Video => flv::video(tag.timestamp, tag.body.clone()).unwrap(),
        TagKind::Audio => flv::audio(tag.timestamp, tag.body.clone()).unwrap(),
        TagKind::Script => None,
    };
    sample().tags.iter().filter_map(packet).collect()
}

struct Server {
    addr: SocketAddr,
    requests: mpsc::Receiver<Request>,
    shutdown: CancellationToken,
}

impl Server {
    async fn start(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        Self { addr, requests: rtmp::serve(listener, settings, shutdown.clone()), shutdown }
    }

    fn connect(&self) -> impl Future<Output = Result<Publish, ClientError>> + use<> {
        let addr = self.addr;
        async move { Publish::connect(addr, "live", &StreamKey::new("KEY")).await }
    }

    async fn requested(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    /// Lets one encoder publish.
    async fn goes_live(&mut self) -> (Publish, Publisher) {
        let connecting = self.connect();
        let (client, publisher) = tokio::join!(connecting, async { self.requested().await.accept().await });
        (client.unwrap(), publisher)
    }
}

/// All packets until the stream ends.
async fn watch(mut publisher: Publisher) -> (Vec<Packet>, Result<(), Error>) {
    let mut packets = Vec::new();
    loop {
        match publisher.next().await {
            Ok(Some(packet)) => packets.push(packet),
            Ok(None) => return (packets, Ok(())),
            Err(error) => return (packets, Err(error)),
        }
    }
}

/// Reads until the server closes.
async fn until_closed(stream: &mut TcpStream) -> usize {
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read).await;
    read.len()
}

#[tokio::test]
async fn what_an_encoder_sends_arrives() {
    let mut server = Server::start(Settings::default()).await;
    let (mut client, publisher) = server.goes_live().await;
    assert_eq!(publisher.encoder(), Some("Tallylight/0.1.0"));

    let watching = tokio::spawn(watch(publisher));
    for tag in &sample().tags {
        client.send(tag).await.unwrap();
    }
    client.finish().await.unwrap();
    assert_eq!(watching.await.unwrap(), (sample_packets(), Ok(())));
}

#[tokio::test]
async fn a_refused_encoder_is_told_why() {
    let mut server = Server::start(Settings::default()).await;
    let reason = Rejection::denied("this stream key is not known");
    let (refused, ()) =
        tokio::join!(server.connect(), async { server.requested().await.reject(reason).await });
    let message = refused.unwrap_err().to_string();
    assert_eq!(message, "the server refused: this stream key is not known (NetStream.Publish.Denied)");
}

#[tokio::test]
async fn an_encoder_for_another_application_is_told_so() {
    let server = Server::start(Settings::default()).await;
    let refused = Publish::connect(server.addr, "vod", &StreamKey::new("KEY")).await.unwrap_err().to_string();
    assert!(refused.contains("the server address must end in /live"), "{refused}");
}

#[tokio::test]
async fn a_publisher_that_is_cut_is_told_why() {
    let mut server = Server::start(Settings::default()).await;
    let (mut client, publisher) = server.goes_live().await;
    let ((), told) = tokio::join!(publisher.close("the broadcast has ended"), client.closed());
    assert_eq!(told.to_string(), "the server refused: the broadcast has ended (NetStream.Failed)");
}

#[tokio::test]
async fn a_codec_that_is_not_taken_is_named_to_both_sides() {
    let mut server = Server::start(Settings::default()).await;
    let (mut client, publisher) = server.goes_live().await;
    let mut tag = sample().tags[1].clone();
    tag.body = Bytes::from_static(b"\x90hvc1record");
    client.send(&tag).await.unwrap();
    let ((packets, ended), told) = tokio::join!(watch(publisher), async { client.closed().await });
    let reason = "video codec HEVC (hvc1) is not supported: send H.264";
    assert!(packets.is_empty());
    assert_eq!(ended.unwrap_err().to_string(), reason);
    assert_eq!(told.to_string(), format!("the server refused: {reason} (NetStream.Failed)"));
}

#[tokio::test]
async fn an_encoder_that_vanishes_is_an_error_and_not_an_end() {
    let mut server = Server::start(Settings::default()).await;
    let (client, publisher) = server.goes_live().await;
    drop(client);
    assert_eq!(watch(publisher).await, (vec![], Err(Error::Disconnected)));
}

#[tokio::test]
async fn cancelling_next_loses_nothing() {
    let mut server = Server::start(Settings::default()).await;
    let (mut client, mut publisher) = server.goes_live().await;
    let sending = tokio::spawn(async move {
        for tag in &sample().tags {
            client.send(tag).await.unwrap();
            tokio::task::yield_now().await;
        }
        client.finish().await.unwrap();
    });
    let mut packets = Vec::new();
    loop {
        let next = tokio::select! {
            biased;
            next = publisher.next() => next,
            () = tokio::task::yield_now() => continue,
        };
        match next.unwrap() {
            Some(packet) => packets.push(packet),
            None => break,
        }
    }
    sending.await.unwrap();
    assert_eq!(packets, sample_packets());
}

#[tokio::test(start_paused = true)]
async fn half_a_handshake_is_dropped_after_five_seconds() {
    let server = Server::start(Settings::default()).await;
    let start = Instant::now();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(&[3; 1000]).await.unwrap();
    assert_eq!(until_closed(&mut stream).await, 0);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_encoder_that_never_publishes_is_dropped_after_ten_seconds() {
    let server = Server::start(Settings::default()).await;
    let start = Instant::now();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(&[&[3u8][..], &[0; 2 * 1536]].concat()).await.unwrap();
    assert!(until_closed(&mut stream).await > 3073, "the handshake, and the reason");
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_silent_publisher_is_dropped_after_fifteen_seconds() {
    let mut server = Server::start(Settings::default()).await;
    let (mut client, publisher) = server.goes_live().await;
    let ((_, ended), told) = tokio::join!(watch(publisher), client.closed());
    assert_eq!(ended, Err(Error::Idle(Duration::from_secs(15))));
    assert_eq!(told.to_string(), "the server refused: nothing arrived for 15 s (NetStream.Failed)");
}

#[tokio::test]
async fn a_publisher_above_the_bit_rate_is_told_so() {
    let settings = Settings { max_bitrate: 10_000, ..Settings::default() };
    let mut server = Server::start(settings).await;
    let (mut client, publisher) = server.goes_live().await;
    let watching = tokio::spawn(watch(publisher));
    for tag in &sample().tags {
        // The server may hang up while this goes on.
        let _ = client.send(tag).await;
    }
    let (_, ended) = watching.await.unwrap();
    assert_eq!(ended.unwrap_err().to_string(), "the bit rate is above the limit of 10 kbit/s");
}

#[tokio::test]
async fn a_client_that_leaves_mid_handshake_frees_its_place() {
    let settings = Settings { max_connections: 1, ..Settings::default() };
    let mut server = Server::start(settings).await;
    for length in [0, 1, 700, 1537, 3072] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(&[3; 3072][..length]).await.unwrap();
        stream.shutdown().await.unwrap();
        until_closed(&mut stream).await;
    }
    server.goes_live().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let settings = Settings { max_connections_per_ip: 1, ..Settings::default() };
    let mut server = Server::start(settings).await;
    let (client, publisher) = server.goes_live().await;
    let mut second = TcpStream::connect(server.addr).await.unwrap();
    assert_eq!(until_closed(&mut second).await, 0);
    drop((client, publisher));
    server.goes_live().await;
}

#[tokio::test(start_paused = true)]
async fn encoders_that_nobody_takes_are_turned_away() {
    let settings =
        Settings { request_queue: 1, publish_timeout: Duration::from_secs(3), ..Settings::default() };
    let server = Server::start(settings).await;
    let (first, second) = tokio::join!(server.connect(), server.connect());
    let mut told = [first, second].map(|refused| refused.unwrap_err().to_string());
    told.sort();
    assert_eq!(
        told,
        [
            "the server did not answer within 10 s",
            "the server refused: the server is busy: try again (NetStream.Failed)",
        ]
    );
}

#[tokio::test]
async fn shutdown_closes_the_door_and_keeps_publishers() {
    let mut server = Server::start(Settings::default()).await;
    let (mut client, mut publisher) = server.goes_live().await;
    let mut waiting = TcpStream::connect(server.addr).await.unwrap();
    waiting.write_all(&[3]).await.unwrap();

    server.shutdown.cancel();
    until_closed(&mut waiting).await;
    assert!(server.requests.recv().await.is_none());
    client.send(&sample().tags[1]).await.unwrap();
    assert!(matches!(publisher.next().await, Ok(Some(Packet::VideoHeader(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_loop_goes_on_in_time() {
    let mut server = Server::start(Settings::default()).await;
    let (file, shutdown, addr) = (sample(), CancellationToken::new(), server.addr);
    let (round, stop) = (file.loop_duration(), shutdown.clone());
    assert_eq!(round, 2000);
    let playing =
        tokio::spawn(async move { play_loop(addr, "live", &StreamKey::new("KEY"), &file, stop).await });

    let mut publisher = server.requested().await.accept().await;
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 150 {
        if let Some(Packet::Video(video)) = publisher.next().await.unwrap() {
            times.push(video.timestamp);
        }
    }
    let expected: Vec<_> = (0..150).map(|picture| picture * 40).collect();
    assert_eq!(times, expected, "three rounds of 50 pictures, evenly");
    let elapsed = start.elapsed().as_millis();
    assert!((5_900..6_100).contains(&elapsed), "in real time: {elapsed} ms");

    shutdown.cancel();
    assert_eq!(watch(publisher).await.1, Ok(()), "it takes leave");
    playing.await.unwrap().unwrap();
}
