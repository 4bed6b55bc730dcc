//! What settings may be.

use anyhow::{Context, bail};

use super::{KIB, MIB, Settings};
use crate::alerts;

/// The longest that a broadcast may wait for its encoder, in seconds.
const MAX_RECONNECT_WINDOW: u64 = 1_800;

impl Settings {
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

    fn check_live(&self) -> anyhow::Result<()> {
        within("live_max_connections", self.live_max_connections, 0, 10_000_000)?;
        within("live_max_connections_per_ip", self.live_max_connections_per_ip, 0, 10_000_000)?;
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

    pub(super) fn public_uri(&self) -> anyhow::Result<Option<::http::Uri>> {
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
}

fn within<T: PartialOrd + std::fmt::Display>(name: &str, value: T, least: T, most: T) -> anyhow::Result<()> {
    // Asked this way round, so that what is not a number is out of range too.
    if !(value >= least && value <= most) {
        bail!("setting {name}: {value} is out of range; {least} to {most} is allowed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_out_of_its_range_is_refused_by_name() {
        let settings = Settings { reconnect_window: 1_801, ..Settings::default() };
        let error = settings.check().unwrap_err().to_string();
        assert_eq!(error, "setting reconnect_window: 1801 is out of range; 0 to 1800 is allowed");
        assert!(Settings { public_url: "live.example".into(), ..Settings::default() }.check().is_err());
        assert!(Settings { hls_part_target: f64::NAN, ..Settings::default() }.check().is_err());
    }
}
