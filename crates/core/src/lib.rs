//! The rules of Tallylight: broadcasts, sessions, viewers, users and the event log.
//!
//! The managers are the library: they know no HTTP, no SQL and no sockets. What they need of the outside world is
//! handed in: a [`clock::Clock`], an [`ids::Ids`] and the [`store`] traits.

pub mod broadcast;
pub mod caller;
pub mod clock;
pub mod directory;
pub mod error;
pub mod event;
pub mod ids;
pub mod ledger;
pub mod password;
pub mod presence;
pub mod publishers;
pub mod secret;
pub mod session;
pub mod store;
pub mod token;
pub mod user;
pub mod validate;
pub mod viewer;

pub use broadcast::{Broadcast, BroadcastManager};
pub use caller::Caller;
pub use error::{Error, Result};
pub use session::SessionManager;
pub use user::{User, UserManager};
