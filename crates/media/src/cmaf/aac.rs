//! The AAC AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).

use super::ConfigError;
use crate::timeline::AudioFormat;
use bytes::Bytes;

/// The largest config accepted, in bytes; usual ones have 2 to 7.
const MAX_CONFIG: usize = 512;
/// Sampling frequencies by index (§1.6.3.3).
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Spectral band replication, and the same with parametric stereo.
const SBR: [u32; 2] = [5, 29];
/// The low-delay object types, whose frames are half as long.
const LOW_DELAY: [u32; 2] = [23, 39];

/// What a config says, as far as packaging needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AacConfig {
    /// The config itself.
    pub record: Bytes,
    /// How its frames are counted. With SBR this is the core's rate, at which frames really follow each other.
    pub format: AudioFormat,
    /// Channels; 2 when the config defines them in a way of its own.
    pub channels: u16,
    object_type: u32,
}

impl AacConfig {
    /// Reads a config.
    pub fn parse(record: &Bytes) -> Result<Self, ConfigError> {
        if record.len() > MAX_CONFIG {
            return Err(ConfigError::BrokenAudio);
        }
        Self::read(&mut Bits { data: record, position: 0 }, record).ok_or(ConfigError::BrokenAudio)
    }

    fn read(bits: &mut Bits<'_>, record: &Bytes) -> Option<Self> {
        let object_type = bits.object_type()?;
        let sample_rate = bits.sample_rate()?;
        let channels = match bits.take(4)? {
            0 => 2,
            7 => 8,
            count => u16::try_from(count).ok()?,
        };
        let mut core = object_type;
        if SBR.contains(&object_type) {
            bits.sample_rate()?;
            core = bits.object_type()?;
        }
        let short = bits.take(1)? == 1;
        let full_length = if short { 960 } else { 1_024 };
        let frame_length = if LOW_DELAY.contains(&core) { full_length / 2 } else { full_length };
        let usable = (7_350..=96_000).contains(&sample_rate) && object_type != 0;
        let format = AudioFormat { sample_rate, frame_length };
        usable.then(|| Self { record: record.clone(), format, channels, object_type })
    }

    /// The RFC 6381 name of the codec, such as `mp4a.40.2`.
    pub fn codec(&self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }
}

struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = self.data.get(self.position / 8)?;
            let bit = byte >> (7 - self.position % 8) & 1;
            self.position += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => Some(32 + self.take(6)?),
            object_type => Some(object_type),
        }
    }

    fn sample_rate(&mut self) -> Option<u32> {
        match self.take(4)? {
            15 => self.take(24),
            index => SAMPLE_RATES.get(index as usize).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(record: &'static [u8]) -> Result<(u32, u32, u16, String), ConfigError> {
        let config = AacConfig::parse(&Bytes::from_static(record))?;
        let AudioFormat { sample_rate, frame_length } = config.format;
        Ok((sample_rate, frame_length, config.channels, config.codec()))
    }

    #[test]
    fn reads_what_encoders_send() {
        assert_eq!(parse(&[0x11, 0x90]), Ok((48_000, 1_024, 2, "mp4a.40.2".into())));
        assert_eq!(parse(&[0x12, 0x10, 0x56, 0xe5, 0x00]), Ok((44_100, 1_024, 2, "mp4a.40.2".into())));
        assert_eq!(parse(&[0x11, 0x94]), Ok((48_000, 960, 2, "mp4a.40.2".into())));
        // HE-AAC, signalled explicitly: a core at 24 kHz.
        assert_eq!(parse(&[0x2b, 0x11, 0x88, 0x00]), Ok((24_000, 1_024, 2, "mp4a.40.5".into())));
    }

    #[test]
    fn refuses_what_cannot_be_read() {
        for record in [&[][..], &[0x11], &[0x17, 0x10], &[0x17, 0x80, 0, 0, 0], &[0, 0]] {
            assert_eq!(parse(record), Err(ConfigError::BrokenAudio), "{record:?}");
        }
    }
}
