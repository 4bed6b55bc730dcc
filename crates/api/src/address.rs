//! Where a request comes from: the address of the connection, or what a trusted proxy says of it.
//!
//! Anybody can send `X-Forwarded-For`. It counts only on connections of proxies that the operator named, and of the
//! addresses in it only the last that is not such a proxy: what stands before that was written by whoever asked.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use http::header::FORWARDED;
use http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// In which header proxies tell of their clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`; where there is none, `Forwarded`.
    #[default]
    XForwardedFor,
    /// `Forwarded` alone (RFC 7239): a proxy that writes only this lets any `X-Forwarded-For` through.
    Forwarded,
}

/// Proxies whose word is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ProxyHeader,
}

impl TrustedProxies {
    /// Takes addresses and networks such as `10.0.0.0/8`.
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn new(list: &[String], header: ProxyHeader) -> Result<Self, String> {
        let network = |text: &String| network(text).ok_or_else(|| text.clone());
        Ok(Self { networks: list.iter().map(network).collect::<Result<_, _>>()?, header })
    }

    /// Whether this is one of them. IPv4 inside of IPv6 is to be given as IPv4.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address of whoever asks, over a connection of `peer`. IPv4 inside of IPv6 is IPv4.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let mut client = peer;
        for hop in self.hops(headers) {
            // A proxy that writes no address leaves nothing to go by but its own.
            let Some(address) = hop else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    /// Whom each proxy saw, the nearest first; `None` where that is not an address.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let forwarded_for = headers.get_all(X_FORWARDED_FOR);
        let is_plain = self.header == ProxyHeader::XForwardedFor && forwarded_for.iter().next().is_some();
        let (values, read) = if is_plain {
            (forwarded_for, plain as fn(&str) -> Vec<Option<IpAddr>>)
        } else {
            (headers.get_all(FORWARDED), forwarded as fn(&str) -> Vec<Option<IpAddr>>)
        };
        let mut hops: Vec<_> =
            values.iter().flat_map(|value| value.to_str().map_or_else(|_| vec![None], read)).collect();
        hops.reverse();
        hops
    }

    /// Whether the proxy that sent this says that it was asked under TLS.
    pub(crate) fn took_tls_off(&self, extensions: &Extensions, headers: &HeaderMap) -> bool {
        let last =
            headers.get_all(X_FORWARDED_PROTO).iter().next_back().and_then(|value| value.to_str().ok());
        let last = last.and_then(|value| value.rsplit(',').next()).unwrap_or_default();
        last.trim().eq_ignore_ascii_case("https") && peer(extensions).is_some_and(|peer| self.trusts(peer))
    }

    /// As [`TrustedProxies::client`], of a request as the listener hands it over.
    pub(crate) fn client_of(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        peer(extensions).map(|peer| self.client(peer, headers))
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

/// A network, or a single address as one. What is mapped into IPv6 is meant as IPv4, as addresses are compared so.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    let network: IpNet = text.parse().ok()?;
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some() => {
            IpNet::new(network.addr().to_canonical(), v6.prefix_len() - 96).ok()
        }
        _ => Some(network),
    }
}

fn plain(value: &str) -> Vec<Option<IpAddr>> {
    value.split(',').map(address).collect()
}

/// The `for` of each element of a `Forwarded` (RFC 7239 §4).
fn forwarded(value: &str) -> Vec<Option<IpAddr>> {
    unquoted_split(value, ',').map(|element| unquoted_split(element, ';').find_map(node)).collect()
}

/// The address of a pair if that is `for`: in quotes or not, with a port or not.
fn node(pair: &str) -> Option<IpAddr> {
    let (name, value) = pair.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("for") {
        return None;
    }
    let value = value.trim();
    address(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// Splits where the mark is not in quotes.
fn unquoted_split(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let mut in_quotes = false;
    text.split(move |it: char| {
        in_quotes ^= it == '"';
        it == mark && !in_quotes
    })
}

/// An address as proxies write it: alone, with a port, in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let address = match bracketed {
        Some((inner, port)) => {
            is_port(port).then_some(())?;
            IpAddr::V6(Ipv6Addr::from_str(inner).ok()?)
        }
        None => IpAddr::from_str(text).or_else(|_| SocketAddr::from_str(text).map(|it| it.ip())).ok()?,
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn proxies(list: &[&str], header: ProxyHeader) -> TrustedProxies {
        let list: Vec<_> = list.iter().map(|&it| it.to_owned()).collect();
        TrustedProxies::new(&list, header).unwrap()
    }

    /// Whom a connection of `peer` with these headers is of.
    fn seen(header: ProxyHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let proxies = proxies(&["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"], header);
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    const XFF: &str = "x-forwarded-for";
    const FWD: &str = "forwarded";

    #[test]
    fn only_trusted_proxies_are_believed_and_only_what_they_saw() {
        for (peer, lines, client) in [
            // Strangers say what they like.
            ("203.0.113.5", &[][..], "203.0.113.5"),
            ("203.0.113.5", &[(XFF, "198.51.100.1")], "203.0.113.5"),
            ("203.0.113.5", &[(XFF, "10.0.0.1"), (FWD, "for=198.51.100.1")], "203.0.113.5"),
            ("2001:db8:2::1", &[(XFF, "198.51.100.1")], "2001:db8:2::1"),
            // A proxy saw the last; what stands before was sent by whoever asked.
            ("10.0.0.1", &[(XFF, "198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", &[(XFF, "1.1.1.1, 198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", &[(XFF, "1.1.1.1"), (XFF, "198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", &[(XFF, "198.51.100.1,10.9.9.9,192.0.2.7")], "198.51.100.1"),
            ("10.0.0.1", &[(XFF, "198.51.100.1"), (XFF, "10.9.9.9")], "198.51.100.1"),
            ("192.0.2.7", &[(XFF, "198.51.100.1:4711")], "198.51.100.1"),
            ("192.0.2.8", &[(XFF, "198.51.100.1")], "192.0.2.8"),
            // Proxies alone.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
            // IPv6, and IPv4 inside of it.
            ("2001:db8:1::9", &[(XFF, "2001:db8:77::1")], "2001:db8:77::1"),
            ("2001:db8:1::9", &[(XFF, "[2001:db8:77::1]:443")], "2001:db8:77::1"),
            ("::ffff:10.0.0.1", &[(XFF, "::ffff:198.51.100.1")], "198.51.100.1"),
            ("::ffff:203.0.113.5", &[(XFF, "198.51.100.1")], "203.0.113.5"),
            // Garbage: the last that is known.
            ("10.0.0.1", &[(XFF, "198.51.100.1, unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, "unknown, 10.2.2.2")], "10.2.2.2"),
            ("10.0.0.1", &[(XFF, "")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, "198.51.100.1,")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, "198.51.100.1 198.51.100.2")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, "[198.51.100.1]")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, "198.51.100.1:99999")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, "\u{ff}")], "10.0.0.1"),
        ] {
            assert_eq!(seen(ProxyHeader::XForwardedFor, peer, lines), client, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_standards_header_is_read_in_all_its_forms() {
        for (lines, client) in [
            (&[(FWD, "for=198.51.100.1")][..], "198.51.100.1"),
            (&[(FWD, "For=\"198.51.100.1:4711\";proto=https;by=10.0.0.1")], "198.51.100.1"),
            (&[(FWD, "proto=https; for=\"[2001:db8:77::1]:4711\"")], "2001:db8:77::1"),
            (&[(FWD, "for=1.1.1.1, for=198.51.100.1, for=10.3.3.3")], "198.51.100.1"),
            (&[(FWD, "for=1.1.1.1"), (FWD, "for=198.51.100.1")], "198.51.100.1"),
            (&[(FWD, "for=\"a,for=1.1.1.1\", for=198.51.100.1")], "198.51.100.1"),
            (&[(FWD, "for=unknown")], "10.0.0.1"),
            (&[(FWD, "for=_hidden, for=10.3.3.3")], "10.3.3.3"),
            (&[(FWD, "proto=https")], "10.0.0.1"),
            (&[(FWD, "for=\"198.51.100.1")], "10.0.0.1"),
            (&[(FWD, ";;=,=;\"")], "10.0.0.1"),
        ] {
            for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
                assert_eq!(seen(header, "10.0.0.1", lines), client, "{header:?} {lines:?}");
            }
        }
    }

    #[test]
    fn a_proxy_that_writes_one_header_does_not_vouch_for_the_other() {
        let both = [(XFF, "198.51.100.1"), (FWD, "for=1.1.1.1")];
        assert_eq!(seen(ProxyHeader::XForwardedFor, "10.0.0.1", &both), "198.51.100.1");
        assert_eq!(seen(ProxyHeader::Forwarded, "10.0.0.1", &both), "1.1.1.1");
        assert_eq!(seen(ProxyHeader::Forwarded, "10.0.0.1", &both[..1]), "10.0.0.1");
    }

    #[test]
    fn what_is_no_address_and_no_network_is_refused() {
        for wrong in ["", "proxy.internal", "10.0.0.0/33", "10.0.0", "10.0.0.0/", "::/129", "*"] {
            let refused = TrustedProxies::new(&[wrong.to_owned()], ProxyHeader::default());
            assert_eq!(refused.err().as_deref(), Some(wrong));
        }
        let mapped =
            proxies(&["::ffff:10.0.0.0/104", "::ffff:192.0.2.7", "10.1.2.3/16"], ProxyHeader::default());
        for (address, is_trusted) in
            [("10.200.1.1", true), ("11.0.0.1", false), ("192.0.2.7", true), ("192.0.2.8", false)]
        {
            assert_eq!(mapped.trusts(address.parse().unwrap()), is_trusted, "{address}");
        }
    }
}
