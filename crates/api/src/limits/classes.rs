//! Which class every operation is of. A test sees to it that none is left out.

use std::collections::HashMap;

use axum::extract::MatchedPath;
use http::{Extensions, Method};

use crate::router::url;

macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident = $name:literal;)+) => {
        /// What kind of thing a request does. Each kind has a budget of its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Class { $($(#[$doc])* $class,)+ }

        impl Class {
            /// All.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$class,)+];
            /// How many there are.
            pub const COUNT: usize = [$($name,)+].len();

            /// Its name in headers, settings and figures.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$class => $name,)+ }
            }
        }
    };
}

classes! {
    /// Signing in and asking for a new password, by address.
    SignIn = "sign-in";
    /// Failed sign-ins, by the account's name.
    Account = "account";
    /// Making an account.
    Register = "register";
    /// Making the administrator.
    SetUp = "set-up";
    /// Renewing and ending a sign-in.
    Refresh = "refresh";
    /// Reading.
    Read = "read";
    /// Making and changing.
    Write = "write";
    /// Joining a broadcast.
    Join = "join";
    /// What viewers do all the time: heartbeats, goodbyes, reports of players, reactions.
    Viewing = "viewing";
    /// Connecting to the live feed.
    Live = "live";
    /// What browsers and players fetch: pages, playlists, media.
    Media = "media";
    /// What has no limit.
    Free = "free";
}

impl Class {
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Whether it is counted by the address alone, whoever is signed in.
    pub(crate) fn is_by_address(self) -> bool {
        use Class::{Media, Refresh, Register, SetUp, SignIn, Viewing};
        matches!(self, SignIn | Register | SetUp | Refresh | Viewing | Media)
    }

    /// Whether answers tell what is left. Shared caches keep media, and would tell everybody what one had left.
    pub(crate) fn is_told(self) -> bool {
        self != Self::Media
    }
}

/// Every operation and its class.
pub const CLASSES: &[(Method, &str, Class)] = &[
    (Method::POST, url::REGISTER, Class::Register),
    (Method::POST, url::LOGIN, Class::SignIn),
    (Method::POST, url::REFRESH, Class::Refresh),
    (Method::POST, url::LOGOUT, Class::Refresh),
    (Method::POST, url::SETUP, Class::SetUp),
    (Method::GET, url::SIGN_INS, Class::Read),
    (Method::DELETE, url::SIGN_INS, Class::Write),
    (Method::DELETE, url::SIGN_IN, Class::Write),
    (Method::POST, url::PASSWORD_RESET, Class::SignIn),
    (Method::POST, url::CONFIRM_PASSWORD_RESET, Class::SignIn),
    (Method::GET, url::ME, Class::Read),
    (Method::PATCH, url::ME, Class::Write),
    (Method::DELETE, url::ME, Class::Write),
    (Method::GET, url::EXPORT, Class::Write),
    (Method::GET, url::USER, Class::Read),
    (Method::GET, url::MY_STREAM_KEY, Class::Read),
    (Method::POST, url::RESET_MY_STREAM_KEY, Class::Write),
    (Method::GET, url::MY_ANALYTICS, Class::Read),
    (Method::POST, url::BROADCASTS, Class::Write),
    (Method::GET, url::ACTIVE, Class::Read),
    (Method::GET, url::BROADCAST, Class::Read),
    (Method::PATCH, url::BROADCAST, Class::Write),
    (Method::DELETE, url::BROADCAST, Class::Write),
    (Method::POST, url::RESET_STREAM_KEY, Class::Write),
    (Method::POST, url::JOIN, Class::Join),
    (Method::POST, url::HEARTBEAT, Class::Viewing),
    (Method::POST, url::LEAVE, Class::Viewing),
    (Method::GET, url::SESSION, Class::Read),
    (Method::GET, url::ANALYTICS, Class::Read),
    (Method::GET, url::EVENTS, Class::Read),
    (Method::POST, url::EVENTS, Class::Write),
    (Method::PATCH, url::METADATA, Class::Write),
    (Method::GET, url::CHAT, Class::Read),
    (Method::POST, url::CHAT, Class::Write),
    (Method::DELETE, url::MESSAGE, Class::Write),
    (Method::POST, url::REACTIONS, Class::Viewing),
    (Method::GET, url::BANS, Class::Read),
    (Method::POST, url::BANS, Class::Write),
    (Method::DELETE, url::BAN, Class::Write),
    (Method::GET, url::LIVE, Class::Live),
    (Method::GET, url::LIVE_EVENTS, Class::Live),
    (Method::POST, url::LIVE_TICKETS, Class::Live),
    (Method::GET, url::ADMIN_USERS, Class::Read),
    (Method::GET, url::ADMIN_USER, Class::Read),
    (Method::PATCH, url::ADMIN_USER, Class::Write),
    (Method::GET, url::ADMIN_BANS, Class::Read),
    (Method::POST, url::ADMIN_BANS, Class::Write),
    (Method::DELETE, url::ADMIN_BAN, Class::Write),
    (Method::GET, url::ADMIN_VIEWERS, Class::Read),
    (Method::GET, url::ADMIN_FEATURED, Class::Read),
    (Method::GET, url::ADMIN_AUDIT, Class::Read),
    (Method::GET, url::KEYS, Class::Read),
    (Method::POST, url::KEYS, Class::Write),
    (Method::GET, url::KEY, Class::Read),
    (Method::DELETE, url::KEY, Class::Write),
    (Method::GET, url::ADMIN_USAGE, Class::Read),
    (Method::GET, url::JOIN_TOKENS, Class::Read),
    (Method::POST, url::JOIN_TOKENS, Class::Write),
    (Method::DELETE, url::JOIN_TOKEN, Class::Write),
    (Method::GET, url::ADMIN_ERRORS, Class::Read),
    (Method::GET, url::ADMIN_ALERTS, Class::Read),
    (Method::POST, url::TEST_ALERTS, Class::Write),
    (Method::GET, url::HEALTHZ, Class::Free),
    (Method::GET, url::READYZ, Class::Read),
    (Method::GET, url::METRICS, Class::Read),
    (Method::GET, url::ENTRY, Class::Media),
    (Method::GET, url::THUMBNAIL, Class::Media),
    (Method::GET, url::SEGMENT, Class::Media),
    (Method::GET, url::VIEWER_FILE, Class::Media),
    (Method::POST, url::VIEWER_CMCD, Class::Viewing),
    (Method::GET, url::VIEWER_SEGMENT, Class::Media),
    (Method::GET, url::HOME, Class::Media),
    (Method::GET, url::WATCH, Class::Media),
    (Method::GET, url::STUDIO, Class::Media),
    (Method::GET, url::SETUP_PAGE, Class::Media),
    (Method::GET, url::ACCOUNT_PAGE, Class::Media),
    (Method::GET, url::FORGOT_PAGE, Class::Media),
    (Method::GET, url::RESET_PAGE, Class::Media),
    (Method::GET, url::DOCS, Class::Media),
    (Method::GET, url::OPENAPI, Class::Media),
    (Method::GET, url::ASYNCAPI, Class::Media),
    (Method::GET, url::PROBLEM, Class::Media),
    (Method::GET, url::SECURITY, Class::Media),
    (Method::GET, tallylight_web_assets::ASSETS, Class::Media),
    (Method::GET, tallylight_web_assets::ELEMENTS, Class::Media),
    (Method::GET, tallylight_web_assets::ICON, Class::Media),
];

/// Finds the class of a request.
#[derive(Debug, Clone)]
pub(crate) struct Classes(HashMap<&'static str, Vec<(Method, Class)>>);

impl Default for Classes {
    fn default() -> Self {
        let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
        for (method, path, class) in CLASSES {
            by_path.entry(*path).or_default().push((method.clone(), *class));
        }
        Self(by_path)
    }
}

impl Classes {
    /// What is nowhere, and what takes other methods, reads or writes like anything else.
    pub fn of(&self, method: &Method, extensions: &Extensions) -> Class {
        let otherwise = if method.is_safe() { Class::Read } else { Class::Write };
        extensions.get::<MatchedPath>().and_then(|path| self.find(method, path.as_str())).unwrap_or(otherwise)
    }

    pub fn find(&self, method: &Method, path: &str) -> Option<Class> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let operations = self.0.get(path)?;
        operations.iter().find(|(known, _)| known == method).map(|(_, class)| *class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_class() {
        let classes = Classes::default();
        let missing: Vec<_> = crate::router::operations()
            .into_iter()
            .filter(|(method, path)| classes.find(method, path).is_none())
            .collect();
        assert!(missing.is_empty(), "these are not in CLASSES: {missing:?}");
    }

    #[test]
    fn every_operation_with_a_class_is_there() {
        let there = crate::router::operations();
        for (method, path, _) in CLASSES {
            let found = there.iter().any(|(known, address)| (known, address.as_str()) == (method, path));
            assert!(found, "there is no {method} {path}");
        }
        let mut operations: Vec<_> =
            CLASSES.iter().map(|(method, path, _)| (method.as_str(), path)).collect();
        operations.sort_unstable();
        operations.dedup();
        assert_eq!(operations.len(), CLASSES.len(), "none is there twice");
    }
}
