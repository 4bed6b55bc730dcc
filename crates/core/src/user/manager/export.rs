//! Everything that is kept about a person, for that person.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{UserManager, UserParts};
use crate::audit_log::{Action, AuditEntry, AuditQuery};
use crate::ban::Ban;
use crate::broadcast::Snapshot;
use crate::caller::Caller;
use crate::chat;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::ids::AuditId;
use crate::key::ApiKey;
use crate::store::{Scan, Slice, Stay};
use crate::user::{SignIn, User};
use crate::viewer::Client;

/// How many rows are looked through at once.
const SCAN: u32 = 5_000;
/// How many are told at once where they are found without looking.
const PAGE: u32 = 500;
/// More sign-ins than anybody keeps.
const SIGN_INS: Slice = Slice { offset: 0, limit: 10_000 };

/// An export under way. It has one of few places until it is dropped.
pub struct Export {
    /// Whose it is.
    pub user: User,
    _place: OwnedSemaphorePermit,
}

/// What there is to tell beside the account itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Where the user is signed in.
    SignIns,
    /// The API keys, without the keys themselves.
    Keys,
    /// Broadcasts.
    Broadcasts,
    /// What was watched.
    Stays,
    /// What was done and said in sessions.
    Events,
    /// Bans from the server.
    Bans,
    /// Bans from chats.
    ChatBans,
    /// Entries of the audit log.
    Acts,
}

impl Section {
    /// All there are.
    pub const ALL: &[Self] = &[
        Self::SignIns,
        Self::Keys,
        Self::Broadcasts,
        Self::Stays,
        Self::Events,
        Self::Bans,
        Self::ChatBans,
        Self::Acts,
    ];
}

/// A part of a section.
#[derive(Debug)]
pub enum ExportPart {
    /// Of [`Section::SignIns`].
    SignIns(Vec<SignIn>),
    /// Of [`Section::Keys`].
    Keys(Vec<ApiKey>),
    /// Of [`Section::Broadcasts`].
    Broadcasts(Vec<Snapshot>),
    /// Of [`Section::Stays`].
    Stays(Vec<Stay>),
    /// Of [`Section::Events`].
    Events(Vec<Event>),
    /// Of [`Section::Bans`].
    Bans(Vec<Ban>),
    /// Of [`Section::ChatBans`].
    ChatBans(Vec<chat::Ban>),
    /// Of [`Section::Acts`].
    Acts(Vec<AuditEntry>),
}

impl UserManager {
    /// Begins to tell somebody everything that is kept about them.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Busy`] while others are told, or the store's.
    pub async fn export(&self, caller: &Caller, client: &Client) -> Result<Export> {
        let user = self.me(caller).await?;
        let place = Arc::clone(&self.exports).try_acquire_owned().map_err(|_| Error::Busy("exports"))?;
        self.note(&user, client, Action::Exported);
        self.parts.audit.write(true).await?;
        Ok(Export { user, _place: place })
    }

    /// A part of a section, and after what the next begins, if there may be more.
    ///
    /// # Errors
    /// The store's.
    pub async fn export_part(
        &self,
        export: &Export,
        section: Section,
        after: Option<Uuid>,
    ) -> Result<(ExportPart, Option<Uuid>)> {
        let UserParts { accounts, clock, .. } = &self.parts;
        let (user, scan) = (export.user.id, Scan { after, most: SCAN });
        Ok(match section {
            Section::SignIns => {
                let listed = accounts.sign_ins_of(user, clock.now(), SIGN_INS).await?;
                (ExportPart::SignIns(listed.items), None)
            }
            Section::Keys => {
                let found = accounts.keys_of(user, Scan { after, most: PAGE }).await?;
                (ExportPart::Keys(found.items), found.next)
            }
            Section::Broadcasts => {
                let found = accounts.broadcasts_of(user, Scan { after, most: PAGE }).await?;
                (ExportPart::Broadcasts(found.items), found.next)
            }
            Section::Stays => {
                let found = accounts.stays_of(user, scan).await?;
                (ExportPart::Stays(found.items), found.next)
            }
            Section::Events => {
                let found = accounts.events_of(user, scan).await?;
                (ExportPart::Events(found.items), found.next)
            }
            Section::Bans => (ExportPart::Bans(accounts.bans_of(user).await?), None),
            Section::ChatBans => (ExportPart::ChatBans(accounts.chat_bans_of(user).await?), None),
            Section::Acts => {
                let (before, actor) = (after.map(AuditId), Some(user));
                let query = AuditQuery { before, actor, limit: PAGE, ..AuditQuery::default() };
                let acts = accounts.audit_log(&query).await?;
                let next = acts.last().map(|act| act.id.0).filter(|_| acts.len() == PAGE as usize);
                (ExportPart::Acts(acts), next)
            }
        })
    }
}
