//! One way to write JSON: whatever a database makes of it, what means the same is the same text.
//!
//! JSONB sorts keys, keeps the last of two equal ones, and keeps numbers as decimals: `1e2`, `100` and `100.0` are one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::value::RawValue;

use crate::trouble::Trouble;

/// As deep as JSON is read anywhere here.
const MAX_DEPTH: usize = 128;

/// The canonical text.
///
/// # Errors
/// What is wrong with JSON that is none.
pub fn json(text: &str) -> Result<String, Trouble> {
    let mut out = String::with_capacity(text.len());
    write(parse(text)?, 0, &mut out)?;
    Ok(out)
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Trouble> {
    serde_json::from_str(text).map_err(|error| Trouble(format!("is not JSON: {error}")))
}

fn write(value: &RawValue, depth: usize, out: &mut String) -> Result<(), Trouble> {
    if depth > MAX_DEPTH {
        return Err(Trouble(format!("is nested deeper than {MAX_DEPTH} levels")));
    }
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = parse(text)?;
            list(out, ('{', '}'), fields, |(key, value), out| {
                string(&key, out);
                out.push(':');
                write(value, depth + 1, out)
            })
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = parse(text)?;
            list(out, ('[', ']'), items, |value, out| write(value, depth + 1, out))
        }
        Some(b'"') => {
            string(&parse::<String>(text)?, out);
            Ok(())
        }
        Some(b'-' | b'0'..=b'9') => {
            out.push_str(&number(text)?);
            Ok(())
        }
        _ => {
            out.push_str(text);
            Ok(())
        }
    }
}

fn list<T>(
    out: &mut String,
    (open, close): (char, char),
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(T, &mut String) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        each(item, out)?;
    }
    out.push(close);
    Ok(())
}

fn string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// A decimal as its digits without zeros at either end, and the power of ten that they are multiplied by.
fn number(text: &str) -> Result<String, Trouble> {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (digits, power) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let power: i64 = power.parse().map_err(|_| Trouble(format!("has a number out of any range: {text}")))?;
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok("0".into());
    }
    let zeros = i64::try_from(digits.len() - significant.len()).unwrap_or(i64::MAX);
    let power = power.saturating_add(zeros).saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
    Ok(if power == 0 { format!("{sign}{significant}") } else { format!("{sign}{significant}e{power}") })
}

/// An address without the mask that PostgreSQL shows for a single one.
pub fn ip(text: &str) -> String {
    let (address, mask) = text.split_once('/').unwrap_or((text, ""));
    match (address.parse::<IpAddr>(), mask) {
        (Ok(ip @ IpAddr::V4(_)), "" | "32") | (Ok(ip @ IpAddr::V6(_)), "" | "128") => ip.to_string(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_is_the_same_text() {
        for (one, other) in [
            (r#"{"b":1,"a":[]}"#, r#" { "a" : [ ], "b" : 1.0 } "#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("1e2", "100.00"),
            ("-0.0", "0"),
            ("1.5E-3", "0.0015"),
            ("120e-1", "12"),
            (r#""\u00fc\/\ud83d\ude80""#, r#""ü/🚀""#),
        ] {
            assert_eq!(json(one), json(other), "{one} and {other}");
        }
    }

    #[test]
    fn what_differs_stays_different() {
        for (one, other) in [
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.10000000000000000001"),
            ("1", "-1"),
            ("1", r#""1""#),
            ("null", r#""null""#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
        ] {
            assert_ne!(json(one).unwrap(), json(other).unwrap());
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "{\"a\":1}x", "1e99999999999999999999"] {
            assert!(json(text).is_err(), "{text}");
        }
        assert!(json(&("[".repeat(200) + &"]".repeat(200))).is_err());
    }

    #[test]
    fn an_address_has_one_text() {
        assert_eq!(ip("2001:DB8:0::1/128"), "2001:db8::1");
        assert_eq!(ip("192.0.2.1/32"), "192.0.2.1");
        assert_eq!(ip("192.0.2.0/24"), "192.0.2.0/24");
    }
}
