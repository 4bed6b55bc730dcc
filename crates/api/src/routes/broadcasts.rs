//! Broadcasts: made, listed, read, changed, removed.

use axum::Json as Answer;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tallylight_core::Caller;
use tallylight_core::broadcast::Snapshot;
use tallylight_core::directory::{Order, Query as List, Scope, Sort};
use tallylight_core::ids::BroadcastId;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Auth, SignedIn};
use crate::extract::{Base, Json, Path, parse_query};
use crate::list_cache::Rendered;
use crate::problem::{Problem, ProblemView};
use crate::router::url as at;
use crate::state::App;
use crate::views::{
    BroadcastList, BroadcastView, CreateBroadcastRequest, UpdateBroadcastRequest, VisibilityView,
};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Longer texts find nothing and are not worth folding.
const MAX_SEARCH_CHARS: usize = 255;

/// Make a broadcast.
#[utoipa::path(post, path = at::BROADCASTS, operation_id = "create_broadcast", tag = "broadcasts", security(("bearer" = [])),
    request_body = CreateBroadcastRequest, responses(
    (status = 201, description = "The broadcast, with its stream key and where to publish", body = BroadcastView,
     headers(("Location" = String, description = "Its address"))),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    base: Base,
    Json(request): Json<CreateBroadcastRequest>,
) -> Result<impl IntoResponse, Problem> {
    let broadcast = app.broadcasts.create_broadcast(&caller, request.into()).await?;
    let location = format!("/api/broadcasts/{}", broadcast.id);
    let view = BroadcastView::owned(&broadcast, &base, &app)?;
    Ok((StatusCode::CREATED, [(LOCATION, location), (CACHE_CONTROL, "no-store".into())], Answer(view)))
}

/// By what a list is sorted.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SortView {
    /// Most watched first.
    #[default]
    ViewerCount,
    /// Newest first.
    StartedAt,
    /// Longest first.
    Duration,
    /// A to Z.
    Title,
}

/// In which direction.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderView {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// Which broadcasts are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ActiveParams {
    /// `public` by default; `private` lists one's own.
    visibility: Option<VisibilityView>,
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// How many to leave out.
    offset: Option<usize>,
    /// `viewer_count` by default.
    sort: Option<SortView>,
    /// Each sort has its own default: most, newest, longest, A first.
    order: Option<OrderView>,
    /// In title, broadcaster or tags.
    #[param(max_length = 255)]
    q: Option<String>,
    /// An `ai_intent`.
    category: Option<String>,
    /// A tag.
    tag: Option<String>,
    /// A broadcaster's user name.
    user: Option<String>,
    /// Featured ones, or all others.
    featured: Option<bool>,
}

/// Broadcasts that are on air or paused.
#[utoipa::path(get, path = at::ACTIVE, operation_id = "list_active_broadcasts", tag = "broadcasts", params(ActiveParams), security((), ("bearer" = [])), responses(
    (status = 200, description = "Some of them", body = BroadcastList, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn active(
    State(app): State<App>,
    Auth(caller): Auth,
    base: Base,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let raw = raw.unwrap_or_default();
    // Read before the list, so that a change under way makes the rendered list old, not the other way round.
    let version = app.broadcasts.directory_version();
    if asks_for_private(&raw) {
        let query = list_query(&raw, &caller)?;
        let rendered = Rendered::new(render(&app, &base, &query, &caller)?);
        return Ok(conditional(&headers, rendered, "no-store"));
    }
    let rendered = app.lists.get(&base.url, &raw, version, || {
        let query = list_query(&raw, &caller)?;
        render(&app, &base, &query, &Caller::Anonymous)
    })?;
    Ok(conditional(&headers, rendered, "no-cache"))
}

/// What might list private broadcasts is never shared between callers.
fn asks_for_private(raw: &str) -> bool {
    url::form_urlencoded::parse(raw.as_bytes()).any(|(name, value)| name == "visibility" && value != "public")
}

fn list_query(raw: &str, caller: &Caller) -> Result<List, Problem> {
    let params: ActiveParams = parse_query(raw)?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::field("invalid-query", "limit", format!("must be 1 to {MAX_LIMIT}")));
    }
    if params.q.as_ref().is_some_and(|q| q.chars().count() > MAX_SEARCH_CHARS) {
        return Err(Problem::field(
            "invalid-query",
            "q",
            format!("has more than {MAX_SEARCH_CHARS} characters"),
        ));
    }
    let scope = match params.visibility {
        Some(VisibilityView::Private) => Scope::PrivateOf(caller.signed_in()?.id),
        Some(VisibilityView::Public) | None => Scope::Public,
    };
    Ok(List {
        scope,
        q: params.q,
        category: params.category,
        tag: params.tag,
        user: params.user,
        featured: params.featured,
        sort: match params.sort.unwrap_or_default() {
            SortView::ViewerCount => Sort::ViewerCount,
            SortView::StartedAt => Sort::StartedAt,
            SortView::Duration => Sort::Duration,
            SortView::Title => Sort::Title,
        },
        order: params.order.map(|order| match order {
            OrderView::Asc => Order::Ascending,
            OrderView::Desc => Order::Descending,
        }),
        limit,
        offset: params.offset.unwrap_or_default(),
    })
}

fn render(app: &App, base: &Base, query: &List, caller: &Caller) -> Result<Bytes, Problem> {
    let page = app.broadcasts.get_active_broadcasts(query);
    let items = page.items.iter().map(|item| view(app, base, item, caller)).collect::<Result<_, _>>()?;
    let list = BroadcastList {
        items,
        total: page.total,
        limit: query.limit,
        offset: query.offset,
        next_cursor: None,
    };
    let body = serde_json::to_vec(&list).map_err(|error| Problem::new("internal", error.to_string()))?;
    Ok(Bytes::from(body))
}

fn view(app: &App, base: &Base, item: &Snapshot, caller: &Caller) -> Result<BroadcastView, Problem> {
    if item.is_owned_by(caller) {
        Ok(BroadcastView::owned(item, base, app)?)
    } else {
        Ok(BroadcastView::public(item, base))
    }
}

/// Answers 304 to a caller who has this already (RFC 9110 §13.1.2).
fn conditional(headers: &HeaderMap, rendered: Rendered, cache: &'static str) -> Response {
    let known = headers.get(IF_NONE_MATCH).map(HeaderValue::as_bytes).unwrap_or_default();
    let etag = rendered.etag.as_bytes();
    let matches = !etag.is_empty() && known.windows(etag.len()).any(|part| part == etag);
    let cache = HeaderValue::from_static(cache);
    if matches {
        return (StatusCode::NOT_MODIFIED, [(ETAG, rendered.etag), (CACHE_CONTROL, cache)]).into_response();
    }
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind), (ETAG, rendered.etag), (CACHE_CONTROL, cache)], rendered.body).into_response()
}

/// One broadcast; its owner sees its stream key too.
#[utoipa::path(get, path = at::BROADCAST, operation_id = "read_broadcast", tag = "broadcasts", security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), responses(
    (status = 200, description = "The broadcast", body = BroadcastView, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn read(
    State(app): State<App>,
    Auth(caller): Auth,
    Path(id): Path<BroadcastId>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let broadcast = app.broadcasts.broadcast(&caller, id).await?;
    let view = view(&app, &base, &broadcast, &caller)?;
    let body = serde_json::to_vec(&view).map_err(|error| Problem::new("internal", error.to_string()))?;
    let cache = if view.publish.is_some() || broadcast.is_private() { "no-store" } else { "no-cache" };
    Ok(conditional(&headers, Rendered::new(Bytes::from(body)), cache))
}

/// Change a broadcast.
#[utoipa::path(patch, path = at::BROADCAST, operation_id = "update_broadcast", tag = "broadcasts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), request_body = UpdateBroadcastRequest, responses(
    (status = 200, description = "The broadcast as it is now", body = BroadcastView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn update(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<BroadcastId>,
    base: Base,
    Json(request): Json<UpdateBroadcastRequest>,
) -> Result<impl IntoResponse, Problem> {
    let broadcast = app.broadcasts.update(&caller, id, request.into()).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Answer(view(&app, &base, &broadcast, &caller)?)))
}

/// End a broadcast and remove it.
#[utoipa::path(delete, path = at::BROADCAST, operation_id = "delete_broadcast", tag = "broadcasts", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), responses(
    (status = 204, description = "Removed"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<BroadcastId>,
) -> Result<StatusCode, Problem> {
    app.broadcasts.delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
