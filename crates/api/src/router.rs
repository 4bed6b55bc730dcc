//! Every address of the server. Routes and the OpenAPI document come from here alone.

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Contact, Info, License, OpenApi, Tag};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::layers::{self, Surroundings};
use crate::routes::{
    admin, analytics, auth, broadcasts, chat, events, health, join_tokens, keys, lists, live, metrics,
    my_data, pages, password_reset, playback, profiles, security, sessions, sign_ins, stream_keys, users,
    viewers,
};
use crate::state::{App, Parts};
use crate::{description, fallback};

/// The addresses, by name.
pub mod url {
    /// Makes an account.
    pub const REGISTER: &str = "/api/auth/register";
    /// Signs in.
    pub const LOGIN: &str = "/api/auth/login";
    /// Spends a refresh token.
    pub const REFRESH: &str = "/api/auth/refresh";
    /// Signs out.
    pub const LOGOUT: &str = "/api/auth/logout";
    /// Where one is signed in.
    pub const SIGN_INS: &str = "/api/auth/sessions";
    /// One sign-in.
    pub const SIGN_IN: &str = "/api/auth/sessions/{id}";
    /// Asks for a link to choose a new password by.
    pub const PASSWORD_RESET: &str = "/api/auth/password-reset";
    /// Chooses it.
    pub const CONFIRM_PASSWORD_RESET: &str = "/api/auth/password-reset/confirm";
    /// Makes the first administrator.
    pub const SETUP: &str = "/api/auth/setup";
    /// One's own account.
    pub const ME: &str = "/api/users/me";
    /// Everything that is kept about oneself.
    pub const EXPORT: &str = "/api/users/me/export";
    /// A user, as everybody may know of.
    pub const USER: &str = "/api/users/{name}";
    /// One's own lasting stream key.
    pub const MY_STREAM_KEY: &str = "/api/users/me/stream-key";
    /// Replaces it.
    pub const RESET_MY_STREAM_KEY: &str = "/api/users/me/stream-key/reset";
    /// What all of one's broadcasts came to.
    pub const MY_ANALYTICS: &str = "/api/users/me/analytics";
    /// One's own API keys.
    pub const KEYS: &str = "/api/keys";
    /// One of them.
    pub const KEY: &str = "/api/keys/{id}";
    /// What keys are used for.
    pub const ADMIN_USAGE: &str = "/api/admin/usage";
    /// Makes broadcasts.
    pub const BROADCASTS: &str = "/api/broadcasts";
    /// Lists those on air.
    pub const ACTIVE: &str = "/api/broadcasts/active";
    /// One broadcast.
    pub const BROADCAST: &str = "/api/broadcasts/{id}";
    /// Replaces its stream key.
    pub const RESET_STREAM_KEY: &str = "/api/broadcasts/{id}/stream-key/reset";
    /// Watches it.
    pub const JOIN: &str = "/api/broadcasts/{id}/join";
    /// Invitations to it.
    pub const JOIN_TOKENS: &str = "/api/broadcasts/{id}/join-tokens";
    /// One of them.
    pub const JOIN_TOKEN: &str = "/api/broadcasts/{id}/join-tokens/{token_id}";
    /// Shows a sign of life.
    pub const HEARTBEAT: &str = "/api/broadcasts/{id}/heartbeat";
    /// Stops watching.
    pub const LEAVE: &str = "/api/broadcasts/{id}/leave";
    /// One session.
    pub const SESSION: &str = "/api/sessions/{id}";
    /// What its viewers came to.
    pub const ANALYTICS: &str = "/api/sessions/{id}/analytics";
    /// Its log.
    pub const EVENTS: &str = "/api/sessions/{id}/events";
    /// What its owner attached to it.
    pub const METADATA: &str = "/api/sessions/{id}/metadata";
    /// What is said there.
    pub const CHAT: &str = "/api/sessions/{id}/chat";
    /// One message.
    pub const MESSAGE: &str = "/api/sessions/{id}/chat/{event_id}";
    /// How people react.
    pub const REACTIONS: &str = "/api/sessions/{id}/reactions";
    /// Who may not speak.
    pub const BANS: &str = "/api/sessions/{id}/bans";
    /// One of them.
    pub const BAN: &str = "/api/sessions/{id}/bans/{user_id}";
    /// The live feed, over WebSocket.
    pub const LIVE: &str = "/api/live";
    /// The live feed, as Server-Sent Events.
    pub const LIVE_EVENTS: &str = "/api/live/sse";
    /// Tickets for it.
    pub const LIVE_TICKETS: &str = "/api/live/tickets";
    /// What a problem's code means.
    pub const PROBLEM: &str = "/api/problems/{code}";
    /// The OpenAPI document.
    pub const OPENAPI: &str = "/api/openapi.json";
    /// The AsyncAPI document, of the live feed.
    pub const ASYNCAPI: &str = "/api/asyncapi.yaml";
    /// The document, to browse.
    pub const DOCS: &str = "/api/docs";
    /// Accounts, for those who run the server.
    pub const ADMIN_USERS: &str = "/api/admin/users";
    /// One account.
    pub const ADMIN_USER: &str = "/api/admin/users/{id}";
    /// Who is kept out of the whole server.
    pub const ADMIN_BANS: &str = "/api/admin/bans";
    /// One of them.
    pub const ADMIN_BAN: &str = "/api/admin/bans/{id}";
    /// Who watches, and from where.
    pub const ADMIN_VIEWERS: &str = "/api/admin/viewers";
    /// What is featured.
    pub const ADMIN_FEATURED: &str = "/api/admin/featured";
    /// Who did what.
    pub const ADMIN_AUDIT: &str = "/api/admin/audit";
    /// Whether the process lives.
    pub const HEALTHZ: &str = "/healthz";
    /// Whether it can serve.
    pub const READYZ: &str = "/readyz";
    /// Which errors happened.
    pub const ADMIN_ERRORS: &str = "/api/admin/errors";
    /// The rules of alerts, and how they stand.
    pub const ADMIN_ALERTS: &str = "/api/admin/alerts";
    /// Tells whoever is told of alerts that this is a test.
    pub const TEST_ALERTS: &str = "/api/admin/alerts/test";
    /// What is counted, for Prometheus.
    pub const METRICS: &str = "/metrics";
    /// The entry address of a public broadcast, for any player.
    pub const ENTRY: &str = "/live/{id}/index.m3u8";
    /// The latest picture of a public broadcast.
    pub const THUMBNAIL: &str = "/live/{id}/thumbnail.jpg";
    /// Media of public broadcasts, the same for all.
    pub const SEGMENT: &str = "/live/{id}/seg/{name}";
    /// Playlists and the thumbnail of one viewer.
    pub const VIEWER_FILE: &str = "/live/{id}/{token}/{file}";
    /// Takes what a viewer's player has to tell.
    pub const VIEWER_CMCD: &str = "/live/{id}/{token}/cmcd";
    /// Media of private broadcasts.
    pub const VIEWER_SEGMENT: &str = "/live/{id}/{token}/seg/{name}";
    /// Whom to tell of a weakness.
    pub const SECURITY: &str = "/.well-known/security.txt";
    /// The home page.
    pub const HOME: &str = "/";
    /// Where a broadcast is watched.
    pub const WATCH: &str = "/watch/{id}";
    /// Where broadcasters work.
    pub const STUDIO: &str = "/studio";
    /// Where the first administrator is made.
    pub const SETUP_PAGE: &str = "/setup";
    /// One's own account.
    pub const ACCOUNT_PAGE: &str = "/account";
    /// Where a link to choose a new password is asked for.
    pub const FORGOT_PAGE: &str = "/forgot";
    /// Where that link leads.
    pub const RESET_PAGE: &str = "/reset";
}

/// The whole server over its managers.
pub fn app(parts: Parts) -> Router {
    let surroundings = Surroundings {
        max_body_bytes: parts.settings.max_body_bytes,
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
        sight: parts.sight.clone(),
    };
    let (api, document) = api().split_for_parts();
    let state = App::new(parts, json(&description::complete(document)));
    let router = everything(api)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .with_state(state.clone())
        .merge(tallylight_web_assets::assets())
        .fallback(fallback::not_found);
    layers::around(router, state, surroundings)
}

fn everything(api: Router<App>) -> Router<App> {
    Router::new().merge(api).merge(plain(media())).merge(plain(site()))
}

/// The OpenAPI document as JSON, ending in a line feed.
pub fn document() -> String {
    let text = serde_json::to_string_pretty(&description::complete(api().into_openapi())).unwrap_or_default();
    text + "\n"
}

fn json(document: &OpenApi) -> Bytes {
    Bytes::from(serde_json::to_vec(document).unwrap_or_default())
}

/// What the OpenAPI document describes.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(about())
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::setup))
        .routes(routes!(sign_ins::list, sign_ins::end_others))
        .routes(routes!(sign_ins::end))
        .routes(routes!(password_reset::ask))
        .routes(routes!(password_reset::confirm))
        .routes(routes!(users::me, users::update_me, my_data::erase))
        .routes(routes!(my_data::export))
        .routes(routes!(profiles::read))
        .routes(routes!(stream_keys::mine))
        .routes(routes!(stream_keys::reset_mine))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::read, keys::revoke))
        .routes(routes!(admin::usage::read))
        .routes(routes!(broadcasts::create))
        .routes(routes!(lists::active))
        .routes(routes!(broadcasts::read, broadcasts::update, broadcasts::delete))
        .routes(routes!(stream_keys::reset))
        .routes(routes!(join_tokens::create, join_tokens::list))
        .routes(routes!(join_tokens::revoke))
        .routes(routes!(viewers::join))
        .routes(routes!(viewers::heartbeat))
        .routes(routes!(viewers::leave))
        .routes(routes!(sessions::read))
        .routes(routes!(analytics::of_session))
        .routes(routes!(events::list, events::log))
        .routes(routes!(events::update_metadata))
        .routes(routes!(chat::list, chat::say))
        .routes(routes!(chat::delete))
        .routes(routes!(chat::react))
        .routes(routes!(chat::bans, chat::ban))
        .routes(routes!(chat::unban))
        .routes(routes!(analytics::mine))
        .routes(routes!(live::connect))
        .routes(routes!(live::listen))
        .routes(routes!(live::ticket))
        .routes(routes!(admin::users::list))
        .routes(routes!(admin::users::read, admin::users::update))
        .routes(routes!(admin::bans::list, admin::bans::ban))
        .routes(routes!(admin::bans::lift))
        .routes(routes!(admin::viewers))
        .routes(routes!(admin::featured))
        .routes(routes!(admin::audit))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::scrape))
        .routes(routes!(admin::errors::list))
        .routes(routes!(admin::alerts::list))
        .routes(routes!(admin::alerts::test))
}

/// Addresses that the document does not describe.
type Plain = Vec<(&'static str, MethodRouter<App>)>;

fn plain(routes: Plain) -> Router<App> {
    routes.into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route))
}

/// What players fetch.
fn media() -> Plain {
    vec![
        (url::ENTRY, get(playback::entry)),
        (url::THUMBNAIL, get(playback::thumbnail)),
        (url::SEGMENT, get(playback::segment)),
        (url::VIEWER_FILE, get(playback::viewer_file)),
        (url::VIEWER_CMCD, post(playback::cmcd)),
        (url::VIEWER_SEGMENT, get(playback::viewer_segment)),
    ]
}

/// What people open.
fn site() -> Plain {
    vec![
        (url::HOME, get(pages::home)),
        (url::WATCH, get(pages::watch)),
        (url::STUDIO, get(pages::studio)),
        (url::SETUP_PAGE, get(pages::setup)),
        (url::ACCOUNT_PAGE, get(pages::account)),
        (url::FORGOT_PAGE, get(pages::forgot)),
        (url::RESET_PAGE, get(pages::reset)),
        (url::DOCS, get(pages::docs)),
        (url::OPENAPI, get(pages::openapi)),
        (url::ASYNCAPI, get(pages::asyncapi)),
        (url::PROBLEM, get(pages::problem)),
        (url::SECURITY, get(security::security_txt)),
    ]
}

/// Every operation of the server, for tests that go through them.
#[cfg(test)]
pub(crate) fn operations() -> Vec<(http::Method, String)> {
    use http::Method;
    let mut all = Vec::new();
    for (path, item) in api().into_openapi().paths.paths {
        let operations = [
            (Method::GET, item.get),
            (Method::POST, item.post),
            (Method::PUT, item.put),
            (Method::PATCH, item.patch),
            (Method::DELETE, item.delete),
        ];
        let there = operations.into_iter().filter(|(_, operation)| operation.is_some());
        all.extend(there.map(|(method, _)| (method, path.clone())));
    }
    for (path, _) in media().into_iter().chain(site()) {
        let method = if path == url::VIEWER_CMCD { Method::POST } else { Method::GET };
        all.push((method, path.to_owned()));
    }
    all.extend(tallylight_web_assets::ADDRESSES.map(|path| (Method::GET, path.to_owned())));
    all
}

fn about() -> OpenApi {
    let mut info = Info::new("Tallylight", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Live broadcasts: go live, be found, be watched, and know exactly who watched. Errors are \
         `application/problem+json` (RFC 9457) with a stable `code`. Every POST of somebody who is signed in, but for \
         those under `/api/auth` and what viewers do all the time, takes an `Idempotency-Key`: sent again under the \
         same key within 24 hours, it is done once and answered the same. How often one may call is told by the headers `RateLimit-Policy` and \
         `RateLimit`; beyond that the answer is 429. The live feed is described in \
         [`/api/asyncapi.yaml`](/api/asyncapi.yaml)."
            .into(),
    );
    info.license = Some(License::new("MIT OR Apache-2.0"));
    info.contact = None::<Contact>;
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = Components::builder().security_scheme("bearer", bearer).build();
    let tag = |name: &str, description: &str| {
        let mut tag = Tag::new(name);
        tag.description = Some(description.into());
        tag
    };
    OpenApi::builder()
        .info(info)
        .components(Some(components))
        .tags(Some([
            tag("accounts", "Register, sign in, and one's own account."),
            tag("keys", "API keys for programs, and what they are used for."),
            tag("broadcasts", "Go live, be found, and end."),
            tag("viewers", "Watch: join, stay, leave."),
            tag("sessions", "A broadcast as a live record."),
            tag("chat", "Speak, react, keep order."),
            tag("live", "Hear at once what happens: WebSocket and Server-Sent Events."),
            tag("administration", "Roles, bans, and who did what: for moderators and administrators."),
            tag("operation", "For those who run the server."),
        ]))
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What the document leaves out: what players and people open, and the documents themselves.
    const OUTSIDE: &[&str] = &[
        url::ENTRY,
        url::THUMBNAIL,
        url::SEGMENT,
        url::VIEWER_FILE,
        url::VIEWER_CMCD,
        url::VIEWER_SEGMENT,
        url::HOME,
        url::WATCH,
        url::STUDIO,
        url::SETUP_PAGE,
        url::ACCOUNT_PAGE,
        url::FORGOT_PAGE,
        url::RESET_PAGE,
        url::SECURITY,
        url::DOCS,
        url::OPENAPI,
        url::ASYNCAPI,
        url::PROBLEM,
    ];

    /// Every path of a router, which it tells in its debug output alone.
    fn paths(router: &Router<App>) -> BTreeSet<String> {
        let text = format!("{router:?}");
        let (own, _fallbacks) = text.split_once("fallback_router").unwrap();
        own.split('"').filter(|text| text.starts_with('/')).map(str::to_owned).collect()
    }

    #[test]
    fn whatever_is_served_is_described_or_left_out_on_purpose() {
        let (api, document) = api().split_for_parts();
        let served = paths(&everything(api));
        assert!(served.len() > OUTSIDE.len(), "{served:?}");
        let outside = OUTSIDE.iter().map(|path| (*path).to_owned());
        let described: BTreeSet<_> = document.paths.paths.into_keys().chain(outside).collect();
        assert_eq!(served, described);
    }
}
