//! Invitations to a broadcast.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use tallylight_core::ids::{BroadcastId, JoinTokenId};
use tallylight_core::invitation::Invitation;

use crate::auth::{By, permit};
use crate::extract::{Base, Json, Path, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::join_tokens::{JoinTokenRequest, JoinTokenView};
use crate::views::list::{List, SliceParams};

/// Invite to one's own broadcast: whoever has the token may join while it is private.
#[utoipa::path(post, path = url::JOIN_TOKENS, operation_id = "create_join_token", tag = "viewers", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), request_body = JoinTokenRequest, responses(
    (status = 201, description = "The invitation", body = JoinTokenView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn create(
    State(app): State<App>,
    caller: By<permit::BroadcastsWrite>,
    Path(id): Path<BroadcastId>,
    base: Base,
    Json(request): Json<JoinTokenRequest>,
) -> Result<impl IntoResponse, Problem> {
    let invitation = app.sessions.invite(&caller, id, request.invitation()?).await?;
    Ok((StatusCode::CREATED, Answer(view(&app, &base, invitation))))
}

/// The invitations to one's own broadcast, the newest first; those too that are over or used up, revoked ones not.
#[utoipa::path(get, path = url::JOIN_TOKENS, operation_id = "list_join_tokens", tag = "viewers", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast"), SliceParams), responses(
    (status = 200, description = "Some of them", body = List<JoinTokenView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::BroadcastsWrite>,
    Path(id): Path<BroadcastId>,
    base: Base,
    Query(params): Query<SliceParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = params.slice()?;
    let invitations = app.sessions.invitations(&caller, id).await?;
    let all = invitations.into_iter().map(|invitation| view(&app, &base, invitation)).collect();
    Ok(Answer(List::part_of(all, slice)))
}

/// Revoke an invitation to one's own broadcast. While that is private, whoever came by it is removed.
#[utoipa::path(delete, path = url::JOIN_TOKEN, operation_id = "revoke_join_token", tag = "viewers", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast"),
           ("token_id" = uuid::Uuid, Path, description = "The invitation")), responses(
    (status = 204, description = "Revoked"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn revoke(
    State(app): State<App>,
    caller: By<permit::BroadcastsWrite>,
    Path((id, invitation)): Path<(BroadcastId, JoinTokenId)>,
) -> Result<StatusCode, Problem> {
    app.sessions.revoke_invitation(&caller, id, invitation).await?;
    // Whoever heard the session as a guest is one no more.
    app.live.review();
    Ok(StatusCode::NO_CONTENT)
}

fn view(app: &App, base: &Base, invitation: Invitation) -> JoinTokenView {
    let token = app.sessions.join_token(&invitation);
    JoinTokenView::new(invitation, token, &base.url)
}
