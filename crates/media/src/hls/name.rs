//! Names of segments, parts and initialization segments.
//!
//! They carry the publication and a number that is never used again, so whatever caches them is never wrong.

use super::Rendition;
use std::fmt;
use std::str::FromStr;

/// What tells one publication of a broadcast from every other one, also over restarts of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublishId(pub u64);

impl From<uuid::Uuid> for PublishId {
    /// The first half of a UUIDv7: its time in milliseconds and 12 more bits (RFC 9562 §5.7).
    fn from(id: uuid::Uuid) -> Self {
        Self(id.as_u64_pair().0)
    }
}

impl fmt::Display for PublishId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// The name of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub publish: PublishId,
    pub rendition: Rendition,
    pub item: Item,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// The initialization segment of the era with this discontinuity number.
    Init(u64),
    /// The segment with this media sequence number.
    Segment(u64),
    /// A part of the segment with this media sequence number.
    Part(u64, usize),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.rendition {
            Rendition::Video => 'v',
            Rendition::Audio => 'a',
        };
        write!(f, "{}-{letter}", self.publish)?;
        match self.item {
            Item::Init(era) => write!(f, "{era}.mp4"),
            Item::Segment(msn) => write!(f, "{msn}.m4s"),
            Item::Part(msn, part) => write!(f, "{msn}.{part}.m4s"),
        }
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::parse(name).filter(|parsed| parsed.to_string() == name).ok_or(())
    }
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let (publish, rest) = name.split_once('-')?;
        let publish = PublishId(u64::from_str_radix(publish, 16).ok()?);
        let rendition = match rest.get(..1)? {
            "v" => Rendition::Video,
            "a" => Rendition::Audio,
            _ => return None,
        };
        let rest = &rest[1..];
        let item = match (rest.strip_suffix(".mp4"), rest.strip_suffix(".m4s")) {
            (Some(era), _) => Item::Init(era.parse().ok()?),
            (_, Some(numbers)) => match numbers.split_once('.') {
                Some((msn, part)) => Item::Part(msn.parse().ok()?, part.parse().ok()?),
                None => Item::Segment(numbers.parse().ok()?),
            },
            _ => return None,
        };
        Some(Self { publish, rendition, item })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for item in [Item::Init(7), Item::Segment(916_000_000), Item::Part(916_000_000, 3)] {
            for rendition in Rendition::ALL {
                let name = Name { publish: PublishId(0x0193_abcd), rendition, item };
                assert_eq!(name.to_string().parse(), Ok(name));
            }
        }
    }

    #[test]
    fn others_are_not() {
        for name in [
            "",
            "-",
            "1-",
            "1-v",
            "1-é1.m4s",
            "1-v1.ts",
            "1-v01.m4s",
            "+1-v1.m4s",
            "1-v1.2.3.m4s",
            "zz-v1.m4s",
        ] {
            assert_eq!(name.parse::<Name>(), Err(()), "{name}");
        }
    }
}
