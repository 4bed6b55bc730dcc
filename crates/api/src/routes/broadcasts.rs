//! Broadcasts: made, read, changed, removed.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use tallylight_core::Caller;
use tallylight_core::broadcast::Snapshot;
use tallylight_core::ids::BroadcastId;

use crate::auth::{By, Maybe, permit};
use crate::extract::{Base, FromClient, Json, Path};
use crate::list_cache::Rendered;
use crate::problem::{Problem, ProblemView};
use crate::router::url as at;
use crate::state::App;
use crate::views::{BroadcastView, CreateBroadcastRequest, UpdateBroadcastRequest};

/// Make a broadcast.
#[utoipa::path(post, path = at::BROADCASTS, operation_id = "create_broadcast", tag = "broadcasts", security(("bearer" = [])),
    request_body = CreateBroadcastRequest, responses(
    (status = 201, description = "The broadcast, with its stream key and where to publish", body = BroadcastView,
     headers(("Location" = String, description = "Its address"))),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn create(
    State(app): State<App>,
    caller: By<permit::BroadcastsWrite>,
    base: Base,
    Json(request): Json<CreateBroadcastRequest>,
) -> Result<impl IntoResponse, Problem> {
    let broadcast = app.broadcasts.create_broadcast(&caller, request.into()).await?;
    let location = format!("/api/broadcasts/{}", broadcast.id);
    let view = BroadcastView::owned(&broadcast, &caller, &base, &app)?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], Answer(view)))
}

/// A broadcast as this caller may see it.
pub fn view(app: &App, base: &Base, item: &Snapshot, caller: &Caller) -> Result<BroadcastView, Problem> {
    if item.is_owned_by(caller) {
        Ok(BroadcastView::owned(item, caller, base, app)?)
    } else {
        Ok(BroadcastView::public(item, base))
    }
}

/// One broadcast; its owner sees its stream key too.
#[utoipa::path(get, path = at::BROADCAST, operation_id = "read_broadcast", tag = "broadcasts", security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), responses(
    (status = 200, description = "The broadcast", body = BroadcastView, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn read(
    State(app): State<App>,
    caller: Maybe<permit::BroadcastsRead>,
    Path(id): Path<BroadcastId>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let broadcast = app.broadcasts.broadcast(&caller, id).await?;
    let view = view(&app, &base, &broadcast, &caller)?;
    let cache = if view.publish.is_some() || broadcast.is_private() { "no-store" } else { "no-cache" };
    Ok(Rendered::json(&view)?.conditional(&headers, cache))
}

/// Change a broadcast.
#[utoipa::path(patch, path = at::BROADCAST, operation_id = "update_broadcast", tag = "broadcasts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), request_body = UpdateBroadcastRequest, responses(
    (status = 200, description = "The broadcast as it is now", body = BroadcastView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
pub async fn update(
    State(app): State<App>,
    caller: By<permit::BroadcastsWrite>,
    Path(id): Path<BroadcastId>,
    base: Base,
    FromClient(client): FromClient,
    Json(request): Json<UpdateBroadcastRequest>,
) -> Result<impl IntoResponse, Problem> {
    let broadcast = app.broadcasts.update((&caller, &client), id, request.into()).await?;
    Ok(Answer(view(&app, &base, &broadcast, &caller)?))
}

/// End a broadcast and remove it.
#[utoipa::path(delete, path = at::BROADCAST, operation_id = "delete_broadcast", tag = "broadcasts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), responses(
    (status = 204, description = "Removed"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn delete(
    State(app): State<App>,
    caller: By<permit::BroadcastsWrite>,
    Path(id): Path<BroadcastId>,
) -> Result<StatusCode, Problem> {
    app.broadcasts.delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
