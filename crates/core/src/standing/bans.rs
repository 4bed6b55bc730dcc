//! Bans, by whom they are for.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::ban::{Ban, BanTarget};
use crate::clock::Time;
use crate::ids::{BanId, UserId};
use crate::viewer::DeviceId;

#[derive(Debug, Default, PartialEq)]
pub struct Bans {
    by_target: HashMap<BanTarget, Ban>,
    targets: HashMap<BanId, BanTarget>,
    /// Which lengths banned networks have: an address is looked for once a length.
    lengths: BTreeSet<u8>,
}

impl Bans {
    pub fn is_empty(&self) -> bool {
        self.by_target.is_empty()
    }

    /// Keeps a ban instead of an earlier one for the same.
    pub fn put(&mut self, ban: Ban) {
        if let BanTarget::Network(network) = &ban.target {
            self.lengths.insert(network.prefix_len());
        }
        self.targets.insert(ban.id, ban.target.clone());
        if let Some(before) = self.by_target.insert(ban.target.clone(), ban.clone())
            && before.id != ban.id
        {
            self.targets.remove(&before.id);
        }
    }

    pub fn remove(&mut self, id: BanId) {
        if let Some(target) = self.targets.remove(&id) {
            self.by_target.remove(&target);
        }
    }

    pub fn of_user(&self, user: UserId, now: Time) -> Option<&Ban> {
        self.get(&BanTarget::User(user), now)
    }

    pub fn of_device(&self, device: &DeviceId, now: Time) -> Option<&Ban> {
        self.get(&BanTarget::Device(device.clone()), now)
    }

    pub fn of_address(&self, ip: IpAddr, now: Time) -> Option<&Ban> {
        // An IPv4 address mapped into IPv6 is the IPv4 address (RFC 4291 §2.5.5.2).
        let ip = ip.to_canonical();
        self.lengths.iter().find_map(|length| {
            let network = IpNet::new(ip, *length).ok()?.trunc();
            self.get(&BanTarget::Network(network), now)
        })
    }

    fn get(&self, target: &BanTarget, now: Time) -> Option<&Ban> {
        self.by_target.get(target).filter(|ban| ban.is_in_force(now))
    }

    pub fn forget_past(&mut self, now: Time) {
        self.by_target.retain(|_, ban| ban.is_in_force(now));
        self.targets.retain(|_, target| self.by_target.contains_key(target));
        let lengths = self.by_target.keys().filter_map(|target| match target {
            BanTarget::Network(network) => Some(network.prefix_len()),
            _ => None,
        });
        self.lengths = lengths.collect();
    }
}
