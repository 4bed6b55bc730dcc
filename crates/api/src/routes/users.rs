//! Users.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;

use crate::auth::{By, permit};
use crate::extract::{FromClient, Json as Body};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::UserView;
use crate::views::accounts::UpdateMeRequest;

/// One's own account.
#[utoipa::path(get, path = url::ME, operation_id = "read_me", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "The account", body = UserView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn me(
    State(app): State<App>,
    caller: By<permit::AccountRead>,
) -> Result<impl IntoResponse, Problem> {
    let user = app.users.me(&caller).await?;
    Ok(Json(UserView::from(user)))
}

/// Change one's own account. A new password or e-mail address needs the current password; a new password
/// ends all other sign-ins.
#[utoipa::path(patch, path = url::ME, operation_id = "update_me", tag = "accounts", security(("bearer" = [])), request_body = UpdateMeRequest, responses(
    (status = 200, description = "The account as it is now", body = UserView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn update_me(
    State(app): State<App>,
    caller: By<permit::AccountWrite>,
    FromClient(client): FromClient,
    Body(request): Body<UpdateMeRequest>,
) -> Result<impl IntoResponse, Problem> {
    let guesses = request.current_password.is_some();
    let change = app.users.update_me(&caller, request.into(), &client);
    let user = if guesses { app.limits.confirmed(&caller, client.ip, change).await? } else { change.await? };
    Ok(Json(UserView::from(user)))
}
