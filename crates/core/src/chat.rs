//! Chat and reactions: what may be said, and who keeps order.

#[cfg(test)]
mod tests;

use std::time::Duration;

use garde::Validate;
use serde_json::{Value, json};

use crate::broadcast::{Broadcast, Snapshot};
use crate::caller::{Caller, Identity};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::event::{Event, EventType};
use crate::ids::{EventId, UserId, ViewerId};
use crate::user::Role;
use crate::validate;

/// The most characters of a message.
pub const MAX_TEXT_CHARS: usize = 500;
/// The most lines of a message.
pub const MAX_TEXT_LINES: usize = 20;
/// The longest time-out, in seconds: two weeks.
pub const MAX_TIME_OUT: u32 = 14 * 24 * 3_600;
/// The most messages that are read at once.
pub const MAX_MESSAGES: u32 = 100;

/// How fast somebody may do something: so often at once, and then once in each interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// So often at once, at least once.
    pub burst: u32,
    /// Between two, once the burst is used up; zero: as often as one likes.
    pub interval: Duration,
}

/// Settings of the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatSettings {
    /// Messages of a user in a session.
    pub messages: Pace,
    /// Reactions of a user, or of a viewer nobody knows, in a session.
    pub reactions: Pace,
}

impl ChatSettings {
    /// What is set where nobody says otherwise.
    pub const DEFAULT: Self = Self {
        messages: Pace { burst: 5, interval: Duration::from_secs(2) },
        reactions: Pace { burst: 10, interval: Duration::from_millis(500) },
    };
}

/// What somebody is in the chat of a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatRole {
    /// Whose broadcast it is.
    Owner,
    /// Keeps order on this server.
    Moderator,
    /// Runs this server.
    Admin,
    /// Everybody else.
    Viewer,
}

impl ChatRole {
    /// What a user with a role is in the chat of a broadcast.
    pub fn of(user: UserId, role: Role, broadcast: &Broadcast) -> Self {
        match role {
            _ if user == broadcast.owner => Self::Owner,
            Role::Moderator => Self::Moderator,
            Role::Admin => Self::Admin,
            Role::Viewer | Role::Broadcaster => Self::Viewer,
        }
    }

    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }

    /// Whether this one keeps order, and so cannot be banned.
    pub fn keeps_order(self) -> bool {
        self != Self::Viewer
    }

    /// As whom this one deletes a message; `None`: only one's own.
    fn deletes_as(self) -> Option<&'static str> {
        match self {
            Self::Owner => Some("owner"),
            Self::Moderator | Self::Admin => Some("moderator"),
            Self::Viewer => None,
        }
    }
}

/// A reaction out of the fixed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// A heart.
    Heart,
    /// A thumb up.
    Like,
    /// A laugh.
    Laugh,
    /// Amazement.
    Wow,
    /// Applause.
    Clap,
    /// A party.
    Party,
    /// Fire.
    Fire,
}

impl Reaction {
    /// All there are.
    pub const ALL: &[Self] =
        &[Self::Heart, Self::Like, Self::Laugh, Self::Wow, Self::Clap, Self::Party, Self::Fire];

    /// The one of a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for all other names.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().copied().find(|reaction| reaction.name() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|reaction| reaction.name()).collect();
            Error::field("reaction", format!("must be one of {}", names.join(", ")))
        })
    }

    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heart => "heart",
            Self::Like => "like",
            Self::Laugh => "laugh",
            Self::Wow => "wow",
            Self::Clap => "clap",
            Self::Party => "party",
            Self::Fire => "fire",
        }
    }

    /// The particulars of `reaction`.
    pub fn data(self) -> Value {
        json!({ "reaction": self.name() })
    }
}

/// Who reacts.
#[derive(Debug, Clone, Copy)]
pub enum Reactor<'a> {
    /// Somebody who is signed in.
    Caller(&'a Caller),
    /// A viewer, who must be there.
    Viewer(ViewerId),
}

/// Some messages of a session.
#[derive(Debug, Clone)]
pub struct ChatPage {
    /// The session's broadcast.
    pub broadcast: Snapshot,
    /// The messages, the oldest first; deleted ones without what was said.
    pub items: Vec<Event>,
    /// Reading before this number goes on; `None`: there is nothing older.
    pub next_before: Option<u64>,
}

/// A ban as it is asked for.
#[derive(Debug, Clone, Validate)]
pub struct NewBan {
    /// The name of whoever is banned.
    #[garde(custom(|value: &String, cx: &()| validate::username(value, cx)))]
    pub user: String,
    /// For how long; `None`: for good.
    #[garde(custom(time_out))]
    pub seconds: Option<u32>,
    /// Why, at most 200 characters.
    #[garde(custom(validate::some_text(0..=200)))]
    pub reason: Option<String>,
}

fn time_out(seconds: &Option<u32>, (): &()) -> garde::Result {
    match seconds {
        Some(seconds) if !(1..=MAX_TIME_OUT).contains(seconds) => {
            Err(garde::Error::new(format!("must be 1 to {MAX_TIME_OUT}, or left out")))
        }
        _ => Ok(()),
    }
}

/// Somebody who may not speak on the broadcasts of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Whose broadcasts.
    pub owner: UserId,
    /// Who is banned.
    pub user_id: UserId,
    /// The name of whoever is banned.
    pub user: String,
    /// Until when; `None`: for good.
    pub until: Option<Time>,
    /// Why.
    pub reason: Option<String>,
    /// Who said so.
    pub by_id: UserId,
    /// The name of whoever said so.
    pub by: String,
    /// Since when.
    pub created_at: Time,
}

/// Whether a ban that ends then, or never, is in force now.
pub fn is_in_force(until: Option<Time>, now: Time) -> bool {
    until.is_none_or(|until| until > now)
}

/// A message as it is kept: without white space around it, its lines parted by line feeds.
///
/// # Errors
/// [`Error::Invalid`] for a text that is empty, too long, or has control characters.
pub fn message(given: &str) -> Result<String> {
    let text = given.replace("\r\n", "\n");
    let text = text.trim();
    let refused = |why: String| Err(Error::field("text", why));
    if let Err(error) = validate::text(1..=MAX_TEXT_CHARS)(text, &()) {
        return refused(error.message().to_owned());
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return refused("must not contain control characters other than line feeds".into());
    }
    let lines = text.lines().count();
    if lines > MAX_TEXT_LINES {
        return refused(format!("has {lines} lines; at most {MAX_TEXT_LINES} are allowed"));
    }
    Ok(text.to_owned())
}

/// The particulars of `chat.message`.
pub fn said(text: &str, author: &Identity, display_name: &str, role: ChatRole) -> Value {
    json!({ "text": text, "user": author.username, "display_name": display_name, "role": role.name() })
}

/// What is left of a message's particulars once it is deleted.
pub fn blank() -> Value {
    json!({ "deleted": true })
}

/// Whether a message was deleted.
pub fn is_deleted(data: &Value) -> bool {
    data.get("deleted").and_then(Value::as_bool) == Some(true)
}

/// Whether an event is a message.
pub fn is_message(event: &Event) -> bool {
    event.kind == EventType::ChatMessage.name()
}

/// The particulars of the `chat.deleted` by which somebody deletes a message.
///
/// # Errors
/// [`Error::Forbidden`] for those who neither wrote it nor keep order.
pub fn deletion(message: &Event, by: UserId, role: ChatRole) -> Result<Value> {
    let by = if message.user_id == Some(by) { Some("author") } else { role.deletes_as() };
    let by =
        by.ok_or(Error::Forbidden("only its author, the broadcaster and moderators delete a message"))?;
    let EventId(id) = message.id;
    Ok(json!({ "message_id": id, "message_seq": message.seq, "by": by }))
}
