//! WebSocket frames (RFC 6455 §5), without sockets: bytes in, messages out.

use bytes::Bytes;

/// The longest payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL: usize = 125;
/// The longest head of a masked frame.
const MAX_HEAD: usize = 14;

/// What a frame carries (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with a message.
    Continuation,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// The last frame of a side.
    Close,
    /// To be answered by a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    fn is_control(self) -> bool {
        self.bits() >= 0x8
    }
}

/// What a peer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message; a text is valid UTF-8.
    Message(Opcode, Vec<u8>),
    /// To be answered by a pong with the same bytes.
    Ping(Vec<u8>),
    /// An answer to a ping.
    Pong,
    /// The peer closes, with this code if it gave one.
    Close(Option<u16>),
}

/// Why a connection is closed on what a peer sent (RFC 6455 §7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// 1002: it broke the rules.
    Protocol(&'static str),
    /// 1007: text that is not UTF-8.
    NotUtf8,
    /// 1009: a message longer than is taken.
    TooLong,
}

impl Violation {
    /// The close code and its reason.
    pub fn close(self) -> (u16, &'static str) {
        match self {
            Self::Protocol(what) => (1002, what),
            Self::NotUtf8 => (1007, "text is not UTF-8"),
            Self::TooLong => (1009, "message too long"),
        }
    }
}

/// The frame whose payload is being read.
#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    is_final: bool,
    mask: [u8; 4],
    /// How many bytes of the payload were read.
    read: usize,
    length: usize,
}

/// Reads what a client sends. Between messages it holds nothing on the heap.
#[derive(Debug, Default)]
pub struct Reader {
    head: [u8; MAX_HEAD],
    head_length: u8,
    frame: Option<Frame>,
    /// The message so far, and what it is.
    message: Vec<u8>,
    kind: Option<Opcode>,
    /// How much of a text is known to be UTF-8.
    checked: usize,
    control: Vec<u8>,
}

impl Reader {
    /// Takes bytes up to the end of the next message or control frame; how many it took, and what came of them.
    ///
    /// # Errors
    /// The [`Violation`] to close with.
    pub fn read(&mut self, bytes: &[u8], max_message: usize) -> Result<(usize, Option<Incoming>), Violation> {
        let mut taken = 0;
        loop {
            let frame = match self.frame {
                Some(frame) => frame,
                None => {
                    let (head, frame) = self.read_head(&bytes[taken..], max_message)?;
                    taken += head;
                    let Some(frame) = frame else { return Ok((taken, None)) };
                    frame
                }
            };
            let some = &bytes[taken..];
            let some = &some[..some.len().min(frame.length - frame.read)];
            taken += some.len();
            if let Some(incoming) = self.read_payload(frame, some)? {
                return Ok((taken, Some(incoming)));
            }
            if taken == bytes.len() && self.frame.is_some() {
                return Ok((taken, None));
            }
        }
    }

    /// Whether it holds the beginning of something.
    pub fn is_within(&self) -> bool {
        self.head_length > 0 || self.frame.is_some() || self.kind.is_some()
    }

    fn read_head(&mut self, bytes: &[u8], max_message: usize) -> Result<(usize, Option<Frame>), Violation> {
        let mut taken = 0;
        loop {
            let have = usize::from(self.head_length);
            let needed = needed(&self.head[..have])?;
            if have == needed {
                break;
            }
            let Some(byte) = bytes.get(taken) else { return Ok((taken, None)) };
            self.head[have] = *byte;
            self.head_length += 1;
            taken += 1;
        }
        let frame = self.parse_head(max_message)?;
        self.head_length = 0;
        self.frame = Some(frame);
        Ok((taken, Some(frame)))
    }

    fn parse_head(&mut self, max_message: usize) -> Result<Frame, Violation> {
        let head = &self.head[..usize::from(self.head_length)];
        let opcode = Opcode::from_bits(head[0] & 0x0F).ok_or(Violation::Protocol("unknown opcode"))?;
        let is_final = head[0] & 0x80 != 0;
        let (length, mask) = head[2..].split_at(head.len() - 6);
        let length = length.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let length = if head.len() == 6 { u64::from(head[1] & 0x7F) } else { length };
        if length >> 63 != 0 {
            return Err(Violation::Protocol("length out of range"));
        }
        if opcode.is_control() && (!is_final || length > MAX_CONTROL as u64) {
            return Err(Violation::Protocol("control frame fragmented or too long"));
        }
        match (opcode, self.kind) {
            (Opcode::Continuation, None) => return Err(Violation::Protocol("nothing to continue")),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::Protocol("a message within a message"));
            }
            (Opcode::Text | Opcode::Binary, None) => self.kind = Some(opcode),
            _ => {}
        }
        let length = usize::try_from(length).map_err(|_| Violation::TooLong)?;
        if !opcode.is_control() && self.message.len().saturating_add(length) > max_message {
            return Err(Violation::TooLong);
        }
        let mask = <[u8; 4]>::try_from(mask).map_err(|_| Violation::Protocol("no mask"))?;
        Ok(Frame { opcode, is_final, mask, read: 0, length })
    }

    fn read_payload(&mut self, frame: Frame, some: &[u8]) -> Result<Option<Incoming>, Violation> {
        let into = if frame.opcode.is_control() { &mut self.control } else { &mut self.message };
        into.extend(some.iter().enumerate().map(|(at, byte)| byte ^ frame.mask[(frame.read + at) % 4]));
        if self.kind == Some(Opcode::Text) && !frame.opcode.is_control() {
            self.check_text()?;
        }
        let read = frame.read + some.len();
        if read < frame.length {
            self.frame = Some(Frame { read, ..frame });
            return Ok(None);
        }
        self.frame = None;
        match frame.opcode {
            Opcode::Ping => Ok(Some(Incoming::Ping(std::mem::take(&mut self.control)))),
            Opcode::Pong => {
                self.control = Vec::new();
                Ok(Some(Incoming::Pong))
            }
            Opcode::Close => close(&std::mem::take(&mut self.control)).map(Some),
            _ if frame.is_final => self.end_message().map(Some),
            _ => Ok(None),
        }
    }

    /// Refuses what cannot become UTF-8 as soon as it is seen.
    fn check_text(&mut self) -> Result<(), Violation> {
        match std::str::from_utf8(&self.message[self.checked..]) {
            Ok(_) => self.checked = self.message.len(),
            Err(error) if error.error_len().is_some() => return Err(Violation::NotUtf8),
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }

    fn end_message(&mut self) -> Result<Incoming, Violation> {
        let kind = self.kind.take().ok_or(Violation::Protocol("nothing to end"))?;
        let message = std::mem::take(&mut self.message);
        if kind == Opcode::Text && std::mem::take(&mut self.checked) < message.len() {
            return Err(Violation::NotUtf8);
        }
        Ok(Incoming::Message(kind, message))
    }
}

/// How long a head is, as far as what was read of it tells.
fn needed(head: &[u8]) -> Result<usize, Violation> {
    if head.first().is_some_and(|first| first & 0x70 != 0) {
        return Err(Violation::Protocol("reserved bits are set"));
    }
    let Some(second) = head.get(1) else { return Ok(2) };
    if second & 0x80 == 0 {
        return Err(Violation::Protocol("a client's frame must be masked"));
    }
    Ok(match second & 0x7F {
        126 => 8,
        127 => 14,
        _ => 6,
    })
}

/// Reads the payload of a close frame (RFC 6455 §5.5.1).
fn close(payload: &[u8]) -> Result<Incoming, Violation> {
    let code = match payload {
        [] => return Ok(Incoming::Close(None)),
        [_] => return Err(Violation::Protocol("half a close code")),
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol("unknown close code"));
    }
    std::str::from_utf8(&payload[2..]).map_err(|_| Violation::NotUtf8)?;
    Ok(Incoming::Close(Some(code)))
}

/// Adds the head of a server's whole frame.
pub fn head(into: &mut Vec<u8>, opcode: Opcode, length: usize) {
    into.push(0x80 | opcode.bits());
    match u16::try_from(length) {
        Ok(short) if length <= MAX_CONTROL => into.push(short.to_be_bytes()[1]),
        Ok(medium) => {
            into.push(126);
            into.extend(medium.to_be_bytes());
        }
        Err(_) => {
            into.push(127);
            into.extend((length as u64).to_be_bytes());
        }
    }
}

/// A server's whole frame.
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    head(&mut bytes, opcode, payload.len());
    bytes.extend_from_slice(payload);
    bytes.into()
}

/// A close frame; the reason is cut to what fits.
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    let end = (0..=reason.len().min(MAX_CONTROL - 2)).rev().find(|end| reason.is_char_boundary(*end));
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end.unwrap_or_default()]);
    frame(Opcode::Close, &payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A client's frame under a mask.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..=125 => bytes.push(0x80 | u8::try_from(short).unwrap()),
            medium @ 126..=0xFFFF => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                bytes.push(0x80 | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        let mask = [0x37, 0xFA, 0x21, 0x3D];
        bytes.extend(mask);
        bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        bytes
    }

    /// What comes of bytes that arrive in chunks.
    fn read_all(bytes: &[u8], chunk: usize) -> Result<Vec<Incoming>, Violation> {
        let (mut reader, mut all) = (Reader::default(), Vec::new());
        for mut some in bytes.chunks(chunk) {
            while !some.is_empty() {
                let (taken, incoming) = reader.read(some, 100_000)?;
                some = &some[taken..];
                all.extend(incoming);
            }
        }
        assert!(!reader.is_within());
        Ok(all)
    }

    #[test]
    fn a_fragmented_message_comes_whole_with_a_ping_in_between() {
        let bytes =
            [masked(0x01, b"Hel"), masked(0x89, b"there?"), masked(0x00, b""), masked(0x80, b"lo")].concat();
        let expected =
            vec![Incoming::Ping(b"there?".to_vec()), Incoming::Message(Opcode::Text, b"Hello".to_vec())];
        for chunk in [1, 2, 3, 7, 100] {
            assert_eq!(read_all(&bytes, chunk), Ok(expected.clone()), "in chunks of {chunk}");
        }
    }

    #[test]
    fn what_breaks_the_rules_is_named() {
        let protocol = |bytes: &[u8]| matches!(read_all(bytes, 1), Err(Violation::Protocol(_)));
        assert!(protocol(&masked(0xC1, b"")), "a reserved bit");
        assert!(protocol(&[0x81, 0x00]), "no mask");
        assert!(protocol(&masked(0x83, b"")), "an unknown opcode");
        assert!(protocol(&masked(0x09, b"")), "half a ping");
        assert!(protocol(&masked(0x89, &[0; 126])), "a long ping");
        assert!(protocol(&masked(0x80, b"")), "nothing to continue");
        assert!(protocol(&[masked(0x01, b"a"), masked(0x81, b"b")].concat()), "a message within a message");
        assert!(protocol(&masked(0x88, &[3])), "half a code");
        for code in [0_u16, 999, 1004, 1005, 1006, 1016, 2999, 5000] {
            assert!(protocol(&masked(0x88, &code.to_be_bytes())), "{code}");
        }
        assert_eq!(read_all(&masked(0x81, &[0; 100_001]), 4096), Err(Violation::TooLong));
        let parts = [masked(0x02, &[0; 60_000]), masked(0x80, &[0; 60_000])].concat();
        assert_eq!(read_all(&parts, 4096), Err(Violation::TooLong), "in parts too");
    }

    #[test]
    fn text_that_cannot_become_utf8_is_refused_at_the_first_wrong_byte() {
        let mut reader = Reader::default();
        let bytes = masked(0x01, &[0xCE, 0xBA, 0xF4, 0x90, 0x80, 0x80, 0x65]);
        let read = reader.read(&bytes[..bytes.len() - 2], 100);
        assert_eq!(read, Err(Violation::NotUtf8), "though the frame has not ended");
        assert_eq!(
            read_all(&masked(0x81, &[0xCE]), 1),
            Err(Violation::NotUtf8),
            "half a character at the end"
        );
        let split = [masked(0x01, &[0xCE]), masked(0x80, &[0xBA])].concat();
        assert_eq!(read_all(&split, 1), Ok(vec![Incoming::Message(Opcode::Text, "κ".into())]));
    }

    #[test]
    fn heads_are_as_short_as_they_can_be() {
        let lengths = [0, 125, 126, 65_535, 65_536].map(|length| {
            let mut bytes = Vec::new();
            head(&mut bytes, Opcode::Binary, length);
            bytes.len()
        });
        assert_eq!(lengths, [2, 2, 4, 4, 10]);
        assert_eq!(close_frame(3000, &"é".repeat(100)).len(), 2 + 2 + 122, "never half a character");
    }

    proptest! {
        #[test]
        fn any_message_is_read_as_it_was_sent(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5),
            chunk in 1_usize..50,
        ) {
            let last = parts.len() - 1;
            let frames: Vec<u8> = parts.iter().enumerate().flat_map(|(at, part)| {
                let first = if at == 0 { 0x02 } else { 0x00 } | if at == last { 0x80 } else { 0x00 };
                masked(first, part)
            }).collect();
            prop_assert_eq!(read_all(&frames, chunk), Ok(vec![Incoming::Message(Opcode::Binary, parts.concat())]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), chunk in 1_usize..20) {
            let mut reader = Reader::default();
            'chunks: for mut some in bytes.chunks(chunk) {
                while !some.is_empty() {
                    match reader.read(some, 1_000) {
                        Ok((taken, _)) => some = &some[taken..],
                        Err(_) => break 'chunks,
                    }
                }
            }
        }
    }
}
