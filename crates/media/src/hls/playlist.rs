//! Media playlists (RFC 8216bis §4.4).

use super::name::{Item, Name};
use super::window::{Era, Life, Part, Segment, Window};
use bytes::Bytes;
use std::fmt::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

/// What a playlist needs besides its window.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub window: &'a Window,
    /// The other rendition, if the broadcast has both.
    pub other: Option<&'a Window>,
    /// What comes before the names of segments.
    pub prefix: &'a str,
    /// `EXT-X-TARGETDURATION`, seconds.
    pub target_duration: u32,
}

impl Page<'_> {
    /// The playlist.
    pub(super) fn render(&self) -> Bytes {
        let mut out = String::with_capacity(4_096);
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        Bytes::from(out)
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let listed = &self.window.segments[self.window.unlisted..];
        self.header(out, listed.first().map(|first| &**first).or(self.window.open.as_ref()))?;
        let with_parts = self.first_with_parts(listed);
        let mut era = None;
        for (index, segment) in listed.iter().enumerate() {
            self.opening(out, segment, &mut era)?;
            if index >= with_parts {
                self.parts(out, segment)?;
            }
            if segment.parts.is_empty() {
                writeln!(out, "#EXT-X-GAP")?;
            }
            writeln!(out, "#EXTINF:{:.5},", segment.duration)?;
            writeln!(out, "{}{}", self.prefix, self.name(segment, Item::Segment(segment.msn)))?;
        }
        if let Some(open) = self.window.open.as_ref().filter(|open| !open.parts.is_empty()) {
            self.opening(out, open, &mut era)?;
            self.parts(out, open)?;
        }
        self.footer(out)
    }

    fn header(&self, out: &mut String, first: Option<&Segment>) -> fmt::Result {
        let target = |window: &Window| window.era.as_ref().map_or(1.0, |era| era.part_target);
        let part_target = target(self.window);
        // Three times the larger of both: players keep the renditions together.
        let hold_back = 3.0 * self.other.map_or(part_target, |other| part_target.max(target(other)));
        writeln!(out, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{}", self.target_duration)?;
        writeln!(out, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold_back:.5}")?;
        writeln!(out, "#EXT-X-PART-INF:PART-TARGET={part_target:.5}")?;
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{}", first.map_or(self.window.next_msn, |first| first.msn))?;
        let before = |first: &Segment| first.era.number - u64::from(first.opens_era && !first.era.first);
        writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", first.map_or(0, before))
    }

    /// The first listed segment within three target durations of the end: from there on parts are listed.
    fn first_with_parts(&self, listed: &[std::sync::Arc<Segment>]) -> usize {
        let mut reach = 3.0 * f64::from(self.target_duration);
        reach -= self.window.open.as_ref().map_or(0.0, |open| open.duration);
        let newest_first = listed.iter().rev();
        listed.len()
            - newest_first
                .take_while(|segment| {
                    let near = reach > 0.0;
                    reach -= segment.duration;
                    near
                })
                .count()
    }

    /// What comes before a segment's parts: discontinuity, map and date.
    fn opening<'s>(&self, out: &mut String, segment: &'s Segment, era: &mut Option<&'s Era>) -> fmt::Result {
        if segment.opens_era && !segment.era.first {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if era.is_none_or(|era| era.number != segment.era.number) {
            let init = self.name(segment, Item::Init(segment.era.number));
            writeln!(out, "#EXT-X-MAP:URI=\"{}{init}\"", self.prefix)?;
            *era = Some(&segment.era);
        }
        let start = UNIX_EPOCH + Duration::from_millis(u64::try_from(segment.start).unwrap_or(0));
        writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", humantime::format_rfc3339_millis(start))
    }

    fn parts(&self, out: &mut String, segment: &Segment) -> fmt::Result {
        // Parts of an era with other frame durations would break the part target announced now.
        let announced = self.window.era.as_ref().map_or(0.0, |era| era.part_target);
        if segment.era.part_target != announced {
            return Ok(());
        }
        for (index, Part { duration, independent, .. }) in segment.parts.iter().enumerate() {
            let duration = duration.min(announced);
            let independent = if *independent { ",INDEPENDENT=YES" } else { "" };
            let name = self.name(segment, Item::Part(segment.msn, index));
            writeln!(out, "#EXT-X-PART:DURATION={duration:.5},URI=\"{}{name}\"{independent}", self.prefix)?;
        }
        Ok(())
    }

    fn footer(&self, out: &mut String) -> fmt::Result {
        if let Some(hint) = self.window.hinted() {
            writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}{hint}\"", self.prefix)?;
        }
        if self.window.life == Life::Ended {
            return writeln!(out, "#EXT-X-ENDLIST");
        }
        let Some(other) = self.other else { return Ok(()) };
        let Some((msn, part)) = other.last_part() else { return Ok(()) };
        let uri = other.rendition.playlist_name();
        writeln!(out, "#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={msn},LAST-PART={part}")
    }

    fn name(&self, segment: &Segment, item: Item) -> Name {
        Name { publish: segment.era.publish, rendition: self.window.rendition, item }
    }
}
