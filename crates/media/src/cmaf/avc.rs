//! The H.264 decoder configuration record (ISO/IEC 14496-15 §5.3.3.1).

use super::ConfigError;
use bytes::Bytes;
use h264_reader::nal::sps::{ChromaFormat, SeqParameterSet};
use h264_reader::nal::{Nal, RefNal};

/// The largest record accepted, in bytes; usual ones have 40 to 60.
const MAX_RECORD: usize = 16 * 1024;

/// What a record says, as far as packaging needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvcConfig {
    /// The record itself.
    pub record: Bytes,
    /// Pixels across, after cropping.
    pub width: u32,
    /// Pixels down, after cropping.
    pub height: u32,
    /// Bytes in the length before each NAL unit: 1, 2 or 4.
    pub nal_length_size: usize,
    /// Whether samples are 8 bits, 4:2:0.
    pub is_8_bit_420: bool,
    /// Sequence and picture parameter sets, in the record's order.
    pub parameter_sets: Vec<Bytes>,
}

impl AvcConfig {
    /// Reads a record. Neither side of the picture may exceed `max_side` pixels.
    pub fn parse(record: &Bytes, max_side: u32) -> Result<Self, ConfigError> {
        if record.len() < 7 || record.len() > MAX_RECORD || record[0] != 1 {
            return Err(ConfigError::BrokenVideo);
        }
        let nal_length_size = usize::from(record[4] & 3) + 1;
        let mut rest = record.slice(5..);
        let sequence_sets = parameter_sets(&mut rest, 0x1f)?;
        let picture_sets = parameter_sets(&mut rest, 0xff)?;
        if nal_length_size == 3 || sequence_sets.is_empty() || picture_sets.is_empty() {
            return Err(ConfigError::BrokenVideo);
        }
        // Pictures may refer to any of them, so each has to keep to the limit.
        let shapes: Result<Vec<Shape>, ConfigError> =
            sequence_sets.iter().map(|set| Shape::read(set, max_side)).collect();
        let shapes = shapes?;
        let Shape { width, height, .. } = shapes[0];
        let is_8_bit_420 = shapes.iter().all(|shape| shape.is_8_bit_420);
        let parameter_sets = sequence_sets.into_iter().chain(picture_sets).collect();
        let record = record.clone();
        Ok(Self { record, width, height, nal_length_size, is_8_bit_420, parameter_sets })
    }

    /// The RFC 6381 name of the codec, such as `avc1.64001F`.
    pub fn codec(&self) -> String {
        format!("avc1.{:02X}{:02X}{:02X}", self.record[1], self.record[2], self.record[3])
    }

    /// The NAL units of a picture, or `None` when their lengths do not add up.
    pub fn nal_units<'a>(&self, mut picture: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        let mut units = Vec::new();
        while !picture.is_empty() {
            units.push(self.next_unit(&mut picture)?);
        }
        Some(units)
    }

    /// Whether the lengths of a picture's NAL units add up to it.
    pub fn is_whole(&self, mut picture: &[u8]) -> bool {
        while !picture.is_empty() {
            if self.next_unit(&mut picture).is_none() {
                return false;
            }
        }
        true
    }

    fn next_unit<'a>(&self, picture: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (length, rest) = picture.split_at_checked(self.nal_length_size)?;
        let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        *picture = rest;
        Some(unit)
    }
}

/// Takes a count (in the bits of `mask`) and as many length-prefixed parameter sets from `rest`.
fn parameter_sets(rest: &mut Bytes, mask: u8) -> Result<Vec<Bytes>, ConfigError> {
    let take = |rest: &mut Bytes, count: usize| {
        if rest.len() < count { Err(ConfigError::BrokenVideo) } else { Ok(rest.split_to(count)) }
    };
    let count = take(rest, 1)?[0] & mask;
    let mut sets = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let length = take(rest, 2)?;
        sets.push(take(rest, usize::from(u16::from_be_bytes([length[0], length[1]])))?);
    }
    Ok(sets)
}

/// What a sequence parameter set says of pictures.
struct Shape {
    width: u32,
    height: u32,
    is_8_bit_420: bool,
}

impl Shape {
    fn read(unit: &[u8], max: u32) -> Result<Self, ConfigError> {
        const FORBIDDEN_BIT_AND_TYPE: u8 = 0x9f;
        const SEQUENCE_PARAMETER_SET: u8 = 7;
        if unit.len() < 4 || unit[0] & FORBIDDEN_BIT_AND_TYPE != SEQUENCE_PARAMETER_SET {
            return Err(ConfigError::BrokenSequence);
        }
        let set = SeqParameterSet::from_bits(RefNal::new(unit, &[], true).rbsp_bits());
        let set = set.map_err(|_| ConfigError::BrokenSequence)?;
        let (width, height) = set.pixel_dimensions().map_err(|_| ConfigError::BrokenSequence)?;
        // What is cropped away takes memory all the same.
        let coded_width = set.pic_width_in_mbs().saturating_mul(16);
        let coded_height = set.pic_height_in_map_units().saturating_mul(16);
        if width == 0 || height == 0 {
            return Err(ConfigError::BrokenSequence);
        }
        if width > max || height > max || coded_width > max + 16 || coded_height > max + 16 {
            return Err(ConfigError::PictureTooLarge { width, height, max });
        }
        let chroma = &set.chroma_info;
        let is_8_bit_420 = chroma.chroma_format == ChromaFormat::YUV420
            && chroma.bit_depth_luma_minus8 == 0
            && chroma.bit_depth_chroma_minus8 == 0;
        Ok(Self { width, height, is_8_bit_420 })
    }
}
