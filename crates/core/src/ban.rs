//! Who is kept out of the whole server: a user, a device, or a network.

use std::time::Duration;

use ipnet::IpNet;

use crate::clock::Time;
use crate::ids::{BanId, UserId};
use crate::viewer::DeviceId;

/// Whom a ban is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BanTarget {
    /// An account, wherever it is used from: it is suspended.
    User(UserId),
    /// A browser or an app, whoever uses it.
    Device(DeviceId),
    /// A range of addresses, or one alone.
    Network(IpNet),
}

/// One row of `bans`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// The id.
    pub id: BanId,
    /// For whom.
    pub target: BanTarget,
    /// Until when; `None`: for good.
    pub until: Option<Time>,
    /// Why, for those who keep order.
    pub reason: Option<String>,
    /// Who banned; `None`: the operator, by a command.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Time,
}

impl Ban {
    /// Whether it holds at this time.
    pub fn is_in_force(&self, now: Time) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// The longest ban that has an end: ten years.
pub const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);
