//! Recorded media and what tests ask of the origin.
#![allow(dead_code, reason = "each test file uses its own share")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tallylight_media::hls::{
    Directives, Origin, Placement, Progress, Publication, PublishId, Rendition, Settings, Stream,
};
use tallylight_media::model::{
    AudioCodec, AudioHeader, AudioPacket, Packet, VideoCodec, VideoHeader, VideoPacket,
};
use uuid::Uuid;

/// 6.5 s of 320×180 at 30 a second with a keyframe every 2 s, and AAC at 48 kHz.
pub fn plain() -> Vec<Packet> {
    read_flv(include_bytes!("../media/plain.flv"))
}

/// The same with two B-frames between references.
pub fn b_frames() -> Vec<Packet> {
    read_flv(include_bytes!("../media/b_frames.flv"))
}

/// The packets of an FLV file (Adobe FLV 10.1, annex E).
pub fn read_flv(file: &'static [u8]) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut rest = Bytes::from_static(file).slice(9 + 4..);
    while rest.len() > 11 {
        let tag = rest.split_to(11);
        let be24 = |at: usize| u32::from_be_bytes([0, tag[at], tag[at + 1], tag[at + 2]]);
        let timestamp = be24(4) | u32::from(tag[7]) << 24;
        let body = rest.split_to(be24(1) as usize);
        rest = rest.slice(4..);
        packets.extend(packet(tag[0], timestamp, &body));
    }
    packets
}

fn packet(kind: u8, timestamp: u32, body: &Bytes) -> Option<Packet> {
    match (kind, body[1]) {
        (8, 0) => Some(Packet::AudioHeader(AudioHeader { codec: AudioCodec::Aac, record: body.slice(2..) })),
        (8, 1) => Some(Packet::Audio(AudioPacket { timestamp, data: body.slice(2..) })),
        (9, 0) => Some(Packet::VideoHeader(VideoHeader { codec: VideoCodec::H264, record: body.slice(5..) })),
        (9, 1) => Some(Packet::Video(VideoPacket {
            timestamp,
            composition: i32::from_be_bytes([body[2], body[3], body[4], 0]) >> 8,
            keyframe: body[0] >> 4 == 1,
            data: body.slice(5..),
        })),
        _ => None,
    }
}

/// The packets with timestamps changed.
pub fn retimed(packets: Vec<Packet>, change: impl Fn(u32) -> u32) -> Vec<Packet> {
    packets
        .into_iter()
        .map(|packet| match packet {
            Packet::Video(packet) => {
                Packet::Video(VideoPacket { timestamp: change(packet.timestamp), ..packet })
            }
            Packet::Audio(packet) => {
                Packet::Audio(AudioPacket { timestamp: change(packet.timestamp), ..packet })
            }
            header => header,
        })
        .collect()
}

/// When a packet was recorded, in milliseconds; headers come at once.
pub fn recorded_at(packet: &Packet) -> u64 {
    match packet {
        Packet::Video(packet) => packet.timestamp.into(),
        Packet::Audio(packet) => packet.timestamp.into(),
        _ => 0,
    }
}

/// Whether a packet is of video, its header included.
pub fn is_video(packet: &Packet) -> bool {
    matches!(packet, Packet::Video(_) | Packet::VideoHeader(_))
}

/// A broadcast and a clock that stands still unless media moves it.
pub struct Show {
    pub origin: Origin,
    pub stream: Arc<Stream>,
    pub now: SystemTime,
    publications: u64,
}

impl Show {
    pub fn new(settings: Settings) -> Self {
        let origin = Origin::new(settings);
        let stream = origin.open(Uuid::from_u128(7));
        Self { origin, stream, now: UNIX_EPOCH + Duration::from_secs(1_800_000_000), publications: 0 }
    }

    pub fn publish(&mut self) -> Publication {
        self.publications += 1;
        self.stream.publish(PublishId(self.publications), self.now).unwrap()
    }

    /// Pushes one packet at the time at which it was recorded, seen from the start of the show.
    pub fn push_one(&mut self, publication: &mut Publication, packet: Packet) -> Progress {
        let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        self.now = self.now.max(start + Duration::from_millis(recorded_at(&packet)));
        publication.push(packet, self.now).unwrap()
    }

    /// Pushes packets that are recorded one after another.
    pub fn push(&mut self, publication: &mut Publication, packets: Vec<Packet>) -> Vec<Progress> {
        let (start, mut last) = (self.now, 0);
        let mut progress = Vec::new();
        for packet in packets {
            last = last.max(recorded_at(&packet));
            self.now = start + Duration::from_millis(last);
            progress.push(publication.push(packet, self.now).unwrap());
        }
        progress
    }

    /// Publishes packets from beginning to end.
    pub fn play(&mut self, packets: Vec<Packet>) {
        let mut publication = self.publish();
        self.push(&mut publication, packets);
        publication.finish();
    }

    pub async fn playlist(&self, rendition: Rendition) -> Playlist {
        let bytes = self.stream.playlist(rendition, Directives::default(), Placement::Outside).await.unwrap();
        Playlist::parse(std::str::from_utf8(&bytes).unwrap())
    }

    pub async fn get(&self, name: &str) -> Bytes {
        let name = name.rsplit('/').next().unwrap();
        let resource = self.stream.resource(name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        Bytes::from(resource.chunks.concat())
    }

    /// The samples of all listed segments, era by era.
    pub async fn samples(&self, rendition: Rendition) -> Vec<Vec<Sample>> {
        let mut eras: Vec<Vec<Sample>> = Vec::new();
        let mut map = None;
        for segment in self.playlist(rendition).await.segments {
            if map.as_ref() != Some(&segment.map) {
                map = Some(segment.map.clone());
                eras.push(Vec::new());
            }
            if !segment.gap {
                eras.last_mut().unwrap().extend(read_samples(&self.get(&segment.uri).await));
            }
        }
        eras
    }
}

/// A media playlist, as far as tests look at it.
#[derive(Debug, Default, Clone)]
pub struct Playlist {
    pub text: String,
    pub msn: u64,
    pub discontinuity_sequence: u64,
    pub target_duration: f64,
    pub part_target: f64,
    pub segments: Vec<ListedSegment>,
    pub open_parts: Vec<ListedPart>,
    pub hint: Option<String>,
    pub ended: bool,
}

#[derive(Debug, Default, Clone)]
pub struct ListedSegment {
    pub uri: String,
    pub map: String,
    pub duration: f64,
    pub date: String,
    pub discontinuity: bool,
    pub gap: bool,
    pub parts: Vec<ListedPart>,
}

#[derive(Debug, Default, Clone)]
pub struct ListedPart {
    pub uri: String,
    pub duration: f64,
    pub independent: bool,
}

impl Playlist {
    pub fn parse(text: &str) -> Self {
        let mut list = Self { text: text.to_owned(), ..Self::default() };
        let mut segment = ListedSegment::default();
        for line in text.lines() {
            list.line(line, &mut segment);
        }
        list.open_parts = segment.parts;
        list
    }

    fn line(&mut self, line: &str, segment: &mut ListedSegment) {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-TARGETDURATION" => self.target_duration = value.parse().unwrap(),
            "#EXT-X-PART-INF" => self.part_target = attribute(value, "PART-TARGET").parse().unwrap(),
            "#EXT-X-MEDIA-SEQUENCE" => self.msn = value.parse().unwrap(),
            "#EXT-X-DISCONTINUITY-SEQUENCE" => self.discontinuity_sequence = value.parse().unwrap(),
            "#EXT-X-DISCONTINUITY" => segment.discontinuity = true,
            "#EXT-X-GAP" => segment.gap = true,
            "#EXT-X-MAP" => segment.map = attribute(value, "URI"),
            "#EXT-X-PROGRAM-DATE-TIME" => segment.date = value.to_owned(),
            "#EXTINF" => segment.duration = value.trim_end_matches(',').parse().unwrap(),
            "#EXT-X-PRELOAD-HINT" => self.hint = Some(attribute(value, "URI")),
            "#EXT-X-ENDLIST" => self.ended = true,
            "#EXT-X-PART" => segment.parts.push(ListedPart {
                uri: attribute(value, "URI"),
                duration: attribute(value, "DURATION").parse().unwrap(),
                independent: value.contains("INDEPENDENT=YES"),
            }),
            _ if !line.starts_with('#') => {
                segment.uri = line.to_owned();
                let next = ListedSegment { map: segment.map.clone(), ..ListedSegment::default() };
                self.segments.push(std::mem::replace(segment, next));
            }
            _ => {}
        }
    }
}

fn attribute(list: &str, name: &str) -> String {
    let value = list.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {list}")).trim_matches('"').to_owned()
}

/// A sample read back from a fragment. Times in ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub dts: i64,
    pub pts: i64,
    pub duration: u32,
    pub sync: bool,
    pub data: Vec<u8>,
}

/// The samples of one or more fragments.
pub fn read_samples(bytes: &[u8]) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut moof: &[u8] = &[];
    for (kind, body) in boxes(bytes) {
        match &kind {
            b"moof" => moof = body,
            b"mdat" => samples.extend(read_fragment(moof, body)),
            _ => {}
        }
    }
    samples
}

fn read_fragment(moof: &[u8], mut data: &[u8]) -> Vec<Sample> {
    let traf = find(moof, b"traf");
    let mut dts = i64::from_be_bytes(find(traf, b"tfdt")[4..12].try_into().unwrap());
    let trun = find(traf, b"trun");
    let word = |at: usize| u32::from_be_bytes(trun[at..at + 4].try_into().unwrap());
    assert_eq!(word(8) as usize, moof.len() + 16, "data offset");
    let samples = (0..word(4) as usize).map(|index| {
        let at = 12 + 16 * index;
        let (sample, rest) = data.split_at(word(at + 4) as usize);
        data = rest;
        let pts = dts + i64::from(word(at + 12) as i32);
        let sync = word(at + 8) & 0x1_0000 == 0;
        let sample = Sample { dts, pts, duration: word(at), sync, data: sample.to_vec() };
        dts += i64::from(word(at));
        sample
    });
    let samples = samples.collect();
    assert!(data.is_empty(), "mdat is used up");
    samples
}

fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    boxes(bytes).find(|(found, _)| found == kind).unwrap().1
}

/// The boxes side by side in `bytes`.
pub fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(bytes.get(..4)?.try_into().unwrap()) as usize;
        let (whole, rest) = bytes.split_at(size);
        bytes = rest;
        Some((whole[4..8].try_into().unwrap(), &whole[8..]))
    })
}
