//! One broadcast, as viewers ask for it.

use super::board::Board;
use super::multivariant::{self, BitRate};
use super::name::{Item, Name};
use super::origin::Shared;
use super::playlist::Page;
use super::publication::Publication;
use super::window::{Life, Window};
use super::{AudioStatus, MediaError, PublishId, Rendition, RequestError, Status, VideoStatus};
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use uuid::Uuid;

/// Where the media of a playlist is found, seen from the playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placement {
    /// `../seg/NAME`, outside the token's folder, so that a CDN keeps one copy for all. For public broadcasts.
    Outside,
    /// `seg/NAME`, inside the token's folder, so that each request carries the token. For private broadcasts.
    Inside,
}

/// The delivery directives of a playlist request (RFC 8216bis §6.2.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    /// `_HLS_msn`: block until the playlist has this segment.
    pub msn: Option<u64>,
    /// `_HLS_part`: or this part of it.
    pub part: Option<usize>,
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// What players need before any media.
    Init,
    /// Some seconds of media.
    Segment,
    /// A part of a segment.
    Part,
}

/// A segment, a part or an initialization segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Which of the three.
    pub kind: ResourceKind,
    /// The content in order; a segment comes as its parts, which are not stored twice.
    pub chunks: Vec<Bytes>,
    /// `video/mp4` or `audio/mp4`.
    pub content_type: &'static str,
}

impl Resource {
    /// The length of the content, in bytes.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A picture of what is on air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The picture.
    pub jpeg: Bytes,
    /// Grows with each picture of this broadcast; fit for an `ETag` together with `taken_at`.
    pub version: u64,
    /// When its keyframe arrived.
    pub taken_at: SystemTime,
}

/// The media of one broadcast, over all its publications.
#[derive(Debug)]
pub struct Stream {
    id: Uuid,
    pub(super) shared: Arc<Shared>,
    pub(super) board: Mutex<Board>,
    video: watch::Sender<Arc<Window>>,
    audio: watch::Sender<Arc<Window>>,
    /// The generation that may add media.
    current: AtomicU64,
    blocked: AtomicUsize,
    pub(super) thumbnail: Mutex<Option<Thumbnail>>,
    pub(super) thumbnail_wanted: AtomicBool,
}

impl Stream {
    pub(super) fn new(id: Uuid, shared: Arc<Shared>) -> Self {
        let window = |rendition| watch::Sender::new(Arc::new(Window::empty(rendition, 0)));
        Self {
            id,
            shared,
            board: Mutex::new(Board::new()),
            video: window(Rendition::Video),
            audio: window(Rendition::Audio),
            current: AtomicU64::new(0),
            blocked: AtomicUsize::new(0),
            thumbnail: Mutex::new(None),
            thumbnail_wanted: AtomicBool::new(false),
        }
    }

    /// The broadcast that this is the media of.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Begins a publication. One that is open still is replaced: its next push fails.
    pub fn publish(self: &Arc<Self>, publish: PublishId, now: SystemTime) -> Result<Publication, MediaError> {
        let mut board = self.lock();
        if board.life == Life::Ended {
            return Err(MediaError::Ended);
        }
        board.begin(publish, now);
        self.current.store(board.generation, Ordering::Release);
        self.put_up(&board);
        Ok(Publication::new(self.clone(), board.generation, now))
    }

    /// The multivariant playlist, with `prefix` before its addresses; `None` until there is something to play.
    pub fn multivariant(&self, prefix: &str) -> Option<Bytes> {
        let board = self.lock();
        board.is_playable().then(|| multivariant::render(&board, prefix))
    }

    /// Whether there is something to play.
    pub fn is_playable(&self) -> bool {
        self.lock().is_playable()
    }

    /// A media playlist, which waits for the media that `directives` ask for.
    ///
    /// While nobody publishes, it comes unchanged after one target duration, so that players stay.
    pub async fn playlist(
        &self,
        rendition: Rendition,
        directives: Directives,
        placement: Placement,
    ) -> Result<Bytes, RequestError> {
        let mut windows = self.windows(rendition).subscribe();
        let now = windows.borrow_and_update().clone();
        let window = match directives {
            Directives { msn: None, part: Some(_) } => {
                return Err(RequestError::BadRequest("_HLS_part needs _HLS_msn"));
            }
            Directives { msn: Some(msn), part } if now.life != Life::Ended && !now.has(msn, part) => {
                now.check_ahead(msn, part)?;
                self.wait(windows, move |window| window.has(msn, part)).await?
            }
            _ => now,
        };
        if window.is_playable() { Ok(self.render(&window, placement)) } else { Err(RequestError::NotFound) }
    }

    /// A segment, a part or an initialization segment by its name. The part that is hinted at is waited for.
    ///
    /// What is found never changes.
    pub async fn resource(&self, name: &str) -> Result<Resource, RequestError> {
        let name: Name = name.parse().map_err(|()| RequestError::NotFound)?;
        let mut windows = self.windows(name.rendition).subscribe();
        let now = windows.borrow_and_update().clone();
        let mut found = now.find(&name);
        if let (None, Item::Part(msn, part), true) = (&found, name.item, now.hinted() == Some(name)) {
            let over = move |window: &Window| window.has(msn, Some(part)) || window.life != Life::Live;
            found = self.wait(windows, over).await?.find(&name);
        }
        let chunks = found.ok_or(RequestError::NotFound)?;
        let kind = match name.item {
            Item::Init(_) => ResourceKind::Init,
            Item::Segment(_) => ResourceKind::Segment,
            Item::Part(..) => ResourceKind::Part,
        };
        Ok(Resource { kind, chunks, content_type: name.rendition.content_type() })
    }

    /// The latest picture. Asking for it is what keeps it fresh.
    pub fn thumbnail(&self) -> Option<Thumbnail> {
        self.thumbnail_wanted.store(true, Ordering::Relaxed);
        self.thumbnail.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is known of the stream.
    pub fn status(&self) -> Status {
        let board = self.lock();
        let bit_rate = |rendition| BitRate::of(&board.window(rendition)).average as u64;
        let video = board.video_config.as_ref().map(|config| VideoStatus {
            codec: config.codec(),
            width: config.width,
            height: config.height,
            frame_rate: board.measures.frame_rate,
            keyframe_interval: board.measures.keyframe_interval,
            has_b_frames: board.measures.has_b_frames,
            bit_rate: bit_rate(Rendition::Video),
        });
        let audio = board.audio_config.as_ref().map(|config| AudioStatus {
            codec: config.codec(),
            sample_rate: config.format.sample_rate,
            channels: config.channels,
            bit_rate: bit_rate(Rendition::Audio),
        });
        Status {
            is_live: board.life == Life::Live,
            has_ended: board.life == Life::Ended,
            publish: board.publish,
            last_part_at: board.last_part_at,
            video,
            audio,
            window_bytes: board.bytes(),
            blocked_requests: self.blocked.load(Ordering::Relaxed),
        }
    }

    /// How many requests wait for media.
    pub fn blocked_requests(&self) -> usize {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Ends the broadcast: playlists are closed, and what is in the window stays until the stream is dropped.
    pub fn end(&self) {
        let mut board = self.lock();
        board.interrupt(Life::Ended);
        self.current.store(0, Ordering::Release);
        self.put_up(&board);
    }

    /// The board. A panic elsewhere while it was held leaves it usable.
    pub(super) fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the publication `generation` may still add media. Locks nothing as long as it may.
    pub(super) fn check(&self, generation: u64) -> Result<(), MediaError> {
        if self.current.load(Ordering::Acquire) == generation {
            Ok(())
        } else {
            self.lock().check(generation)
        }
    }

    /// Replaces the latest picture.
    #[cfg(feature = "thumbnails")]
    pub(super) fn set_thumbnail(&self, jpeg: Bytes, taken_at: SystemTime) {
        let mut latest = self.thumbnail.lock().unwrap_or_else(PoisonError::into_inner);
        let version = latest.as_ref().map_or(1, |latest| latest.version + 1);
        *latest = Some(Thumbnail { jpeg, version, taken_at });
    }

    /// Shows viewers what is on the board.
    pub(super) fn put_up(&self, board: &Board) {
        for rendition in Rendition::ALL {
            let window = Arc::new(board.window(rendition));
            self.windows(rendition).send_if_modified(|shown| {
                let changed = !window.is_same(shown);
                if changed {
                    *shown = window;
                }
                changed
            });
        }
    }

    fn windows(&self, rendition: Rendition) -> &watch::Sender<Arc<Window>> {
        match rendition {
            Rendition::Video => &self.video,
            Rendition::Audio => &self.audio,
        }
    }

    fn render(&self, window: &Window, placement: Placement) -> Bytes {
        let (slot, prefix) = match (placement, &self.shared.settings.cdn_base) {
            (Placement::Outside, None) => (0, "../seg/".to_owned()),
            (Placement::Outside, Some(base)) => {
                (0, format!("{}/live/{}/seg/", base.trim_end_matches('/'), self.id))
            }
            (Placement::Inside, _) => (1, "seg/".to_owned()),
        };
        let render = || {
            let other = self.windows(window.rendition.other()).borrow().clone();
            let other = other.is_playable().then_some(&*other);
            let target_duration = self.shared.settings.target_duration;
            Page { window, other, prefix: &prefix, target_duration }.render()
        };
        window.rendered[slot].get_or_init(render).clone()
    }

    /// Waits until `done` or the end, for as long as a request may block.
    async fn wait(
        &self,
        windows: watch::Receiver<Arc<Window>>,
        done: impl Fn(&Window) -> bool,
    ) -> Result<Arc<Window>, RequestError> {
        let settings = &self.shared.settings;
        let _blocked = Blocked::enter(&self.blocked, settings.max_blocked_requests)?;
        let idle = Duration::from_secs(settings.target_duration.into());
        let waited = wait_for(windows, done, idle);
        tokio::time::timeout(settings.blocking_timeout(), waited).await.unwrap_or(Err(RequestError::Timeout))
    }
}

/// Waits until `done` or the end; for no longer than `idle` in a stretch without an encoder.
async fn wait_for(
    mut windows: watch::Receiver<Arc<Window>>,
    done: impl Fn(&Window) -> bool,
    idle: Duration,
) -> Result<Arc<Window>, RequestError> {
    let finished = |window: &Window| done(window) || window.life == Life::Ended;
    loop {
        let live = windows.borrow_and_update().life == Life::Live;
        let turned = |window: &Arc<Window>| finished(window) || (window.life == Life::Live) != live;
        let patience = if live { Duration::MAX } else { idle };
        let turned = tokio::time::timeout(patience, windows.wait_for(turned)).await;
        match turned.map(|window| window.map(|window| window.clone())) {
            Ok(Ok(window)) if finished(&window) => return Ok(window),
            // An encoder came or went.
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Err(RequestError::NotFound),
            Err(_) => return Ok(windows.borrow().clone()),
        }
    }
}

/// A request that waits, counted for as long as it lives.
struct Blocked<'a>(&'a AtomicUsize);

impl<'a> Blocked<'a> {
    fn enter(count: &'a AtomicUsize, max: usize) -> Result<Self, RequestError> {
        let blocked = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) < max { Ok(blocked) } else { Err(RequestError::Busy) }
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
