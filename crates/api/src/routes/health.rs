//! For those who run the server.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Json<HealthView> = Json(HealthView { status: "ok" });

/// Whether the process lives.
#[utoipa::path(get, path = url::HEALTHZ, operation_id = "healthz", tag = "operation", responses(
    (status = 200, description = "It lives", body = HealthView),
))]
pub async fn healthz() -> Json<HealthView> {
    OK
}

/// Whether the server can do its work: its database answers.
#[utoipa::path(get, path = url::READYZ, operation_id = "readyz", tag = "operation", responses(
    (status = 200, description = "It can", body = HealthView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn readyz(State(app): State<App>) -> Result<Json<HealthView>, Problem> {
    app.users.ping().await?;
    Ok(OK)
}
