//! The event log and what it adds up to, on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tallylight_core::analytics::report::Figures;
use tallylight_core::analytics::{Report, Totals};
use tallylight_core::event::Event;
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::session::{EventPage, OwnEvent};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that happened in a session.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// The same in the log, on the live connection and in webhooks.
    pub id: Uuid,
    pub session_id: Uuid,
    /// Its number in the session: 1, 2, 3 … without a gap.
    pub seq: u64,
    #[serde(rename = "type")]
    #[schema(example = "viewer.joined")]
    pub kind: String,
    #[schema(value_type = Object)]
    pub data: Value,
    /// The effective time: of a viewer who timed out, when its time was up.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Who did it, if a signed-in user.
    pub user_id: Option<Uuid>,
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.0,
            session_id: event.session_id.0,
            seq: event.seq,
            kind: event.kind,
            data: event.data,
            created_at: event.created_at,
            user_id: event.user_id.map(|id| id.0),
            metadata: event.metadata,
        }
    }
}

impl EventView {
    /// An event as everybody may see it who may see the session of this owner; `None`: it is its owner's alone.
    ///
    /// Nobody is named by id but the owner, nothing that was attached is told, nor where media is published to.
    pub fn public(event: Event, owner: UserId) -> Option<Self> {
        if event.kind.starts_with("viewer.") || event.kind == "ingest.warning" {
            return None;
        }
        let mut view = Self::from(event);
        view.user_id = view.user_id.filter(|user| *user == owner.0);
        view.metadata.clear();
        if let Some(data) = view.data.as_object_mut() {
            data.remove("rtmp_url");
        }
        Some(view)
    }
}

/// Some events of a session.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventList {
    pub items: Vec<EventView>,
    /// Read on after this number: nothing is missed and nothing comes twice.
    pub next_after: u64,
    /// Newest first: read on before this number; `null` when there is nothing older.
    pub next_before: Option<u64>,
}

impl From<EventPage> for EventList {
    fn from(page: EventPage) -> Self {
        Self {
            items: page.items.into_iter().map(EventView::from).collect(),
            next_after: page.next_after,
            next_before: page.next_before,
        }
    }
}

/// An event of one's own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnEventRequest {
    /// Not one that the server logs: `broadcast.…`, `viewer.…`, `chat.…`, `reaction…`, `recording.…`, `ingest.…`.
    #[serde(rename = "type")]
    #[schema(
        min_length = 1,
        max_length = 50,
        pattern = r"^(?!broadcast\.|viewer\.|chat\.|reaction|recording\.|ingest\.)[a-z0-9_.]{1,50}$",
        example = "poll.opened"
    )]
    pub kind: String,
    /// At most 16 KiB.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
    /// At most 16 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

impl From<OwnEventRequest> for OwnEvent {
    fn from(request: OwnEventRequest) -> Self {
        let OwnEventRequest { kind, data, metadata } = request;
        Self { kind, data: data.unwrap_or_default(), metadata: metadata.unwrap_or_default() }
    }
}

/// What a session's owner attached to it, as a whole.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct MetadataView(pub Map<String, Value>);

/// One metric of a session.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricView {
    /// Over the whole period. Of `viewer_count`: `current`, `average` and `peak`; of all others `value` and what it is
    /// made of.
    #[schema(value_type = Object)]
    pub total: Map<String, Value>,
    /// A pair of a time and a value for each interval, the open one too.
    #[schema(value_type = Vec<Vec<Value>>)]
    pub series: Vec<(String, Value)>,
    /// Of `viewer_count` the most at a time in each interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<Value>>>)]
    pub peak_series: Option<Vec<(String, Value)>>,
}

/// Metrics of a session.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnalyticsView {
    pub session_id: Uuid,
    #[schema(example = "1h")]
    pub period: &'static str,
    /// The start of the first interval.
    #[serde(with = "time::serde::rfc3339")]
    pub from: OffsetDateTime,
    /// Now, or the session's end.
    #[serde(with = "time::serde::rfc3339")]
    pub to: OffsetDateTime,
    /// Seconds from one point of a series to the next.
    pub interval: u32,
    /// By name.
    pub metrics: BTreeMap<&'static str, MetricView>,
}

impl AnalyticsView {
    pub fn new(id: BroadcastId, report: Report) -> Self {
        let times: Vec<String> = report.times.iter().map(|time| rfc3339(*time)).collect();
        let view = |figures: Figures| {
            let timed = |values: Vec<Value>| times.iter().cloned().zip(values).collect();
            let peak_series = figures.peaks.map(timed);
            MetricView { total: figures.total, series: timed(figures.series), peak_series }
        };
        let metrics = report.metrics.into_iter().map(|(metric, figures)| (metric.name(), view(figures)));
        Self {
            session_id: id.0,
            period: report.window.period.name(),
            from: report.window.from,
            to: report.window.to,
            interval: report.window.interval.seconds(),
            metrics: metrics.collect(),
        }
    }
}

/// The series of a report as a table (RFC 4180): a line for each interval, a column for each metric.
pub fn csv(report: &Report) -> String {
    let mut columns: Vec<(String, &[Value])> = Vec::new();
    for (metric, figures) in &report.metrics {
        columns.push((metric.name().to_owned(), &figures.series));
        if let Some(peaks) = &figures.peaks {
            columns.push((format!("{metric}_peak"), peaks));
        }
    }
    let names = columns.iter().map(|(name, _)| name.clone());
    let mut table = line(std::iter::once("time".to_owned()).chain(names));
    for (row, time) in report.times.iter().enumerate() {
        let values =
            columns.iter().map(|(_, values)| values.get(row).map(Value::to_string).unwrap_or_default());
        table += &line(std::iter::once(rfc3339(*time)).chain(values));
    }
    table
}

/// Names, numbers and times need no quotes.
fn line(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

/// Totals over all broadcasts of a user.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotalsView {
    #[schema(example = "30d")]
    pub period: &'static str,
    /// Since when; `null`: since the first broadcast.
    #[serde(with = "time::serde::rfc3339::option")]
    pub from: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub to: OffsetDateTime,
    /// How many broadcasts there were.
    pub broadcasts: usize,
    /// The total of each metric, by name.
    #[schema(value_type = Object)]
    pub metrics: BTreeMap<&'static str, Value>,
}

impl From<Totals> for TotalsView {
    fn from(totals: Totals) -> Self {
        let metrics = totals.metrics.into_iter();
        let total = |total| Value::Object(Map::from_iter([("total".to_owned(), Value::Object(total))]));
        Self {
            period: totals.period.name(),
            from: totals.from,
            to: totals.to,
            broadcasts: totals.broadcasts,
            metrics: metrics.map(|(metric, figures)| (metric.name(), total(figures))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tallylight_core::ids::EventId;

    use super::*;

    const ADA: UserId = UserId(Uuid::from_u128(1));
    const BOB: UserId = UserId(Uuid::from_u128(2));

    fn event(kind: &str, by: UserId) -> Event {
        Event {
            id: EventId(Uuid::from_u128(3)),
            session_id: BroadcastId(Uuid::from_u128(4)),
            seq: 5,
            kind: kind.into(),
            data: json!({"title": "Launch day", "rtmp_url": "rtmp://secret.example/in"}),
            created_at: OffsetDateTime::UNIX_EPOCH,
            user_id: Some(by),
            metadata: Map::from_iter([("note".to_owned(), json!("mine"))]),
        }
    }

    #[test]
    fn what_everybody_sees_names_nobody_but_the_owner() {
        let seen = EventView::public(event("broadcast.updated", ADA), ADA).unwrap();
        assert_eq!((seen.user_id, seen.seq), (Some(ADA.0), 5));
        assert_eq!((seen.data, seen.metadata), (json!({"title": "Launch day"}), Map::new()));
        assert_eq!(EventView::public(event("chat.message", BOB), ADA).unwrap().user_id, None);
    }

    #[test]
    fn what_viewers_do_and_what_an_encoder_is_warned_of_is_the_owners_alone() {
        for kind in ["viewer.joined", "viewer.left", "ingest.warning"] {
            assert!(EventView::public(event(kind, ADA), ADA).is_none(), "{kind}");
        }
    }
}
