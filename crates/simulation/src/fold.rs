//! One session's log, added up event by event in the plainest way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tallylight_core::clock::Time;
use tallylight_core::event::Event;
use tallylight_core::ids::{EventId, ViewerId};
use tallylight_core::viewer::Counts;

/// What the log says so far.
#[derive(Default)]
pub struct Fold {
    /// The numbers after each event, and when it was committed.
    pub history: Vec<(Duration, Counts)>,
    /// Who is there, and since what wall time.
    pub there: BTreeMap<ViewerId, Time>,
    /// How often each title was logged.
    pub titles: BTreeMap<String, u32>,
    has_ended: bool,
    ids: BTreeSet<EventId>,
}

/// What an event says of a viewer.
pub enum Step {
    /// It came.
    Joined(ViewerId, Time),
    /// It went.
    Left(Gone),
    /// Nothing.
    Other,
}

/// A viewer who went.
pub struct Gone {
    /// Who.
    pub viewer: ViewerId,
    /// Why.
    pub reason: String,
    /// When it had come.
    pub joined_at: Time,
    /// The effective time.
    pub at: Time,
}

impl Fold {
    /// The numbers now.
    pub fn counts(&self) -> Counts {
        self.history.last().map_or_else(Counts::default, |(_, counts)| *counts)
    }

    /// Takes the next event, committed at a time of the run.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, event: &Event, now: Duration) -> Result<Step, String> {
        let before = self.counts();
        if event.seq != before.seq + 1 {
            return Err(format!("event {} follows {}", event.seq, before.seq));
        }
        if !self.ids.insert(event.id) {
            return Err(format!("event {} is logged twice", event.id));
        }
        let step = match event.kind.as_str() {
            "viewer.joined" => self.joined(event)?,
            "viewer.left" => self.left(event)?,
            "broadcast.ended" => {
                self.has_ended = true;
                Step::Other
            }
            _ => Step::Other,
        };
        if let Some(title) = event.data["title"].as_str() {
            *self.titles.entry(title.to_owned()).or_default() += 1;
        }
        let viewers = u32::try_from(self.there.len()).unwrap_or(u32::MAX);
        let counts = Counts { viewers, peak: before.peak.max(viewers), seq: event.seq };
        self.history.push((now, counts));
        Ok(step)
    }

    fn joined(&mut self, event: &Event) -> Result<Step, String> {
        let viewer = viewer(&event.data)?;
        if self.has_ended {
            return Err(format!("viewer {viewer} joined after the end"));
        }
        if self.there.insert(viewer, event.created_at).is_some() {
            return Err(format!("viewer {viewer} joined and was there"));
        }
        Ok(Step::Joined(viewer, event.created_at))
    }

    fn left(&mut self, event: &Event) -> Result<Step, String> {
        let viewer = viewer(&event.data)?;
        let joined_at =
            self.there.remove(&viewer).ok_or_else(|| format!("viewer {viewer} left and was not there"))?;
        let at = event.created_at;
        if at < joined_at {
            return Err(format!("viewer {viewer} left at {at}, before it joined at {joined_at}"));
        }
        let watched = (at - joined_at).as_seconds_f64();
        if event.data["watched"].as_f64() != Some(watched) {
            return Err(format!("viewer {viewer} watched {watched} s, not {}", event.data["watched"]));
        }
        let reason = event.data["reason"].as_str().unwrap_or_default().to_owned();
        Ok(Step::Left(Gone { viewer, reason, joined_at, at }))
    }
}

fn viewer(data: &Value) -> Result<ViewerId, String> {
    let id = data["viewer_id"].as_str().and_then(|id| id.parse().ok());
    id.ok_or_else(|| format!("an event of no viewer: {data}"))
}
