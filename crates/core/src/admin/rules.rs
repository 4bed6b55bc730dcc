//! Who may ban whom.

use std::net::IpAddr;

use ipnet::IpNet;
use time::format_description::well_known::Rfc3339;

use super::{Account, BanRecord};
use crate::audit_log::{Act, Action};
use crate::ban::{Ban, BanTarget, LONGEST};
use crate::caller::{Caller, Identity};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::user::Role;
use crate::viewer::Client;

const MAX_REASON: usize = 500;
/// The widest networks that can be banned, of IPv4 and IPv6; a wider one is a slip.
const WIDEST: (u8, u8) = (8, 16);
/// The widest that moderators can ban: what one household or office has, so that none of them shuts out a country.
const WIDEST_OF_MODERATORS: (u8, u8) = (24, 48);

/// A ban that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBan {
    /// Whom it is for.
    pub target: BanTarget,
    /// Until when; `None`: for good.
    pub until: Option<Time>,
    /// Why, for those who keep order.
    pub reason: Option<String>,
}

impl NewBan {
    /// Of a network or an address as somebody writes it: the network is what its length says of it.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn network(text: &str) -> Result<BanTarget> {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| {
            Error::field("network", "must be an address or a network such as 203.0.113.0/24 or 2001:db8::/48")
        })?;
        Ok(BanTarget::Network(plain(network)))
    }

    pub(super) fn user(&self) -> Option<UserId> {
        if let BanTarget::User(id) = self.target { Some(id) } else { None }
    }

    /// `rank`: the role of whoever makes it.
    pub(super) fn check(&self, rank: Role, now: Time) -> Result<()> {
        if let BanTarget::Network(network) = &self.target {
            let widest = if rank < Role::Admin { WIDEST_OF_MODERATORS } else { WIDEST };
            let widest = if network.addr().is_ipv4() { widest.0 } else { widest.1 };
            if network.prefix_len() < widest {
                let message = format!("is too wide: /{widest} is the widest that you can ban");
                return Err(Error::field("network", message));
            }
        }
        if self.until.is_some_and(|until| until <= now) {
            return Err(Error::field("until", "must be in the future"));
        }
        if self.until.is_some_and(|until| until > now + LONGEST) {
            return Err(Error::field("until", "must be within ten years; leave it out to ban for good"));
        }
        let Some(reason) = &self.reason else { return Ok(()) };
        if reason.contains('\0') || reason.chars().count() > MAX_REASON {
            let message = format!("must have at most {MAX_REASON} characters, without NUL");
            return Err(Error::field("reason", message));
        }
        Ok(())
    }

    /// Refuses a ban that would shut out whoever makes it.
    pub(super) fn spares(&self, (caller, client): (&Caller, &Client)) -> Result<()> {
        let own = match &self.target {
            BanTarget::User(id) => (caller.user_id() == Some(*id)).then_some("nobody bans oneself"),
            BanTarget::Device(device) => {
                (client.device.as_ref() == Some(device)).then_some("this is your own device")
            }
            BanTarget::Network(network) => {
                let has_own = client.ip.is_some_and(|ip| network.contains(&ip.to_canonical()));
                has_own.then_some("this network contains your own address")
            }
        };
        own.map_or(Ok(()), |why| Err(Error::Forbidden(why)))
    }
}

/// Moderators keep order among those who do not.
pub(super) fn may_ban(by: &Identity, role: Role) -> Result<()> {
    if by.role < Role::Admin && role >= Role::Moderator {
        return Err(Error::Forbidden(
            "only an administrator can ban and readmit moderators and administrators",
        ));
    }
    Ok(())
}

/// What a moderator is told who would undo what an administrator did.
pub(super) const OUTRANKED: Error =
    Error::Forbidden("an administrator made this ban: only an administrator can replace or lift it");

/// Moderators lift what moderators made.
pub(super) fn may_lift(by: &Identity, record: &BanRecord) -> Result<()> {
    let maker = record.by.as_ref().map_or(Role::Admin, |(_, role)| *role);
    if by.role < Role::Admin && maker >= Role::Admin { Err(OUTRANKED) } else { Ok(()) }
}

/// An IPv4 network written as one of IPv6 is the IPv4 network.
fn plain(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network.trunc() };
    let v4 = v6.addr().to_ipv4_mapped().filter(|_| v6.prefix_len() >= 96);
    let plain = v4.and_then(|v4| IpNet::new(v4.into(), v6.prefix_len() - 96).ok());
    plain.unwrap_or(network).trunc()
}

/// What is written down about a ban.
pub(super) fn act(action: Action, ban: &Ban, user: Option<&Account>) -> Act {
    let (kind, target) = match &ban.target {
        BanTarget::User(id) => ("user", id.to_string()),
        BanTarget::Device(device) => ("device", device.as_str().to_owned()),
        BanTarget::Network(network) => ("network", network.to_string()),
    };
    let mut act = Act::new(action).on(target).with("kind", kind).with("ban_id", ban.id.to_string());
    if let Some(user) = user {
        act = act.with("user", user.username.as_str());
    }
    if let Some(until) = ban.until.and_then(|until| until.format(&Rfc3339).ok()) {
        act = act.with("until", until);
    }
    match &ban.reason {
        Some(reason) => act.with("reason", reason.as_str()),
        None => act,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = time::macros::datetime!(2026-05-01 12:00 UTC);

    fn of(network: &str) -> Result<NewBan> {
        let ban = NewBan { target: NewBan::network(network)?, until: None, reason: None };
        ban.check(Role::Admin, NOON).map(|()| ban)
    }

    #[test]
    fn a_network_is_taken_as_it_is_meant() {
        let network = |text| match of(text).unwrap().target {
            BanTarget::Network(network) => network.to_string(),
            _ => unreachable!("it is a network"),
        };
        assert_eq!(network("203.0.113.7"), "203.0.113.7/32");
        assert_eq!(network("203.0.113.7/24"), "203.0.113.0/24");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7/32");
        assert_eq!(network("::ffff:203.0.113.7/120"), "203.0.113.0/24");
        assert_eq!(network("2001:db8::1/48"), "2001:db8::/48");
    }

    #[test]
    fn what_is_no_network_or_too_wide_is_refused_by_name() {
        for text in ["", "here", "203.0.113.7/33", "10.0.0.0/7", "0.0.0.0/0", "::/0", "2001::/15"] {
            assert!(
                matches!(of(text), Err(Error::Invalid(fields)) if fields[0].field == "network"),
                "{text}"
            );
        }
        assert!(of("10.0.0.0/8").is_ok() && of("2001::/16").is_ok());
        assert!(of("::ffff:10.0.0.0/103").is_err(), "as wide as /7");
    }

    #[test]
    fn moderators_ban_networks_of_a_household_and_no_wider_ones() {
        for (fits, too_wide) in [
            ("10.1.2.0/24", "10.1.2.0/23"),
            ("2001:db8:1::/48", "2001:db8::/47"),
            ("::ffff:10.1.2.0/120", "::ffff:10.1.2.0/119"),
        ] {
            let check = |text| of(text).unwrap().check(Role::Moderator, NOON);
            assert!(check(fits).is_ok(), "{fits}");
            assert!(check(too_wide).is_err(), "{too_wide}");
        }
    }

    #[test]
    fn a_ban_ends_in_the_future_and_within_ten_years() {
        let until =
            |until| NewBan { target: NewBan::network("::1").unwrap(), until: Some(until), reason: None };
        let check = |ban: NewBan| ban.check(Role::Moderator, NOON);
        assert!(check(until(NOON)).is_err());
        assert!(check(until(NOON + time::Duration::seconds(1))).is_ok());
        assert!(check(until(NOON + time::Duration::days(3_651))).is_err());
    }

    #[test]
    fn nobody_shuts_the_own_door() {
        let client = Client { ip: Some("::ffff:203.0.113.7".parse().unwrap()), ..Client::default() };
        let by = (&Caller::Anonymous, &client);
        assert!(matches!(of("203.0.113.0/24").unwrap().spares(by), Err(Error::Forbidden(_))));
        assert!(of("203.0.114.0/24").unwrap().spares(by).is_ok());
    }
}
