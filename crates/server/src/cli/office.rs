//! What commands about people and their keys work with, while the server runs or not.
//!
//! A command only writes. A server that runs sees in the audit log that roles, bans or keys changed, within a second.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use tallylight_core::Caller;
use tallylight_core::clock::{Clock, SystemClock};
use tallylight_core::error::Error;
use tallylight_core::ids::{Ids, SystemIds};
use tallylight_core::mail::{Mail, Mailer};
use tallylight_core::store::{Listed, Slice, UserStore};
use tallylight_core::user::User;
use tallylight_store::migrations::{self, State};
use tallylight_store::{Location, Store};

use crate::lock::lock_if_free;
use crate::people::{Ground, People};
use crate::secret;
use crate::settings::Settings;

const AT_ONCE: u32 = 1_000;
/// The operator has no account.
pub const OPERATOR: Caller = Caller::Anonymous;

/// What commands work with.
pub struct Office {
    pub people: People,
    pub store: Arc<Store>,
    pub ids: Arc<dyn Ids>,
    pub clock: Arc<dyn Clock>,
    /// Held while no server runs, so that none starts half-way through.
    _lock: Option<std::fs::File>,
}

/// Nothing that is done here is told by mail.
struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: Mail) -> tallylight_core::Result<()> {
        Ok(())
    }
}

impl Office {
    /// Opens the database, which may be the one that a server works with; one that is not there is not made.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if let Location::File(file) = settings.location()
            && !file.try_exists()?
        {
            bail!("there is no database at {}: --data-dir says where the server keeps it", file.display());
        }
        Self::found(settings).await
    }

    /// As [`Self::open`], or makes what a server begins with.
    pub async fn found(settings: &Settings) -> anyhow::Result<Self> {
        let data_dir = &settings.data_dir;
        std::fs::create_dir_all(data_dir)
            .with_context(|| format!("the data folder {} cannot be made", data_dir.display()))?;
        let lock = lock_if_free(data_dir)?;
        let location = settings.location();
        let is_ours = lock.is_some() && settings.database_url.is_empty();
        if !is_ours {
            // Whoever may be at work on it is not to be surprised by another schema.
            let steps = migrations::status(&location, settings.database()).await.map_err(plain)?;
            if steps.iter().any(|step| step.state != State::Applied) {
                bail!("the database's schema is not this version's: tallylight migrate brings it up to date");
            }
        }
        let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) =
            (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
        let secret = secret::load(&settings.secret, data_dir, ids.as_ref())?;
        let store = Arc::new(Store::open(&location, settings.database()).await.map_err(plain)?);
        let ground = Ground {
            settings,
            secret: &secret,
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let people = People::new(ground, (Arc::new(NoMail), String::new()))?;
        Ok(Self { people, store, ids, clock, _lock: lock })
    }

    /// Waits until all is on disk.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// The user of this name.
    pub async fn find(&self, name: &str) -> anyhow::Result<User> {
        let found = self.store.user_by_login(name).await.map_err(plain)?;
        found.ok_or_else(|| anyhow!("there is no user {name:?}"))
    }
}

/// All parts of a list.
pub async fn all<T>(
    read: impl AsyncFn(Slice) -> tallylight_core::Result<Listed<T>>,
) -> anyhow::Result<Vec<T>> {
    let mut items = Vec::new();
    loop {
        let slice = Slice { offset: u32::try_from(items.len())?, limit: AT_ONCE };
        let listed = read(slice).await.map_err(plain)?;
        let is_last = listed.items.len() < AT_ONCE as usize;
        items.extend(listed.items);
        if is_last {
            return Ok(items);
        }
    }
}

/// An error for a person.
pub fn plain(error: Error) -> anyhow::Error {
    anyhow!("{error}")
}
