//! How a broadcast changes: pure rules, from one state to the next and what is to be logged.

use garde::Validate;
use serde_json::{Map, Value, json};

use super::{Broadcast, Ingest, IngestState, MediaAddresses, Status, Visibility};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::event::{EventType, LeaveReason};
use crate::ledger::Decision;
use crate::validate;

/// What an owner changes. Absent: stays. A double option set to `None` clears the field.
#[derive(Debug, Clone, Default, PartialEq, Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateBroadcast {
    /// A new title.
    #[garde(inner(custom(|value: &String, cx: &()| validate::title(value, cx))))]
    pub title: Option<String>,
    /// A new description.
    #[garde(inner(custom(validate::some_text(0..=5_000))))]
    pub description: Option<Option<String>>,
    /// A new status.
    pub status: Option<Status>,
    /// A new visibility.
    pub visibility: Option<Visibility>,
    /// New tags, all of them.
    #[garde(inner(custom(|value: &Vec<String>, cx: &()| validate::tags(value, cx))))]
    pub tags: Option<Vec<String>>,
    /// A new intent.
    #[garde(inner(custom(validate::some_text(1..=100))))]
    pub ai_intent: Option<Option<String>>,
    /// A new limit; it evicts nobody.
    #[garde(inner(custom(validate::max_viewers)))]
    pub max_viewers: Option<u32>,
    /// A merge patch (RFC 7396).
    pub metadata: Option<Map<String, Value>>,
    /// Viewers elsewhere.
    #[garde(inner(range(max = super::MAX_REPORTED_VIEWERS)))]
    pub viewer_count: Option<u32>,
    /// A new address elsewhere.
    #[garde(inner(custom(validate::some_media_url)))]
    pub rtmp_url: Option<Option<String>>,
    /// A new address elsewhere.
    #[garde(inner(custom(validate::some_media_url)))]
    pub hls_url: Option<Option<String>>,
    /// A new address elsewhere.
    #[garde(inner(custom(validate::some_media_url)))]
    pub webrtc_endpoint: Option<Option<String>>,
    /// Whether it is featured; administrators only.
    pub is_featured: Option<bool>,
}

/// Sets `slot` and notes the field when a new value differs.
macro_rules! set {
    ($changed:ident, $after:ident . $($field:ident).+ , $new:expr, $name:literal) => {
        if let Some(new) = $new.clone()
            && $after.$($field).+ != new
        {
            $after.$($field).+ = new;
            $changed.insert($name.into(), json!($after.$($field).+));
        }
    };
}

impl Broadcast {
    /// Applies an owner's changes. `None`: nothing changes, and nothing is logged.
    ///
    /// # Errors
    /// [`Error::InvalidTransition`] out of `ended`; [`Error::Invalid`] where the whole would not be valid.
    pub fn update(&self, update: &UpdateBroadcast, now: Time) -> Result<Option<Decision>> {
        if self.status == Status::Ended {
            return self.update_ended(update);
        }
        let mut after = self.clone();
        let changed = after.set_fields(update)?;
        let mut decision = Decision::new(after);
        if !changed.is_empty() {
            decision = decision.log(EventType::BroadcastUpdated, Value::Object(changed));
        }
        if let Some(status) = update.status
            && status != self.status
        {
            decision = decision.into_status(self.status, status, now);
        }
        if decision.after == *self {
            return Ok(None);
        }
        let turned_private = !self.is_private() && decision.after.is_private();
        if turned_private && decision.evict.is_none() {
            decision.evict = Some(LeaveReason::Private);
        }
        Ok(Some(decision))
    }

    fn update_ended(&self, update: &UpdateBroadcast) -> Result<Option<Decision>> {
        match update.status {
            Some(Status::Ended) | None => {}
            Some(to) => return Err(Error::InvalidTransition { from: Status::Ended, to }),
        }
        if update.viewer_count.is_some_and(|count| count > 0) {
            return Err(Error::BroadcastEnded);
        }
        let mut after = self.clone();
        let changed = after.set_fields(update)?;
        let unchanged = changed.is_empty() && after == *self;
        Ok((!unchanged)
            .then(|| Decision::new(after).log(EventType::BroadcastUpdated, Value::Object(changed))))
    }

    /// Sets the fields other than the status; returns those that changed, for the log. Metadata is never logged.
    fn set_fields(&mut self, update: &UpdateBroadcast) -> Result<Map<String, Value>> {
        let mut changed = Map::new();
        let after = self;
        let tags = update.tags.clone().map(unique);
        set!(changed, after.title, update.title, "title");
        set!(changed, after.description, update.description, "description");
        set!(changed, after.visibility, update.visibility, "visibility");
        set!(changed, after.tags, tags, "tags");
        set!(changed, after.ai_intent, update.ai_intent, "ai_intent");
        set!(changed, after.max_viewers, update.max_viewers, "max_viewers");
        set!(changed, after.reported_viewers, update.viewer_count, "reported_viewers");
        set!(changed, after.elsewhere.rtmp_url, update.rtmp_url, "rtmp_url");
        set!(changed, after.elsewhere.hls_url, update.hls_url, "hls_url");
        set!(changed, after.elsewhere.webrtc_endpoint, update.webrtc_endpoint, "webrtc_endpoint");
        set!(changed, after.is_featured, update.is_featured, "is_featured");
        if let Some(patch) = &update.metadata {
            let before = after.metadata.clone();
            merge_patch(&mut after.metadata, patch);
            validate::metadata(&after.metadata, &())
                .map_err(|error| Error::field("metadata", error.message()))?;
            if after.metadata != before {
                changed.insert("metadata".into(), Value::Bool(true));
            }
        }
        Ok(changed)
    }

    /// Ends it, if it has not ended.
    pub fn end(&self, reason: &str, now: Time) -> Option<Decision> {
        if self.status == Status::Ended {
            return None;
        }
        let mut decision = Decision::new(self.clone()).into_status(self.status, Status::Ended, now);
        if let Some((_, data)) = decision.events.last_mut() {
            *data = json!({ "reason": reason });
        }
        Some(decision)
    }

    /// Ends and removes it: what people wrote is blanked, its log stays.
    pub fn delete(&self, now: Time) -> Decision {
        let mut decision = self.end("deleted", now).unwrap_or_else(|| Decision::new(self.clone()));
        let after = &mut decision.after;
        after.title = String::new();
        after.description = None;
        after.ai_intent = None;
        after.tags.clear();
        after.metadata.clear();
        after.elsewhere = MediaAddresses::default();
        after.deleted_at = Some(now);
        decision
    }

    /// The first media of a publish arrived.
    pub fn media_started(&self, now: Time) -> Option<Decision> {
        let mut after = self.clone();
        after.ingest = Ingest { state: IngestState::Live, interrupted_until: None };
        match self.ingest.state {
            IngestState::Live | IngestState::Ended => None,
            IngestState::Idle => {
                after.started_at = now;
                Some(Decision::new(after).log(EventType::BroadcastStarted, json!({})))
            }
            IngestState::Interrupted => {
                Some(Decision::new(after).log(EventType::BroadcastRecovered, json!({})))
            }
        }
    }

    /// The encoder went; it may come back until `until`.
    pub fn media_stopped(&self, reason: &str, until: Time) -> Option<Decision> {
        if self.ingest.state != IngestState::Live {
            return None;
        }
        let mut after = self.clone();
        after.ingest = Ingest { state: IngestState::Interrupted, interrupted_until: Some(until) };
        let data = json!({ "reason": reason, "until": rfc3339(until) });
        Some(Decision::new(after).log(EventType::BroadcastInterrupted, data))
    }

    /// After a restart of the server, or when it is only found out that the encoder went, the wait for it begins anew.
    pub fn wait_again(&self, why: &str, until: Time) -> Option<Decision> {
        match self.ingest.state {
            IngestState::Live => self.media_stopped(why, until),
            IngestState::Interrupted => {
                let mut after = self.clone();
                after.ingest.interrupted_until = Some(until);
                Some(Decision::new(after))
            }
            IngestState::Idle | IngestState::Ended => None,
        }
    }
}

impl Decision {
    fn into_status(mut self, from: Status, to: Status, now: Time) -> Self {
        self.after.status = to;
        let change = || json!({ "status": to });
        let (kind, data) = match (from, to) {
            (_, Status::Ended) => (EventType::BroadcastEnded, json!({})),
            (_, Status::Paused) => (EventType::BroadcastPaused, json!({})),
            (Status::Paused, Status::Active) => (EventType::BroadcastResumed, json!({})),
            _ => (EventType::BroadcastUpdated, change()),
        };
        if to == Status::Ended {
            self.after.ended_at = Some(now);
            // The status that kept it private goes; what it was stays nobody else's business.
            if from == Status::Private {
                self.after.visibility = Visibility::Private;
            }
            self.after.reported_viewers = 0;
            self.after.ingest = Ingest { state: IngestState::Ended, interrupted_until: None };
            self.evict = Some(LeaveReason::Ended);
        }
        self.log(kind, data)
    }
}

/// Each tag once, in the order given.
pub(super) fn unique(tags: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    tags.into_iter().filter(|tag| seen.insert(tag.clone())).collect()
}

/// JSON merge patch (RFC 7396 §2) on an object.
fn merge_patch(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(inner) => {
                let mut merged = match target.remove(key) {
                    Some(Value::Object(existing)) => existing,
                    _ => Map::new(),
                };
                merge_patch(&mut merged, inner);
                target.insert(key.clone(), Value::Object(merged));
            }
            other => {
                target.insert(key.clone(), other.clone());
            }
        }
    }
}

fn rfc3339(time: Time) -> String {
    time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests;
