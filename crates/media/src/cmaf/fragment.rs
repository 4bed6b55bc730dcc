//! Fragments: a `moof` and its `mdat` (ISO/IEC 23000-19 §7.3.2.3), the chunks of which segments are made.

use super::boxes::{boxed, full, u32, u64};
use bytes::Bytes;

/// Sample flags (ISO/IEC 14496-12 §8.8.3.1): depends on no other sample.
const SYNC_SAMPLE: u32 = 0x0200_0000;
/// Sample flags: depends on others, and decoding cannot begin there.
const OTHER_SAMPLE: u32 = 0x0101_0000;

/// The size of `styp`.
const STYP_SIZE: usize = 32;
/// The size of `moof` without samples, and of the header of `mdat`.
const FIXED_SIZE: usize = 96;
/// What a sample takes in `trun`.
const SAMPLE_SIZE: usize = 16;

/// One sample of a fragment. Times are in ticks of the track's timescale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// How long it lasts.
    pub duration: u32,
    /// Presentation time less decoding time.
    pub composition: i32,
    /// Whether decoding can begin here.
    pub sync: bool,
    /// The coded bytes.
    pub data: Bytes,
}

/// One fragment to be written.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a> {
    /// Whether it opens a segment and so carries an `styp`.
    pub opens_segment: bool,
    /// The fragment's number within the track, from 1.
    pub sequence: u32,
    /// Decoding time of its first sample, in ticks of the track's timescale.
    pub decode_time: u64,
    /// Its samples in decoding order.
    pub samples: &'a [Sample],
}

impl Fragment<'_> {
    /// The id of the one track in each file.
    pub const TRACK_ID: u32 = 1;

    /// The fragment's bytes. Samples are copied here, once.
    pub fn write(&self) -> Bytes {
        let payload: usize = self.samples.iter().map(|sample| sample.data.len()).sum();
        let styp = if self.opens_segment { STYP_SIZE } else { 0 };
        // The exact size: what is kept for the length of the window carries no slack.
        let mut out = Vec::with_capacity(styp + FIXED_SIZE + SAMPLE_SIZE * self.samples.len() + payload);
        if self.opens_segment {
            boxed(&mut out, b"styp", |out| out.extend_from_slice(b"cmfs\0\0\0\0cmfscmffcmflmsdh"));
        }
        let moof = out.len();
        let mut data_offset = 0;
        boxed(&mut out, b"moof", |out| {
            full(out, b"mfhd", 0, 0, |out| u32(out, self.sequence));
            boxed(out, b"traf", |out| {
                const BASE_IS_MOOF: u32 = 0x2_0000;
                full(out, b"tfhd", 0, BASE_IS_MOOF, |out| u32(out, Self::TRACK_ID));
                full(out, b"tfdt", 1, 0, |out| u64(out, self.decode_time));
                data_offset = self.run(out);
            });
        });
        let to_data = u32::try_from(out.len() - moof + 8).unwrap_or(u32::MAX);
        out[data_offset..data_offset + 4].copy_from_slice(&to_data.to_be_bytes());
        boxed(&mut out, b"mdat", |out| {
            self.samples.iter().for_each(|sample| out.extend_from_slice(&sample.data));
        });
        Bytes::from(out)
    }

    /// Writes the `trun` and returns where its data offset is to be filled in.
    fn run(&self, out: &mut Vec<u8>) -> usize {
        // Data offset; each sample's duration, size, flags and signed composition offset.
        const FLAGS: u32 = 0x001 | 0x100 | 0x200 | 0x400 | 0x800;
        let mut data_offset = 0;
        full(out, b"trun", 1, FLAGS, |out| {
            u32(out, u32::try_from(self.samples.len()).unwrap_or(u32::MAX));
            data_offset = out.len();
            u32(out, 0);
            for sample in self.samples {
                u32(out, sample.duration);
                u32(out, u32::try_from(sample.data.len()).unwrap_or(u32::MAX));
                u32(out, if sample.sync { SYNC_SAMPLE } else { OTHER_SAMPLE });
                u32(out, sample.composition as u32);
            }
        });
        data_offset
    }
}
