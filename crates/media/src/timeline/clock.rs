//! One encoder clock seen through two tracks.

/// A step of up to this is a gap: the time really passed. A longer one is a jump of the encoder's clock.
const MAX_GAP: i64 = 3_000;
/// A step back of up to this is bad order within the stream, not a jump.
const MAX_STEP_BACK: i64 = 1_000;
/// How near the other track's clock must put a packet for it to be believed over the packet's own.
const NEAR: std::ops::RangeInclusive<i64> = -100..=500;
/// How far apart the two tracks of one stream may be.
const MAX_SKEW: i64 = 3_000;
/// The step assumed over a jump, for want of a better one.
const JUMP_STEP: i64 = 33;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Track {
    Video,
    Audio,
}

/// What one track last said.
#[derive(Debug, Clone, Copy)]
struct Hand {
    /// The last raw timestamp.
    raw: u32,
    /// The raw clock without its wraps, in milliseconds.
    unwrapped: i64,
    /// What to add to `unwrapped` to be on the timeline.
    offset: i64,
}

impl Hand {
    fn time(&self) -> i64 {
        self.unwrapped + self.offset
    }

    fn with_offset(self, offset: i64) -> Self {
        Self { offset, ..self }
    }
}

/// Maps raw timestamps of both tracks onto one continuous timeline in milliseconds.
///
/// Each track has its own offset, because an encoder's clock that jumps does so for one track some packets earlier
/// than for the other; the second adopts the offset of the first, and so both keep their distance.
#[derive(Debug, Default)]
pub(super) struct Clock {
    origin: i64,
    video: Option<Hand>,
    audio: Option<Hand>,
}

impl Clock {
    pub(super) fn new(origin: i64) -> Self {
        Self { origin, video: None, audio: None }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.video.is_some() || self.audio.is_some()
    }

    /// Moves the place of the first packet; that of those that were mapped stays.
    pub(super) fn begin_at(&mut self, origin: i64) {
        self.origin = origin;
    }

    /// Where on the timeline the packet with the timestamp `raw` belongs, in milliseconds.
    pub(super) fn map(&mut self, track: Track, raw: u32) -> i64 {
        let (own, other) = match track {
            Track::Video => (self.video, self.audio),
            Track::Audio => (self.audio, self.video),
        };
        let hand = match (own, other) {
            (Some(own), other) => follow(own, other, raw),
            (None, Some(other)) => join(other, raw),
            (None, None) => Hand { raw, unwrapped: 0, offset: self.origin },
        };
        match track {
            Track::Video => self.video = Some(hand),
            Track::Audio => self.audio = Some(hand),
        }
        hand.time()
    }
}

/// The difference of two raw timestamps. Modulo 2³¹, so that it is right over wraps at 2³² and at 2³¹ alike.
fn difference(raw: u32, before: u32) -> i64 {
    let step = i64::from(raw.wrapping_sub(before) & 0x7fff_ffff);
    if step >= 1 << 30 { step - (1 << 31) } else { step }
}

/// The next reading of a track that has been seen before.
fn follow(own: Hand, other: Option<Hand>, raw: u32) -> Hand {
    let next = Hand { raw, unwrapped: own.unwrapped + difference(raw, own.raw), ..own };
    if let Some(other) = other.filter(|other| shared_offset(other, raw) != shared_offset(&next, raw)) {
        let adopted = next.with_offset(shared_offset(&other, raw) - next.unwrapped);
        if NEAR.contains(&(adopted.time() - own.time())) {
            return adopted;
        }
    }
    let step = next.time() - own.time();
    if (-MAX_STEP_BACK..=MAX_GAP).contains(&step) {
        return next;
    }
    let Some(other) = other else { return jump(own, next) };
    if step > 0 && (next.time() - other.time()).abs() <= MAX_STEP_BACK {
        // Only this track was silent; the other shows that the clock went on.
        return next;
    }
    let adopted = next.with_offset(shared_offset(&other, raw) - next.unwrapped);
    let step = adopted.time() - own.time();
    if (-MAX_STEP_BACK..=MAX_GAP).contains(&step) { adopted } else { jump(own, next) }
}

/// Where `raw` would be on the timeline according to `hand`.
fn shared_offset(hand: &Hand, raw: u32) -> i64 {
    hand.time() + difference(raw, hand.raw)
}

fn jump(own: Hand, next: Hand) -> Hand {
    next.with_offset(own.time() + JUMP_STEP - next.unwrapped)
}

/// The first reading of a track when the other one runs already.
fn join(other: Hand, raw: u32) -> Hand {
    let time = shared_offset(&other, raw);
    let time = if (time - other.time()).abs() <= MAX_SKEW { time } else { other.time() };
    Hand { raw, unwrapped: 0, offset: time }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Track::{Audio, Video};

    #[test]
    fn wraps_at_31_and_32_bits_are_seamless() {
        for bits in [31, 32] {
            let mut clock = Clock::new(0);
            let base = (1_u64 << bits) - 50;
            let mask = if bits == 32 { u32::MAX } else { 0x7fff_ffff };
            let times: Vec<i64> =
                (0..10).map(|n| clock.map(Video, ((base + n * 20) as u32) & mask)).collect();
            assert_eq!(times, (0..10).map(|n| n * 20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_jump_keeps_the_distance_between_the_tracks() {
        let mut clock = Clock::new(0);
        clock.map(Video, 1_000);
        clock.map(Audio, 1_010);
        let video = clock.map(Video, 900_000);
        assert_eq!(video, 33);
        assert_eq!(clock.map(Audio, 1_031), 31, "audio has not jumped yet");
        assert_eq!(clock.map(Audio, 900_020), video + 20);
        assert_eq!(clock.map(Video, 900_033), video + 33);
    }

    #[test]
    fn one_stray_packet_does_not_part_the_tracks() {
        let mut clock = Clock::new(0);
        for n in 0..10 {
            clock.map(Video, n * 40);
            clock.map(Audio, n * 40);
        }
        clock.map(Video, 500_000);
        assert_eq!(clock.map(Audio, 420), 420);
        assert_eq!(clock.map(Video, 440), 440);
    }

    #[test]
    fn a_silent_track_comes_back_where_the_other_is() {
        let mut clock = Clock::new(0);
        clock.map(Video, 0);
        for n in 0..500 {
            clock.map(Audio, n * 21);
        }
        assert_eq!(clock.map(Video, 10_500), 10_500);
    }

    #[test]
    fn a_short_gap_is_time_that_passed() {
        let mut clock = Clock::new(0);
        clock.map(Video, 0);
        assert_eq!(clock.map(Video, 2_000), 2_000);
        assert_eq!(clock.map(Video, 10_000), 2_033, "a long one is a jump");
    }
}
