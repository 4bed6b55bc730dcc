//! Sign-ins, as their owner sees and ends them.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tallylight_core::ids::SignInId;
use utoipa::IntoParams;

use crate::auth::{By, permit};
use crate::extract::{FromClient, Path, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::accounts::SignInView;
use crate::views::list::{List, SliceParams};

/// Where one is signed in: the latest used first.
#[utoipa::path(get, path = url::SIGN_INS, operation_id = "list_sign_ins", tag = "accounts", security(("bearer" = [])), params(SliceParams), responses(
    (status = 200, description = "Some of them", body = List<SignInView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    Query(params): Query<SliceParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = params.slice()?;
    let listed = app.users.sign_ins(&caller, slice).await?;
    let items = listed.items.into_iter().map(|sign_in| SignInView::new(sign_in, &caller)).collect();
    Ok(Answer(List::new(items, listed.total, slice)))
}

/// End one of one's sign-ins. Its tokens are refused at once, and its live connections close.
#[utoipa::path(delete, path = url::SIGN_IN, operation_id = "end_sign_in", tag = "accounts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The sign-in")), responses(
    (status = 204, description = "Ended"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn end(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    FromClient(client): FromClient,
    Path(id): Path<SignInId>,
) -> Result<StatusCode, Problem> {
    app.users.end_sign_in(&caller, id, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which sign-ins end.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct EndParams {
    /// Whether the one that asks ends too; false by default.
    all: bool,
}

/// End all of one's other sign-ins, or all.
#[utoipa::path(delete, path = url::SIGN_INS, operation_id = "end_sign_ins", tag = "accounts", security(("bearer" = [])), params(EndParams), responses(
    (status = 204, description = "Ended"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn end_others(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    FromClient(client): FromClient,
    Query(params): Query<EndParams>,
) -> Result<StatusCode, Problem> {
    app.users.end_sign_ins(&caller, params.all, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
