//! Every setting: its default, where it comes from, and what it turns into.
//!
//! A setting is a line of `tallylight.toml`, or the environment variable `TALLYLIGHT_` and its name in capitals, or a
//! flag; the later wins. Times are in seconds. `tallylight.toml` in the repository documents each one.

mod callers;
mod check;
mod parts;
mod reading;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tallylight_api::address::ProxyHeader;
use tallylight_api::limits::Rate;

const PREFIX: &str = "TALLYLIGHT";
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// A JSON object a line.
    Json,
}

macro_rules! settings {
    ($($name:ident: $type:ty = $default:expr;)+) => {
        /// All settings. What each means stands in `tallylight.toml`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[expect(missing_docs, reason = "tallylight.toml documents each, and a test compares the two")]
        pub struct Settings { $(pub $name: $type,)+ }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
}

settings! {
    listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
    rtmp_listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 1935));
    data_dir: PathBuf = PathBuf::from("data");
    public_url: String = String::new();
    public_rtmp_url: String = String::new();
    trusted_proxies: Vec<String> = Vec::new();
    trusted_proxy_header: ProxyHeader = ProxyHeader::default();
    secret: String = String::new();

    database_url: String = String::new();
    database_max_connections: u32 = 10;
    database_connect_timeout: f64 = 2.0;
    database_timeout: f64 = 2.0;
    database_idle_timeout: u64 = 600;
    database_max_lifetime: u64 = 1_800;
    database_gather: f64 = 0.001;
    database_batch: usize = 1_000;
    database_queue: usize = 10_000;

    log: String = "info".into();
    log_format: LogFormat = LogFormat::Pretty;

    metrics_token: String = String::new();
    errors_kept: usize = 20;
    alert_error_rate: f64 = 0.05;
    alert_latency: f64 = 1.0;
    alert_interrupted: usize = 0;
    alert_queue: f64 = 0.8;
    alert_disk_free: u64 = 1_024 * MIB;
    alert_database_away: u64 = 10;
    alerts: Vec<String> = Vec::new();
    alert_interval: f64 = 5.0;
    alert_resolve_after: u64 = 60;
    alert_webhook: String = String::new();
    alert_email: String = String::new();

    registration: bool = true;
    access_token_lifetime: u32 = 900;
    refresh_token_lifetime: u32 = 30 * 24 * 3_600;
    password_hashes_at_once: usize = 2;
    reset_token_lifetime: u32 = 1_800;
    mail_url: String = String::new();
    mail_from: String = "Tallylight <tallylight@localhost>".into();
    max_api_keys: usize = 100;

    heartbeat_interval: u64 = 5;
    viewer_timeout: u64 = 15;
    reconnect_window: u64 = 60;
    idle_timeout: u64 = 24 * 3_600;
    allow_reported_viewers: bool = true;
    max_open_broadcasts: usize = 100;
    session_retention: u64 = 0;
    audit_retention: u64 = 365 * 24 * 3_600;

    chat_burst: u32 = 5;
    chat_interval: f64 = 2.0;
    reaction_burst: u32 = 10;
    reaction_interval: f64 = 0.5;

    rate_limits: bool = true;
    rate_limit_keys: usize = 100_000;
    limit_sign_in: Rate = Rate::new(30, 60);
    limit_account: Rate = Rate::new(10, 600);
    limit_register: Rate = Rate::new(60, 3_600);
    limit_set_up: Rate = Rate::new(10, 60);
    limit_refresh: Rate = Rate::new(300, 60);
    limit_read: Rate = Rate::new(3_000, 60);
    limit_write: Rate = Rate::new(1_200, 60);
    limit_join: Rate = Rate::new(600, 60);
    limit_viewing: Rate = Rate::new(12_000, 60);
    limit_live: Rate = Rate::new(1_200, 60);
    limit_media: Rate = Rate::new(120_000, 60);

    http_max_connections: usize = 10_000;
    http_max_connections_per_ip: usize = 2_500;
    http_header_timeout: u64 = 10;
    http_write_timeout: u64 = 20;
    http_drain_timeout: u64 = 10;
    live_max_connections: usize = 100_000;
    live_max_connections_per_ip: usize = 2_000;
    live_max_message: u64 = 64 * KIB;
    live_max_backlog: u64 = MIB;
    live_write_timeout: u64 = 9;
    live_connect_timeout: u64 = 10;
    live_ping_interval: u64 = 25;
    live_viewer_ping_interval: u64 = 10;
    live_pong_timeout: u64 = 4;
    live_window: f64 = 0.01;
    http_max_body: u64 = 64 * KIB;
    security_contact: String = String::new();
    tls_certificate: PathBuf = PathBuf::new();
    tls_key: PathBuf = PathBuf::new();

    rtmp_app: String = "live".into();
    rtmp_handshake_timeout: u64 = 5;
    rtmp_publish_timeout: u64 = 10;
    rtmp_idle_timeout: u64 = 15;
    rtmp_linger: u64 = 1;
    rtmp_max_connections: usize = 1_000;
    rtmp_max_connections_per_ip: usize = 64;
    rtmp_max_bitrate: u64 = 50_000_000;
    rtmp_bitrate_window: u64 = 5;
    rtmp_request_queue: usize = 64;
    rtmp_max_message: u64 = 8 * MIB;
    rtmp_max_partial_messages: usize = 8;
    rtmp_max_buffered: u64 = 16 * MIB;
    rtmp_max_chunk_streams: usize = 64;
    rtmp_max_command: u64 = 64 * KIB;

    hls_segment_target: f64 = 2.0;
    hls_target_duration: u32 = 4;
    hls_part_target: f64 = 0.25;
    hls_window_segments: usize = 7;
    hls_retained_segments: usize = 1;
    hls_window_bytes: u64 = 64 * MIB;
    hls_track_wait: f64 = 0.5;
    hls_announced_track_wait: f64 = 2.0;
    hls_max_keyframe_interval: u64 = 60;
    hls_max_bitrate: u64 = 60_000_000;
    hls_max_frame: u64 = 8 * MIB;
    hls_max_picture_side: u32 = 4_096;
    hls_max_header_changes: u32 = 10;
    hls_max_blocked_requests: usize = 20_000;
    hls_cdn_url: String = String::new();
    hls_ended_linger: u64 = 60;
    thumbnail_interval: u64 = 10;
    thumbnail_idle_interval: u64 = 60;
    thumbnail_width: u32 = 640;
    thumbnail_workers: usize = 1;
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--rtmp-listen`
    pub rtmp_listen: Option<SocketAddr>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// The log filter of a command that talks itself.
    pub log: Option<String>,
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
