//! Headers by which browsers guard what they get.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::settings::HttpSettings;

/// For a year. Not for other names below this one, which may be anybody's.
const ALWAYS_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// For what is no page: whatever a browser takes it for, it does nothing and stands in no frame.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Adds to answers what all have.
#[derive(Debug, Default, Clone, Copy)]
pub struct Guard {
    is_under_tls: bool,
}

impl Guard {
    /// People come by TLS where this server takes it off, or says that it is reached so.
    pub fn new(settings: &HttpSettings) -> Self {
        let public = settings.public_url.as_ref().and_then(http::Uri::scheme_str);
        Self { is_under_tls: settings.is_tls || public == Some("https") }
    }

    /// `is_api`: whether programs asked, not people.
    pub fn add_to(self, headers: &mut HeaderMap, is_api: bool) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if self.is_under_tls {
            headers.insert(STRICT_TRANSPORT_SECURITY, ALWAYS_TLS);
        }
        if is_api {
            headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING);
            // What does not say that it may be kept is somebody's own.
            headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(is_api: bool, before: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in before {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Guard { is_under_tls: true }.add_to(&mut headers, is_api);
        headers
    }

    #[test]
    fn an_answer_of_the_api_is_no_page_and_kept_by_nobody() {
        let headers = added(true, &[]);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], NOTHING);
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=31536000");
    }

    #[test]
    fn what_says_more_of_itself_keeps_that() {
        let headers = added(true, &[(CONTENT_SECURITY_POLICY, "own"), (CACHE_CONTROL, "no-cache")]);
        assert_eq!(
            (&headers[CONTENT_SECURITY_POLICY], &headers[CACHE_CONTROL]),
            (&"own".parse().unwrap(), &"no-cache".parse().unwrap())
        );
        assert!(
            !added(false, &[]).contains_key(CONTENT_SECURITY_POLICY),
            "workers have a policy of their own"
        );
    }
}
