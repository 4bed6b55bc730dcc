//! Lists of broadcasts: who is live, page after page, and who was live at another time.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tallylight_core::Caller;
use tallylight_core::clock::{Time, to_micros};
use tallylight_core::directory::{Cursor, Order, Page, Part, Query, Scope, Sort};
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Maybe, permit};
use crate::extract::{Base, parse_query};
use crate::list_cache::Rendered;
use crate::problem::{Problem, ProblemView};
use crate::router::url as address;
use crate::routes::broadcasts::view;
use crate::state::App;
use crate::views::{BroadcastList, VisibilityView};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Longer texts find nothing, as nothing is kept that is longer; and what was asked for is remembered.
const MAX_SEARCH_CHARS: usize = 255;
const MAX_CATEGORY_CHARS: usize = 100;
const MAX_TAG_CHARS: usize = 50;
const MAX_USER_CHARS: usize = 32;

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
    /// How many to leave out; not with a cursor.
    offset: Option<usize>,
    /// The `next_cursor` of the page before. All else but `limit` comes with it.
    #[param(pattern = "^[A-Za-z0-9_-]{26}[AEIMQUYcgkosw048]$")]
    cursor: Option<String>,
    /// Lists who was live at this time (RFC 3339), with the viewers measured then; without a cursor.
    #[param(format = DateTime)]
    at: Option<String>,
    /// `viewer_count` by default.
    #[param(inline)]
    sort: Option<SortView>,
    /// Each sort has its own default: most, newest, longest, A first.
    #[param(inline)]
    order: Option<OrderView>,
    /// In title, broadcaster or tags.
    #[param(max_length = 255, pattern = r"^[^\x00]*$")]
    q: Option<String>,
    /// An `ai_intent`.
    #[param(max_length = 100, pattern = r"^[^\x00]*$")]
    category: Option<String>,
    /// A tag.
    #[param(max_length = 50, pattern = r"^[^\x00]*$")]
    tag: Option<String>,
    /// A broadcaster's user name.
    #[param(max_length = 32, pattern = r"^[^\x00]*$")]
    user: Option<String>,
    /// Featured ones, or all others.
    featured: Option<bool>,
}

/// Broadcasts that are on air or paused.
#[utoipa::path(get, path = address::ACTIVE, operation_id = "list_active_broadcasts", tag = "broadcasts", params(ActiveParams), security((), ("bearer" = [])), responses(
    (status = 200, description = "Some of them", body = BroadcastList, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn active(
    State(app): State<App>,
    caller: Maybe<permit::BroadcastsRead>,
    base: Base,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let raw = raw.unwrap_or_default();
    if is_for_all(&raw) {
        let holds = |mark: &_| app.broadcasts.may_be_shown_again(mark);
        let rendered = app.lists.get(&base.url, &raw, holds, || {
            let params: ActiveParams = parse_query(&raw)?;
            let (query, part) = (params.query(&caller)?, params.part()?);
            let (page, mark) = app.broadcasts.list(&query, part);
            let list = List { page, scope: query.scope, limit: part.limit, offset: Some(part.offset) };
            Ok::<_, Problem>((mark, list.render(&app, &base, &caller)?))
        })?;
        return Ok(rendered.conditional(&headers, "no-cache"));
    }
    let params: ActiveParams = parse_query(&raw)?;
    let list = params.list(&app, &caller).await?;
    let cache = if list.scope == Scope::Public { "no-cache" } else { "no-store" };
    Ok(list.render(&app, &base, &caller)?.conditional(&headers, cache))
}

/// Whether a list is the same for everybody and shown again until the directory changes.
fn is_for_all(raw: &str) -> bool {
    url::form_urlencoded::parse(raw.as_bytes()).all(|(name, value)| match name.as_ref() {
        "visibility" => value == "public",
        "cursor" | "at" => false,
        _ => true,
    })
}

/// A page, and how it was asked for.
struct List {
    page: Page,
    scope: Scope,
    limit: usize,
    offset: Option<usize>,
}

impl List {
    fn render(self, app: &App, base: &Base, caller: &Caller) -> Result<Rendered, Problem> {
        // A list of public ones is for all: its owner sees no more in it than others do.
        let caller = if self.scope == Scope::Public { &Caller::Anonymous } else { caller };
        let items = self.page.items.iter().map(|item| view(app, base, item, caller));
        let list = BroadcastList {
            items: items.collect::<Result<_, _>>()?,
            total: self.page.total,
            limit: self.limit,
            offset: self.offset,
            next_cursor: self.page.next.map(|cursor| cursor.to_string()),
        };
        Rendered::json(&list)
    }
}

impl ActiveParams {
    /// A list that is not the same for everybody, or not shown twice.
    async fn list(&self, app: &App, caller: &Caller) -> Result<List, Problem> {
        if let Some(cursor) = &self.cursor {
            return self.resumed(app, caller, cursor);
        }
        let (query, part) = (self.query(caller)?, self.part()?);
        let page = match &self.at {
            Some(at) => {
                let time = past(at, app.sessions.now())?;
                app.broadcasts.get_broadcasts_live_at(time, &query, part).await?
            }
            None => app.broadcasts.get_active_broadcasts(&query, part),
        };
        Ok(List { page, scope: query.scope, limit: part.limit, offset: Some(part.offset) })
    }

    /// The page that a cursor goes on with.
    fn resumed(&self, app: &App, caller: &Caller, cursor: &str) -> Result<List, Problem> {
        if self.at.is_some() {
            return Err(refused("cursor", "does not go with at: use offset"));
        }
        if self.offset.is_some() {
            return Err(refused("offset", "does not go with a cursor, which is a place already"));
        }
        let cursor: Cursor = cursor.parse().map_err(|error| refused("cursor", format!("{error}")))?;
        let part = Part { offset: cursor.place as usize, ..self.part()? };
        let ranking = app.broadcasts.ranking(caller, &cursor)?;
        self.agree_with(ranking.query(), caller)?;
        let page = app.broadcasts.resume(&ranking, part);
        Ok(List { page, scope: ranking.query().scope, limit: part.limit, offset: None })
    }

    /// Whatever is given beside a cursor must be as it was when the list began.
    fn agree_with(&self, begun: &Query, caller: &Caller) -> Result<(), Problem> {
        let ours = self.query(caller)?;
        let differs = [
            ("visibility", self.visibility.is_some() && ours.scope != begun.scope),
            ("sort", self.sort.is_some() && ours.sort != begun.sort),
            ("order", self.order.is_some() && ours.order != Some(begun.direction())),
            ("q", ours.q.is_some() && ours.q != begun.q),
            ("category", ours.category.is_some() && ours.category != begun.category),
            ("tag", ours.tag.is_some() && ours.tag != begun.tag),
            ("user", ours.user.is_some() && ours.user != begun.user),
            ("featured", ours.featured.is_some() && ours.featured != begun.featured),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((name, _)) => Err(refused(name, "differs from the list that the cursor goes on with")),
            None => Ok(()),
        }
    }

    fn part(&self) -> Result<Part, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(refused("limit", format!("must be 1 to {MAX_LIMIT}")));
        }
        Ok(Part { offset: self.offset.unwrap_or_default(), limit })
    }

    fn query(&self, caller: &Caller) -> Result<Query, Problem> {
        for (name, text, most) in [
            ("q", &self.q, MAX_SEARCH_CHARS),
            ("category", &self.category, MAX_CATEGORY_CHARS),
            ("tag", &self.tag, MAX_TAG_CHARS),
            ("user", &self.user, MAX_USER_CHARS),
        ] {
            if text.as_ref().is_some_and(|text| text.chars().count() > most) {
                return Err(refused(name, format!("has more than {most} characters")));
            }
            if text.as_ref().is_some_and(|text| text.contains('\0')) {
                return Err(refused(name, "must not contain NUL"));
            }
        }
        let scope = match self.visibility {
            Some(VisibilityView::Private) => Scope::PrivateOf(caller.signed_in()?.id),
            Some(VisibilityView::Public) | None => Scope::Public,
        };
        Ok(Query {
            scope,
            q: self.q.clone(),
            category: self.category.clone(),
            tag: self.tag.clone(),
            user: self.user.clone(),
            featured: self.featured,
            sort: match self.sort.unwrap_or_default() {
                SortView::ViewerCount => Sort::ViewerCount,
                SortView::StartedAt => Sort::StartedAt,
                SortView::Duration => Sort::Duration,
                SortView::Title => Sort::Title,
            },
            order: self.order.map(|order| match order {
                OrderView::Asc => Order::Ascending,
                OrderView::Desc => Order::Descending,
            }),
        })
    }
}

fn refused(parameter: &str, message: impl Into<String>) -> Problem {
    Problem::field("invalid-query", parameter, message)
}

/// A time of which the log can tell.
fn past(text: &str, now: Time) -> Result<Time, Problem> {
    let time = Time::parse(text, &Rfc3339).ok().and_then(|time| time.checked_to_offset(UtcOffset::UTC));
    let form = "must be a time such as 2026-05-01T12:00:00Z (RFC 3339; + is written %2B)";
    let time = to_micros(time.ok_or_else(|| refused("at", form))?);
    match time {
        time if time > now => Err(refused("at", "is in the future")),
        time if time < Time::UNIX_EPOCH => Err(refused("at", "is before 1970")),
        time => Ok(time),
    }
}
