//! Accounts, for those who run the server.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use tallylight_core::Caller;
use tallylight_core::admin::{Account, AccountQuery};
use tallylight_core::ids::UserId;
use utoipa::IntoParams;

use super::text;
use crate::auth::{By, permit};
use crate::extract::{FromClient, Json, Path, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::RoleView;
use crate::views::admin::{AccountView, UpdateAccountRequest};
use crate::views::list::{List, slice};

const MAX_SEARCH_CHARS: usize = 255;

/// Which accounts are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountParams {
    /// In the user name, the name shown or, for administrators, the e-mail address.
    #[param(max_length = 255)]
    q: Option<String>,
    /// Only those of this role.
    #[param(inline)]
    role: Option<RoleView>,
    /// Only those suspended, or only the others.
    suspended: Option<bool>,
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// How many to leave out.
    offset: Option<u32>,
}

/// Accounts by user name.
#[utoipa::path(get, path = url::ADMIN_USERS, operation_id = "list_users", tag = "administration", params(AccountParams), security(("bearer" = [])), responses(
    (status = 200, description = "Some of them", body = List<AccountView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    State(app): State<App>,
    caller: By<permit::ModeratorRead>,
    FromClient(client): FromClient,
    Query(params): Query<AccountParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = slice(params.limit, params.offset)?;
    let query = AccountQuery {
        q: text("q", params.q, MAX_SEARCH_CHARS)?,
        role: params.role.map(Into::into),
        suspended: params.suspended,
        ..AccountQuery::default()
    };
    let listed = app.admin.accounts((&caller, &client), query, slice).await?;
    let mut list = List::<AccountView>::of(listed, slice);
    if !caller.is_admin() {
        list.items = list.items.into_iter().map(AccountView::brief).collect();
    }
    Ok(Answer(list))
}

/// One account.
#[utoipa::path(get, path = url::ADMIN_USER, operation_id = "read_account", tag = "administration", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The user")), responses(
    (status = 200, description = "The account", body = AccountView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn read(
    State(app): State<App>,
    caller: By<permit::ModeratorRead>,
    FromClient(client): FromClient,
    Path(id): Path<UserId>,
) -> Result<impl IntoResponse, Problem> {
    let account = app.admin.account((&caller, &client), id).await?;
    Ok(Answer(shown(account, &caller)))
}

/// Give a role. It holds at once: whoever may not broadcast any more is cut.
#[utoipa::path(patch, path = url::ADMIN_USER, operation_id = "update_user", tag = "administration", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The user")), request_body = UpdateAccountRequest, responses(
    (status = 200, description = "The account", body = AccountView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn update(
    State(app): State<App>,
    caller: By<permit::AdminWrite>,
    FromClient(client): FromClient,
    Path(id): Path<UserId>,
    Json(request): Json<UpdateAccountRequest>,
) -> Result<impl IntoResponse, Problem> {
    let account = app.admin.give_role((&caller, &client), id, request.role.into()).await?;
    Ok(Answer(shown(account, &caller)))
}

fn shown(account: Account, caller: &Caller) -> AccountView {
    let view = AccountView::from(account);
    if caller.is_admin() { view } else { view.brief() }
}
