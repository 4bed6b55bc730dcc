//! Recorded FLV files (Video File Format 10.1, annex E), held in memory.

use bytes::{Buf, Bytes};

/// Why a file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FlvFileError {
    /// It does not begin as an FLV file does.
    #[error("this is not an FLV file")]
    NotFlv,
    /// It ends inside a tag.
    #[error("the FLV file is cut short")]
    Truncated,
}

/// What a tag holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// Sound, or its header.
    Audio,
    /// A picture, or its header.
    Video,
    /// Metadata in AMF0.
    Script,
}

/// One tag. Its body is what an RTMP message of that kind holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlvTag {
    /// What it holds.
    pub kind: TagKind,
    /// Milliseconds since the start of the file.
    pub timestamp: u32,
    /// The body, a slice of the file's bytes.
    pub body: Bytes,
}

impl FlvTag {
    /// Whether it sets up a decoder rather than filling time: a codec's header, or metadata.
    pub fn is_setup(&self) -> bool {
        match self.kind {
            TagKind::Script => true,
            TagKind::Audio => self.body.len() > 1 && self.body[0] >> 4 == 10 && self.body[1] == 0,
            TagKind::Video => self.body.len() > 1 && self.body[0] & 0x8f == 7 && self.body[1] == 0,
        }
    }

    /// Whether it holds a picture or sound, rather than a header or an end of sequence.
    fn is_media(&self) -> bool {
        self.kind != TagKind::Script && self.body.len() > 2 && self.body[1] == 1
    }
}

/// A parsed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlvFile {
    /// Its tags, in order.
    pub tags: Vec<FlvTag>,
}

impl FlvFile {
    /// Parses a whole file; the tags share its memory. Tags of other types are left out.
    pub fn parse(mut bytes: Bytes) -> Result<Self, FlvFileError> {
        if bytes.len() < 9 || !bytes.starts_with(b"FLV\x01") {
            return Err(FlvFileError::NotFlv);
        }
        let header = u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]) as usize;
        // Four bytes, the size of the tag before, follow the header and each tag.
        let first =
            header.checked_add(4).filter(|first| *first <= bytes.len()).ok_or(FlvFileError::Truncated)?;
        bytes.advance(first);
        let mut tags = Vec::new();
        while !bytes.is_empty() {
            tags.extend(next_tag(&mut bytes)?);
        }
        Ok(Self { tags })
    }

    /// How long one round lasts in milliseconds, when the file is played in a loop: the video's last picture, or
    /// without video the last sound, is given the average duration.
    pub fn loop_duration(&self) -> u32 {
        let times = |kind| {
            self.tags.iter().filter(move |tag| tag.kind == kind && tag.is_media()).map(|tag| tag.timestamp)
        };
        let kind = if times(TagKind::Video).next().is_some() { TagKind::Video } else { TagKind::Audio };
        let (mut count, mut first, mut last) = (0u64, u32::MAX, 0);
        for time in times(kind) {
            count += 1;
            first = first.min(time);
            last = last.max(time);
        }
        match count {
            0 | 1 => 0,
            _ => {
                let span = u64::from(last - first) * count;
                u32::try_from((span + (count - 1) / 2) / (count - 1)).unwrap_or(u32::MAX)
            }
        }
    }
}

fn next_tag(bytes: &mut Bytes) -> Result<Option<FlvTag>, FlvFileError> {
    let header: [u8; 11] = *bytes.first_chunk().ok_or(FlvFileError::Truncated)?;
    let size = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
    // The fourth byte of the time holds its highest bits.
    let timestamp = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
    if bytes.len() < 11 + size + 4 {
        return Err(FlvFileError::Truncated);
    }
    bytes.advance(11);
    let body = bytes.split_to(size);
    bytes.advance(4);
    let kind = match header[0] & 0x1f {
        8 => TagKind::Audio,
        9 => TagKind::Video,
        18 => TagKind::Script,
        _ => return Ok(None),
    };
    Ok(Some(FlvTag { kind, timestamp, body }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(kind: u8, time: u32, body: &[u8]) -> Vec<u8> {
        let (size, time) = ((body.len() as u32).to_be_bytes(), time.to_be_bytes());
        let header = [kind, size[1], size[2], size[3], time[1], time[2], time[3], time[0], 0, 0, 0];
        [&header[..], body, &(11 + body.len() as u32).to_be_bytes()].concat()
    }

    fn file(tags: &[Vec<u8>]) -> Bytes {
        [b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec(), tags.concat()].concat().into()
    }

    #[test]
    fn tags_are_read_with_their_whole_timestamp() {
        let parsed =
            FlvFile::parse(file(&[tag(9, 0x0102_0304, b"\x17\x01\0\0\0x"), tag(8, 7, b"\xaf\0")])).unwrap();
        assert_eq!(parsed.tags[0].timestamp, 0x0102_0304);
        assert_eq!(parsed.tags[1].kind, TagKind::Audio);
        assert!(parsed.tags[1].is_setup() && !parsed.tags[0].is_setup());
    }

    #[test]
    fn a_loop_lasts_until_after_its_last_picture() {
        let tags: Vec<_> = [0, 33, 67, 100, 133, 167].map(|time| tag(9, time, b"\x27\x01\0\0\0x")).into();
        assert_eq!(FlvFile::parse(file(&tags)).unwrap().loop_duration(), 200);
        assert_eq!(FlvFile::parse(file(&[])).unwrap().loop_duration(), 0);
    }

    #[test]
    fn broken_files_are_refused() {
        let whole = file(&[tag(9, 0, b"\x17\x01\0\0\0x")]);
        assert_eq!(FlvFile::parse(Bytes::from_static(b"RIFF....WAVE")), Err(FlvFileError::NotFlv));
        assert_eq!(FlvFile::parse(whole.slice(..whole.len() - 1)), Err(FlvFileError::Truncated));
        let far = Bytes::from_static(b"FLV\x01\x05\xff\xff\xff\xff\0\0\0\0");
        assert_eq!(FlvFile::parse(far), Err(FlvFileError::Truncated));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = FlvFile::parse([b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec(), bytes].concat().into());
        }
    }
}
