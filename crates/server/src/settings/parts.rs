//! What settings turn into: those of each part of the server.

use std::path::PathBuf;
use std::time::Duration;

use tallylight_api::HttpSettings;
use tallylight_api::live::PlaceLimits;
use tallylight_core::broadcast::BroadcastSettings;
use tallylight_core::chat::{ChatSettings, Pace};
use tallylight_core::session::SessionSettings;
use tallylight_core::user::UserSettings;
use tallylight_media::{hls, rtmp};
use tallylight_store::backup::DATABASE_FILE;
use tallylight_store::{Limits as DatabaseLimits, Location};

use super::{Settings, given};
use crate::http::Limits;

impl Settings {
    /// How long the audit log is kept; `None`: for ever.
    pub fn audit_retention(&self) -> Option<Duration> {
        (self.audit_retention > 0).then(|| Duration::from_secs(self.audit_retention))
    }

    /// Whether HTTP is served under TLS.
    pub fn has_tls(&self) -> bool {
        !self.tls_certificate.as_os_str().is_empty()
    }

    /// For the HTTP side; `rtmp_port` is the port that was really bound.
    ///
    /// # Errors
    /// When `public_url` or one of `trusted_proxies` is not an address.
    pub fn http(&self, rtmp_port: u16) -> anyhow::Result<HttpSettings> {
        Ok(HttpSettings {
            public_url: self.public_uri()?,
            public_rtmp_url: given(&self.public_rtmp_url).map(|url| url.trim_end_matches('/').to_owned()),
            rtmp_port,
            is_tls: self.has_tls(),
            trusted_proxies: self.proxies()?,
            security_contact: self.contact()?,
            rtmp_app: self.rtmp_app.clone(),
            max_body_bytes: bytes(self.http_max_body),
        })
    }

    /// For the HTTP listener.
    pub fn http_limits(&self) -> Limits {
        Limits {
            header_timeout: Duration::from_secs(self.http_header_timeout),
            write_timeout: Duration::from_secs(self.http_write_timeout),
            drain_timeout: Duration::from_secs(self.http_drain_timeout),
        }
    }

    /// For live connections.
    pub fn live(&self) -> tallylight_realtime::Limits {
        tallylight_realtime::Limits {
            max_connections: self.live_max_connections,
            max_message: bytes(self.live_max_message),
            max_backlog: bytes(self.live_max_backlog),
            write_timeout: Duration::from_secs(self.live_write_timeout),
            connect_timeout: Duration::from_secs(self.live_connect_timeout),
            ping_interval: Duration::from_secs(self.live_ping_interval),
            viewer_ping_interval: Duration::from_secs(self.live_viewer_ping_interval),
            pong_timeout: Duration::from_secs(self.live_pong_timeout),
            window: Duration::from_secs_f64(self.live_window),
        }
    }

    /// How many live connections there may be. Streams of events keep their HTTP connection: at most half of those.
    pub fn live_places(&self) -> PlaceLimits {
        PlaceLimits {
            per_ip: self.live_max_connections_per_ip,
            streams: self.http_max_connections.div_ceil(2),
        }
    }

    /// Where the database is.
    pub fn location(&self) -> Location {
        match given(&self.database_url) {
            Some(url) => Location::Server(url.to_owned()),
            None => Location::File(self.database_file()),
        }
    }

    /// The file of SQLite, used or not.
    pub fn database_file(&self) -> PathBuf {
        self.data_dir.join(DATABASE_FILE)
    }

    /// For the database.
    pub fn database(&self) -> DatabaseLimits {
        DatabaseLimits {
            connect_timeout: Duration::from_secs_f64(self.database_connect_timeout),
            timeout: Duration::from_secs_f64(self.database_timeout),
            idle_timeout: Duration::from_secs(self.database_idle_timeout),
            max_lifetime: Duration::from_secs(self.database_max_lifetime),
            max_connections: self.database_max_connections,
            gather: Duration::from_secs_f64(self.database_gather),
            batch: self.database_batch,
            queue: self.database_queue,
        }
    }

    /// For sessions.
    pub fn sessions(&self) -> SessionSettings {
        SessionSettings {
            heartbeat_interval: Duration::from_secs(self.heartbeat_interval),
            viewer_timeout: Duration::from_secs(self.viewer_timeout),
            reconnect_window: Duration::from_secs(self.reconnect_window),
            idle_timeout: Duration::from_secs(self.idle_timeout),
            chat: ChatSettings {
                messages: pace(self.chat_burst, self.chat_interval),
                reactions: pace(self.reaction_burst, self.reaction_interval),
            },
        }
    }

    /// For broadcasts.
    pub fn broadcasts(&self) -> BroadcastSettings {
        BroadcastSettings {
            allow_reported_viewers: self.allow_reported_viewers,
            max_open_broadcasts: self.max_open_broadcasts,
        }
    }

    /// For accounts.
    pub fn users(&self) -> UserSettings {
        UserSettings {
            registration: self.registration,
            access_token_seconds: self.access_token_lifetime,
            refresh_token_seconds: self.refresh_token_lifetime,
            reset_seconds: self.reset_token_lifetime,
        }
    }

    /// For the RTMP listener.
    pub fn rtmp(&self) -> rtmp::Settings {
        rtmp::Settings {
            app: self.rtmp_app.clone(),
            handshake_timeout: Duration::from_secs(self.rtmp_handshake_timeout),
            publish_timeout: Duration::from_secs(self.rtmp_publish_timeout),
            idle_timeout: Duration::from_secs(self.rtmp_idle_timeout),
            linger: Duration::from_secs(self.rtmp_linger),
            max_connections: self.rtmp_max_connections,
            max_connections_per_ip: self.rtmp_max_connections_per_ip,
            max_bitrate: self.rtmp_max_bitrate,
            bitrate_window: Duration::from_secs(self.rtmp_bitrate_window),
            request_queue: self.rtmp_request_queue,
            limits: rtmp::Limits {
                max_message: bytes(self.rtmp_max_message),
                max_partial_messages: self.rtmp_max_partial_messages,
                max_buffered: bytes(self.rtmp_max_buffered),
                max_chunk_streams: self.rtmp_max_chunk_streams,
                max_command: bytes(self.rtmp_max_command),
            },
        }
    }

    /// For the HLS origin.
    pub fn hls(&self) -> hls::Settings {
        hls::Settings {
            segment_target: Duration::from_secs_f64(self.hls_segment_target),
            target_duration: self.hls_target_duration,
            part_target: Duration::from_secs_f64(self.hls_part_target),
            window_segments: self.hls_window_segments,
            retained_segments: self.hls_retained_segments,
            window_bytes: bytes(self.hls_window_bytes),
            track_wait: Duration::from_secs_f64(self.hls_track_wait),
            announced_track_wait: Duration::from_secs_f64(self.hls_announced_track_wait),
            max_keyframe_interval: Duration::from_secs(self.hls_max_keyframe_interval),
            max_bit_rate: self.hls_max_bitrate,
            max_frame_bytes: bytes(self.hls_max_frame),
            max_picture_side: self.hls_max_picture_side,
            max_header_changes: self.hls_max_header_changes,
            max_blocked_requests: self.hls_max_blocked_requests,
            cdn_base: given(&self.hls_cdn_url).map(str::to_owned),
            thumbnail_interval: Duration::from_secs(self.thumbnail_interval),
            thumbnail_idle_interval: Duration::from_secs(self.thumbnail_idle_interval),
            thumbnail_width: self.thumbnail_width,
            thumbnail_workers: self.thumbnail_workers,
        }
    }

    /// How long media of an ended broadcast is kept for those who still play it.
    pub fn ended_media_linger(&self) -> Duration {
        Duration::from_secs(self.hls_ended_linger)
    }
}

fn pace(burst: u32, interval: f64) -> Pace {
    Pace { burst, interval: Duration::from_secs_f64(interval) }
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
