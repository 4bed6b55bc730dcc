//! What an encoder may send at most.

use super::{MediaError, Settings};
use crate::model::Packet;
use std::time::{Duration, SystemTime};

/// How many seconds' worth may come at once: encoders catch up after a stall.
const BURST_SECONDS: u64 = 10;

/// The largest audio frame: AAC allows 768 bytes a channel, and 64 channels are more than enough.
const MAX_AUDIO_FRAME: usize = 48 << 10;

/// Bounds frame size and bit rate, by the server's clock.
#[derive(Debug)]
pub(super) struct Limits {
    max_frame_bytes: usize,
    /// Bytes a second.
    rate: u64,
    /// Bytes that may come now.
    allowance: u64,
    last: SystemTime,
}

impl Limits {
    pub(super) fn new(settings: &Settings, now: SystemTime) -> Self {
        let rate = settings.max_bit_rate / 8;
        Self { max_frame_bytes: settings.max_frame_bytes, rate, allowance: rate * BURST_SECONDS, last: now }
    }

    /// Lets a packet pass, or says why not.
    pub(super) fn admit(&mut self, packet: &Packet, now: SystemTime) -> Result<(), MediaError> {
        let bytes = packet.size();
        let max = match packet {
            Packet::Audio(_) => self.max_frame_bytes.min(MAX_AUDIO_FRAME),
            _ => self.max_frame_bytes,
        };
        if bytes > max {
            return Err(MediaError::FrameTooLarge { bytes, max });
        }
        self.spend(bytes as u64, now)
    }

    /// Takes `bytes` from the allowance, which grows with time.
    fn spend(&mut self, bytes: u64, now: SystemTime) -> Result<(), MediaError> {
        let elapsed = now.duration_since(self.last).unwrap_or(Duration::ZERO);
        self.last = now;
        let earned = elapsed.as_micros().min(u128::from(BURST_SECONDS) * 1_000_000) as u64;
        let earned = self.rate.saturating_mul(earned) / 1_000_000;
        self.allowance = (self.allowance + earned).min(self.rate * BURST_SECONDS);
        match self.allowance.checked_sub(bytes) {
            Some(rest) => {
                self.allowance = rest;
                Ok(())
            }
            None => Err(MediaError::BitRateTooHigh { max_kbit: self.rate * 8 / 1_000 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AudioPacket;

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let settings = Settings { max_bit_rate: 8_000, max_frame_bytes: 6_000, ..Settings::default() };
        let start = SystemTime::UNIX_EPOCH;
        let mut limits = Limits::new(&settings, start);
        let frame = |bytes| Packet::Audio(AudioPacket { timestamp: 0, data: vec![0; bytes].into() });
        let too_large = MediaError::FrameTooLarge { bytes: 6_001, max: 6_000 };
        assert_eq!(limits.admit(&frame(6_001), start), Err(too_large));
        assert_eq!(limits.admit(&frame(6_000), start), Ok(()));
        assert_eq!(limits.admit(&frame(5_000), start), Err(MediaError::BitRateTooHigh { max_kbit: 8 }));
        assert_eq!(limits.admit(&frame(5_000), start + Duration::from_secs(1)), Ok(()));
    }
}
