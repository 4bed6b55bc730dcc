use proptest::prelude::*;

use super::*;

fn read_video(body: &[u8]) -> Result<Option<Packet>, FlvError> {
    video(40, Bytes::copy_from_slice(body))
}

fn read_audio(body: &[u8]) -> Result<Option<Packet>, FlvError> {
    audio(40, Bytes::copy_from_slice(body))
}

fn expected_picture(
    composition: i32,
    keyframe: bool,
    data: &'static [u8],
) -> Result<Option<Packet>, FlvError> {
    let data = Bytes::from_static(data);
    Ok(Some(Packet::Video(VideoPacket { timestamp: 40, composition, keyframe, data })))
}

fn expected_video_header(record: &'static [u8]) -> Result<Option<Packet>, FlvError> {
    let record = Bytes::from_static(record);
    Ok(Some(Packet::VideoHeader(VideoHeader { codec: VideoCodec::H264, record })))
}

#[test]
fn legacy_h264_is_read() {
    assert_eq!(read_video(b"\x17\0\0\0\0record"), expected_video_header(b"record"));
    assert_eq!(read_video(b"\x17\x01\0\0\x50data"), expected_picture(80, true, b"data"));
    assert_eq!(read_video(b"\x27\x01\xff\xff\xd8data"), expected_picture(-40, false, b"data"));
}

#[test]
fn enhanced_h264_is_read() {
    assert_eq!(read_video(b"\x90avc1record"), expected_video_header(b"record"));
    assert_eq!(read_video(b"\xa1avc1\xff\xff\xffdata"), expected_picture(-1, false, b"data"));
    assert_eq!(read_video(b"\x93avc1data"), expected_picture(0, true, b"data"));
    // A nanosecond offset of three bytes stands before the packet type.
    assert_eq!(read_video(b"\x97\x02\0\0\x09\x03avc1data"), expected_picture(0, true, b"data"));
}

#[test]
fn aac_is_read_with_either_header() {
    for (header, frame) in
        [(&b"\xaf\0\x11\x90"[..], &b"\xaf\x01data"[..]), (b"\x90mp4a\x11\x90", b"\x91mp4adata")]
    {
        let record = Bytes::from_static(b"\x11\x90");
        let data = Bytes::from_static(b"data");
        let expected = AudioHeader { codec: AudioCodec::Aac, record };
        assert_eq!(read_audio(header), Ok(Some(Packet::AudioHeader(expected))));
        assert_eq!(read_audio(frame), Ok(Some(Packet::Audio(AudioPacket { timestamp: 40, data }))));
    }
}

#[test]
fn tags_without_media_are_passed_over() {
    let videos: [&[u8]; 9] = [
        b"",
        b"\x17",
        b"\x17\x01",
        b"\x17\x01\0\0\0",
        b"\x17\x02\0\0\0",
        b"\x57\0",
        b"\x92avc1",
        b"\x94avc1x",
        b"\xd0",
    ];
    for empty in videos {
        assert_eq!(read_video(empty), Ok(None), "{empty:?}");
    }
    for empty in [&b""[..], b"\xaf", b"\xaf\x01", b"\xaf\0", b"\x92mp4a", b"\x94mp4ax"] {
        assert_eq!(read_audio(empty), Ok(None), "{empty:?}");
    }
}

#[test]
fn other_codecs_are_refused_by_name() {
    let reasons = [
        read_video(b"\x90hvc1record"),
        read_video(b"\x1c\0\0\0\0record"),
        read_video(b"\x22data"),
        read_video(b"\x90\n\"x1record"),
        read_audio(b"\x90Opusrecord"),
        read_audio(b"\x2fdata"),
        read_video(b"\x96\x00avc1"),
        read_audio(b"\x95\x00mp4a"),
    ]
    .map(|refused| refused.unwrap_err().to_string());
    assert_eq!(
        reasons,
        [
            "video codec HEVC (hvc1) is not supported: send H.264",
            "video codec HEVC is not supported: send H.264",
            "video codec Sorenson H.263 is not supported: send H.264",
            "video codec \\n\\\"x1 is not supported: send H.264",
            "audio codec Opus is not supported: send AAC",
            "audio codec MP3 is not supported: send AAC",
            "multitrack streams are not supported: send one video and one audio track",
            "multitrack streams are not supported: send one video and one audio track",
        ]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = read_video(&bytes);
        let _ = read_audio(&bytes);
    }
}
