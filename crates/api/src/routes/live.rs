//! The doors of the live feed: a WebSocket, a stream of events, and tickets for that.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tallylight_realtime::client::{Session, Welcome};
use tallylight_realtime::protocol::{Form, SubscribeRequest};
use tallylight_realtime::{Entry, Turn, handshake};
use tokio::net::TcpStream;
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{self, Auth};
use crate::device::{self, Asking};
use crate::extract::{Base, FromClient, Query, event_number};
use crate::live::{Channel, Over, TICKET_LIFE};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::state::App;

/// The only version of the protocol (RFC 6455 §4.4).
const VERSION: &str = "13";
/// The subprotocols that are spoken.
const PROTOCOLS: &[(&str, Form)] =
    &[("centrifuge-json", Form::Json), ("centrifuge-protobuf", Form::Protobuf)];
/// How much of a connection under TLS is carried at once.
const BRIDGE_BYTES: usize = 4 * 1024;

/// Connect to the live feed: a WebSocket that speaks the Centrifuge protocol, described in `/api/asyncapi.yaml`.
#[utoipa::path(get, path = url::LIVE, operation_id = "connect_live", tag = "live", security((), ("bearer" = [])), responses(
    (status = 101, description = "Connected"),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn connect(
    State(app): State<App>,
    base: Base,
    FromClient(client): FromClient,
    mut request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let accept = accept(headers)?;
    let place = app.live.place(client.ip, Over::Socket)?;
    let (protocol, form) = protocol(headers);
    // What a page of another site has the browser send is not taken for its visitor's will.
    let is_own = device::asking(headers, app.settings.public_url.as_ref()) != Asking::OtherPage;
    let bearer = auth::credentials(&Method::GET, headers, &app)?.filter(|_| is_own).map(Into::into);
    let upgrade = request
        .extensions_mut()
        .remove::<OnUpgrade>()
        .ok_or_else(|| Problem::new("upgrade-required", "this connection cannot become a WebSocket"))?;
    let session = Box::new(Session::new(base.url.into(), bearer).from(client.peer()).holding(place));
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => take_over(&app, upgraded, form, session),
            Err(error) => tracing::debug!(%error, "a connection did not become a WebSocket"),
        }
    });
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok(response)
}

/// Checks a client's handshake (RFC 6455 §4.2.1); what answers its key.
fn accept(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let says = |name: HeaderName, what: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(what))
    };
    if !says(CONNECTION, "upgrade") || !says(UPGRADE, "websocket") || !says(SEC_WEBSOCKET_VERSION, VERSION) {
        let detail =
            "this is a WebSocket: send Connection: Upgrade, Upgrade: websocket and Sec-WebSocket-Version: 13";
        return Err(Problem::new("upgrade-required", detail));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok()).unwrap_or_default();
    let answer = handshake::accept(key).and_then(|answer| HeaderValue::try_from(answer).ok());
    answer.ok_or_else(|| Problem::new("upgrade-required", "Sec-WebSocket-Key must be 16 bytes in Base64"))
}

/// The subprotocol that is echoed, if one was offered that we speak; without one it is JSON.
fn protocol(headers: &HeaderMap) -> (Option<&'static str>, Form) {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut offered = offered.flat_map(|value| value.split(',')).map(str::trim);
    let known = offered.find_map(|name| PROTOCOLS.iter().find(|(known, _)| *known == name));
    known.map_or((None, Form::Json), |(name, form)| (Some(*name), *form))
}

/// Hands a connection to the thread of live connections.
fn take_over(app: &App, upgraded: Upgraded, form: Form, session: Box<Session>) {
    let (socket, received) = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => {
            // Copied: what was read stands in a large buffer, which would be kept as long as the connection.
            let received = Bytes::copy_from_slice(&parts.read_buf);
            (parts.io.into_inner().into_std().map(OwnedFd::from), received)
        }
        Err(upgraded) => (bridge(upgraded), Bytes::new()),
    };
    match socket {
        Ok(socket) => {
            app.live.hub.enter(Entry { socket, form, session: Some(session), received });
        }
        Err(error) => tracing::warn!(%error, "a live connection could not be taken over"),
    }
}

/// Carries a connection that is not a plain socket, such as one under TLS, to and from a socket of our own.
fn bridge(upgraded: Upgraded) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    let mut theirs = tokio::net::UnixStream::from_std(theirs)?;
    let mut outside = TokioIo::new(upgraded);
    tokio::spawn(async move {
        let carried =
            tokio::io::copy_bidirectional_with_sizes(&mut outside, &mut theirs, BRIDGE_BYTES, BRIDGE_BYTES);
        if let Err(error) = carried.await {
            tracing::debug!(%error, "a bridged live connection ended badly");
        }
    });
    Ok(ours.into())
}

/// A channel of the live feed.
#[derive(ToSchema)]
#[schema(value_type = String,
         pattern = "^(directory|(session|owner):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
#[expect(dead_code, reason = "it stands in the description alone")]
struct ChannelView(String);

/// What is to be heard.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListenParams {
    /// Channels with commas between them, one of which may be recoverable (`session:{id}` or `owner:{id}`).
    #[param(style = Form, explode = false, inline, value_type = Vec<ChannelView>, min_items = 1, example = json!(["directory"]))]
    channels: String,
    /// From `POST /api/live/tickets`, good once.
    ticket: Option<String>,
    /// Goes on after this offset; the header `Last-Event-ID`, which browsers send when they come back, wins.
    last_event_id: Option<u64>,
    /// The log to which the offset belongs.
    epoch: Option<String>,
}

/// One event of the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it stands in the description alone")]
struct StreamedView {
    /// JSON, described in `/api/asyncapi.yaml`.
    data: String,
    /// The offset, where there is one: `Last-Event-ID` of whoever comes back.
    id: Option<String>,
}

/// Hear the live feed as Server-Sent Events.
#[utoipa::path(get, path = url::LIVE_EVENTS, operation_id = "listen_live", tag = "live", security((), ("bearer" = [])), params(ListenParams), responses(
    (status = 200, description = "Events without end", content_type = "text/event-stream", body = StreamedView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
pub async fn listen(
    State(app): State<App>,
    Auth { caller, ttl }: Auth,
    base: Base,
    FromClient(client): FromClient,
    Query(params): Query<ListenParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let welcome = match &params.ticket {
        Some(ticket) => app.live.tickets.redeem(ticket, app.live.now()).ok_or_else(|| {
            Problem::new("unauthenticated", "this ticket was used, or its time is over: get another")
        })?,
        None => Welcome { caller, ttl },
    };
    let requests = params.requests(&headers)?;
    app.live.may_listen(&welcome.caller, &requests).await?;
    let place = app.live.place(client.ip, Over::Stream)?;
    let session = Session::new(base.url.into(), None).from(client.peer()).holding(place);
    let stream = stream(&app, session, welcome, requests)
        .map_err(|error| Problem::from(tallylight_core::Error::Internal(error.to_string())))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        // nginx would hold events back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, stream).into_response())
}

impl ListenParams {
    fn requests(&self, headers: &HeaderMap) -> Result<Vec<SubscribeRequest>, Problem> {
        let refused = |parameter: &str, message: &str| Problem::field("invalid-query", parameter, message);
        let names: Vec<&str> = self.channels.split(',').map(str::trim).collect();
        let recoverable = names.iter().filter(|name| **name != "directory").count();
        if recoverable > 1 {
            let message = "must name one recoverable channel at most: open a stream for each";
            return Err(refused("channels", message));
        }
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
        let last = match last {
            Some(id) => Some(id.parse().map_err(|_| refused("Last-Event-ID", "must be an offset"))?),
            None => self.last_event_id,
        };
        let last = last.map(|number| event_number("last_event_id", number)).transpose()?;
        let request = |name: &&str| {
            name.parse::<Channel>()
                .map_err(|_| refused("channels", "must name directory, session:{id} or owner:{id}"))?;
            let recover = last.is_some() && *name != "directory";
            Ok(SubscribeRequest {
                channel: (*name).to_owned(),
                recover,
                offset: last.filter(|_| recover).unwrap_or_default(),
                epoch: self.epoch.clone().filter(|_| recover).unwrap_or_default(),
                ..SubscribeRequest::default()
            })
        };
        names.iter().map(request).collect()
    }
}

/// The stream of a connection that only listens: it is written to like any other, over a socket of our own.
fn stream(
    app: &App,
    session: Session,
    welcome: Welcome,
    requests: Vec<SubscribeRequest>,
) -> io::Result<Body> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    let body = Body::from_stream(ReaderStream::new(tokio::net::UnixStream::from_std(theirs)?));
    let (form, hub) = (Form::Events, app.live.hub.clone());
    let entry = Entry { socket: ours.into(), form, session: None, received: Bytes::new() };
    let id = hub.enter(entry);
    let (turn, clients) = (Turn::new(hub, id, form, Box::new(session)), app.live.clients.clone());
    tokio::spawn(async move { clients.listen(turn, welcome, requests).await });
    Ok(body)
}

/// A ticket for the stream of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketView {
    /// Good once.
    pub ticket: String,
    /// Seconds.
    pub expires_in: u64,
}

/// Get a ticket: an `EventSource` can put nothing but an address into its request, and tokens do not belong there.
#[utoipa::path(post, path = url::LIVE_TICKETS, operation_id = "issue_live_ticket", tag = "live", security(("bearer" = [])), responses(
    (status = 201, description = "The ticket", body = TicketView),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn ticket(
    State(app): State<App>,
    Auth { caller, ttl }: Auth,
) -> Result<impl IntoResponse, Problem> {
    caller.signed_in()?;
    let ticket = app.live.tickets.issue(Welcome { caller, ttl }, app.live.now())?;
    let view = TicketView { ticket, expires_in: TICKET_LIFE.as_secs() };
    Ok((StatusCode::CREATED, Answer(view)))
}
