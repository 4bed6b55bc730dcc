//! The HTTP listener.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::entrance::{Entrance, Place};

/// How long to wait before accepting again when there are no file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of the listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a request's head may take, and a connection be idle between requests.
    pub header_timeout: Duration,
    /// How long a peer may leave what was sent unacknowledged or unread.
    pub write_timeout: Duration,
    /// How long requests under way may take after the server was told to stop.
    pub drain_timeout: Duration,
}

/// Serves as many connections at once as there are places until told to stop, then lets requests under way finish. With
/// an acceptor, under TLS.
pub async fn serve(
    (listener, tls): (TcpListener, Option<TlsAcceptor>),
    app: Router,
    (limits, entrance): (Limits, Arc<Entrance>),
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let site = Site { app, tls, limits, stop: stop.clone() };
    loop {
        let next = async { (entrance.waits().await, listener.accept().await) };
        let (place, accepted) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => next,
        };
        let Some(place) = place else { break };
        match accepted {
            Ok((stream, peer)) => match entrance.admit(peer.ip(), place) {
                Some(place) => {
                    connections.spawn(site.clone().connect(stream, peer, place));
                }
                None => debug!(%peer, "a connection is closed: its address has as many as it may"),
            },
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain_timeout, connections.wait()).await.is_err() {
        warn!("some requests were cut: they did not finish in time");
    }
}

/// What connections are served with.
#[derive(Clone)]
struct Site {
    app: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    stop: CancellationToken,
}

impl Site {
    async fn connect(self, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Small answers must not wait for more to send.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "TCP_NODELAY could not be set");
        }
        // A peer that acknowledges nothing, or never reads, would hold its answer in memory and its place for ever.
        if let Err(error) = SockRef::from(&stream).set_tcp_user_timeout(Some(self.limits.write_timeout)) {
            debug!(%error, "TCP_USER_TIMEOUT could not be set");
        }
        let Some(tls) = &self.tls else {
            self.converse(TokioIo::new(stream), peer).await;
            return drop(place);
        };
        match tokio::time::timeout(self.limits.header_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(TokioIo::new(stream), peer).await,
            Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
            Err(_) => debug!("a TLS handshake took too long"),
        }
        drop(place);
    }

    async fn converse<S>(&self, stream: TokioIo<S>, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let app = self.app.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .serve_connection(stream, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a connection ended badly");
        }
    }
}
