//! The cookies by which this site's own pages are signed in. No script can read them, and no other site's page has them
//! sent.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use tallylight_core::user::SignedIn;

use crate::extract::Base;

/// Under TLS the names have the prefixes by which browsers refuse weaker ones (RFC 6265bis §4.1.3).
const ACCESS: [&str; 2] = ["tl_access", "__Host-tl_access"];
const REFRESH: [&str; 2] = ["tl_refresh", "__Secure-tl_refresh"];
/// Only what refreshes and ends sign-ins is sent the refresh token.
const REFRESH_PATH: &str = "/api/auth";

/// The access token in a browser's cookies.
pub fn access_token(headers: &HeaderMap) -> Option<&str> {
    find(headers, ACCESS)
}

/// The refresh token in a browser's cookies.
pub fn refresh_token(headers: &HeaderMap) -> Option<&str> {
    find(headers, REFRESH)
}

/// Of two cookies the one that only TLS can have set counts.
fn find<'a>(headers: &'a HeaderMap, names: [&str; 2]) -> Option<&'a str> {
    let pairs = || {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
    };
    let named = |wanted: &str| pairs().find_map(|(name, value)| (name == wanted).then_some(value));
    named(names[1]).or_else(|| named(names[0])).filter(|value| !value.is_empty())
}

/// Signs a browser in. `refresh_life`: for how many seconds the refresh token is good.
pub fn sign_in(signed_in: &SignedIn, refresh_life: u32, base: &Base) -> Vec<HeaderValue> {
    let SignedIn { access_token, expires_in, refresh_token, .. } = signed_in;
    let access = cookie(ACCESS, access_token, "/", *expires_in, base);
    let refresh = cookie(REFRESH, refresh_token, REFRESH_PATH, refresh_life, base);
    access.into_iter().chain(refresh).collect()
}

/// Signs a browser out.
pub fn sign_out(base: &Base) -> Vec<HeaderValue> {
    let access = cookie(ACCESS, "", "/", 0, base);
    access.into_iter().chain(cookie(REFRESH, "", REFRESH_PATH, 0, base)).collect()
}

fn cookie(names: [&str; 2], value: &str, path: &str, max_age: u32, base: &Base) -> Option<HeaderValue> {
    let is_secure = base.url.starts_with("https:");
    let (name, secure) = if is_secure { (names[1], "; Secure") } else { (names[0], "") };
    let text = format!("{name}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))])
    }

    #[test]
    fn a_token_is_found_among_other_cookies_and_the_one_of_tls_wins() {
        assert_eq!(access_token(&headers("a=b; tl_access=x.y.z; theme=dark")), Some("x.y.z"));
        assert_eq!(access_token(&headers("tl_access=planted; __Host-tl_access=real")), Some("real"));
        assert_eq!(refresh_token(&headers("tl_refresh=; x")), None);
        assert_eq!(access_token(&headers("xtl_access=1; tl_accessx=2")), None);
    }

    #[test]
    fn cookies_are_kept_from_scripts_and_from_other_sites() {
        let base = |url: &str| Base { url: url.into(), host: "live.example".into() };
        let [access, refresh] = sign_out(&base("https://live.example")).try_into().unwrap();
        let expected = "__Host-tl_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(access.to_str().unwrap(), expected);
        assert!(refresh.to_str().unwrap().contains("Path=/api/auth;"));
        assert!(sign_out(&base("http://live.example"))[0].to_str().unwrap().starts_with("tl_access="));
    }
}
