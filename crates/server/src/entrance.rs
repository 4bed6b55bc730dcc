//! Who comes in by HTTP: so many connections at once, and from one address not all of them.

use std::net::IpAddr;
use std::sync::Arc;

use tallylight_api::address::TrustedProxies;
use tallylight_api::live::{self, Over, PlaceLimits, Places};
use tallylight_core::figures::Count;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::settings::Settings;

/// The places of all connections.
pub struct Entrance {
    max: usize,
    free: Arc<Semaphore>,
    addresses: Places,
    /// Many people come through each of them.
    proxies: TrustedProxies,
    turned_away: Count,
}

/// A connection's place; dropping it frees it.
pub struct Place {
    _place: OwnedSemaphorePermit,
    _at_address: Option<live::Place>,
}

impl Entrance {
    /// All places free.
    ///
    /// # Errors
    /// When one of `trusted_proxies` is not an address.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let max = settings.http_max_connections;
        let limits = PlaceLimits { per_ip: settings.http_max_connections_per_ip, streams: 0 };
        Ok(Self {
            max,
            free: Arc::new(Semaphore::new(max)),
            addresses: Places::new(limits),
            proxies: settings.proxies()?,
            turned_away: Count::default(),
        })
    }

    /// Waits until there is a place, whoever comes; `None` only if there is never to be one again.
    pub async fn waits(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Gives somebody the place; `None`: the address has as many as it may.
    pub fn admit(&self, peer: IpAddr, place: OwnedSemaphorePermit) -> Option<Place> {
        if self.proxies.trusts(peer.to_canonical()) {
            return Some(Place { _place: place, _at_address: None });
        }
        let Ok(at_address) = self.addresses.take(Some(peer), Over::Socket) else {
            self.turned_away.one();
            return None;
        };
        Some(Place { _place: place, _at_address: Some(at_address) })
    }

    /// How many connections are open, and how many may be.
    pub fn open(&self) -> (usize, usize) {
        (self.max.saturating_sub(self.free.available_permits()), self.max)
    }

    /// How many were closed at once because their address had as many as it may.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn comes(entrance: &Entrance, from: &str) -> Option<Place> {
        entrance.admit(from.parse().unwrap(), entrance.waits().await.unwrap())
    }

    #[tokio::test]
    async fn one_address_has_not_all_places_and_a_proxy_may() {
        let settings = Settings {
            http_max_connections: 10,
            http_max_connections_per_ip: 2,
            trusted_proxies: vec!["10.0.0.0/8".into()],
            ..Settings::default()
        };
        let entrance = Entrance::new(&settings).unwrap();
        let [first, second] = [comes(&entrance, "203.0.113.5").await, comes(&entrance, "203.0.113.5").await];
        assert!(first.is_some() && second.is_some());
        assert!(comes(&entrance, "::ffff:203.0.113.5").await.is_none(), "it is the same address");
        assert_eq!((entrance.open(), entrance.turned_away()), ((2, 10), 1));
        let _other = comes(&entrance, "203.0.113.6").await.unwrap();
        drop(first);
        assert!(comes(&entrance, "203.0.113.5").await.is_some(), "whoever goes leaves a place");
        for from in ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1"] {
            let place = comes(&entrance, from).await;
            std::mem::forget(place.expect("people come through it"));
        }
        assert_eq!(entrance.open().0, 5);
    }
}
