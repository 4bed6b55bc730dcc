//! Errors of the server, for its administrators.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use tallylight_core::audit_log::{Act, Action};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::{By, permit};
use crate::extract::{FromClient, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::sight::{ErrorGroup, Occurrence};
use crate::state::App;
use crate::views::list::{List, SliceParams};

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
    params(SliceParams), responses(
    (status = 200, description = "Some of them", body = List<ErrorView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::AdminRead>,
    FromClient(client): FromClient,
    Query(params): Query<SliceParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = params.slice()?;
    let (groups, total) = app.sight.errors().list(slice.offset as usize, slice.limit as usize);
    app.audit.note(&caller, &client, Act::new(Action::ErrorsRead));
    let items = groups.into_iter().map(ErrorView::from).collect();
    Ok(Json(List::new(items, total as u64, slice)))
}
