//! Sight of what happens: what is counted, told to whoever may know.
//!
//! Each part of the server counts for itself, with plain atomics. A [`Source`] reads them when somebody asks and puts them
//! on a [`Sheet`], which a scrape and the rules of alerts both read. Nothing of this is global: several servers of one
//! process tell of themselves alone.

mod alerts;
mod errors;
mod http;
mod platform;
mod request;
mod sheet;
mod text;

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

pub use alerts::{
    AlertParts, Alerts, Courier, Couriers, Delivery, Fault, Notice, Notify, Rule, Standing, State, deliver,
};
pub use errors::{ErrorBook, ErrorGroup, Occurrence, Report};
pub(crate) use http::{Route, Routes};
pub use platform::Platform;
pub(crate) use platform::Playback;
pub use request::TraceId;
pub(crate) use request::{Names, Trail};
pub use sheet::{Family, Kind, Sample, Sheet, Value};
pub use text::{Format, render};

/// Somebody who knows figures.
pub trait Source: Send + Sync + 'static {
    /// Puts them on the sheet.
    fn tell(&self, sheet: &mut Sheet);
}

/// Whether this task answers a request.
pub fn is_answering() -> bool {
    Trail::current().is_some()
}

/// The request that this task answers and the trace that it belongs to, if it answers one.
pub fn names() -> Option<(Uuid, TraceId)> {
    Trail::current().map(|trail| (trail.id, trail.trace))
}

/// Under which answers are logged.
pub const ANSWER: &str = "tallylight::answer";

/// Everything that is known of a running server.
pub struct Sight {
    sources: Vec<Box<dyn Source>>,
    metrics_token: Option<String>,
    errors: Arc<ErrorBook>,
    alerts: Alerts,
    pub(crate) routes: Routes,
    pub(crate) playback: Arc<Playback>,
}

impl fmt::Debug for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sight").finish_non_exhaustive()
    }
}

impl Sight {
    /// `metrics_token`: with which metrics may be read from anywhere; without one only from the machine itself.
    pub fn new(
        sources: Vec<Box<dyn Source>>,
        errors: Arc<ErrorBook>,
        alerts: Alerts,
        metrics_token: Option<String>,
    ) -> Self {
        Self { sources, metrics_token, errors, alerts, routes: Routes::default(), playback: Arc::default() }
    }

    /// All figures as they are now.
    pub fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::default();
        self.routes.tell(&mut sheet);
        self.playback.tell(&mut sheet);
        self.errors.tell(&mut sheet);
        self.alerts.tell(&mut sheet);
        for source in &self.sources {
            source.tell(&mut sheet);
        }
        sheet
    }

    /// The errors that happened.
    pub fn errors(&self) -> &ErrorBook {
        &self.errors
    }

    /// The rules of alerts.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    pub(crate) fn metrics_token(&self) -> Option<&str> {
        self.metrics_token.as_deref()
    }
}
