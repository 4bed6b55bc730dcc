//! The end of an account: whoever it was is forgotten, and what was counted stays.
//!
//! First the account is closed, in one transaction: from then on nobody signs in to it. What it left behind is blanked
//! part after part; the account says how far that has come, so that it is gone on with after a crash.

use super::{UserManager, UserParts};
use crate::audit_log::{Act, Action};
use crate::broadcast::BroadcastManager;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::store::{Closed, Closing, Scan};
use crate::user::Role;
use crate::viewer::Client;

/// How many rows are looked through at once.
const PART: u32 = 5_000;
/// What the names of erased accounts begin with.
pub(super) const TOMBSTONE: &str = "deleted-";
/// So many of the last digits of its id follow.
const TOMBSTONE_DIGITS: usize = 24;

impl UserManager {
    /// Erases the caller's own account: its sign-ins and keys end, its broadcasts end, and nothing is left of who it was.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], [`Error::TooManyRequests`] while a password of the caller's is checked,
    /// [`Error::LastAdmin`], or the store's: then it is gone on with later.
    pub async fn erase_me(
        &self,
        (caller, client): (&Caller, &Client),
        password: String,
        broadcasts: &BroadcastManager,
    ) -> Result<()> {
        let user = self.me(caller).await?;
        let _turn = self.turns.take(user.id)?;
        self.verify(&user, Some(password), client).await?;
        let UserParts { accounts, clock, keys, standing, .. } = &self.parts;
        let now = clock.now();
        let closing =
            Closing { username: tombstone(user.id), stream_key: keys.generate(&user.id.0)?, at: now };
        let sign_ins = match accounts.close_account(&user, &closing).await? {
            Closed::Done(sign_ins) => sign_ins,
            Closed::LastAdmin => return Err(Error::LastAdmin),
            Closed::Changed => return Err(Error::Forbidden("the account has changed meanwhile: try again")),
        };
        standing.end(sign_ins, now);
        standing.revoke_keys_of(user.id);
        standing.give_role(user.id, Role::Viewer, now);
        // Of whom it was nothing is noted, nor from where it was asked for.
        let act = Act::new(Action::Erased).on(user.id);
        self.parts.audit.note(&Caller::Anonymous, &Client::default(), act);
        self.finish_erasure(user.id, broadcasts).await
    }

    /// Goes on with erasures that were begun; how many.
    ///
    /// # Errors
    /// The store's.
    pub async fn finish_erasures(&self, broadcasts: &BroadcastManager) -> Result<usize> {
        let begun = self.parts.accounts.erasures_begun().await?;
        for user in &begun {
            self.finish_erasure(*user, broadcasts).await?;
        }
        Ok(begun.len())
    }

    async fn finish_erasure(&self, user: UserId, broadcasts: &BroadcastManager) -> Result<()> {
        broadcasts.forget_owner(user, tombstone(user)).await?;
        let accounts = &self.parts.accounts;
        let mut scan = Scan { after: None, most: PART };
        loop {
            let found = accounts.events_of(user, scan).await?;
            // Where somebody may be listening it is told that a message is gone.
            broadcasts.sessions().forget_messages(user, &found.items).await?;
            accounts.blank_events_of(user, (scan.after, found.next)).await?;
            match found.next {
                Some(next) => scan.after = Some(next),
                None => break,
            }
        }
        scan.after = None;
        while let Some(next) = accounts.blank_stays_of(user, scan).await? {
            scan.after = Some(next);
        }
        broadcasts.sessions().forget_name(user);
        self.parts.answers.forget_user(user).await?;
        // What waits to be written there names the user too.
        self.parts.audit.write(true).await?;
        accounts.finish_erasure(user, self.parts.clock.now()).await
    }
}

/// The name of an erased account, which nobody can take.
fn tombstone(user: UserId) -> String {
    let digits = user.0.simple().to_string();
    format!("{TOMBSTONE}{}", &digits[digits.len() - TOMBSTONE_DIGITS..])
}
