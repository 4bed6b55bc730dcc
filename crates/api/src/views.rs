//! What goes over the wire: clients in the wild are written against these shapes. Fields are added, never renamed.

pub mod accounts;
pub mod admin;
mod broadcast;
mod broadcast_requests;
pub mod chat;
pub mod export;
pub mod join_tokens;
pub mod keys;
pub mod list;
pub mod log;
mod reading;
mod sign_in;
mod watching;

pub use broadcast::*;
pub use broadcast_requests::{CreateBroadcastRequest, UpdateBroadcastRequest};
pub use sign_in::*;
pub use watching::*;

/// An enum on the wire that has the domain's names.
macro_rules! same_names {
    ($view:ident <=> $domain:ident { $($variant:ident),+ }) => {
        impl From<$domain> for $view {
            fn from(value: $domain) -> Self {
                match value { $($domain::$variant => Self::$variant),+ }
            }
        }
        impl From<$view> for $domain {
            fn from(value: $view) -> Self {
                match value { $($view::$variant => Self::$variant),+ }
            }
        }
    };
}

use same_names;
