//! The handlers, by noun.

pub mod admin;
pub mod analytics;
pub mod auth;
pub mod broadcasts;
pub mod chat;
pub mod events;
pub mod health;
pub mod join_tokens;
pub mod keys;
pub mod lists;
pub mod live;
pub mod metrics;
pub mod my_data;
pub mod pages;
pub mod password_reset;
pub mod playback;
pub mod profiles;
pub mod security;
pub mod sessions;
pub mod sign_ins;
pub mod stream_keys;
pub mod users;
pub mod viewers;
