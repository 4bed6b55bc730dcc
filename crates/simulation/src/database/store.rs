//! The core's store traits, straight on the database: without a network, as the store's contract is tried on it.
//!
//! What logs add up to, who was live at another time and what viewers tell of playback is not kept: it follows from the log, or concerns no count.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::analytics::{Summary, Window};
use tallylight_core::broadcast::{Broadcast, Snapshot};
use tallylight_core::chat::Ban;
use tallylight_core::clock::Time;
use tallylight_core::directory::Query;
use tallylight_core::event::{Event, EventQuery, Excerpt, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, SignInId, UserId, ViewerId};
use tallylight_core::quality::{Quality, QualityRow, Span};
use tallylight_core::store::{
    Added, BanStore, BroadcastStore, Change, ChooseWindow, LogStore, OwnSummary, SessionStore, Taken,
    UserStore,
};
use tallylight_core::user::{SealedKey, SignIn, User};
use tallylight_core::viewer::{Counts, Departure, JoinOutcome, KnownViewer, NewViewer, Seat, SignOfLife};

use super::Database;

#[async_trait]
impl BroadcastStore for Database {
    async fn insert_broadcast(&self, broadcast: &Broadcast, events: Vec<NewEvent>) -> Result<Counts> {
        Self::insert_broadcast(self, broadcast, events)
    }

    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Snapshot>> {
        Ok(Self::broadcast(self, id))
    }

    async fn save_broadcast(&self, change: Change<'_>) -> Result<Option<Counts>> {
        Self::save_broadcast(self, &change)
    }

    async fn open_broadcasts(&self) -> Result<Vec<Snapshot>> {
        Ok(Self::open_broadcasts(self))
    }

    async fn broadcast_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<Snapshot>> {
        Ok(Self::broadcast_by_stream_key(self, hash))
    }

    async fn live_at(&self, _time: Time, _query: &Query, _limit: u32) -> Result<Vec<Snapshot>> {
        Ok(Vec::new())
    }

    async fn viewers_at(&self, _time: Time, _of: &[BroadcastId]) -> Result<Vec<(BroadcastId, u32)>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl SessionStore for Database {
    async fn join(&self, viewer: &NewViewer, event: NewEvent) -> Result<JoinOutcome> {
        Self::join(self, viewer, event)
    }

    async fn leave(&self, departure: &Departure) -> Result<Option<Counts>> {
        Self::leave(self, departure)
    }

    async fn append(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        Self::append(self, session, event)
    }

    async fn say(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        Self::say(self, session, event, None)
    }

    async fn say_as_guest(
        &self,
        session: BroadcastId,
        event: NewEvent,
        guest: ViewerId,
    ) -> Result<Option<Counts>> {
        Self::say(self, session, event, Some(guest))
    }

    async fn logged_event(&self, session: BroadcastId, event: EventId) -> Result<Option<Event>> {
        Ok(Self::event(self, session, event))
    }

    async fn delete_message(
        &self,
        session: BroadcastId,
        message: EventId,
        event: NewEvent,
    ) -> Result<Option<Counts>> {
        Self::delete_message(self, session, message, event)
    }

    async fn note_seen(&self, signs: Vec<SignOfLife>) -> Result<()> {
        Self::note_seen(self, &signs);
        Ok(())
    }

    async fn seats(&self) -> Result<Vec<Seat>> {
        Ok(Self::seats(self))
    }

    async fn viewer(&self, session: BroadcastId, viewer: ViewerId) -> Result<Option<KnownViewer>> {
        Ok(Self::viewer(self, session, viewer))
    }

    async fn events(&self, session: BroadcastId, query: &EventQuery) -> Result<Excerpt> {
        Ok(Self::events(self, session, query))
    }

    async fn save_quality(&self, _rows: Vec<QualityRow>) -> Result<()> {
        Ok(())
    }

    async fn quality(&self, _session: BroadcastId, _span: Span) -> Result<Vec<(Time, Quality)>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl BanStore for Database {
    async fn ban(&self, ban: &Ban) -> Result<()> {
        Self::ban(self, ban)
    }

    async fn unban(&self, owner: UserId, user: UserId) -> Result<()> {
        Self::unban(self, owner, user);
        Ok(())
    }

    async fn bans(&self, owner: UserId) -> Result<Vec<Ban>> {
        Ok(Self::bans(self, owner))
    }
}

#[async_trait]
impl LogStore for Database {
    async fn add_up(&self, session: BroadcastId) -> Result<Added> {
        let seq = Self::broadcast(self, session).map_or(0, |kept| kept.counts.seq);
        Ok(Added { seq, has_more: false })
    }

    async fn sessions(&self) -> Result<Vec<BroadcastId>> {
        Ok(Vec::new())
    }

    async fn behind(&self, _owner: Option<UserId>) -> Result<Vec<(BroadcastId, u64)>> {
        Ok(Vec::new())
    }

    async fn summary(
        &self,
        _session: BroadcastId,
        _choose: ChooseWindow<'_>,
    ) -> Result<Option<(Window, Summary)>> {
        Ok(None)
    }

    async fn summaries_of(&self, _owner: UserId, _since: Option<Time>) -> Result<Vec<OwnSummary>> {
        Ok(Vec::new())
    }

    async fn quality_of(&self, _owner: UserId, _since: Option<Time>) -> Result<Quality> {
        Ok(Quality::default())
    }

    async fn remove_ended(&self, _before: Time) -> Result<Option<BroadcastId>> {
        Ok(None)
    }
}

#[async_trait]
impl UserStore for Database {
    async fn insert_user(&self, user: &User) -> Result<Result<(), Taken>> {
        Ok(Self::insert_user(self, user))
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        Ok(Self::user(self, id))
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<User>> {
        Ok(Self::user_by_login(self, login))
    }

    async fn user_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<User>> {
        Ok(Self::user_by_stream_key(self, hash))
    }

    async fn set_user_stream_key(&self, id: UserId, key: &SealedKey) -> Result<()> {
        Self::set_user_stream_key(self, id, key);
        Ok(())
    }

    async fn has_admin(&self) -> Result<bool> {
        Ok(Self::has_admin(self))
    }

    async fn insert_sign_in(&self, sign_in: &SignIn, password_hash: &str) -> Result<bool> {
        Ok(Self::insert_sign_in(self, sign_in, password_hash))
    }

    async fn sign_in(&self, id: SignInId) -> Result<Option<SignIn>> {
        Ok(Self::sign_in(self, id))
    }

    async fn rotate_sign_in(&self, from: &SignIn, to: &SignIn) -> Result<bool> {
        Ok(Self::rotate_sign_in(self, from, to))
    }

    async fn end_sign_in(&self, id: SignInId, _at: Time) -> Result<()> {
        Self::end_sign_in(self, id);
        Ok(())
    }
}
