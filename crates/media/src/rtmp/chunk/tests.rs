use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::rtmp::{
    Error, Limits,
    message::{Message, kind},
};

fn reader() -> ChunkReader {
    ChunkReader::new(Limits::default())
}

fn read_all(reader: &mut ChunkReader, bytes: &[u8]) -> Result<Vec<Message>, Error> {
    let mut input = BytesMut::from(bytes);
    let mut messages = Vec::new();
    while let Some(message) = reader.read(&mut input)? {
        messages.push(message);
    }
    Ok(messages)
}

fn any_message() -> impl Strategy<Value = (u32, Message)> {
    let time = prop_oneof![0..100u32, 0xff_fff0..0x100_0010u32, 0x7fff_fff0..0x8000_0010u32, any::<u32>()];
    let id = prop_oneof![2..64u32, 64..320u32, 320..65_600u32, Just(6)];
    let length = prop_oneof![0..10usize, 120..400usize];
    (id, time, 8..10u8, 0..3u32, length).prop_map(|(id, timestamp, kind, stream, length)| {
        let payload = (0..length).map(|position| position as u8).collect();
        (id, Message { kind, timestamp, stream, payload })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        messages in prop::collection::vec(any_message(), 1..40),
        chunk_size in 1..500u32,
        split in 1..200usize,
    ) {
        let (mut writer, mut bytes) = (ChunkWriter::default(), BytesMut::new());
        writer.set_chunk_size(chunk_size, &mut bytes);
        messages.iter().for_each(|(id, message)| writer.write(*id, message, &mut bytes));

        let mut reader = reader();
        let (mut input, mut read) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(split) {
            input.extend_from_slice(piece);
            while let Some(message) = reader.read(&mut input).unwrap() {
                if message.kind == kind::SET_CHUNK_SIZE {
                    reader.set_chunk_size(message.number().unwrap()).unwrap();
                } else {
                    read.push(message);
                }
            }
        }
        let sent: Vec<_> = messages.into_iter().map(|(_, message)| message).collect();
        prop_assert_eq!(read, sent);
        prop_assert_eq!(reader.buffered(), 0);
    }

    #[test]
    fn any_bytes_stay_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let mut reader = reader();
        let _ = read_all(&mut reader, &bytes);
        prop_assert!(reader.buffered() <= bytes.len());
    }
}

/// Formats 0 to 3 as new messages on one chunk stream (RTMP 1.0 §5.3.1.2).
#[test]
fn shorter_headers_repeat_the_last() {
    let bytes = [
        &[0x06, 0, 0, 10, 0, 0, 1, 9, 1, 0, 0, 0, b'a'][..],
        &[0x46, 0, 0, 5, 0, 0, 2, 8, b'b', b'c'],
        &[0x86, 0, 0, 7, b'd', b'e'],
        &[0xc6, b'f', b'g'],
    ]
    .concat();
    let read = read_all(&mut reader(), &bytes).unwrap();
    let brief: Vec<_> =
        read.iter().map(|message| (message.kind, message.timestamp, &message.payload[..])).collect();
    assert_eq!(brief, [(9, 10, &b"a"[..]), (8, 15, b"bc"), (8, 22, b"de"), (8, 29, b"fg")]);
    assert!(read.iter().all(|message| message.stream == 1));
}

/// A message of 130 bytes at time 0x01000000, whose second chunk does or does not repeat the extended timestamp.
fn extended(repeat: bool) -> Vec<u8> {
    let mut bytes = vec![0x06, 0xff, 0xff, 0xff, 0, 0, 130, 9, 1, 0, 0, 0, 1, 0, 0, 0];
    bytes.extend([7; 128]);
    bytes.push(0xc6);
    if repeat {
        bytes.extend([1, 0, 0, 0]);
    }
    bytes.extend([8, 8]);
    // More follows, as it does on a live stream.
    bytes.extend([0x02, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]);
    bytes
}

#[test]
fn extended_timestamps_are_repeated_or_not() {
    for repeat in [true, false] {
        let read = read_all(&mut reader(), &extended(repeat)).unwrap();
        assert_eq!(read.len(), 2, "repeated: {repeat}");
        assert_eq!(read[0].timestamp, 0x0100_0000);
        assert_eq!(read[0].payload[126..], [7, 7, 8, 8]);
    }
}

#[test]
fn timestamps_near_both_wraps_pass_through() {
    let times = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0, 0x00ff_ffff];
    let (mut writer, mut bytes) = (ChunkWriter::default(), BytesMut::new());
    for timestamp in times {
        let message =
            Message { kind: kind::VIDEO, timestamp, stream: 1, payload: Bytes::from_static(&[1; 200]) };
        writer.write(6, &message, &mut bytes);
    }
    let read: Vec<_> =
        read_all(&mut reader(), &bytes).unwrap().iter().map(|message| message.timestamp).collect();
    assert_eq!(read, times);
}

/// The first chunk of a 24-bit `length` on chunk stream `id`.
fn first_chunk(id: u8, length: usize, payload: usize) -> Vec<u8> {
    let size = (length as u32).to_be_bytes();
    let mut bytes = vec![id, 0, 0, 0, size[1], size[2], size[3], 9, 1, 0, 0, 0];
    bytes.extend(vec![0; payload]);
    bytes
}

#[test]
fn huge_messages_are_refused_at_their_header() {
    let refused = read_all(&mut reader(), &first_chunk(6, 0xff_ffff, 0));
    assert_eq!(refused, Err(Error::MessageTooLong { length: 0xff_ffff, limit: 8 << 20 }));
}

#[test]
fn only_eight_messages_may_be_unfinished() {
    let mut reader = reader();
    for id in 3..11 {
        assert_eq!(read_all(&mut reader, &first_chunk(id, 1000, 128)), Ok(vec![]));
    }
    assert_eq!(reader.buffered(), 8 * 128);
    assert_eq!(read_all(&mut reader, &first_chunk(11, 1000, 128)), Err(Error::TooManyPartialMessages(8)));
}

#[test]
fn unfinished_messages_share_one_bound() {
    let mut reader = ChunkReader::new(Limits { max_buffered: 1000, ..Limits::default() });
    reader.set_chunk_size(600).unwrap();
    assert_eq!(read_all(&mut reader, &first_chunk(3, 2000, 600)), Ok(vec![]));
    assert_eq!(read_all(&mut reader, &first_chunk(4, 2000, 600)), Err(Error::TooMuchBuffered(1000)));
}

#[test]
fn an_aborted_message_makes_room() {
    let mut reader = reader();
    read_all(&mut reader, &first_chunk(6, 1000, 128)).unwrap();
    reader.abort(6);
    reader.abort(77);
    assert_eq!(reader.buffered(), 0);
    assert_eq!(read_all(&mut reader, &first_chunk(6, 2, 2)).unwrap().len(), 1);
}

#[test]
fn a_new_header_replaces_an_unfinished_message() {
    let mut reader = reader();
    read_all(&mut reader, &first_chunk(6, 1000, 128)).unwrap();
    assert_eq!(read_all(&mut reader, &first_chunk(6, 2, 2)).unwrap()[0].payload.len(), 2);
    assert_eq!(reader.buffered(), 0);
}

#[test]
fn chunk_streams_are_bounded_and_begin_with_a_header() {
    let mut reader = reader();
    for id in 0..64u8 {
        read_all(&mut reader, &[0, id, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]).unwrap();
    }
    let another = read_all(&mut reader, &[0, 64, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]);
    assert_eq!(another, Err(Error::TooManyChunkStreams(64)));
    assert_eq!(read_all(&mut self::reader(), &[0xc5]), Err(Error::UnknownChunkStream(5)));
}

#[test]
fn chunk_sizes_outside_the_standard_are_refused() {
    for size in [0, 0x8000_0000, u32::MAX] {
        assert_eq!(reader().set_chunk_size(size), Err(Error::ChunkSize(size)));
    }
    assert_eq!(reader().set_chunk_size(0x7fff_ffff), Ok(()));
}
