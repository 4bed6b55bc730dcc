//! Places of live connections: who comes from one address has not all of them, and streams of events, each of which
//! keeps its HTTP connection, leave most of those to others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::limits::LimitKey;
use crate::problem::Problem;

/// When to come again whose address has as many as it may.
const AGAIN: Duration = Duration::from_secs(5);

/// How many live connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct PlaceLimits {
    /// From one address, of IPv6 from one /64; 0: no limit.
    pub per_ip: usize,
    /// Streams of events.
    pub streams: usize,
}

/// Over what a connection runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// A socket that HTTP has let go of.
    Socket,
    /// An answer that HTTP holds.
    Stream,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The address has as many as it may.
    Address,
    /// There are as many streams as there may be.
    Streams,
}

impl From<Full> for Problem {
    fn from(full: Full) -> Self {
        match full {
            Full::Address => {
                let detail = "there are as many live connections from your address as there may be";
                Self::new("too-many-requests", detail).again_after(AGAIN)
            }
            Full::Streams => {
                let detail = "there are as many streams of events as this server takes: use the WebSocket";
                Self::new("busy", detail)
            }
        }
    }
}

/// All places.
#[derive(Debug, Clone)]
pub struct Places {
    limits: PlaceLimits,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    streams: usize,
    by_address: HashMap<LimitKey, usize>,
}

/// A place; dropping it frees it.
#[derive(Debug)]
pub struct Place {
    address: LimitKey,
    over: Over,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    /// All free.
    pub fn new(limits: PlaceLimits) -> Self {
        Self { limits, taken: Arc::default() }
    }

    /// Takes a place for somebody at an address.
    ///
    /// # Errors
    /// Why there is none.
    pub fn take(&self, ip: Option<IpAddr>, over: Over) -> Result<Place, Full> {
        let address = LimitKey::from(ip);
        let mut taken = lock(&self.taken);
        if over == Over::Stream && taken.streams >= self.limits.streams {
            return Err(Full::Streams);
        }
        let there = taken.by_address.get(&address).copied().unwrap_or_default();
        if self.limits.per_ip > 0 && there >= self.limits.per_ip {
            return Err(Full::Address);
        }
        taken.by_address.insert(address, there + 1);
        taken.streams += usize::from(over == Over::Stream);
        Ok(Place { address, over, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.streams -= usize::from(self.over == Over::Stream);
        if let Some(there) = taken.by_address.get_mut(&self.address) {
            *there -= 1;
            if *there == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(per_ip: usize, streams: usize) -> Places {
        Places::new(PlaceLimits { per_ip, streams })
    }

    fn take(places: &Places, ip: &str, over: Over) -> Result<Place, Full> {
        places.take(Some(ip.parse().unwrap()), over)
    }

    #[test]
    fn an_address_has_so_many_places_and_others_have_theirs() {
        let places = places(2, 10);
        let there = [Over::Socket, Over::Stream].map(|over| take(&places, "198.51.100.1", over).unwrap());
        assert_eq!(take(&places, "198.51.100.1", Over::Socket).unwrap_err(), Full::Address);
        assert_eq!(take(&places, "::ffff:198.51.100.1", Over::Stream).unwrap_err(), Full::Address);
        let _other = take(&places, "198.51.100.2", Over::Stream).unwrap();
        drop(there);
        assert!(take(&places, "198.51.100.1", Over::Socket).is_ok(), "whoever goes leaves a place");
        assert_eq!(lock(&places.taken).by_address.len(), 1, "who is gone is forgotten");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let places = places(1, 10);
        let _there = take(&places, "2001:db8::1", Over::Socket).unwrap();
        assert_eq!(take(&places, "2001:db8::ffff:1", Over::Socket).unwrap_err(), Full::Address);
        assert!(take(&places, "2001:db8:0:1::1", Over::Socket).is_ok());
    }

    #[test]
    fn streams_have_a_share_and_sockets_do_not_need_it() {
        let places = places(0, 1);
        let stream = take(&places, "198.51.100.1", Over::Stream).unwrap();
        assert_eq!(take(&places, "198.51.100.2", Over::Stream).unwrap_err(), Full::Streams);
        let sockets = (0..100).map(|_| take(&places, "198.51.100.1", Over::Socket));
        let sockets: Vec<_> = sockets.collect::<Result<_, _>>().unwrap();
        drop(stream);
        assert!(take(&places, "198.51.100.2", Over::Stream).is_ok());
        drop(sockets);
        assert!(lock(&places.taken).by_address.is_empty());
    }
}
