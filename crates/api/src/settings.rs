//! What an operator sets about HTTP.

use http::Uri;

use crate::address::TrustedProxies;

/// Settings of the HTTP side.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address under which people reach the server, such as `https://live.example`; else the request's Host.
    pub public_url: Option<Uri>,
    /// Where encoders publish to, such as `rtmp://live.example/live`; else made of the host and `rtmp_port`.
    pub public_rtmp_url: Option<String>,
    /// Whether this server itself takes TLS off.
    pub is_tls: bool,
    /// Proxies that are believed about whom they ask for.
    pub trusted_proxies: TrustedProxies,
    /// The port of the RTMP listener.
    pub rtmp_port: u16,
    /// The RTMP application name, the last part of its address.
    pub rtmp_app: String,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
}
