//! API keys and what they are used for, on the wire.

use serde::{Deserialize, Serialize};
use tallylight_core::clock::Time;
use tallylight_core::expiry::Expiry;
use tallylight_core::key::{ApiKey, NewKeyRequest, Tally, USAGE_DAYS, UsageLine, UsedBy};
use tallylight_core::scope::Scope;
use time::{Date, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

use super::reading::{some_time, some_whole};
use crate::description::names;

names! {
    /// What an API key may do.
    ScopeView = Scope;
}

/// A new API key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What you call it.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00]*$")]
    pub name: String,
    /// How far it reaches; `admin:read` and `admin:write` are for moderators and administrators.
    #[schema(min_items = 1, value_type = Vec<ScopeView>, example = json!(["broadcasts:read", "events:read"]))]
    pub scopes: Vec<String>,
    /// When it ends; without this and `expires_in` never by itself.
    #[serde(default, deserialize_with = "some_time")]
    pub expires_at: Option<OffsetDateTime>,
    /// In how many seconds it ends.
    #[serde(default, deserialize_with = "some_whole")]
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub expires_in: Option<u32>,
}

impl From<KeyRequest> for NewKeyRequest {
    fn from(request: KeyRequest) -> Self {
        let KeyRequest { name, scopes, expires_at, expires_in } = request;
        Self { name, scopes, expiry: Expiry { seconds: expires_in.map(u64::from), at: expires_at } }
    }
}

/// An API key, without the key itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    pub id: Uuid,
    pub name: String,
    /// The last characters of the key, to know it by.
    pub hint: String,
    #[schema(value_type = Vec<ScopeView>)]
    pub scopes: Vec<&'static str>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// To some seconds.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
}

impl From<&ApiKey> for KeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name.clone(),
            hint: key.hint.clone(),
            scopes: key.scopes.iter().map(Scope::name).collect(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A new API key, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewKeyView {
    #[serde(flatten)]
    pub about: KeyView,
    /// The key: send it as `Authorization: Bearer`. It cannot be shown again.
    pub key: String,
}

/// How often something was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct TallyView {
    pub requests: u64,
    /// Those that were refused (4xx).
    pub refused: u64,
    /// Those that failed (5xx).
    pub failed: u64,
}

impl From<Tally> for TallyView {
    fn from(tally: Tally) -> Self {
        let Tally { requests, refused, failed } = tally;
        Self { requests, refused, failed }
    }
}

/// An API key, and what it was used for.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeySummaryView {
    #[serde(flatten)]
    pub about: KeyView,
    /// In the last 30 days.
    pub usage: TallyView,
}

impl From<(ApiKey, Tally)> for KeySummaryView {
    fn from((key, tally): (ApiKey, Tally)) -> Self {
        Self { about: (&key).into(), usage: tally.into() }
    }
}

/// What a key was used for on a day at an endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageLineView {
    /// UTC.
    #[schema(value_type = String, format = Date, example = "2026-05-01")]
    pub day: String,
    /// A method and the pattern of an address.
    #[schema(example = "GET /api/broadcasts/{id}")]
    pub endpoint: String,
    #[serde(flatten)]
    pub tally: TallyView,
}

impl From<UsageLine> for UsageLineView {
    fn from(line: UsageLine) -> Self {
        Self { day: line.day.date().to_string(), endpoint: line.endpoint, tally: line.tally.into() }
    }
}

/// What a key was used for.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageView {
    /// Over how many days, today included.
    pub days: i64,
    pub total: TallyView,
    /// By day and endpoint, the latest day first.
    pub items: Vec<UsageLineView>,
}

/// An API key, and what it was used for by day and endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyDetailsView {
    #[serde(flatten)]
    pub about: KeyView,
    pub usage: UsageView,
}

impl From<(ApiKey, Vec<UsageLine>)> for KeyDetailsView {
    fn from((key, lines): (ApiKey, Vec<UsageLine>)) -> Self {
        let total = lines.iter().fold(Tally::default(), |sum, line| sum.and(line.tally));
        let items = lines.into_iter().map(UsageLineView::from).collect();
        Self { about: (&key).into(), usage: UsageView { days: USAGE_DAYS, total: total.into(), items } }
    }
}

/// What a key was used for, and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsedByView {
    pub key_id: Uuid,
    /// What its owner calls it.
    pub key_name: String,
    pub user_id: Uuid,
    /// The owner's name.
    pub user: String,
    #[serde(flatten)]
    pub line: UsageLineView,
}

impl From<UsedBy> for UsedByView {
    fn from(used: UsedBy) -> Self {
        let UsedBy { key, name, user_id, user, line } = used;
        Self { key_id: key.0, key_name: name, user_id: user_id.0, user, line: line.into() }
    }
}

/// A day such as `2026-05-01`.
pub fn parse_day(text: &str) -> Option<Time> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    Some(Date::parse(text, format).ok()?.midnight().assume_utc())
}
