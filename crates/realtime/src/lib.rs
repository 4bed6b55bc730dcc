//! Who is connected and who hears what: WebSocket frames, the Centrifuge protocol, and one publication to many.

mod backlog;
pub mod client;
pub mod codes;
mod connection;
mod figures;
pub mod frame;
pub mod handshake;
pub mod history;
mod hub;
mod poll;
pub mod protocol;
mod shard;
mod topic;

pub use backlog::Key;
pub use connection::{Bound, ConnectionId};
pub use figures::Figures;
pub use hub::{Entry, Hub, Limits, Service, Turn};
pub use topic::{Item, TopicId};
