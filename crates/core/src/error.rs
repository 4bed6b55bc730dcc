//! The one error of the domain.

use std::fmt;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;

use crate::broadcast::Status;
use crate::clock::Time;

/// What every manager returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was refused or failed. Its codes over HTTP are in `problem.rs` and in the docs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// There is none, or the caller may not know of it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The caller must sign in, or the credentials are not valid.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Whoever is signed in does not know the account's password.
    #[error("the current password is not right")]
    WrongPassword,
    /// Fields are not valid.
    #[error("some fields are not valid: {}", list(.0))]
    Invalid(Vec<FieldError>),
    /// The name or e-mail address belongs to another account.
    #[error("this {0} is taken")]
    Taken(&'static str),
    /// An ended broadcast stays ended.
    #[error("a broadcast that is {from} cannot become {to}")]
    InvalidTransition {
        /// What it is.
        from: Status,
        /// What was asked for.
        to: Status,
    },
    /// A user has as many broadcasts open as are allowed.
    #[error("you have {0} broadcasts that have not ended; end one first")]
    TooManyBroadcasts(usize),
    /// All places under `max_viewers` are taken.
    #[error("all places of this broadcast are taken")]
    BroadcastFull,
    /// The broadcast has ended.
    #[error("this broadcast has ended")]
    BroadcastEnded,
    /// The viewer left, was removed or timed out.
    #[error("this viewer has gone: join again")]
    ViewerGone,
    /// The invitation is not valid for this broadcast.
    #[error("this invitation is not valid")]
    JoinTokenInvalid,
    /// The caller may not speak on this owner's broadcasts.
    #[error("you are banned from the chat of this broadcaster{}", end(.until.as_ref()))]
    Banned {
        /// Until when; `None`: for good.
        until: Option<Time>,
    },
    /// The account may do nothing.
    #[error("this account is suspended{}", end(.until.as_ref()))]
    Suspended {
        /// Until when; `None`: for good.
        until: Option<Time>,
    },
    /// The device or the address is kept out.
    #[error("this device or network is shut out of this server{}", end(.until.as_ref()))]
    ShutOut {
        /// Until when; `None`: for good.
        until: Option<Time>,
    },
    /// Somebody must be left to administer the server.
    #[error("this is the last administrator: make another one first")]
    LastAdmin,
    /// The caller does something more often than is allowed.
    #[error("too fast: try again in {} s", seconds(*.retry_after))]
    TooManyRequests {
        /// When it would be allowed.
        retry_after: Duration,
    },
    /// A list's cursor is too old, or somebody else's.
    #[error("this cursor has expired: begin the list again")]
    CursorExpired,
    /// More than can be looked through for one list.
    #[error("more than {0} broadcasts were live: too many for a list")]
    TooManyLive(u32),
    /// Too much work at once; try again shortly.
    #[error("the server is busy with {0}; try again in a moment")]
    Busy(&'static str),
    /// The store cannot be reached or refuses to write.
    #[error("the database is unavailable: {0}")]
    Unavailable(Outage),
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// What is wrong with it, for those who run the server.
    pub reason: String,
    /// Whether it may have been done all the same: a commit was sent, and nobody heard of it.
    pub in_doubt: bool,
}

impl Outage {
    /// Nobody knows whether it was done.
    pub fn in_doubt(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), in_doubt: true }
    }
}

impl<T: Into<String>> From<T> for Outage {
    /// Nothing was done.
    fn from(reason: T) -> Self {
        Self { reason: reason.into(), in_doubt: false }
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason)
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's path, such as `tags[3]`.
    pub field: String,
    /// What is wrong, for a person.
    pub message: String,
}

impl Error {
    /// One field is not valid.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }
}

/// Whole seconds, after which it is late enough.
pub fn seconds(wait: Duration) -> u64 {
    wait.as_nanos().div_ceil(1_000_000_000).try_into().unwrap_or(u64::MAX).max(1)
}

fn end(until: Option<&Time>) -> String {
    let until = until.and_then(|until| until.format(&Rfc3339).ok());
    until.map_or(String::new(), |until| format!(" until {until}"))
}

fn list(fields: &[FieldError]) -> String {
    fields.iter().map(|f| format!("{} {}", f.field, f.message)).collect::<Vec<_>>().join("; ")
}

impl From<garde::Report> for Error {
    fn from(report: garde::Report) -> Self {
        let fields = report
            .iter()
            .map(|(path, error)| FieldError { field: path.to_string(), message: error.message().to_owned() });
        Self::Invalid(fields.collect())
    }
}
