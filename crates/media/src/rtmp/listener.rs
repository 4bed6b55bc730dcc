//! Accepts encoders over TCP.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{Error, Figures, Rejection, Request, Settings, connection::Connection, session::Event};

/// The first and the longest pause after a failed `accept`, which mostly means that file descriptors ran out.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Accepts encoders until `shutdown`, and yields those that ask to publish.
///
/// The channel ends once the listener is closed and no connection is left that might still ask. Publishers that were
/// accepted before go on: they belong to whoever accepted them. Dropping the receiver also ends it all.
pub fn serve(
    listener: TcpListener,
    settings: Settings,
    shutdown: CancellationToken,
) -> mpsc::Receiver<Request> {
    serve_counted(listener, settings, Arc::default(), shutdown)
}

/// As [`serve`], for somebody who reads the figures.
pub fn serve_counted(
    listener: TcpListener,
    settings: Settings,
    figures: Arc<Figures>,
    shutdown: CancellationToken,
) -> mpsc::Receiver<Request> {
    let (requests, receiver) = mpsc::channel(settings.request_queue.max(1));
    let slots = Slots::new(&settings, figures);
    let server = Server { settings, slots, requests, shutdown, is_full: false };
    tokio::spawn(server.run(listener));
    receiver
}

struct Server {
    settings: Settings,
    slots: Slots,
    requests: mpsc::Sender<Request>,
    shutdown: CancellationToken,
    /// Whether the last connection was turned away, so that a flood logs one line.
    is_full: bool,
}

impl Server {
    async fn run(mut self, listener: TcpListener) {
        let shutdown = self.shutdown.clone();
        let requests = self.requests.clone();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = requests.closed() => {}
            () = self.accept_all(&listener) => {}
        }
    }

    async fn accept_all(&mut self, listener: &TcpListener) {
        let mut backoff = BACKOFF.0;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    backoff = BACKOFF.0;
                    self.admit(stream, peer);
                }
                Err(error) => {
                    tracing::warn!(%error, pause_ms = backoff.as_millis() as u64, "cannot accept RTMP connections");
                    sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// Begins to serve a connection if there is room, and closes it at once if not.
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let slot = self.slots.take(peer.ip());
        if slot.is_none() && !self.is_full {
            tracing::warn!(%peer, "RTMP connections are turned away: a connection limit is reached");
        }
        self.is_full = slot.is_none();
        let Some(slot) = slot else { return self.slots.figures.turn_away() };
        // Replies are few and awaited; a socket that cannot be set so works all the same.
        let _ = stream.set_nodelay(true);
        let connection = Connection::new(stream, &self.settings, slot);
        let desk = Desk {
            settings: self.settings.clone(),
            requests: self.requests.clone(),
            figures: self.slots.figures.clone(),
        };
        tokio::spawn(desk.negotiate(connection, peer, self.shutdown.clone()));
    }
}

/// Where a connection becomes a request.
struct Desk {
    settings: Settings,
    requests: mpsc::Sender<Request>,
    figures: Arc<Figures>,
}

impl Desk {
    /// Serves a connection until it becomes a request, or ends.
    async fn negotiate(self, mut connection: Connection, peer: SocketAddr, shutdown: CancellationToken) {
        let since = Instant::now();
        let negotiation = shutdown.run_until_cancelled(connection.negotiate(&self.settings, since)).await;
        match negotiation.unwrap_or(Err(Error::ShuttingDown)) {
            Ok(Event::Publish { app, key }) => {
                let encoder = connection.session.encoder().map(str::to_owned);
                let settings = self.settings.clone();
                let request = Request { app, key, peer, encoder, connection, settings };
                self.hand_over(request, since).await;
            }
            // No other event comes before a publish request is answered.
            Ok(_) => {}
            Err(error) => {
                self.figures.lose();
                // Health checks and scanners connect and leave.
                match error {
                    Error::Disconnected => {
                        tracing::debug!(%peer, %error, "RTMP connection ended before publishing")
                    }
                    _ => tracing::info!(%peer, %error, "RTMP connection ended before publishing"),
                }
                connection.session.close(&error.to_string());
                connection.finish().await;
            }
        }
    }

    /// Waits for room in the channel, not for ever.
    async fn hand_over(&self, request: Request, since: Instant) {
        let deadline = since + self.settings.publish_timeout;
        match timeout_at(deadline, self.requests.reserve()).await {
            Ok(Ok(permit)) => permit.send(request),
            Ok(Err(_)) => request.reject(Rejection::failed(Error::ShuttingDown.to_string())).await,
            Err(_) => {
                self.figures.keep_waiting();
                tracing::warn!(peer = %request.peer, "RTMP publisher turned away: too many wait for permission");
                request.reject(Rejection::failed("the server is busy: try again")).await;
            }
        }
    }
}

/// Counts connections, in total and by network.
#[derive(Debug, Clone)]
struct Slots {
    max: usize,
    max_per_ip: usize,
    taken: Arc<Mutex<Taken>>,
    figures: Arc<Figures>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// A place among the connections; dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Slot {
    network: IpAddr,
    taken: Arc<Mutex<Taken>>,
    figures: Arc<Figures>,
}

impl Slots {
    fn new(settings: &Settings, figures: Arc<Figures>) -> Self {
        let max_per_ip = match settings.max_connections_per_ip {
            0 => usize::MAX,
            limit => limit,
        };
        Self { max: settings.max_connections, max_per_ip, taken: Arc::default(), figures }
    }

    fn take(&self, ip: IpAddr) -> Option<Slot> {
        let network = network(ip);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_network = taken.by_network.get(&network).copied().unwrap_or(0);
        if taken.total >= self.max || of_network >= self.max_per_ip {
            return None;
        }
        taken.total += 1;
        taken.by_network.insert(network, of_network + 1);
        self.figures.opened();
        Some(Slot { network, taken: self.taken.clone(), figures: self.figures.clone() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.figures.closed();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        if let Some(count) = taken.by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                taken.by_network.remove(&self.network);
            }
        }
    }
}

/// What counts as one sender: an IPv4 address, or the /64 that one IPv6 customer gets.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(max: usize, max_per_ip: usize) -> Slots {
        let settings =
            Settings { max_connections: max, max_connections_per_ip: max_per_ip, ..Settings::default() };
        Slots::new(&settings, Arc::default())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_limited_in_total_and_by_network() {
        let slots = slots(3, 2);
        let _first = slots.take(ip("192.0.2.1")).unwrap();
        let second = slots.take(ip("::ffff:192.0.2.1")).unwrap();
        assert!(slots.take(ip("192.0.2.1")).is_none(), "two from one address, however it is written");
        let _third = slots.take(ip("192.0.2.2")).unwrap();
        assert!(slots.take(ip("192.0.2.3")).is_none(), "three in total");
        drop(second);
        assert!(slots.take(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn an_ipv6_customer_is_one_sender() {
        let slots = slots(10, 1);
        let only = slots.take(ip("2001:db8::1")).unwrap();
        assert!(slots.take(ip("2001:db8::ffff:2")).is_none());
        assert!(slots.take(ip("2001:db8:0:1::1")).is_some());
        drop(only);
        assert!(slots.taken.lock().unwrap().by_network.is_empty());
    }

    #[test]
    fn zero_is_no_limit_of_its_own() {
        let slots = slots(3, 0);
        let taken: Vec<_> = (0..4).map(|_| slots.take(ip("192.0.2.1"))).collect();
        assert_eq!(taken.iter().filter(|slot| slot.is_some()).count(), 3);
    }
}
