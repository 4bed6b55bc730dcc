//! Users as everybody may know of them.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use tallylight_core::directory::{Part, Query as Listing};

use crate::extract::{Base, Path, Query};
use crate::list_cache::Rendered;
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::BroadcastView;
use crate::views::accounts::ProfileView;
use crate::views::list::{List, SliceParams};

/// The most broadcasts on air that are shown: more than one user may have by default.
const MOST_LIVE: usize = 100;

/// Somebody's public profile: who, what is on air, and what was.
#[utoipa::path(get, path = url::USER, operation_id = "read_user", tag = "accounts",
    params(("name" = String, Path, description = "The user name"), SliceParams), responses(
    (status = 200, description = "The profile", body = ProfileView, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn read(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(params): Query<SliceParams>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let slice = params.slice()?;
    let (user, past) = app.users.profile(&name, slice).await?;
    let listing = Listing { user: Some(user.username.clone()), ..Listing::default() };
    let live = app.broadcasts.get_active_broadcasts(&listing, Part { offset: 0, limit: MOST_LIVE });
    let view = |broadcast| BroadcastView::public(broadcast, &base);
    let profile = ProfileView {
        username: user.username,
        display_name: user.display_name,
        created_at: user.created_at,
        live: live.items.iter().map(view).collect(),
        past: List::new(past.items.iter().map(view).collect(), past.total, slice),
    };
    Ok(Rendered::json(&profile)?.conditional(&headers, "no-cache"))
}
