//! What viewers see of one rendition: immutable, replaced with every part.

use super::name::{Item, Name, PublishId};
use super::{Rendition, RequestError};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// A stretch between two discontinuities: one publication with one set of headers.
#[derive(Debug)]
pub(super) struct Era {
    pub publish: PublishId,
    /// The discontinuity sequence number of its segments (RFC 8216bis §4.4.3.3).
    pub number: u64,
    /// Whether the stream began with it, so that no discontinuity comes before it.
    pub first: bool,
    pub init: Bytes,
    /// `PART-TARGET` in seconds.
    pub part_target: f64,
}

/// One part: a fragment, kept once and served both alone and within its segment.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub bytes: Bytes,
    /// Seconds.
    pub duration: f64,
    /// Whether decoding can begin with it.
    pub independent: bool,
}

/// One segment, complete or not.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub msn: u64,
    pub era: Arc<Era>,
    /// Whether it is the first of its era.
    pub opens_era: bool,
    /// When its first sample is shown, in milliseconds since the Unix epoch.
    pub start: i64,
    /// Seconds. For a segment under way, those of its parts so far.
    pub duration: f64,
    /// Empty for a gap.
    pub parts: Vec<Part>,
}

impl Segment {
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
    }
}

/// Whether more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// An encoder publishes.
    Live,
    /// None does, but one may come back.
    Interrupted,
    /// The broadcast has ended.
    Ended,
}

/// One rendition at one moment.
#[derive(Debug)]
pub(super) struct Window {
    pub rendition: Rendition,
    pub life: Life,
    /// Complete segments, oldest first, with consecutive numbers.
    pub segments: Vec<Arc<Segment>>,
    /// How many of them left the playlist already.
    pub unlisted: usize,
    /// The segment under way.
    pub open: Option<Segment>,
    /// The number of the segment under way or to come.
    pub next_msn: u64,
    /// The era under way, or the last one.
    pub era: Option<Arc<Era>>,
    /// The playlist for media outside and inside the token's folder, rendered when first asked for.
    pub rendered: [OnceLock<Bytes>; 2],
}

impl Window {
    pub(super) fn empty(rendition: Rendition, next_msn: u64) -> Self {
        Self {
            rendition,
            life: Life::Interrupted,
            segments: Vec::new(),
            unlisted: 0,
            open: None,
            next_msn,
            era: None,
            rendered: Default::default(),
        }
    }

    /// Whether it shows the same media as another, so that nobody needs to be woken.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let number = |window: &Self| window.era.as_ref().map(|era| era.number);
        self.life == other.life
            && self.next_msn == other.next_msn
            && self.open_parts() == other.open_parts()
            && self.segments.len() == other.segments.len()
            && number(self) == number(other)
    }

    /// Whether there is anything to list.
    pub(super) fn is_playable(&self) -> bool {
        !self.segments.is_empty() || self.open_parts() > 0
    }

    pub(super) fn open_parts(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.parts.len())
    }

    /// The last part in the playlist as (media sequence number, part), for rendition reports.
    pub(super) fn last_part(&self) -> Option<(u64, usize)> {
        let last = self.open.as_ref().filter(|open| !open.parts.is_empty());
        let last = last.or_else(|| self.segments.last().map(|segment| &**segment))?;
        Some((last.msn, last.parts.len().saturating_sub(1)))
    }

    /// Whether the playlist contains this part, or the whole segment when no part is given, or something later
    /// (RFC 8216bis §6.2.5.2).
    pub(super) fn has(&self, msn: u64, part: Option<usize>) -> bool {
        msn < self.next_msn || part.is_some_and(|part| msn == self.next_msn && part < self.open_parts())
    }

    fn segment(&self, msn: u64) -> Option<&Segment> {
        let first = self.segments.first().map_or(self.next_msn, |segment| segment.msn);
        if msn == self.next_msn {
            return self.open.as_ref();
        }
        let index = usize::try_from(msn.checked_sub(first)?).ok()?;
        self.segments.get(index).map(|segment| &**segment)
    }

    /// The bytes of a resource in this window, as they are kept.
    pub(super) fn find(&self, name: &Name) -> Option<Vec<Bytes>> {
        match name.item {
            Item::Init(number) => {
                let eras = self.segments.iter().map(|segment| &segment.era).chain(&self.era);
                let mut eras = eras.filter(|era| era.number == number && era.publish == name.publish);
                eras.next().map(|era| vec![era.init.clone()])
            }
            Item::Segment(msn) => {
                let segment = self.segment(msn).filter(|segment| segment.era.publish == name.publish)?;
                let whole = msn < self.next_msn && !segment.parts.is_empty();
                whole.then(|| segment.parts.iter().map(|part| part.bytes.clone()).collect())
            }
            Item::Part(msn, part) => {
                let segment = self.segment(msn).filter(|segment| segment.era.publish == name.publish)?;
                segment.parts.get(part).map(|part| vec![part.bytes.clone()])
            }
        }
    }

    /// The part that comes next, which the playlist hints at.
    pub(super) fn hinted(&self) -> Option<Name> {
        let era = self.era.as_ref().filter(|_| self.life == Life::Live)?;
        let item = Item::Part(self.next_msn, self.open_parts());
        Some(Name { publish: era.publish, rendition: self.rendition, item })
    }

    /// Refuses a playlist request for media too far ahead to be waited for.
    pub(super) fn check_ahead(&self, msn: u64, part: Option<usize>) -> Result<(), RequestError> {
        if msn > self.next_msn + 1 {
            return Err(RequestError::BadRequest("_HLS_msn is too far ahead"));
        }
        let target = self.era.as_ref().map_or(1.0, |era| era.part_target);
        // The advance part limit: three parts, or as many as three seconds hold.
        let limit = self.open_parts() + (3.0 / target.min(1.0)).ceil() as usize;
        if msn == self.next_msn && part.is_some_and(|part| part > limit) {
            return Err(RequestError::BadRequest("_HLS_part is too far ahead"));
        }
        Ok(())
    }
}
