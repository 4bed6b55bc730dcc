//! Errors of the server, for its administrators.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use tallylight_core::audit_log::{Act, Action};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::auth::{By, permit};
use crate::extract::{FromClient, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::sight::{ErrorGroup, Occurrence};
use crate::state::App;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// How many are left out at the beginning.
    offset: Option<usize>,
}

impl PageParams {
    /// How many are left out, and how many are listed.
    pub(super) fn part(&self) -> Result<(usize, usize), Problem> {
        let (offset, limit) = (self.offset.unwrap_or_default(), self.limit.unwrap_or(DEFAULT_LIMIT));
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::field("invalid-query", "limit", format!("must be 1 to {MAX_LIMIT}")));
        }
        Ok((offset, limit))
    }
}

/// A list of errors by kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorList {
    /// The last seen first.
    items: Vec<ErrorView>,
    /// How many kinds there are.
    total: usize,
    limit: usize,
    offset: usize,
    /// Always `null`: the list goes on behind an offset.
    next_cursor: Option<String>,
}

/// Errors of one kind, since the server started.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorView {
    /// What is said each time.
    message: String,
    /// Where in the program.
    target: &'static str,
    /// How often it happened.
    count: u64,
    #[serde(with = "time::serde::rfc3339")]
    first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_seen: OffsetDateTime,
    /// The latest of them, the newest first.
    occurrences: Vec<OccurrenceView>,
}

/// One time that an error happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct OccurrenceView {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// The request that was being answered, as its answer and the log name it.
    request_id: Option<Uuid>,
    /// The trace that it belongs to.
    trace_id: Option<String>,
    method: Option<String>,
    /// The pattern of its route.
    route: Option<String>,
    /// What was logged with it.
    fields: BTreeMap<&'static str, String>,
}

impl From<ErrorGroup> for ErrorView {
    fn from(group: ErrorGroup) -> Self {
        Self {
            message: group.message,
            target: group.target,
            count: group.count,
            first_seen: group.first_seen,
            last_seen: group.last_seen,
            occurrences: group.occurrences.into_iter().map(OccurrenceView::from).collect(),
        }
    }
}

impl From<Occurrence> for OccurrenceView {
    fn from(occurrence: Occurrence) -> Self {
        let Occurrence { at, request, fields } = occurrence;
        let (request_id, trace_id, method, route) = match request {
            Some((id, trace, method, route)) => (Some(id), Some(trace), Some(method), Some(route)),
            None => (None, None, None, None),
        };
        Self { at, request_id, trace_id, method, route, fields }
    }
}

/// Read which errors happened, by kind, the last seen first.
#[utoipa::path(get, path = url::ADMIN_ERRORS, operation_id = "list_errors", tag = "administration", security(("bearer" = [])),
    params(PageParams), responses(
    (status = 200, description = "Some of them", body = ErrorList),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::AdminRead>,
    FromClient(client): FromClient,
    Query(params): Query<PageParams>,
) -> Result<impl IntoResponse, Problem> {
    let (offset, limit) = params.part()?;
    let (groups, total) = app.sight.errors().list(offset, limit);
    app.audit.note(&caller, &client, Act::new(Action::ErrorsRead));
    let items = groups.into_iter().map(ErrorView::from).collect();
    Ok(([(CACHE_CONTROL, "no-store")], Json(ErrorList { items, total, limit, offset, next_cursor: None })))
}
