//! What players fetch: playlists, media and thumbnails.
//!
//! Playlists carry a viewer's token in their path and are that viewer's sign of life. Media of public broadcasts lies
//! outside the token's folder, so that caches share it; media of private ones lies inside. With each request a player may
//! say how it plays.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use tallylight_core::Caller;
use tallylight_core::ids::BroadcastId;
use tallylight_core::session::Admitted;
use tallylight_core::viewer::Client;
use tallylight_media::hls::{Directives, PLAYLIST_CONTENT_TYPE, Placement, Rendition, Resource, Stream};

use crate::cmcd::Reported;
use crate::extract::{FromClient, Path, Query, Text};
use crate::problem::Problem;
use crate::state::App;

/// Names of media are never used twice, so what is cached is never wrong.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const NO_STORE: &str = "no-store";
const MULTIVARIANT: &str = "index.m3u8";
const THUMBNAIL: &str = "thumbnail.jpg";

/// The delivery directives of a playlist request (RFC 8216bis §6.2.5). Others are ignored, as players add their own.
#[derive(Debug, Default, Deserialize)]
pub struct PlaylistParams {
    #[serde(rename = "_HLS_msn")]
    msn: Option<u64>,
    #[serde(rename = "_HLS_part")]
    part: Option<usize>,
}

/// The entry address of a public broadcast: names a fresh viewer, who counts from the first media playlist on.
pub async fn entry(State(app): State<App>, Path(id): Path<BroadcastId>) -> Result<Response, Problem> {
    let (_, token) = app.sessions.enter(id).await?;
    let body = stream(&app, id)?.multivariant(&format!("{token}/")).ok_or_else(nothing_yet)?;
    Ok(playlist_response(&app, body))
}

/// A playlist or the thumbnail, for one viewer.
#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
pub async fn viewer_file(
    State(app): State<App>,
    Path((id, token, file)): Path<(BroadcastId, String, String)>,
    Query(params): Query<PlaylistParams>,
    FromClient(client): FromClient,
    Reported(report): Reported,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if file == THUMBNAIL {
        app.sessions.watch_private(id, &token)?;
        return latest_picture(&app, id, &headers, NO_STORE);
    }
    if file == MULTIVARIANT {
        app.sessions.known_player(id, &token).await?;
        let body = stream(&app, id)?.multivariant("").ok_or_else(nothing_yet)?;
        return Ok(playlist_response(&app, body));
    }
    let rendition = Rendition::from_playlist_name(&file)
        .ok_or_else(|| Problem::new("not-found", "there is no such playlist"))?;
    let admitted = play(&app, id, &token, &client).await?;
    if let Some(report) = report {
        app.sessions.observe(&admitted, &report);
    }
    let placement = if admitted.broadcast.is_private() { Placement::Inside } else { Placement::Outside };
    let directives = Directives { msn: params.msn, part: params.part };
    let body = stream(&app, id)?.playlist(rendition, directives, placement).await?;
    // What was waited for may have ended the wait: the viewer must still be there, and be there from now on.
    let admitted = play(&app, id, &token, &client).await?;
    let still = if admitted.broadcast.is_private() { Placement::Inside } else { Placement::Outside };
    if still != placement {
        return Err(Problem::new("not-found", "this broadcast's visibility has changed: join again"));
    }
    Ok(playlist_response(&app, body))
}

/// Admits a player; one that takes a place does so to the end, although it hangs up meanwhile.
async fn play(app: &App, id: BroadcastId, token: &str, client: &Client) -> Result<Admitted, Problem> {
    if let Some(admitted) = app.sessions.plays_on(id, token) {
        return Ok(admitted);
    }
    let (app, token, client) = (app.clone(), token.to_owned(), client.clone());
    let entering = tokio::spawn(async move { app.sessions.play(id, &token, client).await });
    let entered = entering.await.map_err(|_| Problem::new("busy", "the server is stopping"))?;
    Ok(entered?)
}

/// Media of a public broadcast.
pub async fn segment(
    State(app): State<App>,
    Path((id, name)): Path<(BroadcastId, String)>,
    Reported(report): Reported,
) -> Result<Response, Problem> {
    app.broadcasts.broadcast(&Caller::Anonymous, id).await?;
    if let Some(report) = report {
        app.sessions.observe_public_media(id, &report);
    }
    let resource = stream(&app, id)?.resource(&name).await?;
    // What is hinted at is waited for, and the broadcast may have turned private meanwhile.
    app.broadcasts.broadcast(&Caller::Anonymous, id).await?;
    Ok(media_response(&app, resource, FOR_EVER))
}

/// Media of a private broadcast.
pub async fn viewer_segment(
    State(app): State<App>,
    Path((id, token, name)): Path<(BroadcastId, String, String)>,
    Reported(report): Reported,
) -> Result<Response, Problem> {
    app.sessions.watch_private(id, &token)?;
    if let Some(report) = report {
        app.sessions.observe_media(id, &token, &report);
    }
    let resource = stream(&app, id)?.resource(&name).await?;
    app.sessions.watch_private(id, &token)?;
    Ok(media_response(&app, resource, NO_STORE))
}

/// What happened in a viewer's player: reports a line, in CMCD's event mode (CTA-5004-B §2.2, §3.3). Told to stop with
/// 410 once the broadcast has ended.
pub async fn cmcd(
    State(app): State<App>,
    Path((id, token)): Path<(BroadcastId, String)>,
    Text(body): Text,
) -> Result<StatusCode, Problem> {
    app.sessions.collect(id, &token, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The latest picture of a public broadcast.
pub async fn thumbnail(
    State(app): State<App>,
    Path(id): Path<BroadcastId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.broadcasts.broadcast(&Caller::Anonymous, id).await?;
    latest_picture(&app, id, &headers, "public, max-age=5")
}

fn latest_picture(
    app: &App,
    id: BroadcastId,
    headers: &HeaderMap,
    cache: &'static str,
) -> Result<Response, Problem> {
    let picture = stream(app, id)?.thumbnail().ok_or_else(nothing_yet)?;
    // The version alone begins anew with the server.
    let taken = picture.taken_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let etag =
        HeaderValue::try_from(format!("\"{}-{taken}\"", picture.version)).map_err(|_| nothing_yet())?;
    let cache = HeaderValue::from_static(cache);
    let is_known = headers.get(IF_NONE_MATCH) == Some(&etag);
    app.sight.playback.thumbnail(if is_known { 0 } else { picture.jpeg.len() });
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag), (CACHE_CONTROL, cache)]).into_response());
    }
    let kind = HeaderValue::from_static("image/jpeg");
    Ok(([(CONTENT_TYPE, kind), (ETAG, etag), (CACHE_CONTROL, cache)], picture.jpeg).into_response())
}

fn stream(app: &App, id: BroadcastId) -> Result<Arc<Stream>, Problem> {
    app.origin.get(id.0).ok_or_else(nothing_yet)
}

fn nothing_yet() -> Problem {
    Problem::new("not-found", "no media has arrived for this broadcast")
}

fn playlist_response(app: &App, body: Bytes) -> Response {
    app.sight.playback.playlist(body.len());
    let kind = HeaderValue::from_static(PLAYLIST_CONTENT_TYPE);
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, HeaderValue::from_static(NO_STORE))], body).into_response()
}

/// Sends the parts of a segment as they lie in memory, without copying them together.
fn media_response(app: &App, resource: Resource, cache: &'static str) -> Response {
    app.sight.playback.media(resource.kind, resource.len());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(resource.content_type)),
        (CONTENT_LENGTH, HeaderValue::from(resource.len())),
        (CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    let chunks = resource.chunks.into_iter().map(Ok::<_, std::convert::Infallible>);
    (headers, Body::from_stream(tokio_stream::iter(chunks))).into_response()
}
