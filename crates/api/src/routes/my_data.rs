//! Everything that is kept about a person: told, and erased.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tallylight_core::Caller;
use tallylight_core::user::{Export, ExportPart, Section};
use uuid::Uuid;

use crate::auth::{By, cookies, permit};
use crate::extract::{Base, FromClient, Json};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::routes::auth::with_cookies;
use crate::state::App;
use crate::views::accounts::{EraseMeRequest, SignInView};
use crate::views::export::{ActView, BanView, ChatBanView, KeyView, StayView};
use crate::views::log::EventView;
use crate::views::{BroadcastView, UserView};

/// Everything that is kept about oneself, to download: the account, sign-ins, keys without the keys themselves,
/// broadcasts, what one watched, did and said, bans, and one's entries in the audit log.
#[utoipa::path(get, path = url::EXPORT, operation_id = "export_me", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "A JSON object with a list for each kind", body = Object),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn export(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    FromClient(client): FromClient,
    base: Base,
) -> Result<Response, Problem> {
    let export = app.users.export(&caller, &client).await?;
    let user = serde_json::to_string(&UserView::from(export.user.clone()));
    let user = user.map_err(|error| Problem::new("internal", error.to_string()))?;
    let writing = Writing {
        app,
        caller: Caller::clone(&caller),
        base,
        export,
        place: Place::default(),
        begun: Some(format!("{{\"account\":{user}")),
    };
    let body = stream::try_unfold(writing, |mut writing| async move {
        let next = writing.next().await?;
        Ok::<_, tallylight_core::Error>(next.map(|bytes| (bytes, writing)))
    });
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"tallylight-account.json\""),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// An export as it is written, a part at a time, no faster than it is read.
struct Writing {
    app: App,
    caller: Caller,
    base: Base,
    export: Export,
    place: Place,
    /// What is written before the first section.
    begun: Option<String>,
}

/// What is written next.
#[derive(Default)]
struct Place {
    section: usize,
    after: Option<Uuid>,
    /// Whether the section is begun, and whether something stands in it.
    is_begun: bool,
    has_items: bool,
}

impl Writing {
    async fn next(&mut self) -> Result<Option<Bytes>, tallylight_core::Error> {
        if let Some(begun) = self.begun.take() {
            return Ok(Some(begun.into()));
        }
        let Some(section) = Section::ALL.get(self.place.section).copied() else {
            let is_over = self.place.section > Section::ALL.len();
            self.place.section = Section::ALL.len() + 1;
            return Ok((!is_over).then(|| Bytes::from_static(b"}\n")));
        };
        let (part, next) = self.app.users.export_part(&self.export, section, self.place.after).await?;
        let items = self.items(part)?;
        let mut text = String::new();
        if !std::mem::replace(&mut self.place.is_begun, true) {
            text += &format!(",\"{}\":[", name(section));
        }
        for item in items {
            if std::mem::replace(&mut self.place.has_items, true) {
                text.push(',');
            }
            text += &item;
        }
        self.place.after = next;
        if next.is_none() {
            text.push(']');
            self.place = Place { section: self.place.section + 1, ..Place::default() };
        }
        Ok(Some(text.into()))
    }

    fn items(&self, part: ExportPart) -> Result<Vec<String>, tallylight_core::Error> {
        match part {
            ExportPart::SignIns(all) => texts(all, |it| SignInView::new(it, &self.caller)),
            ExportPart::Keys(all) => texts(all, KeyView::from),
            ExportPart::Broadcasts(all) => texts(all, |it| BroadcastView::public(&it, &self.base)),
            ExportPart::Stays(all) => texts(all, StayView::from),
            ExportPart::Events(all) => texts(all, EventView::from),
            ExportPart::Bans(all) => texts(all, BanView::from),
            ExportPart::ChatBans(all) => texts(all, ChatBanView::from),
            ExportPart::Acts(all) => texts(all, ActView::from),
        }
    }
}

/// The name of a section's list.
fn name(section: Section) -> &'static str {
    match section {
        Section::SignIns => "sign_ins",
        Section::Keys => "api_keys",
        Section::Broadcasts => "broadcasts",
        Section::Stays => "watched",
        Section::Events => "events",
        Section::Bans => "bans",
        Section::ChatBans => "chat_bans",
        Section::Acts => "audit_log",
    }
}

fn texts<T, V: Serialize>(all: Vec<T>, view: impl Fn(T) -> V) -> Result<Vec<String>, tallylight_core::Error> {
    let text = |it| {
        serde_json::to_string(&view(it)).map_err(|error| tallylight_core::Error::Internal(error.to_string()))
    };
    all.into_iter().map(text).collect()
}

/// Erase one's own account for good: sign-ins and keys end, broadcasts end, and what one said and who one was is blanked.
/// What was counted stays.
#[utoipa::path(delete, path = url::ME, operation_id = "erase_me", tag = "accounts", security(("bearer" = [])), request_body = EraseMeRequest, responses(
    (status = 204, description = "Erased"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn erase(
    State(app): State<App>,
    caller: By<permit::InPerson>,
    FromClient(client): FromClient,
    (base, headers): (Base, HeaderMap),
    Json(request): Json<EraseMeRequest>,
) -> Result<Response, Problem> {
    let erasure = app.users.erase_me((&caller, &client), request.password, &app.broadcasts);
    app.limits.confirmed(&caller, client.ip, erasure).await?;
    let by_cookie = cookies::access_token(&headers).is_some();
    let cookies = if by_cookie { cookies::sign_out(&base) } else { Vec::new() };
    Ok(with_cookies(StatusCode::NO_CONTENT.into_response(), cookies))
}
