//! Every setting: its default, where it comes from, and what it turns into.
//!
//! A setting is a line of `tallylight.toml`, or the environment variable `TALLYLIGHT_` and its name in capitals, or a
//! flag; the later wins. Times are in seconds. `tallylight.toml` in the repository documents each one.

mod callers;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use config::{Config, File, FileFormat};
use serde::{Deserialize, Serialize};
use tallylight_api::HttpSettings;
use tallylight_api::address::ProxyHeader;
use tallylight_api::limits::Rate;
use tallylight_core::broadcast::BroadcastSettings;
use tallylight_core::chat::{ChatSettings, Pace};
use tallylight_core::session::SessionSettings;
use tallylight_core::user::UserSettings;
use tallylight_media::{hls, rtmp};
use tallylight_store::backup::DATABASE_FILE;
use tallylight_store::{Limits as DatabaseLimits, Location};

use crate::alerts;
use crate::http::Limits;

const DEFAULT_FILE: &str = "tallylight.toml";
const PREFIX: &str = "TALLYLIGHT";
/// The variable that hosts set for every program.
const DATABASE_URL: &str = "DATABASE_URL";
/// The longest that a broadcast may wait for its encoder, in seconds.
const MAX_RECONNECT_WINDOW: u64 = 1_800;
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
    http_header_timeout: u64 = 10;
    http_write_timeout: u64 = 20;
    http_drain_timeout: u64 = 10;
    live_max_connections: usize = 100_000;
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

impl Settings {
    /// Reads the file, the environment and the flags.
    ///
    /// # Errors
    /// What is wrong, naming the setting and where it was given.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> anyhow::Result<Self> {
        refuse_unknown(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
        let mut builder = Config::builder();
        if let Some(path) =
            file.or_else(|| Path::new(DEFAULT_FILE).exists().then_some(Path::new(DEFAULT_FILE)))
        {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            refuse_unknown_lines(&text).with_context(|| path.display().to_string())?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        for environment in callers::environment(std::env::vars()) {
            builder = builder.add_source(environment);
        }
        let mut settings: Self = builder.build().and_then(Config::try_deserialize).context("the settings")?;
        if std::env::var_os(DATABASE_URL).is_some() && std::env::var_os("TALLYLIGHT_DATABASE_URL").is_none() {
            settings.database_url =
                std::env::var(DATABASE_URL).map_err(|_| anyhow!("{DATABASE_URL} is not UTF-8"))?;
        }
        settings.override_by(overrides);
        settings.check()?;
        Ok(settings)
    }

    fn override_by(&mut self, overrides: &Overrides) {
        self.listen = overrides.listen.unwrap_or(self.listen);
        self.rtmp_listen = overrides.rtmp_listen.unwrap_or(self.rtmp_listen);
        if let Some(data_dir) = &overrides.data_dir {
            self.data_dir.clone_from(data_dir);
        }
        if let Some(log) = &overrides.log
            && std::env::var_os("TALLYLIGHT_LOG").is_none()
        {
            self.log.clone_from(log);
        }
    }

    /// Refuses what cannot work, by name.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn check(&self) -> anyhow::Result<()> {
        within("reconnect_window", self.reconnect_window, 0, MAX_RECONNECT_WINDOW)?;
        within("heartbeat_interval", self.heartbeat_interval, 1, 60)?;
        within("viewer_timeout", self.viewer_timeout, self.heartbeat_interval + 1, 3_600)?;
        within("idle_timeout", self.idle_timeout, 1, 365 * 24 * 3_600)?;
        within("session_retention", self.session_retention, 0, 10 * 365 * 24 * 3_600)?;
        within("audit_retention", self.audit_retention, 0, 100 * 365 * 24 * 3_600)?;
        within("errors_kept", self.errors_kept, 1, 1_000)?;
        within("alert_error_rate", self.alert_error_rate, 0.0, 1.0)?;
        within("alert_latency", self.alert_latency, 0.0, 60.0)?;
        within("alert_queue", self.alert_queue, 0.0, 1.0)?;
        within("alert_database_away", self.alert_database_away, 0, 3_600)?;
        within("alert_interval", self.alert_interval, 0.1, 60.0)?;
        within("alert_resolve_after", self.alert_resolve_after, 0, 24 * 3_600)?;
        self.check_live()?;
        within("access_token_lifetime", self.access_token_lifetime, 60, 24 * 3_600)?;
        within("refresh_token_lifetime", self.refresh_token_lifetime, 3_600, 365 * 24 * 3_600)?;
        within("reset_token_lifetime", self.reset_token_lifetime, 60, 24 * 3_600)?;
        within("password_hashes_at_once", self.password_hashes_at_once, 1, 64)?;
        within("rate_limit_keys", self.rate_limit_keys, 100, 10_000_000)?;
        within("max_api_keys", self.max_api_keys, 0, 10_000)?;
        within("http_max_connections", self.http_max_connections, 1, 1_000_000)?;
        within("http_max_body", self.http_max_body, KIB, 16 * MIB)?;
        within("database_max_connections", self.database_max_connections, 3, 1_000)?;
        within("database_connect_timeout", self.database_connect_timeout, 0.1, 60.0)?;
        within("database_timeout", self.database_timeout, 0.1, 60.0)?;
        within("database_idle_timeout", self.database_idle_timeout, 1, 24 * 3_600)?;
        within("database_max_lifetime", self.database_max_lifetime, 10, 24 * 3_600)?;
        within("database_gather", self.database_gather, 0.0, 1.0)?;
        within("database_batch", self.database_batch, 1, 10_000)?;
        within("database_queue", self.database_queue, 1, 1_000_000)?;
        within("hls_segment_target", self.hls_segment_target, 1.0, 10.0)?;
        within("hls_part_target", self.hls_part_target, 0.1, 2.0)?;
        within("hls_target_duration", self.hls_target_duration, 1, 30)?;
        within("hls_window_segments", self.hls_window_segments, 3, 1_000)?;
        within("hls_track_wait", self.hls_track_wait, 0.0, 30.0)?;
        within("hls_announced_track_wait", self.hls_announced_track_wait, 0.0, 30.0)?;
        within("thumbnail_width", self.thumbnail_width, 64, 1_920)?;
        within("thumbnail_workers", self.thumbnail_workers, 1, 64)?;
        if self.has_tls() == self.tls_key.as_os_str().is_empty() {
            bail!("settings tls_certificate and tls_key: one needs the other");
        }
        if f64::from(self.hls_target_duration) < self.hls_segment_target {
            bail!("setting hls_target_duration: must be at least hls_segment_target");
        }
        self.proxies()?;
        self.contact()?;
        alerts::rules(self)?;
        alerts::check_ways(self)?;
        self.public_uri().map(|_| ())
    }

    /// How long the audit log is kept; `None`: for ever.
    pub fn audit_retention(&self) -> Option<Duration> {
        (self.audit_retention > 0).then(|| Duration::from_secs(self.audit_retention))
    }

    fn check_live(&self) -> anyhow::Result<()> {
        within("live_max_connections", self.live_max_connections, 0, 10_000_000)?;
        within("live_max_message", self.live_max_message, KIB, 16 * MIB)?;
        within("live_max_backlog", self.live_max_backlog, 64 * KIB, 1_024 * MIB)?;
        within("live_write_timeout", self.live_write_timeout, 1, 3_600)?;
        within("live_connect_timeout", self.live_connect_timeout, 1, 3_600)?;
        within("live_ping_interval", self.live_ping_interval, 1, 300)?;
        within("live_viewer_ping_interval", self.live_viewer_ping_interval, 1, 300)?;
        within("live_pong_timeout", self.live_pong_timeout, 1, 300)?;
        within("live_window", self.live_window, 0.0, 1.0)?;
        within("chat_burst", self.chat_burst, 1, 1_000)?;
        within("chat_interval", self.chat_interval, 0.0, 3_600.0)?;
        within("reaction_burst", self.reaction_burst, 1, 1_000)?;
        within("reaction_interval", self.reaction_interval, 0.0, 3_600.0)?;
        Ok(())
    }

    /// Whether HTTP is served under TLS.
    pub fn has_tls(&self) -> bool {
        !self.tls_certificate.as_os_str().is_empty()
    }

    fn public_uri(&self) -> anyhow::Result<Option<::http::Uri>> {
        if self.public_url.is_empty() {
            return Ok(None);
        }
        let uri: ::http::Uri = self
            .public_url
            .parse()
            .with_context(|| format!("setting public_url: \"{}\"", self.public_url))?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_web || uri.host().is_none() || uri.path() != "/" || uri.query().is_some() {
            bail!(
                "setting public_url: \"{}\" is not an address such as https://live.example",
                self.public_url
            );
        }
        Ok(Some(uri))
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

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn within<T: PartialOrd + std::fmt::Display>(name: &str, value: T, least: T, most: T) -> anyhow::Result<()> {
    // Asked this way round, so that what is not a number is out of range too.
    if !(value >= least && value <= most) {
        bail!("setting {name}: {value} is out of range; {least} to {most} is allowed");
    }
    Ok(())
}

/// A misspelt variable would otherwise be ignored in silence.
fn refuse_unknown(variables: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let known: BTreeSet<String> =
        NAMES.iter().map(|name| format!("{PREFIX}_{}", name.to_uppercase())).collect();
    for variable in variables.filter(|name| name.starts_with(PREFIX) && name[PREFIX.len()..].starts_with('_'))
    {
        if !known.contains(&variable) {
            bail!("{variable} is not a setting{}", suggest(&variable, &known));
        }
    }
    Ok(())
}

fn refuse_unknown_lines(text: &str) -> anyhow::Result<()> {
    let table: toml::Table = text.parse().context("is not TOML")?;
    let known: BTreeSet<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
    for key in table.keys() {
        if !known.contains(key) {
            bail!("{key} is not a setting{}", suggest(key, &known));
        }
    }
    Ok(())
}

/// The known name that shares the longest beginning, if that is most of it.
fn suggest(given: &str, known: &BTreeSet<String>) -> String {
    let shared = |name: &str| name.chars().zip(given.chars()).take_while(|(a, b)| a == b).count();
    let nearest = known.iter().max_by_key(|name| shared(name));
    nearest
        .filter(|name| shared(name) * 2 > given.len())
        .map_or(String::new(), |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../tallylight.toml");

    #[test]
    fn the_shipped_file_documents_every_setting_and_its_default() {
        let uncommented: String = SHIPPED
            .lines()
            .filter_map(|line| line.strip_prefix("# ").or(line.strip_prefix('#')))
            .filter(|line| line.split_once(" = ").is_some_and(|(name, _)| NAMES.contains(&name)))
            .fold(String::new(), |text, line| text + line + "\n");
        let documented: Settings = toml::from_str(&uncommented).unwrap();
        assert_eq!(documented, Settings::default());
        let table: toml::Table = uncommented.parse().unwrap();
        let missing: Vec<_> = NAMES.iter().filter(|name| !table.contains_key(**name)).collect();
        assert!(missing.is_empty(), "not documented: {missing:?}");
        refuse_unknown_lines(SHIPPED).unwrap();
    }

    #[test]
    fn a_misspelt_setting_is_refused_by_name_with_the_likely_one() {
        let error = refuse_unknown_lines("reconnect_windw = 5").unwrap_err();
        assert_eq!(error.to_string(), "reconnect_windw is not a setting; did you mean reconnect_window?");
        let error = refuse_unknown(["TALLYLIGHT_LISTN".to_owned()].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), "TALLYLIGHT_LISTN is not a setting; did you mean TALLYLIGHT_LISTEN?");
    }

    #[test]
    fn a_setting_out_of_its_range_is_refused_by_name() {
        let settings = Settings { reconnect_window: 1_801, ..Settings::default() };
        let error = settings.check().unwrap_err().to_string();
        assert_eq!(error, "setting reconnect_window: 1801 is out of range; 0 to 1800 is allowed");
        assert!(Settings { public_url: "live.example".into(), ..Settings::default() }.check().is_err());
        assert!(Settings { hls_part_target: f64::NAN, ..Settings::default() }.check().is_err());
    }
}
