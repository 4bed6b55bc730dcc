//! Who is kept out of the whole server.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;
use tallylight_core::admin::{BanKind, BanQuery, NewBan};
use tallylight_core::ban::BanTarget;
use tallylight_core::ids::{BanId, UserId};
use tallylight_core::viewer::DeviceId;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::time_of;
use crate::auth::{By, permit};
use crate::extract::{FromClient, Json, Path, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::admin::{ServerBanRequest, ServerBanView};
use crate::views::list::{List, slice};

/// Whom a ban is for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BanKindView {
    User,
    Device,
    Network,
}

/// Which bans are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BanParams {
    /// Only of accounts, of devices or of networks.
    #[param(inline)]
    kind: Option<BanKindView>,
    /// Only of this user.
    user_id: Option<Uuid>,
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// How many to leave out.
    offset: Option<u32>,
}

/// The bans in force, the latest first.
#[utoipa::path(get, path = url::ADMIN_BANS, operation_id = "list_server_bans", tag = "administration", params(BanParams), security(("bearer" = [])), responses(
    (status = 200, description = "Some of them", body = List<ServerBanView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::ModeratorRead>,
    FromClient(client): FromClient,
    Query(params): Query<BanParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = slice(params.limit, params.offset)?;
    let kind = params.kind.map(|kind| match kind {
        BanKindView::User => BanKind::User,
        BanKindView::Device => BanKind::Device,
        BanKindView::Network => BanKind::Network,
    });
    let query = BanQuery { kind, user: params.user_id.map(UserId) };
    let listed = app.admin.bans((&caller, &client), &query, slice).await?;
    Ok(Answer(List::<ServerBanView>::of(listed, slice)))
}

/// Keep a user, a device or a network out of the whole server, instead of an earlier ban of the same. Whoever is there
/// goes at once.
#[utoipa::path(post, path = url::ADMIN_BANS, operation_id = "ban_from_server", tag = "administration", security(("bearer" = [])),
    request_body = ServerBanRequest, responses(
    (status = 201, description = "The ban", body = ServerBanView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn ban(
    State(app): State<App>,
    caller: By<permit::ModeratorWrite>,
    FromClient(client): FromClient,
    Json(request): Json<ServerBanRequest>,
) -> Result<impl IntoResponse, Problem> {
    let record = app.admin.ban((&caller, &client), asked(request)?).await?;
    Ok((StatusCode::CREATED, Answer(ServerBanView::from(record))))
}

fn asked(request: ServerBanRequest) -> Result<NewBan, Problem> {
    let field = |name: &str, message: &str| Problem::field("invalid-fields", name, message);
    let target = match (request.user_id, request.device_id, request.network) {
        (Some(user), None, None) => BanTarget::User(UserId(user)),
        (None, Some(device), None) => BanTarget::Device(DeviceId::parse(&device).ok_or_else(|| {
            field("device_id", "must be 16 to 64 of the characters A-Z, a-z, 0-9, - and _")
        })?),
        (None, None, Some(network)) => NewBan::network(&network)?,
        _ => return Err(field("body", "must have exactly one of user_id, device_id and network")),
    };
    let no_time = || field("until", "must be a time such as 2026-05-01T12:00:00Z (RFC 3339)");
    let until = request.until.map(|until| time_of(&until).ok_or_else(no_time)).transpose()?;
    Ok(NewBan { target, until, reason: request.reason })
}

/// Lift a ban.
#[utoipa::path(delete, path = url::ADMIN_BAN, operation_id = "lift_server_ban", tag = "administration", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The ban")), responses(
    (status = 204, description = "Lifted"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn lift(
    State(app): State<App>,
    caller: By<permit::ModeratorWrite>,
    FromClient(client): FromClient,
    Path(id): Path<BanId>,
) -> Result<StatusCode, Problem> {
    app.admin.lift((&caller, &client), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
