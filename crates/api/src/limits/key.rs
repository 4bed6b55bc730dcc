//! Who is counted: the caller, or the address.

use std::net::IpAddr;

use axum::extract::Request;
use tallylight_core::Caller;
use uuid::Uuid;

use crate::auth;
use crate::state::App;

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// A signed-in user, or a program of theirs.
    User(Uuid),
    /// An IPv4 address.
    V4([u8; 4]),
    /// An IPv6 network of 64 bits: who has one address of it has them all.
    V6([u8; 8]),
    /// A name that somebody signs in by, hashed, whether there is such an account or not.
    Account([u8; 16]),
    /// All whose address is not known.
    Unknown,
    /// All that came when too many others were remembered.
    Others,
}

impl From<Option<IpAddr>> for LimitKey {
    fn from(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let mut network = [0; 8];
                network.copy_from_slice(&address.octets()[..8]);
                Self::V6(network)
            }
        }
    }
}

/// The address that a request is counted by.
pub(super) fn address_of(app: &App, request: &Request) -> LimitKey {
    app.settings.trusted_proxies.client_of(request.extensions(), request.headers()).into()
}

/// Who a request is counted by: the user who is signed in, by whichever of their keys, else the address.
pub(super) fn identity_of(app: &App, request: &mut Request) -> LimitKey {
    let caller = auth::of_request(request, app).ok().map(|auth| auth.caller);
    match caller.as_ref().and_then(Caller::user_id) {
        Some(user) => LimitKey::User(user.0),
        None => address_of(app, request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> LimitKey {
        Some(address.parse().unwrap()).into()
    }

    #[test]
    fn ipv6_is_counted_by_its_network_and_mapped_ipv4_as_ipv4() {
        assert_eq!(key("2001:db8::1"), key("2001:db8:0:0:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:198.51.100.1"), key("198.51.100.1"));
        assert_ne!(key("198.51.100.1"), key("198.51.100.2"));
    }
}
