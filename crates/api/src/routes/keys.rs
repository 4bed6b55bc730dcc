//! API keys.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use tallylight_core::ids::KeyId;

use crate::auth::{By, permit};
use crate::extract::{FromClient, Json, Path};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::keys::{KeyDetailsView, KeyList, KeyRequest, KeyView, NewKeyView};

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
    let headers = [(LOCATION, format!("/api/keys/{}", key.id)), (CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Answer(NewKeyView { about: KeyView::from(&key), key: text })))
}

/// One's API keys, each with what it was used for in the last 30 days.
#[utoipa::path(get, path = url::KEYS, operation_id = "list_keys", tag = "keys", security(("bearer" = [])), responses(
    (status = 200, description = "All of them", body = KeyList),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::InPerson>,
) -> Result<impl IntoResponse, Problem> {
    let keys = app.keys.list(&caller).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Answer(KeyList::from(keys))))
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
    Ok(([(CACHE_CONTROL, "no-store")], Answer(KeyDetailsView::from(key))))
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
