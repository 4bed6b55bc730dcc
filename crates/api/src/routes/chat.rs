//! Chat and reactions of a session, and who may not take part.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tallylight_core::chat::{MAX_MESSAGES, Reaction};
use tallylight_core::ids::{BroadcastId, EventId, UserId};
use utoipa::IntoParams;

use crate::auth::{By, Maybe, permit};
use crate::extract::{Json, Path, Query, event_number};
use crate::list_cache::Rendered;
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::chat::{BanRequest, BanView, ChatList, ReactRequest, SayRequest};
use crate::views::list::{List, SliceParams};
use crate::views::log::EventView;

const DEFAULT_LIMIT: u32 = 50;

/// Which messages are read.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ChatParams {
    /// 1 to 100, 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Only those with a lower `seq`.
    before: Option<u64>,
}

/// Messages of a session: the newest, or those before a number.
#[utoipa::path(get, path = url::CHAT, operation_id = "list_messages", tag = "chat", security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session"), ChatParams), responses(
    (status = 200, description = "Some of them", body = ChatList, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: Maybe<permit::BroadcastsRead>,
    Path(id): Path<BroadcastId>,
    Query(params): Query<ChatParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_MESSAGES).contains(&limit) {
        return Err(Problem::field("invalid-query", "limit", format!("must be 1 to {MAX_MESSAGES}")));
    }
    let before = params.before.map(|number| event_number("before", number)).transpose()?;
    let page = app.sessions.chat_messages(&caller, id, before, limit).await?;
    let cache = if page.broadcast.is_private() { "no-store" } else { "no-cache" };
    Ok(Rendered::json(&ChatList::from(page))?.conditional(&headers, cache))
}

/// Say something in the chat of a session.
#[utoipa::path(post, path = url::CHAT, operation_id = "say", tag = "chat", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")), request_body = SayRequest, responses(
    (status = 201, description = "The message, on disk under its number", body = EventView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn say(
    State(app): State<App>,
    caller: By<permit::ChatWrite>,
    Path(id): Path<BroadcastId>,
    Json(SayRequest { text }): Json<SayRequest>,
) -> Result<impl IntoResponse, Problem> {
    let event = app.sessions.say(&caller, id, text).await?;
    Ok((StatusCode::CREATED, Answer(EventView::from(event))))
}

/// Delete a message: one's own, or any for the broadcaster and moderators.
#[utoipa::path(delete, path = url::MESSAGE, operation_id = "delete_message", tag = "chat", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session"),
           ("event_id" = uuid::Uuid, Path, description = "The message")), responses(
    (status = 204, description = "Deleted, also if it was before"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn delete(
    State(app): State<App>,
    caller: By<permit::ChatWrite>,
    Path((id, message)): Path<(BroadcastId, EventId)>,
) -> Result<StatusCode, Problem> {
    app.sessions.delete_message(&caller, id, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// React to a session: signed in, or as a viewer who is there.
#[utoipa::path(post, path = url::REACTIONS, operation_id = "react", tag = "chat", security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")), request_body = ReactRequest, responses(
    (status = 201, description = "The reaction, on disk under its number", body = EventView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn react(
    State(app): State<App>,
    caller: Maybe<permit::ChatWrite>,
    Path(id): Path<BroadcastId>,
    Json(body): Json<ReactRequest>,
) -> Result<impl IntoResponse, Problem> {
    let reaction = Reaction::named(&body.reaction)?;
    let token = body.viewer_token.as_deref();
    let event = app.sessions.react_by_token(&caller, id, token, reaction).await?;
    Ok((StatusCode::CREATED, Answer(EventView::from(event))))
}

/// Who may not speak on the broadcasts of this one's owner, the latest ban first.
#[utoipa::path(get, path = url::BANS, operation_id = "list_bans", tag = "chat", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session"), SliceParams), responses(
    (status = 200, description = "Some of the bans in force", body = List<BanView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn bans(
    State(app): State<App>,
    caller: By<permit::ChatWrite>,
    Path(id): Path<BroadcastId>,
    Query(params): Query<SliceParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = params.slice()?;
    let bans = app.sessions.bans(&caller, id).await?.into_iter().map(BanView::from).collect();
    Ok(Answer(List::part_of(bans, slice)))
}

/// Ban somebody from the chat of all broadcasts of this one's owner, for a time or for good.
#[utoipa::path(post, path = url::BANS, operation_id = "ban", tag = "chat", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")), request_body = BanRequest, responses(
    (status = 201, description = "The ban, instead of the one before", body = BanView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn ban(
    State(app): State<App>,
    caller: By<permit::ChatWrite>,
    Path(id): Path<BroadcastId>,
    Json(body): Json<BanRequest>,
) -> Result<impl IntoResponse, Problem> {
    let ban = app.sessions.ban(&caller, id, body.into()).await?;
    Ok((StatusCode::CREATED, Answer(BanView::from(ban))))
}

/// Lift a ban.
#[utoipa::path(delete, path = url::BAN, operation_id = "unban", tag = "chat", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session"),
           ("user_id" = uuid::Uuid, Path, description = "Whoever is banned")), responses(
    (status = 204, description = "Lifted, also if there was none"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn unban(
    State(app): State<App>,
    caller: By<permit::ChatWrite>,
    Path((id, user)): Path<(BroadcastId, UserId)>,
) -> Result<StatusCode, Problem> {
    app.sessions.unban(&caller, id, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
