//! Thumbnails: a JPEG of a keyframe. 8-bit 4:2:0 H.264 only, which is what OpenH264 decodes.

use crate::cmaf::AvcConfig;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig};
use openh264::formats::YUVSource;

/// JPEG quality, 1 to 100.
const QUALITY: u8 = 75;
/// The largest coded keyframe that is decoded, in bytes.
const MAX_KEYFRAME: usize = 4 << 20;
/// The most pixels of a picture that is decoded: 3840×2160. The decoder keeps up to 17 such pictures, 200 MB.
const MAX_PIXELS: u64 = 3_840 * 2_160;
/// The start code of Annex B (ITU-T H.264 §B.1).
const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// NAL unit types that matter: the slices of a keyframe (§7.4.1, table 7-1).
const SLICE_TYPES: [u8; 2] = [1, 5];

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub enum ThumbnailError {
    /// The video is not 8-bit 4:2:0, or its keyframes are too large.
    #[error("thumbnails are made of 8-bit 4:2:0 H.264 only")]
    Unsupported,
    /// The keyframe is broken.
    #[error("the keyframe is broken")]
    Broken,
    /// The decoder gives up.
    #[error("decoding a keyframe: {0}")]
    Decode(#[from] openh264::Error),
    /// The picture cannot be written.
    #[error("writing a thumbnail: {0}")]
    Encode(#[from] jpeg_encoder::EncodingError),
}

/// Decodes a keyframe and returns it as a JPEG of at most `max_width` pixels across. Takes milliseconds of CPU.
///
/// Memory is bounded by the picture size, which `config` was checked for: parameter sets within the keyframe, which
/// could say otherwise, are left out.
pub fn render(config: &AvcConfig, keyframe: &[u8], max_width: u32) -> Result<Vec<u8>, ThumbnailError> {
    let pixels = u64::from(config.width) * u64::from(config.height);
    if !config.is_8_bit_420 || pixels > MAX_PIXELS || keyframe.len() > MAX_KEYFRAME {
        return Err(ThumbnailError::Unsupported);
    }
    let units = config.nal_units(keyframe).ok_or(ThumbnailError::Broken)?;
    let slices = units
        .into_iter()
        .filter(|unit| unit.first().is_some_and(|head| SLICE_TYPES.contains(&(head & 0x1f))));
    let mut stream = Vec::with_capacity(keyframe.len() + 256);
    for unit in config.parameter_sets.iter().map(|set| &set[..]).chain(slices) {
        stream.extend_from_slice(&START_CODE);
        stream.extend_from_slice(unit);
    }
    let mut decoder = Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new())?;
    if let Some(picture) = decoder.decode(&stream)? {
        return encode(&picture, max_width);
    }
    let pictures = decoder.flush_remaining()?;
    encode(pictures.first().ok_or(ThumbnailError::Broken)?, max_width)
}

fn encode(picture: &DecodedYUV<'_>, max_width: u32) -> Result<Vec<u8>, ThumbnailError> {
    let (width, height) = picture.dimensions();
    let target_width = width.min(max_width as usize).max(1);
    let target_height = (height * target_width / width.max(1)).max(1);
    let (luma_stride, u_stride, v_stride) = picture.strides();
    let target = (target_width, target_height);
    let luma = shrink(picture.y(), (width, height), luma_stride, target);
    let chroma_size = (width / 2, height / 2);
    let u = shrink(picture.u(), chroma_size, u_stride, target);
    let v = shrink(picture.v(), chroma_size, v_stride, target);
    let pixels: Vec<u8> =
        luma.iter().zip(&u).zip(&v).flat_map(|((y, u), v)| [full_range(*y), *u, *v]).collect();
    let mut jpeg = Vec::with_capacity(64 << 10);
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let size = |side: usize| u16::try_from(side).map_err(|_| ThumbnailError::Unsupported);
    encoder.encode(&pixels, size(target_width)?, size(target_height)?, ColorType::Ycbcr)?;
    Ok(jpeg)
}

/// Stretches luma from the 16 to 235 of television to the 0 to 255 of JPEG.
fn full_range(luma: u8) -> u8 {
    ((u32::from(luma).saturating_sub(16) * 255 + 109) / 219).min(255) as u8
}

/// Scales a plane by averaging what falls into each pixel, or by repeating when it is smaller than the target.
fn shrink(plane: &[u8], size: (usize, usize), stride: usize, target: (usize, usize)) -> Vec<u8> {
    let span = |index: usize, from: usize, to: usize| {
        let start = index * from / to;
        start..((index + 1) * from / to).max(start + 1).min(from.max(1))
    };
    let mut out = Vec::with_capacity(target.0 * target.1);
    for row in 0..target.1 {
        let rows = span(row, size.1, target.1);
        for column in 0..target.0 {
            let columns = span(column, size.0, target.0);
            let count = (rows.len() * columns.len()).max(1);
            let values =
                rows.clone().filter_map(|y| plane.get(y * stride + columns.start..y * stride + columns.end));
            let sum: usize = values.flatten().map(|value| usize::from(*value)).sum();
            out.push((sum / count) as u8);
        }
    }
    out
}
