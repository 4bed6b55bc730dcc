//! Figures of what the API itself reaches: broadcasts, viewers, live connections, media, passwords.

use std::sync::Arc;

use tallylight_core::audit_log::AuditLog;
use tallylight_core::broadcast::{IngestState, Status};
use tallylight_core::figures::Count;
use tallylight_core::session::SessionFigures;
use tallylight_core::{SessionManager, UserManager};
use tallylight_media::hls::{Origin, ResourceKind};

use super::{Sheet, Source};
use crate::live::Live;

/// Tells of broadcasts, viewers, live connections and media.
pub struct Platform {
    /// Sessions.
    pub sessions: Arc<SessionManager>,
    /// Users.
    pub users: Arc<UserManager>,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// Live connections.
    pub live: Arc<Live>,
    /// Media.
    pub origin: Arc<Origin>,
}

impl Source for Platform {
    fn tell(&self, sheet: &mut Sheet) {
        self.tell_broadcasts(sheet);
        self.tell_viewers(sheet);
        self.tell_live(sheet);
        let waiting: usize = self.origin.streams().iter().map(|stream| stream.blocked_requests()).sum();
        let help = "Requests that wait for media that is still to come";
        sheet.level("tallylight_playback_waiting_requests", help, waiting as f64);
        sheet.queue("password_hashes", self.users.hashing());
        sheet.queue("audit_log", self.audit.waiting());
        let help = "Sessions with events that are not in their sums yet";
        sheet.level("tallylight_log_backlog_sessions", help, self.sessions.logs_behind() as f64);
    }
}

impl Platform {
    fn tell_broadcasts(&self, sheet: &mut Sheet) {
        let tally = self.sessions.directory().tally();
        let family = sheet.gauge("tallylight_broadcasts", "Open broadcasts by status and state of ingest");
        let states = [IngestState::Idle, IngestState::Live, IngestState::Interrupted].map(Some);
        for status in [Status::Active, Status::Paused, Status::Private] {
            for state in states.into_iter().chain([None]) {
                let count = tally.broadcasts.get(&(status, state)).copied().unwrap_or_default();
                let ingest = state.map_or("elsewhere", IngestState::name);
                family.set([("status", status.name()), ("ingest", ingest)], count as f64);
            }
        }
        let help = "Viewers who are there, over all broadcasts";
        sheet.level("tallylight_viewers", help, tally.viewers as f64);
    }

    fn tell_viewers(&self, sheet: &mut Sheet) {
        let figures = self.sessions.figures();
        sheet.count("tallylight_viewer_joins_total", "Viewers who took a place", figures.joins.get());
        let family = sheet.counter("tallylight_viewer_leaves_total", "Viewers who went, by reason");
        for reason in SessionFigures::REASONS {
            family.add([("reason", reason.name())], figures.leaves(reason));
        }
    }

    fn tell_live(&self, sheet: &mut Sheet) {
        let hub = &self.live.hub;
        let (figures, limits) = (hub.figures(), hub.limits());
        sheet.level("tallylight_live_connections", "Open live connections", hub.connections() as f64);
        let help = "The most live connections at once";
        sheet.level("tallylight_live_connections_max", help, limits.max_connections as f64);
        let family = sheet.counter("tallylight_live_messages_total", "Messages over live connections");
        family.add([("direction", "in")], figures.received.get());
        family.add([("direction", "out")], figures.sent.get());
        let family =
            sheet.counter("tallylight_live_closes_total", "Live connections that ended, by close code");
        for (code, count) in figures.closes() {
            let code = if code == 0 { "protocol".to_owned() } else { code.to_string() };
            family.add([("code", code.as_str())], count);
        }
        family.add([("code", "client")], figures.left.get());
        family.add([("code", "lost")], figures.lost.get());
        let help = "Bytes that wait for slow clients, of all live connections";
        sheet.level("tallylight_live_backlog_bytes", help, figures.backlog.get() as f64);
        let largest = usize::try_from(figures.largest_backlog.get()).unwrap_or(usize::MAX);
        sheet.queue("live_backlog", (largest, limits.max_backlog));
    }
}

/// What players fetched.
#[derive(Debug, Default)]
pub(crate) struct Playback {
    playlists: Fetched,
    inits: Fetched,
    segments: Fetched,
    parts: Fetched,
    thumbnails: Fetched,
}

/// How often something was fetched, and how much of it.
#[derive(Debug, Default)]
struct Fetched {
    requests: Count,
    bytes: Count,
}

impl Fetched {
    fn one(&self, bytes: usize) {
        self.requests.one();
        self.bytes.add(bytes as u64);
    }
}

impl Playback {
    pub fn playlist(&self, bytes: usize) {
        self.playlists.one(bytes);
    }

    pub fn thumbnail(&self, bytes: usize) {
        self.thumbnails.one(bytes);
    }

    pub fn media(&self, kind: ResourceKind, bytes: usize) {
        match kind {
            ResourceKind::Init => self.inits.one(bytes),
            ResourceKind::Segment => self.segments.one(bytes),
            ResourceKind::Part => self.parts.one(bytes),
        }
    }
}

impl Source for Playback {
    fn tell(&self, sheet: &mut Sheet) {
        let kinds = [
            ("playlist", &self.playlists),
            ("init", &self.inits),
            ("segment", &self.segments),
            ("part", &self.parts),
            ("thumbnail", &self.thumbnails),
        ];
        for (kind, fetched) in kinds {
            sheet
                .counter(
                    "tallylight_playback_requests_total",
                    "Playlists, media and pictures that were answered",
                )
                .add([("kind", kind)], fetched.requests.get());
            sheet
                .counter(
                    "tallylight_playback_bytes_total",
                    "Bytes of playlists, media and pictures that were answered",
                )
                .add([("kind", kind)], fetched.bytes.get());
        }
    }
}
