//! For those who run the server.

pub mod bans;
pub mod users;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use tallylight_core::admin::Part;
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
use crate::views::admin::{AdminList, AuditList, WatcherView};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;
const MAX_OFFSET: u32 = 2_147_483_647;
const MAX_TARGET_CHARS: usize = 255;
/// What those see who run the server is nobody's to keep on the way.
const NO_STORE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-store"));

fn refused(parameter: &str, message: impl Into<String>) -> Problem {
    Problem::field("invalid-query", parameter, message)
}

fn part(limit: Option<u32>, offset: Option<u32>) -> Result<Part, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(refused("limit", format!("must be 1 to {MAX_LIMIT}")));
    }
    let offset = offset.unwrap_or_default();
    if offset > MAX_OFFSET {
        return Err(refused("offset", format!("must be 0 to {MAX_OFFSET}")));
    }
    Ok(Part { limit, offset })
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
    (status = 200, description = "Some of them", body = AdminList<WatcherView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn viewers(
    State(app): State<App>,
    caller: By<permit::ModeratorRead>,
    FromClient(client): FromClient,
    Query(params): Query<ViewerParams>,
) -> Result<impl IntoResponse, Problem> {
    let part = part(params.limit, params.offset)?;
    let page = app.admin.watchers((&caller, &client), BroadcastId(params.session_id), part).await?;
    Ok(([NO_STORE], Json(AdminList::<WatcherView>::of(page, part))))
}

/// A part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PartParams {
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// How many to leave out.
    offset: Option<u32>,
}

/// Public broadcasts that are featured; `PATCH /api/broadcasts/{id}` with `is_featured` changes which.
#[utoipa::path(get, path = url::ADMIN_FEATURED, operation_id = "list_featured", tag = "administration", params(PartParams), security(("bearer" = [])), responses(
    (status = 200, description = "Some of them", body = BroadcastList),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn featured(
    State(app): State<App>,
    caller: By<permit::ModeratorRead>,
    base: Base,
    Query(params): Query<PartParams>,
) -> Result<impl IntoResponse, Problem> {
    let part = part(params.limit, params.offset)?;
    let (limit, offset) = (part.limit as usize, part.offset as usize);
    let query = directory::Query { scope: Scope::Public, featured: Some(true), ..Default::default() };
    let page = app.broadcasts.get_active_broadcasts(&query, directory::Part { offset, limit });
    let items = page.items.iter().map(|item| view(&app, &base, item, &caller));
    let items = items.collect::<Result<_, _>>()?;
    let list = BroadcastList { items, total: page.total, limit, offset: Some(offset), next_cursor: None };
    Ok(([NO_STORE], Json(list)))
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
    let limit = part(params.limit, None)?.limit;
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
    Ok(([NO_STORE], Json(AuditList { items, limit, next_cursor })))
}
