//! API keys.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use tallylight_core::ids::KeyId;

use crate::auth::{By, permit};
use crate::extract::{FromClient, Json, Path, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::keys::{KeyDetailsView, KeyRequest, KeySummaryView, KeyView, NewKeyView};
use crate::views::list::{List, SliceParams};

/// Make an API key. It is shown this once.
#[utoipa::path(post, path = url::KEYS, operation_id = "create_key", tag = "keys", security(("bearer" = [])), request_body = KeyRequest, responses(
    (status = 201, description = "The key", body = NewKeyView, headers(("Location" = String))),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn create(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    FromClient(client): FromClient,
    Json(request): Json<KeyRequest>,
) -> Result<impl IntoResponse, Problem> {
    let (key, text) = app.keys.create((&caller, &client), request.into()).await?;
    let location = [(LOCATION, format!("/api/keys/{}", key.id))];
    Ok((StatusCode::CREATED, location, Answer(NewKeyView { about: KeyView::from(&key), key: text })))
}

/// One's API keys, the newest first, each with what it was used for in the last 30 days; expired ones too, revoked ones not.
#[utoipa::path(get, path = url::KEYS, operation_id = "list_keys", tag = "keys", security(("bearer" = [])), params(SliceParams), responses(
    (status = 200, description = "Some of them", body = List<KeySummaryView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    Query(params): Query<SliceParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = params.slice()?;
    let keys = app.keys.list(&caller).await?.into_iter().map(KeySummaryView::from).collect();
    Ok(Answer(List::part_of(keys, slice)))
}

/// One of one's API keys, with what it was used for in the last 30 days, by day and endpoint.
#[utoipa::path(get, path = url::KEY, operation_id = "read_key", tag = "keys", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The key")), responses(
    (status = 200, description = "The key", body = KeyDetailsView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn read(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    Path(id): Path<KeyId>,
) -> Result<impl IntoResponse, Problem> {
    let key = app.keys.read(&caller, id).await?;
    Ok(Answer(KeyDetailsView::from(key)))
}

/// Revoke one of one's API keys: it is good for nothing at once, and live connections by it are closed.
#[utoipa::path(delete, path = url::KEY, operation_id = "revoke_key", tag = "keys", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The key")), responses(
    (status = 204, description = "Revoked"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn revoke(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    FromClient(client): FromClient,
    Path(id): Path<KeyId>,
) -> Result<StatusCode, Problem> {
    app.keys.revoke((&caller, &client), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
