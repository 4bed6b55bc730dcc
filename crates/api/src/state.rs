//! What handlers work with.

use std::sync::Arc;

use bytes::Bytes;
use tallylight_core::admin::AdminManager;
use tallylight_core::audit_log::AuditLog;
use tallylight_core::clock::Clock;
use tallylight_core::ids::Ids;
use tallylight_core::standing::Standing;
use tallylight_core::{BroadcastManager, KeyManager, SessionManager, UserManager};
use tallylight_media::hls::Origin;

use crate::limits::RateLimits;
use crate::list_cache::ListCache;
use crate::live::Live;
use crate::settings::HttpSettings;
use crate::sight::Sight;

/// What the HTTP side is made of.
pub struct Parts {
    /// Broadcasts.
    pub broadcasts: Arc<BroadcastManager>,
    /// Sessions.
    pub sessions: Arc<SessionManager>,
    /// Users.
    pub users: Arc<UserManager>,
    /// API keys.
    pub keys: Arc<KeyManager>,
    /// Media.
    pub origin: Arc<Origin>,
    /// Settings.
    pub settings: HttpSettings,
    /// The live feed.
    pub live: Arc<Live>,
    /// What is known of the server.
    pub sight: Arc<Sight>,
    /// How often callers may do what.
    pub limits: Arc<RateLimits>,
    /// What those do who run the server.
    pub admin: Arc<AdminManager>,
    /// Who may do what now.
    pub standing: Arc<Standing>,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names of requests.
    pub ids: Arc<dyn Ids>,
}

/// The state shared by all handlers.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// See [`App`].
pub struct Inner {
    /// Broadcasts.
    pub broadcasts: Arc<BroadcastManager>,
    /// Sessions.
    pub sessions: Arc<SessionManager>,
    /// Users.
    pub users: Arc<UserManager>,
    /// API keys.
    pub keys: Arc<KeyManager>,
    /// Media.
    pub origin: Arc<Origin>,
    /// The live feed.
    pub live: Arc<Live>,
    /// How often callers may do what.
    pub limits: Arc<RateLimits>,
    /// What those do who run the server.
    pub admin: Arc<AdminManager>,
    /// Who may do what now.
    pub standing: Arc<Standing>,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// Settings.
    pub settings: HttpSettings,
    /// What is known of the server.
    pub sight: Arc<Sight>,
    pub(crate) lists: ListCache,
    pub(crate) document: Bytes,
}

impl App {
    /// `document`: the OpenAPI document as JSON.
    pub(crate) fn new(parts: Parts, document: Bytes) -> Self {
        let Parts {
            broadcasts,
            sessions,
            users,
            keys,
            origin,
            live,
            limits,
            settings,
            sight,
            admin,
            audit,
            standing,
            ..
        } = parts;
        Self(Arc::new(Inner {
            broadcasts,
            sessions,
            users,
            keys,
            origin,
            live,
            limits,
            admin,
            standing,
            audit,
            settings,
            sight,
            lists: ListCache::default(),
            document,
        }))
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
