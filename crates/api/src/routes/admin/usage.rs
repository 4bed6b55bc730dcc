//! What API keys are used for, for those who run the server.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use tallylight_core::ids::{KeyId, UserId};
use tallylight_core::key::UsageQuery;
use tallylight_core::store::Slice;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::auth::{By, permit};
use crate::extract::{FromClient, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::keys::{UsedByView, parse_day};
use crate::views::list::{List, slice};

/// What is further down is looked for by day, key or user instead.
const MAX_OFFSET: u32 = 100_000;

/// Which usage is read.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct UsageParams {
    /// On this day (UTC) and later; the last 30 days by default.
    #[param(format = Date, example = "2026-05-01")]
    since: Option<String>,
    /// On this day and before; until today by default.
    #[param(format = Date, example = "2026-05-31")]
    until: Option<String>,
    /// Of one key.
    key_id: Option<Uuid>,
    /// Of the keys of one user.
    user_id: Option<Uuid>,
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// 0 to 100000, 0 by default.
    #[param(minimum = 0, maximum = 100_000)]
    offset: u32,
}

impl UsageParams {
    fn query(self, app: &App) -> Result<UsageQuery, Problem> {
        let refused = |name: &str, why: &str| Problem::field("invalid-query", name, why);
        let day = |name: &str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => {
                parse_day(&text).map(Some).ok_or_else(|| refused(name, "must be a day such as 2026-05-01"))
            }
        };
        let (since, until) = (day("since", self.since)?, day("until", self.until)?);
        let since = since.unwrap_or_else(|| app.keys.since());
        let last = until.unwrap_or_else(|| app.sessions.now());
        let Slice { limit, .. } = slice(self.limit, None)?;
        if self.offset > MAX_OFFSET {
            return Err(refused("offset", "must be 0 to 100000"));
        }
        let until = last.checked_add(time::Duration::DAY).unwrap_or(last);
        let (key, user) = (self.key_id.map(KeyId), self.user_id.map(UserId));
        Ok(UsageQuery { since, until, key, user, limit, offset: self.offset })
    }
}

/// What API keys were used for, by day, key and endpoint.
#[utoipa::path(get, path = url::ADMIN_USAGE, operation_id = "read_usage", tag = "administration", security(("bearer" = [])), params(UsageParams), responses(
    (status = 200, description = "Some of it", body = List<UsedByView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn read(
    State(app): State<App>,
    caller: By<permit::AdminRead>,
    FromClient(client): FromClient,
    Query(params): Query<UsageParams>,
) -> Result<impl IntoResponse, Problem> {
    let query = params.query(&app)?;
    let (lines, total) = app.keys.usage((&caller, &client), &query).await?;
    let items = lines.into_iter().map(UsedByView::from).collect();
    let list = List::new(items, total, Slice { limit: query.limit, offset: query.offset });
    Ok(Answer(list))
}
