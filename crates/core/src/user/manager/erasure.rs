//! The end of an account: whoever it was is forgotten, and what was counted stays.
//!
//! First the account is closed, in one transaction: from then on nobody signs in to it. What it left behind is blanked
//! part after part; the account says how far that has come, so that it is gone on with after a crash. What was let in
//! before the account was closed may still be written for a while, so all is gone through once more after that.

use super::{UserManager, UserParts};
use crate::audit_log::{Act, Action};
use crate::broadcast::BroadcastManager;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::store::{Closed, Closing, Scan};
use crate::user::Role;
use crate::viewer::Client;

/// After how long nothing is under way any more that was let in before an account was closed.
const SETTLED: time::Duration = time::Duration::seconds(60);
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
        let closed = accounts.close_account(&user, &closing).await;
        let sign_ins = match standing.confirmed(closed, now)? {
            Closed::Done(sign_ins) => sign_ins,
            Closed::LastAdmin => return Err(Error::LastAdmin),
            Closed::Changed => return Err(Error::Forbidden("the account has changed meanwhile: try again")),
        };
        standing.end(sign_ins, now);
        // Of whom it was nothing is noted, nor from where it was asked for.
        let act = Act::new(Action::Erased).on(user.id);
        self.parts.audit.note(&Caller::Anonymous, &Client::default(), act);
        self.finish_erasure(user.id, broadcasts).await.map(|_| ())
    }

    /// Goes on with erasures that were begun; how many came to their end. One that cannot be gone on with holds up no
    /// other. To be called now and then.
    ///
    /// # Errors
    /// The store's; the first of them.
    pub async fn finish_erasures(&self, broadcasts: &BroadcastManager) -> Result<usize> {
        let (mut finished, mut failed) = (0, None);
        for user in self.parts.accounts.erasures_begun().await? {
            match self.finish_erasure(user, broadcasts).await {
                Ok(is_finished) => finished += usize::from(is_finished),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(finished), Err)
    }

    /// Whether it has come to its end.
    async fn finish_erasure(&self, user: UserId, broadcasts: &BroadcastManager) -> Result<bool> {
        let UserParts { accounts, clock, standing, audit, .. } = &self.parts;
        let now = clock.now();
        standing.revoke_keys_of(user);
        standing.give_role(user, Role::Viewer, now);
        broadcasts.forget_owner(user, tombstone(user)).await?;
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
        audit.write(true).await?;
        accounts.finish_erasure(user, (now, now - SETTLED)).await
    }
}

/// The name of an erased account, which nobody can take.
fn tombstone(user: UserId) -> String {
    let digits = user.0.simple().to_string();
    format!("{TOMBSTONE}{}", &digits[digits.len() - TOMBSTONE_DIGITS..])
}
