//! What sessions come to.

use std::str::FromStr;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use tallylight_core::Error;
use tallylight_core::analytics::{Interval, Metric, Period};
use tallylight_core::ids::BroadcastId;
use tallylight_core::session::Question;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{By, permit};
use crate::description::names;
use crate::extract::{Path, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::log::{AnalyticsView, TotalsView, csv};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatView {
    /// Totals and series.
    Json,
    /// The series as a table.
    Csv,
}

names! {
    /// A stretch of time.
    PeriodView = Period;
    /// From one point of a series to the next.
    IntervalView = Interval;
    /// What is measured.
    MetricNameView = Metric;
}

/// What is asked.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AnalyticsParams {
    /// Back from now or from the session's end; `all` by default.
    #[param(inline, value_type = Option<PeriodView>, example = "1h")]
    period: Option<String>,
    /// With commas between them; all by default.
    #[param(style = Form, explode = false, inline, value_type = Option<Vec<MetricNameView>>, min_items = 1, example = json!(["viewer_count", "engagement"]))]
    metrics: Option<String>,
    /// By default one that fits the period.
    #[param(inline, value_type = Option<IntervalView>, example = "1m")]
    interval: Option<String>,
    /// `json` by default, or what `Accept` asks for.
    #[param(inline)]
    format: Option<FormatView>,
}

/// What is asked about all of one's broadcasts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TotalsParams {
    /// Back from now; `all` by default. Whole hours are counted.
    #[param(inline, value_type = Option<PeriodView>, example = "30d")]
    period: Option<String>,
    /// As for one session; all by default.
    #[param(style = Form, explode = false, inline, value_type = Option<Vec<MetricNameView>>, min_items = 1, example = json!(["watch_time", "unique_viewers"]))]
    metrics: Option<String>,
}

fn named<T: FromStr<Err = String>>(field: &str, name: &str) -> Result<T, Problem> {
    name.trim().parse().map_err(|message: String| Problem::field("invalid-query", field, message))
}

fn period(name: Option<&String>) -> Result<Period, Problem> {
    name.map_or(Ok(Period::All), |name| named("period", name))
}

fn metrics(list: Option<&String>) -> Result<Vec<Metric>, Problem> {
    let Some(list) = list else { return Ok(Metric::ALL.to_vec()) };
    let mut metrics = Vec::new();
    for name in list.split(',') {
        let metric = named("metrics", name)?;
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    Ok(metrics)
}

/// Metrics of one's own session, of every event up to this moment.
#[utoipa::path(get, path = url::ANALYTICS, operation_id = "read_session_analytics", tag = "sessions", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session"), AnalyticsParams), responses(
    (status = 200, description = "Totals and time series", content(
        (AnalyticsView = "application/json"), (String = "text/csv"))),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn of_session(
    State(app): State<App>,
    caller: By<permit::AnalyticsRead>,
    Path(id): Path<BroadcastId>,
    Query(params): Query<AnalyticsParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let question = Question {
        period: period(params.period.as_ref())?,
        interval: params.interval.as_ref().map(|name| named("interval", name)).transpose()?,
        metrics: metrics(params.metrics.as_ref())?,
    };
    let report = app.broadcasts.get_broadcast_analytics(&caller, id, &question).await.map_err(as_query)?;
    if params.format.map_or_else(|| accepts_csv(&headers), |format| format == FormatView::Csv) {
        let name = format!("attachment; filename=\"analytics-{id}-{}.csv\"", report.window.period);
        let name =
            HeaderValue::try_from(name).map_err(|error| Problem::new("internal", error.to_string()))?;
        let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
        return Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], csv(&report)).into_response());
    }
    Ok(Answer(AnalyticsView::new(id, report)).into_response())
}

/// What is wrong with the question stands in the query, not in a body.
fn as_query(error: Error) -> Problem {
    match error {
        Error::Invalid(fields) => {
            let first = fields.into_iter().next();
            let (field, message) = first.map_or(("query".into(), String::new()), |it| (it.field, it.message));
            Problem::field("invalid-query", &field, message)
        }
        other => other.into(),
    }
}

/// Whether a table is wanted, and nothing that JSON would do for.
fn accepts_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let first = accept.split(',').next().unwrap_or_default().split(';').next().unwrap_or_default();
    first.trim().eq_ignore_ascii_case("text/csv")
}

/// Totals over all of one's broadcasts, past ones too.
#[utoipa::path(get, path = url::MY_ANALYTICS, operation_id = "read_my_analytics", tag = "accounts", security(("bearer" = [])),
    params(TotalsParams), responses(
    (status = 200, description = "Totals", body = TotalsView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn mine(
    State(app): State<App>,
    caller: By<permit::AnalyticsRead>,
    Query(params): Query<TotalsParams>,
) -> Result<impl IntoResponse, Problem> {
    let (period, metrics) = (period(params.period.as_ref())?, metrics(params.metrics.as_ref())?);
    let totals = app.sessions.get_own_totals(&caller, period, &metrics).await?;
    Ok(Answer(TotalsView::from(totals)))
}
