//! Why a connection or a subscription ends, and whether its client comes back: the codes are a contract.
//!
//! Closes from 3000 and from 4000 to 4499 tell a client to reconnect, those from 3500 and from 4500 to stay away;
//! unsubscribe pushes below 2500 are final.

/// A close of the whole connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// The code.
    pub code: u16,
    /// For a person; never empty, because some clients ignore a code without one.
    pub reason: &'static str,
}

impl Close {
    /// The client said goodbye.
    pub const NORMAL: Self = Self { code: 1000, reason: "closed" };
    /// The server stops; another one will be there.
    pub const SHUTDOWN: Self = Self { code: 3001, reason: "shutdown" };
    /// A fault of ours.
    pub const SERVER_ERROR: Self = Self { code: 3004, reason: "internal server error" };
    /// The token's time is over.
    pub const EXPIRED: Self = Self { code: 3005, reason: "connection expired" };
    /// It did not answer a ping.
    pub const NO_PONG: Self = Self { code: 3012, reason: "no pong" };
    /// The token is none of ours.
    pub const INVALID_TOKEN: Self = Self { code: 3500, reason: "invalid token" };
    /// It did not speak the protocol.
    pub const BAD_REQUEST: Self = Self { code: 3501, reason: "bad request" };
    /// It never said who it is.
    pub const STALE: Self = Self { code: 3502, reason: "stale" };
    /// Its sign-in has ended, or who it is may not be here any more.
    pub const FORCED: Self = Self { code: 3503, reason: "force disconnect" };
}

/// An answer that says why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: u32,
    /// For a person.
    pub message: &'static str,
    /// Whether the client should try again by itself.
    pub temporary: bool,
}

impl Refusal {
    /// A fault of ours.
    pub const INTERNAL: Self = Self::passing(100, "internal server error");
    /// Who asks is not known well enough.
    pub const UNAUTHORIZED: Self = Self::lasting(101, "unauthorized");
    /// There is no such channel, or none that the caller may know of.
    pub const UNKNOWN_CHANNEL: Self = Self::lasting(102, "unknown channel");
    /// The caller may not do this.
    pub const DENIED: Self = Self::lasting(103, "permission denied");
    /// There is no such method.
    pub const NO_METHOD: Self = Self::lasting(104, "method not found");
    /// It is subscribed.
    pub const SUBSCRIBED: Self = Self::lasting(105, "already subscribed");
    /// Too much of something.
    pub const LIMIT: Self = Self::lasting(106, "limit exceeded");
    /// What was sent makes no sense.
    pub const BAD_REQUEST: Self = Self::lasting(107, "bad request");
    /// Not offered here.
    pub const NOT_AVAILABLE: Self = Self::lasting(108, "not available");
    /// The token's time is over: get another.
    pub const TOKEN_EXPIRED: Self = Self::lasting(109, "token expired");
    /// Too fast.
    pub const TOO_MANY: Self = Self::passing(111, "too many requests");

    /// An answer that stays the same.
    pub const fn lasting(code: u32, message: &'static str) -> Self {
        Self { code, message, temporary: false }
    }

    /// An answer that may be another in a moment.
    pub const fn passing(code: u32, message: &'static str) -> Self {
        Self { code, message, temporary: true }
    }
}

/// The end of a subscription by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The code.
    pub code: u32,
    /// For a person.
    pub reason: &'static str,
}

impl Unsubscribe {
    /// The channel is no longer there for this client.
    pub const GONE: Self = Self { code: 2000, reason: "the channel is not there any more" };
}
