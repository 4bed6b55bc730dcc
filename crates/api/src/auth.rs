//! Who calls: taken from the `Authorization` header, or from the cookies of this site's own pages.
//!
//! What a handler needs stands in its signature: [`By`] for callers who are signed in, with the scope that a key must have
//! and the least role; [`Maybe`] where strangers may ask too.

pub mod cookies;

use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};
use tallylight_core::caller::{Access, Caller};
use tallylight_core::key;
use tallylight_core::scope::Scope;
use tallylight_core::user::Role;

use crate::device::{self, Asking};
use crate::problem::Problem;
use crate::state::App;

/// Who makes a request, and for how long their credentials are good.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Nobody known without credentials.
    pub caller: Caller,
    /// For so long; `None`: until they are revoked.
    pub ttl: Option<Duration>,
}

/// The answer of [`authenticate`], kept with the request so that it is worked out once.
#[derive(Clone)]
struct Known(Result<Auth, Problem>);

/// Who makes a request. Wrong credentials are refused rather than ignored.
///
/// # Errors
/// The problem to answer with.
pub fn authenticate(parts: &mut Parts, app: &App) -> Result<Auth, Problem> {
    if let Some(Known(known)) = parts.extensions.get() {
        return known.clone();
    }
    let known = identify(&parts.method, &parts.headers, app);
    parts.extensions.insert(Known(known.clone()));
    known
}

/// As [`authenticate`], for what looks at a request before its handler does.
///
/// # Errors
/// As [`authenticate`].
pub fn of_request(request: &mut Request, app: &App) -> Result<Auth, Problem> {
    if let Some(Known(known)) = request.extensions().get() {
        return known.clone();
    }
    let known = identify(request.method(), request.headers(), app);
    request.extensions_mut().insert(Known(known.clone()));
    known
}

fn identify(method: &Method, headers: &HeaderMap, app: &App) -> Result<Auth, Problem> {
    let Some(credentials) = credentials(method, headers, app)? else {
        return Ok(Auth { caller: Caller::Anonymous, ttl: None });
    };
    let known = app.users.authenticate_for(credentials);
    let (caller, seconds) = known.map_err(tallylight_core::Error::from)?;
    Ok(Auth { caller, ttl: seconds.map(Duration::from_secs) })
}

/// An access token or an API key, wherever it stands; `None`: nobody known asks.
///
/// # Errors
/// For another scheme than `Bearer`, and where a browser's cookie comes with a request that may be another site's doing.
pub fn credentials<'a>(
    method: &Method,
    headers: &'a HeaderMap,
    app: &App,
) -> Result<Option<&'a str>, Problem> {
    if let Some(header) = headers.get(AUTHORIZATION) {
        let header = header.to_str().unwrap_or_default();
        let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::new("unauthenticated", "send Authorization: Bearer and an access token"));
        }
        return Ok(Some(token.trim()));
    }
    // Cookies are for sign-ins: a key in one is none of ours.
    let cookie = cookies::access_token(headers).filter(|token| !token.starts_with(key::PREFIX));
    let Some(token) = cookie else { return Ok(None) };
    match device::asking(headers, app.settings.public_url.as_ref()) {
        Asking::OwnPage => Ok(Some(token)),
        // A page's own reads, and addresses that somebody opens, have no Origin.
        Asking::Unsaid if method.is_safe() => Ok(Some(token)),
        _ if method.is_safe() => Ok(None),
        _ => Err(Problem::new("foreign-origin", "cookies count only for this site's own pages")),
    }
}

impl FromRequestParts<App> for Auth {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        authenticate(parts, app)
    }
}

/// What a caller must be allowed.
pub trait Permission {
    /// What an API key must have; `None`: no key is enough.
    const SCOPE: Option<Scope>;
    /// The least role.
    const ROLE: Role = Role::Viewer;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident: $scope:expr, $role:expr;)+) => { $(
        $(#[$doc])*
        pub struct $name;

        impl Permission for $name {
            const SCOPE: Option<Scope> = $scope;
            const ROLE: Role = $role;
        }
    )+ };
}

/// The permissions, each named as its scope.
pub mod permit {
    use super::{Permission, Role, Scope};

    permissions! {
        /// Only a user in person: no key is enough.
        InPerson: None, Role::Viewer;
        /// [`Scope::BroadcastsRead`]
        BroadcastsRead: Some(Scope::BroadcastsRead), Role::Viewer;
        /// [`Scope::BroadcastsWrite`]
        BroadcastsWrite: Some(Scope::BroadcastsWrite), Role::Viewer;
        /// [`Scope::Publish`]
        Publish: Some(Scope::Publish), Role::Viewer;
        /// [`Scope::EventsRead`]
        EventsRead: Some(Scope::EventsRead), Role::Viewer;
        /// [`Scope::EventsWrite`]
        EventsWrite: Some(Scope::EventsWrite), Role::Viewer;
        /// [`Scope::AnalyticsRead`]
        AnalyticsRead: Some(Scope::AnalyticsRead), Role::Viewer;
        /// [`Scope::ViewersWrite`]
        ViewersWrite: Some(Scope::ViewersWrite), Role::Viewer;
        /// [`Scope::ChatWrite`]
        ChatWrite: Some(Scope::ChatWrite), Role::Viewer;
        /// [`Scope::AccountRead`]
        AccountRead: Some(Scope::AccountRead), Role::Viewer;
        /// [`Scope::AccountWrite`]
        AccountWrite: Some(Scope::AccountWrite), Role::Viewer;
        /// [`Scope::AdminRead`], of somebody who keeps order.
        ModeratorRead: Some(Scope::AdminRead), Role::Moderator;
        /// [`Scope::AdminWrite`], of somebody who keeps order.
        ModeratorWrite: Some(Scope::AdminWrite), Role::Moderator;
        /// [`Scope::AdminRead`], of an administrator.
        AdminRead: Some(Scope::AdminRead), Role::Admin;
        /// [`Scope::AdminWrite`], of an administrator.
        AdminWrite: Some(Scope::AdminWrite), Role::Admin;
    }
}

/// A caller who is signed in and allowed this.
pub struct By<P>(Caller, PhantomData<P>);

impl<P> Deref for By<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<P: Permission> FromRequestParts<App> for By<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Auth { caller, .. } = authenticate(parts, app)?;
        match (caller.signed_in()?.access, P::SCOPE) {
            (Access::Key(_, scopes), Some(scope)) if !scopes.has(scope) => {
                return Err(Problem::insufficient_scope(scope));
            }
            (_, None) => {
                caller.in_person()?;
            }
            _ => {}
        }
        caller.at_least(P::ROLE)?;
        Ok(Self(caller, PhantomData))
    }
}

/// Anybody. An API key without the scope is as good as none: it sees what strangers see.
pub struct Maybe<P>(Caller, PhantomData<P>);

impl<P> Deref for Maybe<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<P: Permission> FromRequestParts<App> for Maybe<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Auth { caller, .. } = authenticate(parts, app)?;
        let caller = match P::SCOPE {
            Some(scope) => caller.within(scope),
            None => caller,
        };
        Ok(Self(caller, PhantomData))
    }
}
