//! A forgotten password.

use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;

use crate::extract::{FromClient, Json};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::accounts::{ConfirmPasswordResetRequest, HeardView, PasswordResetRequest};

/// Ask for a link, by mail, to choose a new password by. The answer does not tell whether there is such an account.
#[utoipa::path(post, path = url::PASSWORD_RESET, operation_id = "ask_for_password_reset", tag = "accounts", request_body = PasswordResetRequest, responses(
    (status = 202, description = "If there is such an account, a mail is on its way", body = HeardView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn ask(
    State(app): State<App>,
    FromClient(client): FromClient,
    Json(request): Json<PasswordResetRequest>,
) -> Result<impl IntoResponse, Problem> {
    let login = match (request.login, request.email) {
        (Some(login), None) | (None, Some(login)) => login,
        (None, None) => {
            return Err(Problem::field("invalid-fields", "login", "is missing: give it or email"));
        }
        (Some(_), Some(_)) => {
            return Err(Problem::field("invalid-fields", "email", "does not go with login"));
        }
    };
    app.users.ask_for_reset(&login, &client).await?;
    let heard = HeardView { detail: "if there is such an account, a mail is on its way" };
    Ok((StatusCode::ACCEPTED, axum::Json(heard)))
}

/// Choose a new password by the token out of the mail. All sign-ins end.
#[utoipa::path(post, path = url::CONFIRM_PASSWORD_RESET, operation_id = "reset_password", tag = "accounts", request_body = ConfirmPasswordResetRequest, responses(
    (status = 204, description = "Changed: sign in with the new one"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn confirm(
    State(app): State<App>,
    FromClient(client): FromClient,
    Json(request): Json<ConfirmPasswordResetRequest>,
) -> Result<StatusCode, Problem> {
    app.users.reset_password(&request.token, request.password, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
