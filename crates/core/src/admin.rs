//! `AdminManager`: what those do who run the server: roles, bans, and looking who is there.
//!
//! Each change is written in one transaction with its entry of the audit log. Where its outcome is not known, memory holds
//! the stricter of the two until the database has been read again.

mod rules;
mod store;

use std::sync::Arc;
use std::time::Duration;

use crate::audit_log::{Act, Action, AuditEntry, AuditLog, AuditQuery};
use crate::ban::Ban;
use crate::caller::Caller;
use crate::clock::{Clock, Time};
use crate::error::{Error, Result};
use crate::ids::{BanId, BroadcastId, Ids, UserId};
use crate::standing::Standing;
use crate::store::{AccessStore, Listed, Slice};
use crate::user::Role;
use crate::viewer::Client;

pub use rules::NewBan;
pub use store::{
    Account, AccountQuery, AdminStore, BanKind, BanOutcome, BanQuery, BanRecord, RoleOutcome, Watcher,
};

/// How far back it is looked for what others changed: their clocks may differ.
const LOOK_BACK: Duration = Duration::from_secs(300);
/// The actions that change who may do what.
pub const CHANGES: [Action; 5] =
    [Action::RoleChanged, Action::BanMade, Action::BanLifted, Action::KeyMade, Action::KeyRevoked];

/// What an [`AdminManager`] is made of.
pub struct AdminParts {
    /// Accounts, bans, viewers.
    pub store: Arc<dyn AdminStore>,
    /// What is known of who may do what.
    pub access: Arc<dyn AccessStore>,
    /// Who may do what now.
    pub standing: Arc<Standing>,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
}

/// Gives roles, bans, and tells who is there.
pub struct AdminManager {
    parts: AdminParts,
}

impl AdminManager {
    /// Of its parts.
    pub fn new(parts: AdminParts) -> Self {
        Self { parts }
    }

    /// Accounts. Only administrators find them by e-mail address.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or the store's.
    pub async fn accounts(
        &self,
        by: (&Caller, &Client),
        query: AccountQuery,
        slice: Slice,
    ) -> Result<Listed<Account>> {
        by.0.at_least(Role::Moderator)?;
        let query = AccountQuery { by_email: by.0.is_admin(), ..query };
        let listed = self.parts.store.accounts(&query, (slice, self.now())).await?;
        self.parts.audit.note(by.0, by.1, Act::new(Action::UsersListed));
        Ok(listed)
    }

    /// One account.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], or the store's.
    pub async fn account(&self, by: (&Caller, &Client), id: UserId) -> Result<Account> {
        by.0.at_least(Role::Moderator)?;
        let account = self.find(id).await?;
        self.parts.audit.note(by.0, by.1, Act::new(Action::UserRead).on(id));
        Ok(account)
    }

    async fn find(&self, id: UserId) -> Result<Account> {
        self.parts.store.account(id, self.now()).await?.ok_or(Error::NotFound("user"))
    }

    /// Gives a role. There is always an administrator left who is not suspended. Who may administer is decided in person:
    /// whoever stole a key could otherwise keep what it reaches after it was revoked.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::LastAdmin`], or the store's.
    pub async fn give_role(&self, by: (&Caller, &Client), id: UserId, role: Role) -> Result<Account> {
        by.0.at_least(Role::Admin)?;
        if role >= Role::Moderator {
            by.0.in_person()?;
        }
        self.change_role(by, id, role).await
    }

    /// As [`AdminManager::give_role`], for the operator, who needs no account.
    ///
    /// # Errors
    /// As [`AdminManager::give_role`].
    pub async fn change_role(&self, by: (&Caller, &Client), id: UserId, role: Role) -> Result<Account> {
        let before = self.find(id).await?;
        if before.role == role {
            return Ok(before);
        }
        let act = Act::new(Action::RoleChanged).on(id).with("user", before.username.as_str());
        let act = act.with("from", before.role.name()).with("to", role.name());
        let entry = self.parts.audit.entry(by.0, by.1, act)?;
        let kept = self.parts.store.set_role(id, role, &entry).await;
        match &kept {
            Ok(RoleOutcome::Given) => self.parts.standing.give_role(id, role, self.now()),
            // It may have been kept: until that is known the user may do what both roles allow.
            Err(Error::Unavailable(_)) => {
                self.parts.standing.give_role(id, role.min(before.role), self.now());
            }
            _ => {}
        }
        match kept? {
            RoleOutcome::Given => Ok(Account { role, ..before }),
            RoleOutcome::LastAdmin => Err(Error::LastAdmin),
            RoleOutcome::NotFound => Err(Error::NotFound("user")),
        }
    }

    /// Bans a user, a device or a network, instead of an earlier ban of the same.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Invalid`], [`Error::LastAdmin`], or the store's.
    pub async fn ban(&self, by: (&Caller, &Client), ban: NewBan) -> Result<BanRecord> {
        let moderator = by.0.at_least(Role::Moderator)?;
        ban.check(moderator.role, self.now())?;
        ban.spares(by)?;
        let user = match ban.user() {
            Some(id) => Some(self.find(id).await?),
            None => None,
        };
        if let Some(user) = &user {
            rules::may_ban(moderator, user.role)?;
        }
        self.keep_ban(by, moderator.role, (ban, user)).await
    }

    /// As [`AdminManager::ban`], for the operator, who needs no account.
    ///
    /// # Errors
    /// As [`AdminManager::ban`].
    pub async fn suspend(&self, by: (&Caller, &Client), ban: NewBan) -> Result<BanRecord> {
        ban.check(Role::Admin, self.now())?;
        let user = match ban.user() {
            Some(id) => Some(self.find(id).await?),
            None => None,
        };
        self.keep_ban(by, Role::Admin, (ban, user)).await
    }

    async fn keep_ban(
        &self,
        by: (&Caller, &Client),
        rank: Role,
        (ban, user): (NewBan, Option<Account>),
    ) -> Result<BanRecord> {
        let now = self.now();
        let ban = Ban {
            id: BanId(self.parts.ids.uuid(now)?),
            target: ban.target,
            until: ban.until,
            reason: ban.reason,
            created_by: by.0.user_id(),
            created_at: now,
        };
        let entry = self.parts.audit.entry(by.0, by.1, rules::act(Action::BanMade, &ban, user.as_ref()))?;
        let kept = self.parts.store.keep_ban(&ban, rank, &entry).await;
        // What was not confirmed may have been kept: it holds until the database says otherwise.
        if matches!(kept, Ok(BanOutcome::Kept) | Err(Error::Unavailable(_))) {
            self.parts.standing.ban(ban.clone());
        }
        match kept? {
            BanOutcome::Kept => {}
            BanOutcome::Outranked => return Err(rules::OUTRANKED),
            BanOutcome::LastAdmin => return Err(Error::LastAdmin),
        }
        let by = by.0.identity().map(|identity| (identity.username.clone(), identity.role));
        Ok(BanRecord { ban, user: user.map(|user| (user.username, user.role)), by })
    }

    /// Lifts a ban.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], or the store's.
    pub async fn lift(&self, by: (&Caller, &Client), id: BanId) -> Result<()> {
        let moderator = by.0.at_least(Role::Moderator)?;
        let found = self.parts.store.ban_record(id, self.now()).await?.ok_or(Error::NotFound("ban"))?;
        if let Some((_, role)) = &found.user {
            rules::may_ban(moderator, *role)?;
        }
        rules::may_lift(moderator, &found)?;
        self.take_ban(by, &found.ban).await
    }

    /// As [`AdminManager::lift`], for the operator, who needs no account; the ban that there was.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's.
    pub async fn unban(&self, by: (&Caller, &Client), id: BanId) -> Result<Ban> {
        let found = self.parts.store.ban_record(id, self.now()).await?.ok_or(Error::NotFound("ban"))?;
        self.take_ban(by, &found.ban).await.map(|()| found.ban)
    }

    /// Lifts the suspension of a user, for the operator; false if there is none.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's.
    pub async fn unsuspend(&self, by: (&Caller, &Client), id: UserId) -> Result<bool> {
        let Some(suspension) = self.find(id).await?.suspension else { return Ok(false) };
        self.take_ban(by, &suspension).await.map(|()| true)
    }

    async fn take_ban(&self, by: (&Caller, &Client), ban: &Ban) -> Result<()> {
        let entry = self.parts.audit.entry(by.0, by.1, rules::act(Action::BanLifted, ban, None))?;
        // What is not confirmed holds on.
        if !self.parts.store.take_ban(ban.id, &entry).await? {
            return Err(Error::NotFound("ban"));
        }
        self.parts.standing.lift(ban.id);
        Ok(())
    }

    /// The bans in force, the latest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or the store's.
    pub async fn bans(
        &self,
        by: (&Caller, &Client),
        query: &BanQuery,
        slice: Slice,
    ) -> Result<Listed<BanRecord>> {
        by.0.at_least(Role::Moderator)?;
        let listed = self.parts.store.ban_records(query, (slice, self.now())).await?;
        self.parts.audit.note(by.0, by.1, Act::new(Action::BansListed));
        Ok(listed)
    }

    /// Who watches a session, and from where.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or the store's.
    pub async fn watchers(
        &self,
        by: (&Caller, &Client),
        session: BroadcastId,
        slice: Slice,
    ) -> Result<Listed<Watcher>> {
        by.0.at_least(Role::Moderator)?;
        let listed = self.parts.store.watchers(session, slice).await?;
        self.parts.audit.note(by.0, by.1, Act::new(Action::ViewersListed).on(session));
        Ok(listed)
    }

    /// What is in the audit log.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or the store's.
    pub async fn audit_log(&self, by: (&Caller, &Client), query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        by.0.at_least(Role::Admin)?;
        // What was noted a moment ago is there too, if the database answers.
        self.parts.audit.write(false).await?;
        let entries = self.parts.audit.read(query).await?;
        self.parts.audit.note(by.0, by.1, Act::new(Action::AuditRead));
        Ok(entries)
    }

    /// The latest changes of roles, bans and keys, whoever made them.
    ///
    /// # Errors
    /// The store's.
    pub async fn latest_changes(&self) -> Result<Vec<crate::ids::AuditId>> {
        self.parts.store.changes_since(self.now() - LOOK_BACK).await
    }

    /// Takes over roles, bans and keys as the database has them; false: it is to be tried again.
    ///
    /// # Errors
    /// The store's.
    pub async fn reload(&self) -> Result<bool> {
        self.parts.standing.reload(self.parts.access.as_ref(), self.now()).await
    }

    fn now(&self) -> Time {
        self.parts.clock.now()
    }
}
