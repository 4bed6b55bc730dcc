//! How JSON is read: whole numbers (5.0 is 5: JSON Schema 2020-12 §6.1.1, RFC 8785 §3.2.2.3), absent fields and `null`.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A whole number, however it is written.
pub fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let Whole(number) = Whole::deserialize(deserializer)?;
    Ok(number)
}

/// As [`whole`], where it may be `null`.
pub fn some_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Option::<Whole>::deserialize(deserializer)?.map(|Whole(number)| number))
}

/// As [`whole`], where it may be left out but not `null`.
pub fn given_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole(deserializer).map(Some)
}

/// Takes no `null` for a field that cannot be empty.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A time (RFC 3339), which may be `null`.
pub fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let time = OffsetDateTime::parse(&text, &Rfc3339);
    time.map(Some).map_err(|_| D::Error::custom("must be a time such as 2026-05-01T12:00:00Z (RFC 3339)"))
}

/// Tells a field that is absent from one that is `null`.
pub fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

struct Whole(u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        let float = number.as_f64().unwrap_or(f64::NAN);
        if float.fract() != 0.0 || float < 0.0 {
            return Err(D::Error::custom("must be a whole number, and not less than 0"));
        }
        if float > f64::from(u32::MAX) {
            return Err(D::Error::custom("is too large"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it fits")]
        Ok(Self(float as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<u32> {
        serde_json::from_str(json).ok().map(|Whole(number)| number)
    }

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        assert_eq!(["5", "5.0", "0.5e1", "-0", "4294967295"].map(read), [5, 5, 5, 0, u32::MAX].map(Some));
        for other in ["5.5", "-1", "4294967296", "1e300", "\"5\"", "null", "true", "[5]"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
