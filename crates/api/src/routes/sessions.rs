//! Sessions: a broadcast as a live record.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CACHE_CONTROL;
use tallylight_core::ids::BroadcastId;

use crate::auth::{Maybe, permit};
use crate::extract::Path;
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::SessionView;

/// One session.
#[utoipa::path(get, path = url::SESSION, operation_id = "read_session", tag = "sessions", security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session, which has its broadcast's id")), responses(
    (status = 200, description = "The session", body = SessionView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn read(
    State(app): State<App>,
    caller: Maybe<permit::BroadcastsRead>,
    Path(id): Path<BroadcastId>,
) -> Result<impl IntoResponse, Problem> {
    let broadcast = app.broadcasts.broadcast(&caller, id).await?;
    let cache = if broadcast.is_private() { "no-store" } else { "no-cache" };
    Ok(([(CACHE_CONTROL, cache)], Json(SessionView::new(&broadcast, app.sessions.now()))))
}
