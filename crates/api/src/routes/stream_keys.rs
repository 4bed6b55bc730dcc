//! Stream keys: of a broadcast, and the lasting one of a user.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use tallylight_core::ids::BroadcastId;

use crate::auth::{By, permit};
use crate::extract::{Base, FromClient, Path};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::{BroadcastView, StreamKeyView, rtmp_url};

/// Replace the stream key of a broadcast; the encoder that uses the old one is cut.
#[utoipa::path(post, path = url::RESET_STREAM_KEY, operation_id = "reset_stream_key", tag = "broadcasts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), responses(
    (status = 200, description = "The broadcast with its new key", body = BroadcastView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn reset(
    State(app): State<App>,
    caller: By<permit::Publish>,
    Path(id): Path<BroadcastId>,
    base: Base,
    FromClient(client): FromClient,
) -> Result<impl IntoResponse, Problem> {
    let broadcast = app.broadcasts.reset_stream_key((&caller, &client), id).await?;
    Ok(Json(BroadcastView::owned(&broadcast, &caller, &base, &app)?))
}

/// One's lasting stream key: it feeds one's newest open broadcast, or makes one.
#[utoipa::path(get, path = url::MY_STREAM_KEY, operation_id = "read_my_stream_key", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "The key", body = StreamKeyView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn mine(
    State(app): State<App>,
    caller: By<permit::Publish>,
    base: Base,
) -> Result<impl IntoResponse, Problem> {
    let stream_key = app.users.stream_key(&caller).await?;
    Ok(answer(&app, &base, stream_key))
}

/// Replace one's lasting stream key; the encoder that uses the old one is cut.
#[utoipa::path(post, path = url::RESET_MY_STREAM_KEY, operation_id = "reset_my_stream_key", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "The new key", body = StreamKeyView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn reset_mine(
    State(app): State<App>,
    caller: By<permit::Publish>,
    base: Base,
    FromClient(client): FromClient,
) -> Result<impl IntoResponse, Problem> {
    let stream_key = app.users.reset_stream_key((&caller, &client)).await?;
    if let Some(user) = caller.user_id() {
        app.sessions.cut_lasting_key(user);
    }
    Ok(answer(&app, &base, stream_key))
}

fn answer(app: &App, base: &Base, stream_key: String) -> impl IntoResponse + use<> {
    Json(StreamKeyView { rtmp_url: rtmp_url(app, base), stream_key })
}
