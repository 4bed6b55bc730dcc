//! The event log of a session.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tallylight_core::event::{EventQuery, is_type_name};
use tallylight_core::ids::BroadcastId;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{By, permit};
use crate::extract::{Json, Path, Query, event_number};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::routes::lists::OrderView;
use crate::state::App;
use crate::views::log::{EventList, EventView, MetadataView, OwnEventRequest};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;
/// Each type is looked for by itself.
const MAX_TYPES: usize = 20;

/// The type of an event.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^[a-z0-9_.]{1,50}$")]
#[expect(dead_code, reason = "it stands in the description alone")]
struct EventTypeView(String);

/// Which events are read.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct EventParams {
    /// Only those with a higher `seq`; 0 by default.
    after: u64,
    /// Only those with a lower `seq`.
    before: Option<u64>,
    /// 1 to 1000, 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// One type, or several with commas between them.
    #[serde(rename = "type")]
    #[param(style = Form, explode = false, inline, value_type = Option<Vec<EventTypeView>>, max_items = 20, example = json!(["viewer.joined", "viewer.left"]))]
    kind: Option<String>,
    /// `asc` by default; `desc`: newest first.
    #[param(inline)]
    order: Option<OrderView>,
}

fn refused(name: &str, why: String) -> Problem {
    Problem::field("invalid-query", name, why)
}

impl EventParams {
    fn query(self) -> Result<EventQuery, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(refused("limit", format!("must be 1 to {MAX_LIMIT}")));
        }
        let mut kinds: Vec<String> =
            self.kind.iter().flat_map(|list| list.split(',')).map(|kind| kind.trim().to_owned()).collect();
        kinds.retain(|kind| !kind.is_empty());
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.len() > MAX_TYPES {
            return Err(refused("type", format!("names more than {MAX_TYPES} types")));
        }
        if let Some(kind) = kinds.iter().find(|kind| !is_type_name(kind)) {
            return Err(refused("type", format!("has no type of this name: {kind:?}")));
        }
        let newest_first = matches!(self.order, Some(OrderView::Desc));
        Ok(EventQuery {
            after: event_number("after", self.after)?,
            before: self.before.map(|number| event_number("before", number)).transpose()?,
            kinds,
            newest_first,
            without_viewers: false,
            limit,
        })
    }
}

/// Events of one's own session: in their order after a number, or newest first.
#[utoipa::path(get, path = url::EVENTS, operation_id = "list_session_events", tag = "sessions", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session"), EventParams), responses(
    (status = 200, description = "Some of them", body = EventList),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::EventsRead>,
    Path(id): Path<BroadcastId>,
    Query(params): Query<EventParams>,
) -> Result<impl IntoResponse, Problem> {
    let page = app.sessions.read_session_events(&caller, id, &params.query()?).await?;
    Ok(Answer(EventList::from(page)))
}

/// Log an event of one's own.
#[utoipa::path(post, path = url::EVENTS, operation_id = "log_session_event", tag = "sessions", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")), request_body = OwnEventRequest, responses(
    (status = 201, description = "The event, on disk under its number", body = EventView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn log(
    State(app): State<App>,
    caller: By<permit::EventsWrite>,
    Path(id): Path<BroadcastId>,
    Json(request): Json<OwnEventRequest>,
) -> Result<impl IntoResponse, Problem> {
    let event = app.sessions.log_session_event(&caller, id, request.into()).await?;
    Ok((StatusCode::CREATED, Answer(EventView::from(event))))
}

/// Change the metadata of one's own session by a JSON merge patch (RFC 7396): `null` removes.
#[utoipa::path(patch, path = url::METADATA, operation_id = "update_session_metadata", tag = "sessions", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")), request_body = MetadataView, responses(
    (status = 200, description = "The metadata as it is now", body = MetadataView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn update_metadata(
    State(app): State<App>,
    caller: By<permit::BroadcastsWrite>,
    Path(id): Path<BroadcastId>,
    Json(patch): Json<Map<String, Value>>,
) -> Result<impl IntoResponse, Problem> {
    let session = app.sessions.update_session_metadata(&caller, id, patch).await?;
    Ok(Answer(MetadataView(session.metadata.clone())))
}
