//! Checks of fields, with messages for the person who filled them in.

use std::ops::RangeInclusive;

use fluent_uri::Uri;
use serde_json::{Map, Value};
use url::Url;

/// The most bytes that metadata or event data may have as JSON.
pub const MAX_JSON_BYTES: usize = 16 * 1024;
/// The most characters that an address of media served elsewhere may have.
pub const MAX_URL_CHARS: usize = 500;
/// The most tags of a broadcast.
pub const MAX_TAGS: usize = 100;

type Check = garde::Result;

/// A text's length in characters, and no NUL in it, which PostgreSQL could not store.
pub fn text(length: RangeInclusive<usize>) -> impl Fn(&str, &()) -> Check {
    move |text, ()| {
        check_nul(text)?;
        let count = text.chars().count();
        if count > *length.end() {
            return fail(format!("has {count} characters; at most {} are allowed", length.end()));
        }
        if count < *length.start() {
            return fail(match length.start() {
                1 => "must not be empty".into(),
                least => format!("must have at least {least} characters"),
            });
        }
        Ok(())
    }
}

/// As [`text`], where the field is given.
pub fn some_text(length: RangeInclusive<usize>) -> impl Fn(&Option<String>, &()) -> Check {
    let check = text(length);
    move |value, context| value.as_deref().map_or(Ok(()), |text| check(text, context))
}

/// A title is more than white space.
pub fn title(value: &str, context: &()) -> Check {
    text(1..=255)(value, context)?;
    if value.trim().is_empty() { fail("must not be blank") } else { Ok(()) }
}

/// Up to 100 tags of 1 to 50 characters.
pub fn tags(tags: &[String], context: &()) -> Check {
    if tags.len() > MAX_TAGS {
        return fail(format!("has {} entries; at most {MAX_TAGS} are allowed", tags.len()));
    }
    for (index, tag) in tags.iter().enumerate() {
        text(1..=50)(tag, context)
            .map_err(|error| garde::Error::new(format!("entry {index} {}", error.message())))?;
    }
    Ok(())
}

/// Metadata of at most 16 KiB and without NUL.
pub fn metadata(map: &Map<String, Value>, (): &()) -> Check {
    let json = serde_json::to_string(map).map_err(|error| garde::Error::new(error.to_string()))?;
    if json.len() > MAX_JSON_BYTES {
        return fail(format!("has {} bytes as JSON; at most {MAX_JSON_BYTES} are allowed", json.len()));
    }
    // In JSON text a NUL can only stand as this escape; an escaped backslash before `u0000` is not one.
    if json.replace("\\\\", "").contains("\\u0000") {
        return fail("must not contain NUL");
    }
    Ok(())
}

/// An address of media served elsewhere: http(s) or rtmp(s), with a host and without credentials.
///
/// It is handed on as it was given, so it must be an address as it stands (RFC 3986), not only once a browser has mended
/// it, which takes line feeds and spaces out of it.
pub fn media_url(value: &str) -> Check {
    check_nul(value)?;
    if value.chars().count() > MAX_URL_CHARS {
        return fail(format!("has more than {MAX_URL_CHARS} characters"));
    }
    let url = Url::parse(value).map_err(|error| garde::Error::new(format!("is not an address: {error}")))?;
    if Uri::parse(value).is_err() {
        return fail("is not an address: all but plain characters must be percent-encoded");
    }
    if !matches!(url.scheme(), "http" | "https" | "rtmp" | "rtmps") {
        return fail(format!(
            "begins with {}:, but only http, https, rtmp and rtmps are allowed",
            url.scheme()
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return fail("names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fail("must not contain a user name or password");
    }
    Ok(())
}

/// As [`media_url`], where the field is given.
pub fn some_media_url(value: &Option<String>, (): &()) -> Check {
    value.as_deref().map_or(Ok(()), media_url)
}

/// A user name: 2 to 32 of `a–z 0–9 _ -`.
pub fn username(value: &str, (): &()) -> Check {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if !(2..=32).contains(&value.chars().count()) || !value.chars().all(allowed) {
        return fail("must have 2 to 32 of the characters a-z, 0-9, _ and -");
    }
    Ok(())
}

/// An e-mail address that could be delivered to: something, an @, a domain (RFC 5321 §4.5.3.1 for the lengths).
pub fn email(value: &str, (): &()) -> Check {
    check_nul(value)?;
    let Some((local, domain)) = value.rsplit_once('@') else {
        return fail("is not an e-mail address: the @ is missing");
    };
    let odd = value.chars().any(|c| c.is_whitespace() || c.is_control());
    if local.is_empty() || local.len() > 64 || domain.is_empty() || value.len() > 254 || odd {
        return fail("is not an e-mail address");
    }
    Ok(())
}

/// As many viewers as a 32-bit column holds.
pub fn max_viewers(count: &u32, (): &()) -> Check {
    match i32::try_from(*count) {
        Ok(_) => Ok(()),
        Err(_) => fail(format!("must be at most {}", i32::MAX)),
    }
}

fn check_nul(text: &str) -> Check {
    if text.contains('\0') { fail("must not contain NUL") } else { Ok(()) }
}

fn fail(message: impl Into<String>) -> Check {
    Err(garde::Error::new(message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_has_a_scheme_that_players_know_and_no_password() {
        assert!(media_url("https://cdn.example/live.m3u8").is_ok());
        assert!(media_url("rtmp://origin.example/live").is_ok());
        let bad = ["javascript:alert(1)", "file:///etc/passwd", "nonsense", "https://a:b@c.example/"];
        let mended = [
            "https://a.example/a b",
            "https://a.exam\nple/",
            " https://a.example/",
            "rtmp://\u{9b}",
            "https://a.example/%zz",
        ];
        for bad in bad.into_iter().chain(mended) {
            assert!(media_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_nul_is_found_wherever_it_hides_in_metadata() {
        let at = |value: Value| metadata(value.as_object().unwrap(), &());
        assert!(at(json!({"a": {"b": ["\0"]}})).is_err());
        assert!(at(json!({"\0": 1})).is_err());
        assert!(at(json!({"path": "C:\\u0000"})).is_ok());
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        assert!(title(&"\u{1f600}".repeat(255), &()).is_ok());
        assert!(title(&"a".repeat(256), &()).is_err());
        assert!(title("   ", &()).is_err());
    }
}
