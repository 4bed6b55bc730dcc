//! Figures of what the server itself is made of: connections, encoders, the database, the process and its disk.

mod process;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tallylight_api::limits::{LimitFigures, RateLimits};
use tallylight_api::sight::{Alerts, Platform, Sheet, Sight, Source};
use tallylight_core::clock::Clock;
use tallylight_core::figures::Level;
use tallylight_media::rtmp;
use tallylight_store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alerts::Watch;
use crate::entrance::Entrance;
use crate::ingest::Figures;
use crate::mail::Letterbox;
use crate::settings::Settings;
use crate::{alerts, logging};

pub use process::Process;

/// What tells of the server's parts.
pub struct Parts {
    /// Broadcasts, viewers, live connections.
    pub platform: Platform,
    /// The database.
    pub store: Store,
    /// Encoders.
    pub encoders: Arc<Figures>,
    /// Their connections.
    pub rtmp: Arc<rtmp::Figures>,
    /// Room for HTTP connections.
    pub entrance: Arc<Entrance>,
    /// How often callers may do what.
    pub limits: Arc<RateLimits>,
    /// Where mail is handed in.
    pub mailer: Arc<Letterbox>,
}

/// Puts together all that is known of a server, and starts to judge it.
///
/// # Errors
/// The rule of alerts that makes no sense.
pub fn start(
    parts: Parts,
    settings: &Settings,
    clock: Arc<dyn Clock>,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> anyhow::Result<Arc<Sight>> {
    let (alerts, couriers) = alerts::alerts(settings, clock, parts.mailer.clone())?;
    let users = parts.platform.users.clone();
    let database_up = Arc::<Level>::default();
    database_up.set(1);
    let sight = Arc::new(sight(parts, settings, alerts, database_up.clone()));
    sight.alerts().check(&sight.sheet()).context("setting alerts")?;
    let interval = Duration::from_secs_f64(settings.alert_interval);
    tasks.spawn(Watch { sight: sight.clone(), users, database_up, interval }.run(stop.clone()));
    for courier in couriers {
        tasks.spawn(courier.run(stop.clone()));
    }
    Ok(sight)
}

fn sight(parts: Parts, settings: &Settings, alerts: Alerts, database_up: Arc<Level>) -> Sight {
    let Parts { platform, store, encoders, rtmp, entrance, limits, mailer } = parts;
    let listeners = Listeners { entrance, rtmp, max_rtmp: settings.rtmp_max_connections };
    let sources: Vec<Box<dyn Source>> = vec![
        Box::new(platform),
        Box::new(listeners),
        Box::new(Encoders(encoders)),
        Box::new(Database { store, up: database_up }),
        Box::new(LimitFigures(limits)),
        Box::new(Post(mailer)),
        Box::new(Process),
        Box::new(Disk(settings.data_dir.clone())),
    ];
    let token = Some(settings.metrics_token.clone()).filter(|token| !token.is_empty());
    Sight::new(sources, logging::errors(settings), alerts, token)
}

struct Listeners {
    entrance: Arc<Entrance>,
    rtmp: Arc<rtmp::Figures>,
    max_rtmp: usize,
}

impl Source for Listeners {
    fn tell(&self, sheet: &mut Sheet) {
        let (open, max) = self.entrance.open();
        let help = "Open HTTP connections, without those that became live connections";
        sheet.level("tallylight_http_connections", help, open as f64);
        let help = "The most HTTP connections at once";
        sheet.level("tallylight_http_connections_max", help, max as f64);
        let help = "HTTP connections closed at once: their address had as many as it may";
        sheet.count("tallylight_http_connections_turned_away_total", help, self.entrance.turned_away());
        let help = "Open RTMP connections";
        sheet.level("tallylight_ingest_connections", help, self.rtmp.connections() as f64);
        let help = "The most RTMP connections at once";
        sheet.level("tallylight_ingest_connections_max", help, self.max_rtmp as f64);
        let refusals = sheet.counter("tallylight_ingest_refusals_total", REFUSALS);
        refusals.add([("reason", "too_many_connections")], self.rtmp.turned_away());
        refusals.add([("reason", "too_many_waiting")], self.rtmp.kept_waiting());
        refusals.add([("reason", "never_published")], self.rtmp.never_asked());
    }
}

const REFUSALS: &str = "Encoders that could not publish, by reason";

struct Encoders(Arc<Figures>);

impl Source for Encoders {
    fn tell(&self, sheet: &mut Sheet) {
        let figures = &self.0;
        let help = "Encoders that publish now";
        sheet.level("tallylight_ingest_publishers", help, figures.publishers.get() as f64);
        let help = "Bytes of picture and sound that encoders sent";
        sheet.count("tallylight_ingest_bytes_total", help, figures.bytes.get());
        let help = "Pictures and frames of sound that arrived and could not be shown";
        sheet.count("tallylight_ingest_frames_dropped_total", help, figures.dropped.get());
        let refusals = sheet.counter("tallylight_ingest_refusals_total", REFUSALS);
        refusals.add([("reason", "unknown_key")], figures.unknown_key.get());
        refusals.add([("reason", "broadcast_ended")], figures.ended.get());
        refusals.add([("reason", "media_elsewhere")], figures.elsewhere.get());
        refusals.add([("reason", "not_allowed")], figures.not_allowed.get());
        refusals.add([("reason", "shut_out")], figures.shut_out.get());
        refusals.add([("reason", "unavailable")], figures.unavailable.get());
        let ends = sheet.counter("tallylight_ingest_ends_total", "Encoders that went, by reason");
        ends.add([("reason", "stopped")], figures.stopped.get());
        ends.add([("reason", "lost")], figures.lost.get());
        ends.add([("reason", "cut")], figures.cut.get());
        ends.add([("reason", "unusable")], figures.unusable.get());
    }
}

struct Database {
    store: Store,
    up: Arc<Level>,
}

impl Source for Database {
    fn tell(&self, sheet: &mut Sheet) {
        let reading = self.store.reading();
        let help = "Whether the database answered when it was last asked, 1 or 0";
        sheet.level("tallylight_database_up", help, self.up.get() as f64);
        for pool in reading.pools {
            let help = "Connections to the database by pool and state";
            let family = sheet.gauge("tallylight_database_connections", help);
            family.set([("pool", pool.name), ("state", "idle")], pool.idle as f64);
            family.set([("pool", pool.name), ("state", "used")], pool.open.saturating_sub(pool.idle) as f64);
            let help = "The most connections to the database by pool";
            sheet
                .gauge("tallylight_database_connections_max", help)
                .set([("pool", pool.name)], pool.max as f64);
        }
        sheet.queue("database_writes", reading.writes);
        let help = "How long statements took";
        sheet
            .histogram("tallylight_database_statement_duration_seconds", help)
            .spread([], reading.statements);
        let help = "How long transactions took, from having a connection to the end of their commit";
        sheet
            .histogram("tallylight_database_transaction_duration_seconds", help)
            .spread([], reading.transactions);
        let family = sheet.counter("tallylight_database_failures_total", "Tries that failed, by reason");
        family.add([("reason", "away")], reading.away);
        family.add([("reason", "refused")], reading.refused);
    }
}

struct Post(Arc<Letterbox>);

impl Source for Post {
    fn tell(&self, sheet: &mut Sheet) {
        let told = self.0.reading();
        sheet.queue("mail", told.notices);
        sheet.queue("mail_awaited", told.awaited);
        let family = sheet.counter("tallylight_mails_total", "Mails, by what became of them");
        family.add([("result", "sent")], told.sent);
        family.add([("result", "given_up")], told.given_up);
        family.add([("result", "turned_away")], told.turned_away);
    }
}

struct Disk(PathBuf);

impl Source for Disk {
    fn tell(&self, sheet: &mut Sheet) {
        let free = sheet.gauge("tallylight_data_free_bytes", "Room on the disk of the data folder");
        let Ok(disk) = rustix::fs::statvfs(&self.0) else { return };
        free.set([], (disk.f_bavail * disk.f_frsize) as f64);
        let help = "Size of the disk of the data folder";
        sheet.level("tallylight_data_size_bytes", help, (disk.f_blocks * disk.f_frsize) as f64);
    }
}
