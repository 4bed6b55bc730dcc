//! For those who run the server.

pub mod alerts;
pub mod bans;
pub mod errors;
pub mod usage;
pub mod users;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use tallylight_core::audit_log::{Action, AuditQuery};
use tallylight_core::clock::Time;
use tallylight_core::directory::{self, Scope};
use tallylight_core::ids::{AuditId, BroadcastId, UserId};
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::auth::{By, permit};
use crate::description::names;
use crate::extract::{Base, FromClient, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::routes::broadcasts::view;
use crate::state::App;
use crate::views::BroadcastList;
use crate::views::admin::{AuditList, WatcherView};
use crate::views::list::{List, SliceParams, slice};

const MAX_TARGET_CHARS: usize = 255;

fn refused(parameter: &str, message: impl Into<String>) -> Problem {
    Problem::field("invalid-query", parameter, message)
}

/// A text that is looked for.
fn text(parameter: &str, text: Option<String>, most: usize) -> Result<Option<String>, Problem> {
    if text.as_ref().is_some_and(|text| text.contains('\0') || text.chars().count() > most) {
        return Err(refused(parameter, format!("must have at most {most} characters, without NUL")));
    }
    Ok(text.filter(|text| !text.is_empty()))
}

/// A time as it is written (RFC 3339), to the microsecond.
fn time_of(text: &str) -> Option<Time> {
    let time = Time::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    (time >= Time::UNIX_EPOCH).then(|| tallylight_core::clock::to_micros(time))
}

fn some_time(parameter: &str, text: Option<&str>) -> Result<Option<Time>, Problem> {
    let form = "must be a time such as 2026-05-01T12:00:00Z (RFC 3339; + is written %2B)";
    text.map(|text| time_of(text).ok_or_else(|| refused(parameter, form))).transpose()
}

/// Whose viewers are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ViewerParams {
    /// The session.
    session_id: Uuid,
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// How many to leave out.
    offset: Option<u32>,
}

/// Who watches a session, and from where; the first first.
#[utoipa::path(get, path = url::ADMIN_VIEWERS, operation_id = "list_viewers", tag = "administration", params(ViewerParams), security(("bearer" = [])), responses(
    (status = 200, description = "Some of them", body = List<WatcherView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn viewers(
    State(app): State<App>,
    caller: By<permit::ModeratorRead>,
    FromClient(client): FromClient,
    Query(params): Query<ViewerParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = slice(params.limit, params.offset)?;
    let listed = app.admin.watchers((&caller, &client), BroadcastId(params.session_id), slice).await?;
    Ok(Json(List::<WatcherView>::of(listed, slice)))
}

/// Public broadcasts that are featured; `PATCH /api/broadcasts/{id}` with `is_featured` changes which.
#[utoipa::path(get, path = url::ADMIN_FEATURED, operation_id = "list_featured", tag = "administration", params(SliceParams), security(("bearer" = [])), responses(
    (status = 200, description = "Some of them", body = BroadcastList),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn featured(
    State(app): State<App>,
    caller: By<permit::ModeratorRead>,
    base: Base,
    Query(params): Query<SliceParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = params.slice()?;
    let (limit, offset) = (slice.limit as usize, slice.offset as usize);
    let query = directory::Query { scope: Scope::Public, featured: Some(true), ..Default::default() };
    let page = app.broadcasts.get_active_broadcasts(&query, directory::Part { offset, limit });
    let items = page.items.iter().map(|item| view(&app, &base, item, &caller));
    let items = items.collect::<Result<_, _>>()?;
    let list = BroadcastList { items, total: page.total, limit, offset: Some(offset), next_cursor: None };
    Ok(Json(list))
}

names! {
    /// Something that was done.
    ActionView = Action;
}

/// Which entries of the audit log are read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// Only of this action.
    #[param(inline, value_type = Option<ActionView>)]
    action: Option<String>,
    /// Only by this user.
    actor_id: Option<Uuid>,
    /// Only about this: an id, an address or a network.
    #[param(max_length = 255)]
    target: Option<String>,
    /// Only at or after this time (RFC 3339).
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only before this time (RFC 3339).
    #[param(format = DateTime)]
    until: Option<String>,
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<Uuid>,
}

/// Who did what that administers the server or bears on its safety; the newest first.
#[utoipa::path(get, path = url::ADMIN_AUDIT, operation_id = "read_audit_log", tag = "administration", params(AuditParams), security(("bearer" = [])), responses(
    (status = 200, description = "Some entries", body = AuditList),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn audit(
    State(app): State<App>,
    caller: By<permit::AdminRead>,
    FromClient(client): FromClient,
    Query(params): Query<AuditParams>,
) -> Result<impl IntoResponse, Problem> {
    let limit = slice(params.limit, None)?.limit;
    if let Some(action) = params.action.as_deref().filter(|action| Action::named(action).is_none()) {
        let known: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
        return Err(refused("action", format!("{action:?} is none; known: {}", known.join(", "))));
    }
    let query = AuditQuery {
        before: params.cursor.map(AuditId),
        action: params.action,
        actor: params.actor_id.map(UserId),
        target: text("target", params.target, MAX_TARGET_CHARS)?,
        since: some_time("since", params.since.as_deref())?,
        until: some_time("until", params.until.as_deref())?,
        // One more, to know whether there is more.
        limit: limit + 1,
    };
    let mut entries = app.admin.audit_log((&caller, &client), &query).await?;
    let has_more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next_cursor = entries.last().filter(|_| has_more).map(|last| last.id.0);
    let items = entries.into_iter().map(Into::into).collect();
    Ok(Json(AuditList { items, limit, next_cursor }))
}
