//! A browser's own id for this site, by which an anonymous person in two tabs is one person.
//!
//! A first-party cookie and nothing else: with a foreign `Origin` it is neither read nor set, so that no other site's
//! visitors are followed. Apps without cookies may send an id of their own.

use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Uri};
use tallylight_core::viewer::DeviceId;
use url::Url;

use crate::extract::Base;

const NAME: &str = "tl_device";
/// The longest that browsers keep a cookie, in seconds (RFC 6265bis §5.5).
const MAX_AGE: u32 = 400 * 86_400;

/// The id that a browser keeps, if it is asked from a page of this site.
pub fn known(headers: &HeaderMap, public_url: Option<&Uri>) -> Option<DeviceId> {
    if is_foreign(headers, public_url) {
        return None;
    }
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == NAME).find_map(|(_, value)| DeviceId::parse(value))
}

/// Whose page makes a request, as far as the browser says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// A page of this site.
    OwnPage,
    /// A page of another site.
    OtherPage,
    /// It is not said: no page asks, or one of this site that reads.
    Unsaid,
}

/// Whose page makes a request (Fetch §3.2, Fetch Metadata §2.3).
pub fn asking(headers: &HeaderMap, public_url: Option<&Uri>) -> Asking {
    if headers.contains_key(ORIGIN) {
        return if is_foreign(headers, public_url) { Asking::OtherPage } else { Asking::OwnPage };
    }
    match headers.get("sec-fetch-site").and_then(|site| site.to_str().ok()) {
        Some("cross-site" | "same-site") => Asking::OtherPage,
        _ => Asking::Unsaid,
    }
}

/// Whether a page of another site asks. Without an `Origin` no page does, or one of this site. A proxy may have changed
/// the `Host`, so the public address counts as this site too.
pub fn is_foreign(headers: &HeaderMap, public_url: Option<&Uri>) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let origin = origin.to_str().unwrap_or_default();
    let (Some((scheme, _)), Some(asking)) = (origin.split_once("://"), place(origin)) else { return true };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    // A proxy may have taken the TLS off: of the `Host` alone no scheme is known, so it is taken as the page's own.
    let host = host.and_then(|host| place(&format!("{scheme}://{host}")));
    let public = public_url.and_then(|url| place(&url.to_string()));
    ![host, public].into_iter().flatten().any(|own| own == asking)
}

/// Host and port of an address. A scheme's own port need not be written, and browsers leave it out.
fn place(address: &str) -> Option<(String, u16)> {
    let url = Url::parse(address).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// Hands a browser its id.
pub fn cookie(device: &DeviceId, base: &Base) -> Option<HeaderValue> {
    let secure = if base.url.starts_with("https:") { "; Secure" } else { "" };
    let device = device.as_str();
    let text = format!("{NAME}={device}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: Option<&'static str>, cookie: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("live.example:8080"));
        headers.insert(COOKIE, HeaderValue::from_static(cookie));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    #[test]
    fn a_device_is_known_to_pages_of_this_site_only() {
        let cookie = "theme=dark; tl_device=0123456789abcdef";
        let device = |origin| known(&headers(origin, cookie), None).map(|id| id.as_str().to_owned());
        assert_eq!(device(None).as_deref(), Some("0123456789abcdef"));
        assert_eq!(device(Some("http://live.example:8080")).as_deref(), Some("0123456789abcdef"));
        for foreign in ["https://elsewhere.example", "http://live.example", "null", "://", ""] {
            assert_eq!(device(Some(foreign)), None, "{foreign}");
        }
    }

    #[test]
    fn behind_a_proxy_the_public_address_is_this_site() {
        let headers = headers(Some("https://public.example"), "");
        let public = Uri::from_static("https://public.example/");
        assert!(is_foreign(&headers, None) && !is_foreign(&headers, Some(&public)));
    }

    #[test]
    fn a_schemes_own_port_need_not_be_written() {
        let asked = |origin, host: &'static str| {
            let mut headers = headers(Some(origin), "");
            headers.insert(HOST, HeaderValue::from_static(host));
            headers
        };
        for (origin, public) in [
            ("https://public.example", "https://public.example:443/"),
            ("https://public.example:443", "https://public.example/"),
            ("http://public.example", "http://PUBLIC.example:80/"),
        ] {
            assert!(!is_foreign(&asked(origin, "inside"), Some(&Uri::from_static(public))), "{origin}");
        }
        let public = Uri::from_static("https://public.example/");
        assert!(is_foreign(&asked("https://public.example:8443", "inside"), Some(&public)));
        assert!(is_foreign(&asked("http://public.example", "inside"), Some(&public)), "not over TLS");
        assert!(!is_foreign(&asked("https://live.example", "live.example:443"), None));
        assert!(!is_foreign(&asked("http://[::1]", "[::1]:80"), None));
        assert!(is_foreign(&asked("http://live.example:80", "live.example:8080"), None));
    }

    #[test]
    fn what_is_not_an_id_is_none() {
        for value in ["tl_device=", "tl_device=short", "tl_device=\"0123456789abcdef\"", "tl_device", "=;=;"]
        {
            assert_eq!(known(&headers(None, value), None), None, "{value}");
        }
    }
}
