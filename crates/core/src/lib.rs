//! The rules of Tallylight: broadcasts, sessions, viewers, users and the event log.
//!
//! The managers are the library: they know no HTTP, no SQL and no sockets. What they need of the outside world is
//! handed in: a [`clock::Clock`], an [`ids::Ids`] and the [`store`] traits.
//!
//! A call that writes must run to its end: what is in memory follows the store only after its answer. Callers that may
//! be dropped half-way, as a server's handlers are when a client goes, run each call in a task of its own.

pub mod admin;
pub mod analytics;
pub mod audit;
pub mod audit_log;
pub mod ban;
pub mod broadcast;
pub mod caller;
pub mod chat;
pub mod clock;
pub mod directory;
pub mod error;
pub mod event;
pub mod expiry;
pub mod figures;
pub mod idempotency;
pub mod ids;
pub mod invitation;
pub mod key;
pub mod ledger;
pub mod mail;
pub mod password;
pub mod presence;
pub mod publishers;
pub mod quality;
pub mod scope;
pub mod secret;
pub mod session;
pub mod standing;
pub mod store;
pub mod token;
pub mod user;
pub mod validate;
pub mod viewer;

pub use broadcast::{Broadcast, BroadcastManager};
pub use caller::Caller;
pub use error::{Error, Result};
pub use key::KeyManager;
pub use session::SessionManager;
pub use user::{User, UserManager};
