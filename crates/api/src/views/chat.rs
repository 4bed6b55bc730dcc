//! Chat, reactions and bans, on the wire.

use serde::{Deserialize, Serialize};
use tallylight_core::chat::{Ban, ChatPage, NewBan, Reaction};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::log::EventView;
use super::reading::some_whole;
use crate::description::names;

/// Something to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SayRequest {
    /// 1 to 500 characters in at most 20 lines, without other control characters. White space around it is left out.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "Hello from the pad",
        pattern = r"^[^\S\x1c-\x1f]*[^\s\x00-\x1f\x7f-\x9f](\r\n|[^\x00-\x09\x0b-\x1f\x7f-\x9f])*[^\S\x1c-\x1f]*$"
    )]
    pub text: String,
}

/// Messages of a session.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatList {
    /// The oldest first. Deleted ones have `data.deleted` and nothing else in `data`.
    pub items: Vec<EventView>,
    /// Read on before this number; `null` when there is nothing older.
    pub next_before: Option<u64>,
}

impl From<ChatPage> for ChatList {
    fn from(page: ChatPage) -> Self {
        let ChatPage { broadcast, items, next_before } = page;
        let items = items.into_iter().filter_map(|event| EventView::public(event, broadcast.owner));
        Self { items: items.collect(), next_before }
    }
}

/// How to react.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reaction": "heart"}))]
pub struct ReactRequest {
    /// One of a fixed set.
    #[schema(value_type = ReactionView)]
    pub reaction: String,
    /// Of a viewer who is there, for those who are not signed in.
    pub viewer_token: Option<String>,
}

names! {
    /// A reaction.
    ReactionView = Reaction;
}

/// Whom to ban.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BanRequest {
    /// A user name.
    #[schema(min_length = 2, max_length = 32, pattern = "^[a-z0-9_-]{2,32}$", example = "bob")]
    pub user: String,
    /// For how long, up to two weeks; for good, if it is not given.
    #[serde(default, deserialize_with = "some_whole")]
    #[schema(minimum = 1, maximum = 1_209_600)]
    pub seconds: Option<u32>,
    /// Why, for those who keep order.
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    pub reason: Option<String>,
}

impl From<BanRequest> for NewBan {
    fn from(request: BanRequest) -> Self {
        let BanRequest { user, seconds, reason } = request;
        Self { user, seconds, reason }
    }
}

/// Somebody who may not speak on the broadcasts of an owner.
#[derive(Debug, Serialize, ToSchema)]
pub struct BanView {
    pub user_id: Uuid,
    /// The user's name.
    pub user: String,
    /// `null`: for good.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    pub reason: Option<String>,
    /// The name of whoever said so.
    pub by: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl From<Ban> for BanView {
    fn from(ban: Ban) -> Self {
        let Ban { user_id, user, until, reason, by, created_at, .. } = ban;
        Self { user_id: user_id.0, user, until, reason, by, created_at }
    }
}
