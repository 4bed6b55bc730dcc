//! A clip in memory, to be published again and again.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// One FLV tag: the body of an RTMP message.
#[derive(Debug)]
pub struct Tag {
    /// The RTMP message type: 8 audio, 9 video, 18 data.
    pub kind: u8,
    /// Milliseconds from the start of the clip.
    pub timestamp: u32,
    pub body: Vec<u8>,
    /// Metadata and decoder configurations are sent once, not each time the clip starts again.
    pub once: bool,
}

/// All tags of a file.
#[derive(Debug)]
pub struct Clip {
    pub tags: Vec<Tag>,
    /// Milliseconds until it starts again.
    pub duration: u32,
}

const FILE_HEADER: usize = 13;
const TAG_HEADER: usize = 11;
const TAG_TRAILER: usize = 4;
const FRAME: u32 = 33;

impl Clip {
    /// # Errors
    /// When the file cannot be read or has no tags.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let mut rest = bytes.get(FILE_HEADER..).unwrap_or_default();
        let mut tags = Vec::new();
        while let Some((tag, after)) = read_tag(rest) {
            let end_of_sequence = tag.kind == 9 && tag.body.get(1) == Some(&2);
            if !end_of_sequence {
                tags.push(tag);
            }
            rest = after;
        }
        let last = tags.iter().map(|tag| tag.timestamp).max();
        ensure!(last.is_some(), "{} has no tags", path.display());
        Ok(Self { tags, duration: last.unwrap_or_default() + FRAME })
    }
}

fn read_tag(bytes: &[u8]) -> Option<(Tag, &[u8])> {
    let [kind, s1, s2, s3, t1, t2, t3, t0, ..] = *bytes else { return None };
    let size = u32::from_be_bytes([0, s1, s2, s3]) as usize;
    let body = bytes.get(TAG_HEADER..TAG_HEADER + size)?.to_vec();
    let timestamp = u32::from_be_bytes([t0, t1, t2, t3]);
    let is_configuration = body.get(1) == Some(&0) && (kind == 9 || (kind == 8 && body[0] >> 4 == 10));
    let after = bytes.get(TAG_HEADER + size + TAG_TRAILER..).unwrap_or_default();
    Some((Tag { kind, timestamp, body, once: kind == 18 || is_configuration }, after))
}
