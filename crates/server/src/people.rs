//! What looks after accounts, keys and who may do what: of a server, and of commands beside it.

use std::sync::Arc;

use tallylight_core::admin::{AdminManager, AdminParts};
use tallylight_core::audit_log::AuditLog;
use tallylight_core::clock::Clock;
use tallylight_core::idempotency::Idempotency;
use tallylight_core::ids::Ids;
use tallylight_core::key::KeyParts;
use tallylight_core::mail::Mailer;
use tallylight_core::secret::Secret;
use tallylight_core::standing::Standing;
use tallylight_core::user::{StreamKeys, UserParts};
use tallylight_core::{KeyManager, UserManager};
use tallylight_store::Store;

use crate::settings::Settings;

/// Where it is kept, by which time, and by which secret.
pub struct Ground<'a> {
    pub settings: &'a Settings,
    pub secret: &'a Secret,
    pub store: Arc<Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// See the module.
#[derive(Clone)]
pub struct People {
    pub users: Arc<UserManager>,
    pub keys: Arc<KeyManager>,
    pub admin: Arc<AdminManager>,
    pub stream_keys: Arc<StreamKeys>,
    pub standing: Arc<Standing>,
    pub audit: Arc<AuditLog>,
    pub idempotency: Arc<Idempotency>,
}

impl People {
    /// `mailer` takes what users are written; links in it begin with `link_base`.
    ///
    /// # Errors
    /// Where the secret is none.
    pub fn new(
        Ground { settings, secret, store, clock, ids }: Ground<'_>,
        (mailer, link_base): (Arc<dyn Mailer>, String),
    ) -> tallylight_core::Result<Self> {
        let standing = Arc::new(Standing::new(settings.users().token_life()));
        let stream_keys = Arc::new(StreamKeys::new(secret, ids.clone())?);
        let audit = Arc::new(AuditLog::new(store.clone(), clock.clone(), ids.clone()));
        let idempotency = Idempotency::new(store.clone(), clock.clone(), ids.clone(), secret)?;
        let idempotency = Arc::new(idempotency);
        let keys = KeyManager::new(KeyParts {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            standing: standing.clone(),
            audit: audit.clone(),
            max_keys: settings.max_api_keys,
        });
        let admin = AdminManager::new(AdminParts {
            store: store.clone(),
            access: store.clone(),
            standing: standing.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        });
        let parts = UserParts {
            store: store.clone(),
            accounts: store,
            clock,
            ids,
            keys: stream_keys.clone(),
            standing: standing.clone(),
            mailer,
            link_base,
            audit: audit.clone(),
            answers: idempotency.clone(),
            settings: settings.users(),
        };
        let users = UserManager::new(parts, secret, settings.password_hashes_at_once)?;
        let (users, keys, admin) = (Arc::new(users), Arc::new(keys), Arc::new(admin));
        Ok(Self { users, keys, admin, stream_keys, standing, audit, idempotency })
    }
}
