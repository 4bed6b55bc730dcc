//! The log of a session, as its owner reads it and adds to it.

use garde::Validate;
use serde_json::{Map, Value};

use super::SessionManager;
use crate::broadcast::{Snapshot, UpdateBroadcast};
use crate::caller::Caller;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::event::{Event, EventQuery, Excerpt, NewEvent, is_type_name};
use crate::ids::BroadcastId;
use crate::validate;

/// Types that the server itself logs begin with one of these.
pub const RESERVED: &[&str] = &["broadcast.", "viewer.", "chat.", "reaction", "recording.", "ingest."];

/// An event of an integrator's own.
#[derive(Debug, Clone, Validate)]
pub struct OwnEvent {
    /// The type, outside of those that are [`RESERVED`].
    #[garde(skip)]
    pub kind: String,
    /// The particulars, at most 16 KiB as JSON.
    #[garde(custom(validate::metadata))]
    pub data: Map<String, Value>,
    /// What is attached, at most 16 KiB as JSON.
    #[garde(custom(validate::metadata))]
    pub metadata: Map<String, Value>,
}

/// Some events of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events, in the order that was asked for.
    pub items: Vec<Event>,
    /// Reading after this number goes on without a gap and without doubles.
    pub next_after: u64,
    /// Newest first: reading before this number goes on; `None`: there is nothing older.
    pub next_before: Option<u64>,
}

impl OwnEvent {
    fn check(&self) -> Result<()> {
        self.validate()?;
        let kind = &self.kind;
        if !is_type_name(kind) {
            return Err(Error::field("type", "must have 1 to 50 of the characters a-z, 0-9, _ and ."));
        }
        match RESERVED.iter().find(|prefix| kind.starts_with(**prefix)) {
            Some(prefix) => {
                Err(Error::field("type", format!("begins with {prefix}, which only the server logs")))
            }
            None => Ok(()),
        }
    }
}

impl SessionManager {
    /// Reads the log of one's own session.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, or the store's.
    pub async fn read_session_events(
        &self,
        caller: &Caller,
        id: BroadcastId,
        query: &EventQuery,
    ) -> Result<EventPage> {
        // Whatever it has logged by now is on disk before the log is read.
        let logged = self.ledger.owned(caller, id).await?.counts.seq;
        let Excerpt { events: items, is_cut } = self.store.events(id, query).await?;
        let numbers = || items.iter().map(|event| event.seq);
        // After the last event of a type, those of other types need not be gone through again.
        let seen = if is_cut || query.newest_first {
            0
        } else {
            logged.min(query.before.map_or(logged, |before| before.saturating_sub(1)))
        };
        let next_after = numbers().max().unwrap_or_default().max(seen).max(query.after);
        let next_before = numbers().min().filter(|_| is_cut && query.newest_first);
        Ok(EventPage { items, next_after, next_before })
    }

    /// Reads a log for the live feed, which decides by itself who hears what of it.
    ///
    /// # Errors
    /// The store's.
    pub async fn read_log(&self, id: BroadcastId, query: &EventQuery) -> Result<Excerpt> {
        self.store.events(id, query).await
    }

    /// A session as it is, ended or not, for the live feed.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's.
    pub async fn session(&self, id: BroadcastId) -> Result<Snapshot> {
        self.ledger.get(id).await
    }

    /// What is open, and what happens to it.
    pub fn directory(&self) -> &Directory {
        &self.ledger.directory
    }

    /// Logs an event of one's own, after the end as well.
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, [`Error::Invalid`], or the store's.
    pub async fn log_session_event(
        &self,
        caller: &Caller,
        id: BroadcastId,
        event: OwnEvent,
    ) -> Result<Event> {
        self.ledger.owned(caller, id).await?;
        event.check()?;
        let OwnEvent { kind, data, metadata } = event;
        let event = self.ledger.event(kind, Value::Object(data), caller.user_id())?;
        let event = NewEvent { metadata, ..event };
        let answer = self.store.append(id, event.clone()).await;
        let counts = self.ledger.confirmed(answer)?.ok_or(Error::NotFound("broadcast of yours"))?;
        self.ledger.directory.count(id, counts);
        Ok(event.logged(id, counts.seq))
    }

    /// Changes the metadata of one's own session by a merge patch (RFC 7396).
    ///
    /// # Errors
    /// [`Error::NotFound`] for strangers, [`Error::Invalid`] if it would have more than 16 KiB, or the store's.
    pub async fn update_session_metadata(
        &self,
        caller: &Caller,
        id: BroadcastId,
        patch: Map<String, Value>,
    ) -> Result<Snapshot> {
        self.ledger.owned(caller, id).await?;
        let update = UpdateBroadcast { metadata: Some(patch), ..UpdateBroadcast::default() };
        let now = self.clock().now();
        self.ledger.change(id, caller.user_id(), |current| current.update(&update, now)).await
    }
}
