//! Counts what API keys are used for, where answers pass.

use axum::extract::{MatchedPath, Request};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use tallylight_core::Caller;
use tallylight_core::caller::Access;
use tallylight_core::ids::KeyId;
use tallylight_core::key;

use crate::auth::authenticate;
use crate::state::App;

/// A request of a key that is to be answered.
pub struct Counting {
    key: KeyId,
    endpoint: String,
    app: App,
}

impl Counting {
    /// Looks whether a request is by a key, and by which; so far it takes the request apart.
    pub fn begin(request: Request, app: &App) -> (Request, Option<Self>) {
        if !has_key(request.headers()) {
            return (request, None);
        }
        let (mut parts, body) = request.into_parts();
        let access = match authenticate(&mut parts, app) {
            Ok(known) => match known.caller {
                Caller::User(identity) => Some(identity.access),
                Caller::Anonymous => None,
            },
            Err(_) => None,
        };
        let counting = match access {
            Some(Access::Key(key, _)) => {
                let route = parts.extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
                Some(Self { key, endpoint: endpoint(&parts.method, route), app: app.clone() })
            }
            _ => None,
        };
        (Request::from_parts(parts, body), counting)
    }

    /// Counts it by how it was answered.
    pub fn end(self, status: u16) {
        self.app.keys.count(self.key, self.endpoint, status);
    }
}

fn has_key(headers: &HeaderMap) -> bool {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    header
        .and_then(|header| header.split_once(' '))
        .is_some_and(|(_, token)| token.trim().starts_with(key::PREFIX))
}

/// Callers may make methods up: those that no address takes are one.
fn endpoint(method: &Method, route: &str) -> String {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let name = KNOWN.iter().find(|known| *known == method).map_or("OTHER", Method::as_str);
    format!("{name} {route}")
}
