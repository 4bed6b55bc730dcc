//! Viewers: join, stay, leave.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::quality::Beacon;
use tallylight_core::session::{JoinRequest, Joined};
use tallylight_core::viewer::DeviceId;

use crate::auth::{Maybe, permit};
use crate::device;
use crate::extract::{Base, FromClient, Json, Path, parse_field};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;
use crate::views::{
    JoinRequestBody, JoinResponse, PlaybackReport, PlaybackView, SessionView, ViewerTokenRequest,
};

/// Join a broadcast as a viewer. Its owner gets a preview, which does not count.
#[utoipa::path(post, path = url::JOIN, operation_id = "join_broadcast", tag = "viewers", security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), request_body = JoinRequestBody, responses(
    (status = 200, description = "A place", body = JoinResponse),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
pub async fn join(
    State(app): State<App>,
    caller: Maybe<permit::ViewersWrite>,
    Path(id): Path<BroadcastId>,
    base: Base,
    FromClient(mut client): FromClient,
    headers: HeaderMap,
    Json(body): Json<JoinRequestBody>,
) -> Result<impl IntoResponse, Problem> {
    let JoinRequestBody { user_id, join_token, viewer_token, device_id } = body;
    let mut fresh = None;
    if let Some(text) = device_id {
        client.device = Some(DeviceId::parse(&text).ok_or_else(no_device)?);
    } else if client.device.is_none() && !device::is_foreign(&headers, app.settings.public_url.as_ref()) {
        let device = app.sessions.new_device()?;
        fresh = device::cookie(&device, &base);
        client.device = Some(device);
    }
    let request = JoinRequest { user_id: user_id.map(UserId), join_token, viewer_token };
    let joined = app.broadcasts.join_broadcast(&caller, id, request, client).await?;
    let mut answer = Answer(response(&app, &base, joined)).into_response();
    if let Some(cookie) = fresh {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(answer)
}

fn no_device() -> Problem {
    Problem::field("invalid-fields", "device_id", "must be 16 to 64 of the characters A-Z, a-z, 0-9, - and _")
}

fn response(app: &App, base: &Base, joined: Joined) -> JoinResponse {
    let broadcast = &joined.broadcast;
    let own = || format!("{}/live/{}/{}/index.m3u8", base.url, broadcast.id, joined.playback_token);
    JoinResponse {
        viewer_id: joined.viewer.0,
        viewer_token: joined.viewer_token,
        heartbeat_interval: app.sessions.settings().heartbeat_interval.as_secs(),
        session: SessionView::new(broadcast, app.sessions.now()),
        playback: PlaybackView {
            hls_url: if broadcast.is_built_in() { Some(own()) } else { broadcast.elsewhere.hls_url.clone() },
            webrtc_endpoint: broadcast.elsewhere.webrtc_endpoint.clone(),
        },
    }
}

/// A sign of life, due every `heartbeat_interval` seconds.
///
/// It may tell how playback went since the last one.
#[utoipa::path(post, path = url::HEARTBEAT, operation_id = "heartbeat", tag = "viewers",
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), request_body = ViewerTokenRequest, responses(
    (status = 204, description = "The viewer is there"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn heartbeat(
    State(app): State<App>,
    Path(id): Path<BroadcastId>,
    Json(body): Json<ViewerTokenRequest>,
) -> Result<StatusCode, Problem> {
    // First: whoever tells nonsense of playback is there all the same.
    app.sessions.heartbeat(id, &body.viewer_token)?;
    if let Some(beacon) = beacon(body.playback.as_deref())? {
        app.sessions.report_playback(id, &body.viewer_token, &beacon);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Stop watching.
///
/// It may tell how playback went since the last heartbeat.
#[utoipa::path(post, path = url::LEAVE, operation_id = "leave_broadcast", tag = "viewers",
    params(("id" = uuid::Uuid, Path, description = "The broadcast")), request_body = ViewerTokenRequest, responses(
    (status = 204, description = "The viewer is gone, also if it was before"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn leave(
    State(app): State<App>,
    Path(id): Path<BroadcastId>,
    Json(body): Json<ViewerTokenRequest>,
) -> Result<StatusCode, Problem> {
    match beacon(body.playback.as_deref()) {
        Ok(beacon) => app.sessions.leave_telling(id, &body.viewer_token, beacon.as_ref()).await?,
        // Whoever tells nonsense of playback leaves all the same.
        Err(refused) => {
            app.sessions.leave(id, &body.viewer_token).await?;
            return Err(refused);
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

fn beacon(report: Option<&RawValue>) -> Result<Option<Beacon>, Problem> {
    let Some(report) = report else { return Ok(None) };
    let beacon = Beacon::from(parse_field::<PlaybackReport>("playback", report)?);
    beacon.check()?;
    Ok(Some(beacon))
}
