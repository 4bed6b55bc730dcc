//! Accounts as their owners see and change them.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::ban::Ban;
use tallylight_core::broadcast::Snapshot;
use tallylight_core::chat;
use tallylight_core::clock::Time;
use tallylight_core::event::Event;
use tallylight_core::ids::{SignInId, UserId};
use tallylight_core::key::ApiKey;
use tallylight_core::store::{
    AccountChange, AccountStore, Closed, Closing, Found, Listed, Scan, Slice, Stay, Taken,
};
use tallylight_core::user::{SignIn, User};

use uuid::Uuid;

use crate::broadcasts::snapshot;
use crate::database::Work;
use crate::failure::Failure;
use crate::statement::sql;
use crate::transaction::Transaction;
use crate::users::sign_in;
use crate::{Store, access, erasure, export};

#[async_trait]
impl AccountStore for Store {
    async fn change_account(
        &self,
        before: &User,
        change: &AccountChange,
        (but, at): (Option<SignInId>, Time),
    ) -> Result<Result<Option<Vec<SignInId>>, Taken>> {
        match self.database.transact(&ChangeAccount { before, change, but, at }).await {
            Ok(ended) => Ok(Ok(ended)),
            Err(Failure::Taken(taken)) => Ok(Err(taken)),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn sign_ins_of(&self, user: UserId, now: Time, slice: Slice) -> Result<Listed<SignIn>> {
        Ok(self.database.as_of_one_moment(&ReadSignIns { user, now, slice }).await?)
    }

    async fn end_sign_in_of(&self, user: UserId, id: SignInId, at: Time) -> Result<bool> {
        // One that ended at this very moment ended by an earlier try.
        let text = "UPDATE sign_ins SET ended_at = $1
                    WHERE id = $2 AND user_id = $3 AND expires_at > $1 AND (ended_at IS NULL OR ended_at = $1)";
        Ok(self.write(&sql(text).bind(at).bind(id.0).bind(user.0)).await? > 0)
    }

    async fn end_sign_ins_of(&self, user: UserId, but: Option<SignInId>, at: Time) -> Result<Vec<SignInId>> {
        Ok(self.database.transact(&EndSignIns { user, but, at }).await?)
    }

    async fn close_account(&self, before: &User, closing: &Closing) -> Result<Closed> {
        Ok(self.database.transact(&erasure::Close { before, closing }).await?)
    }

    async fn erasures_begun(&self) -> Result<Vec<UserId>> {
        let text = "SELECT id FROM users WHERE erased_at IS NOT NULL AND password_hash = $1";
        let begun = self.database.rows(sql(text).bind(erasure::ERASING)).await?;
        begun.iter().map(|row| Ok(UserId(row.id("id")?))).collect()
    }

    async fn blank_events_of(
        &self,
        user: UserId,
        (after, until): (Option<Uuid>, Option<Uuid>),
    ) -> Result<()> {
        Ok(self.database.transact(&erasure::BlankEvents { user, after, until }).await?)
    }

    async fn blank_stays_of(&self, user: UserId, scan: Scan) -> Result<Option<Uuid>> {
        let until = self.database.as_of_one_moment(&export::EndOfStays(scan)).await?;
        self.database.transact(&erasure::BlankStays { user, after: scan.after, until }).await?;
        Ok(until)
    }

    async fn finish_erasure(&self, user: UserId, (at, settled): (Time, Time)) -> Result<bool> {
        Ok(self.database.transact(&erasure::Finish { user, at, settled }).await?)
    }

    async fn events_of(&self, user: UserId, scan: Scan) -> Result<Found<Event>> {
        Ok(self.database.as_of_one_moment(&export::ReadEvents(user, scan)).await?)
    }

    async fn stays_of(&self, user: UserId, scan: Scan) -> Result<Found<Stay>> {
        Ok(self.database.as_of_one_moment(&export::ReadStays(user, scan)).await?)
    }

    async fn broadcasts_of(&self, user: UserId, scan: Scan) -> Result<Found<Snapshot>> {
        let rows = self.database.rows(export::broadcasts(user, scan)).await?;
        let items = rows.iter().map(snapshot).collect::<Result<Vec<_>>>()?;
        let next = items.last().map(|last| last.id.0).filter(|_| items.len() == scan.most as usize);
        Ok(Found { items, next })
    }

    async fn past_broadcasts_of(&self, user: UserId, slice: Slice) -> Result<Listed<Snapshot>> {
        Ok(self.database.as_of_one_moment(&export::ReadPast(user, slice)).await?)
    }

    async fn keys_of(&self, user: UserId, scan: Scan) -> Result<Found<ApiKey>> {
        let text = "SELECT * FROM api_keys WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        let statement = sql(text).bind(user.0).bind(scan.after.unwrap_or_default()).bind(scan.most);
        let rows = self.database.rows(statement).await?;
        let items = rows.iter().map(access::api_key).collect::<Result<Vec<_>>>()?;
        let next = items.last().map(|last| last.id.0).filter(|_| items.len() == scan.most as usize);
        Ok(Found { items, next })
    }

    async fn bans_of(&self, user: UserId) -> Result<Vec<Ban>> {
        let text = "SELECT * FROM bans WHERE user_id = $1 ORDER BY id";
        self.database.rows(sql(text).bind(user.0)).await?.iter().map(access::ban).collect()
    }

    async fn chat_bans_of(&self, user: UserId) -> Result<Vec<chat::Ban>> {
        let text = "SELECT b.owner_id, b.user_id, u.username, b.until, b.reason, b.created_by, m.username AS by_name,
                      b.created_at
                    FROM chat_bans b JOIN users u ON u.id = b.user_id JOIN users m ON m.id = b.created_by
                    WHERE b.user_id = $1 ORDER BY b.created_at, b.owner_id";
        self.database.rows(sql(text).bind(user.0)).await?.iter().map(crate::chat::ban).collect()
    }

    async fn remove_sign_ins(&self, before: Time, limit: u32) -> Result<u64> {
        let text = "DELETE FROM sign_ins WHERE id IN
                      (SELECT id FROM sign_ins WHERE expires_at < $1 OR ended_at < $1 LIMIT $2)";
        Ok(self.write(&sql(text).bind(before).bind(limit)).await?)
    }
}

struct ChangeAccount<'a> {
    before: &'a User,
    change: &'a AccountChange,
    but: Option<SignInId>,
    at: Time,
}

#[async_trait]
impl Work for ChangeAccount<'_> {
    type Done = Option<Vec<SignInId>>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let (before, change) = (self.before, self.change);
        let email = change.email.as_ref().unwrap_or(&before.email);
        let hash = change.password_hash.as_ref().unwrap_or(&before.password_hash);
        // What is asked for stands there already when an earlier try was committed unnoticed.
        let text = "UPDATE users SET display_name = COALESCE($2, display_name),
                      default_title = CASE WHEN $3 THEN $4 ELSE default_title END,
                      email = $5, email_folded = $6, password_hash = $7
                    WHERE id = $1 AND erased_at IS NULL AND email IN ($5, $8) AND password_hash IN ($7, $9)";
        let statement = sql(text)
            .bind(before.id.0)
            .bind(&change.display_name)
            .bind(change.default_title.is_some())
            .bind(&change.default_title.clone().flatten())
            .bind(email)
            .bind(&email.to_lowercase())
            .bind(hash)
            .bind(&before.email)
            .bind(&before.password_hash);
        if transaction.execute(&statement).await? == 0 {
            return Ok(None);
        }
        if change.password_hash.is_none() {
            return Ok(Some(Vec::new()));
        }
        EndSignIns { user: before.id, but: self.but, at: self.at }.run(transaction).await.map(Some)
    }
}

struct ReadSignIns {
    user: UserId,
    now: Time,
    slice: Slice,
}

#[async_trait]
impl Work for ReadSignIns {
    type Done = Listed<SignIn>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let Self { user, now, slice } = self;
        let count = "SELECT COUNT(*) AS total FROM sign_ins
                     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2";
        let count = transaction.row(&sql(count).bind(user.0).bind(*now)).await?;
        let text = "SELECT * FROM sign_ins WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
                    ORDER BY used_at DESC, id DESC LIMIT $3 OFFSET $4";
        let statement = sql(text).bind(user.0).bind(*now).bind(slice.limit).bind(slice.offset);
        let items = transaction.rows(&statement).await?.iter().map(sign_in).collect::<Result<_>>()?;
        Ok(Listed { items, total: count.map_or(Ok(0), |row| row.count("total"))? })
    }
}

/// Ends all sign-ins of a user but one.
pub struct EndSignIns {
    pub user: UserId,
    pub but: Option<SignInId>,
    pub at: Time,
}

#[async_trait]
impl Work for EndSignIns {
    type Done = Vec<SignInId>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let Self { user, but, at } = self;
        let text = "UPDATE sign_ins SET ended_at = $1 WHERE user_id = $2 AND ended_at IS NULL AND id <> $3";
        let kept = but.map_or_else(uuid::Uuid::nil, |id| id.0);
        transaction.execute(&sql(text).bind(*at).bind(user.0).bind(kept)).await?;
        // Read by the moment, so that a try after one that was committed unnoticed tells the same.
        let text = "SELECT id FROM sign_ins WHERE user_id = $1 AND ended_at = $2";
        let ended = transaction.rows(&sql(text).bind(user.0).bind(*at)).await?;
        Ok(ended.iter().map(|row| Ok(SignInId(row.id("id")?))).collect::<Result<_>>()?)
    }
}
