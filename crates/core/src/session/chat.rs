//! Chat and reactions of a session: said, read, deleted.

mod farewell;
mod limiter;
mod moderation;
mod remembered;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use serde_json::Value;
use uuid::Uuid;

use limiter::Limiter;
use remembered::Remembered;

use super::SessionManager;
use crate::broadcast::{Snapshot, Status};
use crate::caller::Caller;
use crate::chat::{self, ChatPage, ChatRole, ChatSettings, MAX_MESSAGES, Reaction, Reactor};
use crate::clock::{Clock, Time};
use crate::error::{Error, Result};
use crate::event::{Event, EventQuery, EventType, NewEvent};
use crate::ids::{BroadcastId, EventId, UserId, ViewerId};
use crate::ledger::Ledger;
use crate::user::Role;
use crate::viewer::Counts;

/// For how long a display name is believed, and of how many users it is known.
const NAME_LIFE: Duration = Duration::from_secs(60);
const MOST_NAMES: u64 = 10_000;
/// How many bytes of bans and of latest messages are kept in memory.
const BANS_BYTES: u64 = 16 << 20;
const MESSAGES_BYTES: u64 = 64 << 20;
/// About how many bytes a ban and a message take there beside their texts.
const BAN_BYTES: usize = 64;
const MESSAGE_BYTES: usize = 1_024;

/// Who may not speak, and until when.
type Banned = Arc<HashMap<UserId, Option<Time>>>;
/// The latest messages, the newest first, one more than are read at once.
type Latest = Arc<Vec<Event>>;

/// What the chat has in memory.
pub(super) struct Chat {
    messages: Limiter,
    reactions: Limiter,
    /// By owner.
    bans: Remembered<Banned>,
    /// By session.
    latest: Remembered<Latest>,
    names: Cache<UserId, Arc<str>>,
}

impl Chat {
    pub fn new(settings: &ChatSettings, clock: &Arc<dyn Clock>) -> Self {
        let weigh_bans = |bans: &Banned| BAN_BYTES * (1 + bans.len());
        let weigh_latest = |latest: &Latest| MESSAGE_BYTES + latest.iter().map(weigh).sum::<usize>();
        Self {
            messages: Limiter::new(settings.messages, clock.clone()),
            reactions: Limiter::new(settings.reactions, clock.clone()),
            bans: Remembered::new(BANS_BYTES, weigh_bans),
            latest: Remembered::new(MESSAGES_BYTES, weigh_latest),
            names: Cache::builder().max_capacity(MOST_NAMES).time_to_live(NAME_LIFE).build(),
        }
    }

    /// Reads bans and messages anew: some may have been kept of which nobody heard.
    pub fn doubt(&self) {
        self.bans.forget_all();
        self.latest.forget_all();
    }

    /// Forgets those who were fast a while ago. To be called every second.
    pub fn forget_slow(&self) {
        self.messages.forget_slow();
        self.reactions.forget_slow();
    }
}

/// About how many bytes a message takes in memory.
fn weigh(message: &Event) -> usize {
    let text = message.data.get("text").and_then(Value::as_str).unwrap_or_default();
    MESSAGE_BYTES + text.len()
}

/// Somebody who reacts and may.
struct Reacting {
    user: Option<UserId>,
    /// Whose pace it is.
    who: Uuid,
    role: ChatRole,
    /// The viewer by which they may while it is private.
    guest: Option<ViewerId>,
}

impl SessionManager {
    /// Says something in the chat of a session.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::NotFound`] for a private broadcast, [`Error::BroadcastEnded`],
    /// [`Error::Invalid`], [`Error::Banned`], [`Error::TooManyRequests`], or the store's.
    pub async fn say(&self, caller: &Caller, id: BroadcastId, text: String) -> Result<Event> {
        let author = caller.signed_in()?;
        let (broadcast, guest) = self.audible(caller, id).await?;
        if broadcast.status == Status::Ended {
            return Err(Error::BroadcastEnded);
        }
        let text = chat::message(&text)?;
        let role = ChatRole::of(author.id, author.role, &broadcast);
        self.refuse_banned(broadcast.owner, author.id, role).await?;
        self.chat.messages.check(id, author.id.0)?;
        let display_name = self.display_name(author.id).await?;
        let data = chat::said(&text, author, &display_name, role);
        let said = self.tell(id, (EventType::ChatMessage, data), (Some(author.id), guest)).await;
        // Also after a write that was not confirmed: it may be on disk.
        self.chat.latest.forget(id.0);
        self.told(said).await
    }

    /// Reacts to a session.
    ///
    /// # Errors
    /// As [`SessionManager::say`], and [`Error::ViewerGone`] for a viewer who is not there.
    pub async fn react(&self, by: Reactor<'_>, id: BroadcastId, reaction: Reaction) -> Result<Event> {
        if let Reactor::Caller(caller) = by {
            caller.signed_in()?;
        }
        let broadcast = self.ledger.get(id).await?;
        let reacting = self.reacting(by, &broadcast)?;
        if let Some(user) = reacting.user {
            self.refuse_banned(broadcast.owner, user, reacting.role).await?;
        }
        self.chat.reactions.check(id, reacting.who)?;
        let by = (reacting.user, reacting.guest);
        let told = self.tell(id, (EventType::Reaction, reaction.data()), by).await;
        self.told(told).await
    }

    /// As [`SessionManager::react`] by whoever is signed in, else by the viewer of a token.
    ///
    /// # Errors
    /// As [`SessionManager::react`]; [`Error::ViewerGone`] for a token that is not one of this broadcast.
    pub async fn react_by_token(
        &self,
        caller: &Caller,
        id: BroadcastId,
        viewer_token: Option<&str>,
        reaction: Reaction,
    ) -> Result<Event> {
        match (caller, viewer_token) {
            (Caller::User(_), _) => self.react(Reactor::Caller(caller), id, reaction).await,
            (Caller::Anonymous, Some(token)) => {
                let pass = self.tokens.check_viewer(id, token).ok_or(Error::ViewerGone)?;
                self.react(Reactor::Viewer(pass.viewer), id, reaction).await
            }
            (Caller::Anonymous, None) => Err(Error::Unauthenticated(
                "sign in first, or give the viewer_token of a viewer who is there",
            )),
        }
    }

    fn reacting(&self, by: Reactor<'_>, broadcast: &Snapshot) -> Result<Reacting> {
        let found = match by {
            Reactor::Caller(caller) => caller.signed_in().ok().map(|user| Reacting {
                user: Some(user.id),
                who: user.id.0,
                role: ChatRole::of(user.id, user.role, broadcast),
                guest: self.guest(caller, broadcast),
            }),
            Reactor::Viewer(viewer) => self.viewing(viewer, broadcast),
        };
        let may_know = match by {
            Reactor::Caller(caller) => {
                broadcast.is_visible_to(caller) || found.as_ref().is_some_and(|found| found.guest.is_some())
            }
            Reactor::Viewer(_) => !broadcast.is_private() || found.is_some(),
        };
        match found {
            _ if !may_know => Err(Error::NotFound("broadcast")),
            _ if broadcast.status == Status::Ended => Err(Error::BroadcastEnded),
            None => Err(Error::ViewerGone),
            Some(reacting) => Ok(reacting),
        }
    }

    /// A viewer who is there, as the user that it is, if it is one. The owner's preview is the owner.
    fn viewing(&self, viewer: ViewerId, broadcast: &Snapshot) -> Option<Reacting> {
        let is_preview = viewer.0 == broadcast.id.0;
        let user = match is_preview {
            true => Some(broadcast.owner),
            false => self.presence.user_of(broadcast.id, viewer)?,
        };
        let role = user.map_or(ChatRole::Viewer, |user| ChatRole::of(user, Role::Viewer, broadcast));
        let guest = (!is_preview).then_some(viewer);
        Some(Reacting { user, who: user.map_or(viewer.0, |user| user.0), role, guest })
    }

    /// Messages of a session: the newest, or those before a number.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a private broadcast, or the store's.
    pub async fn chat_messages(
        &self,
        caller: &Caller,
        id: BroadcastId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<ChatPage> {
        let broadcast = visible(&self.ledger, caller, id).await?;
        let limit = limit.clamp(1, MAX_MESSAGES);
        let newest_first = match before {
            Some(_) => Arc::new(self.read_messages(id, before, limit + 1).await?),
            None => self.latest_messages(id).await?,
        };
        let mut items: Vec<_> = newest_first.iter().take(limit as usize).cloned().collect();
        let next_before = items.last().filter(|_| newest_first.len() > items.len()).map(|oldest| oldest.seq);
        items.reverse();
        Ok(ChatPage { broadcast, items, next_before })
    }

    /// Everybody who opens a page asks for them.
    async fn latest_messages(&self, id: BroadcastId) -> Result<Latest> {
        let read = async { Ok(Arc::new(self.read_messages(id, None, MAX_MESSAGES + 1).await?)) };
        self.chat.latest.get(id.0, read).await
    }

    async fn read_messages(&self, id: BroadcastId, before: Option<u64>, limit: u32) -> Result<Vec<Event>> {
        let kinds = vec![EventType::ChatMessage.name().to_owned()];
        let query = EventQuery { before, kinds, newest_first: true, ..EventQuery::after(0, limit) };
        Ok(self.store.events(id, &query).await?.events)
    }

    /// Deletes a message, also one that was deleted before.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::NotFound`] where there is no such message, [`Error::Forbidden`] for those who
    /// neither wrote it nor keep order, or the store's.
    pub async fn delete_message(&self, caller: &Caller, id: BroadcastId, message: EventId) -> Result<()> {
        let user = caller.signed_in()?;
        let (broadcast, _) = self.audible(caller, id).await?;
        let found = self.store.logged_event(id, message).await?.filter(chat::is_message);
        let found = found.ok_or(Error::NotFound("message"))?;
        let role = ChatRole::of(user.id, user.role, &broadcast);
        let data = chat::deletion(&found, user.id, role)?;
        if chat::is_deleted(&found.data) {
            return Ok(());
        }
        let event = self.ledger.event(EventType::ChatDeleted, data, Some(user.id))?;
        let answer = self.store.delete_message(id, message, event).await;
        self.chat.latest.forget(id.0);
        if let Some(counts) = self.ledger.confirmed(answer)? {
            self.ledger.directory.count(id, counts);
        }
        Ok(())
    }

    /// A broadcast in which the caller may speak: one that they may know of, or are a guest of.
    async fn audible(&self, caller: &Caller, id: BroadcastId) -> Result<(Snapshot, Option<ViewerId>)> {
        let broadcast = self.ledger.get(id).await?;
        let guest = self.guest(caller, &broadcast);
        let may_know = guest.is_some() || broadcast.is_visible_to(caller);
        if may_know { Ok((broadcast, guest)) } else { Err(Error::NotFound("broadcast")) }
    }

    /// The viewer as which a user is there by an invitation, where one is needed.
    fn guest(&self, caller: &Caller, broadcast: &Snapshot) -> Option<ViewerId> {
        let user = caller.user_id().filter(|user| broadcast.is_private() && *user != broadcast.owner)?;
        self.presence.guest_of(broadcast.id, user)
    }

    /// Logs what somebody says or how somebody reacts, while that is allowed.
    async fn tell(
        &self,
        id: BroadcastId,
        (kind, data): (EventType, Value),
        (by, guest): (Option<UserId>, Option<ViewerId>),
    ) -> Result<Told> {
        let event = self.ledger.event(kind, data, by)?;
        let answer = match guest {
            Some(guest) => self.store.say_as_guest(id, event.clone(), guest).await,
            None => self.store.say(id, event.clone()).await,
        };
        Ok(Told { id, counts: self.ledger.confirmed(answer)?, event })
    }

    /// What follows in memory; why it was not logged, if it was not.
    async fn told(&self, told: Result<Told>) -> Result<Event> {
        let Told { id, event, counts } = told?;
        let Some(counts) = counts else {
            let is_there = self.ledger.store.broadcast(id).await?.filter(|now| !now.is_private());
            let has_ended = is_there.is_some_and(|now| now.status == Status::Ended);
            return Err(if has_ended { Error::BroadcastEnded } else { Error::NotFound("broadcast") });
        };
        self.ledger.directory.count(id, counts);
        Ok(event.logged(id, counts.seq))
    }

    /// Refuses those who may not speak.
    async fn refuse_banned(&self, owner: UserId, user: UserId, role: ChatRole) -> Result<()> {
        if role.keeps_order() {
            return Ok(());
        }
        match self.banned(owner).await?.get(&user) {
            Some(until) if chat::is_in_force(*until, self.clock().now()) => {
                Err(Error::Banned { until: *until })
            }
            _ => Ok(()),
        }
    }

    /// The access token does not tell it.
    async fn display_name(&self, id: UserId) -> Result<Arc<str>> {
        if let Some(known) = self.chat.names.get(&id) {
            return Ok(known);
        }
        let user = self.users.user(id).await?.ok_or(Error::Unauthenticated("this account is gone"))?;
        let name: Arc<str> = user.display_name.into();
        self.chat.names.insert(id, name.clone());
        Ok(name)
    }
}

/// Something that was to be logged, and the session's numbers after it, if it was.
struct Told {
    id: BroadcastId,
    event: NewEvent,
    counts: Option<Counts>,
}

/// A broadcast that the caller may know of.
async fn visible(ledger: &Ledger, caller: &Caller, id: BroadcastId) -> Result<Snapshot> {
    let broadcast = ledger.get(id).await?;
    if broadcast.is_visible_to(caller) { Ok(broadcast) } else { Err(Error::NotFound("broadcast")) }
}
