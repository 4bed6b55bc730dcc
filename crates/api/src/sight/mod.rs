//! Sight of what happens: what is counted, told to whoever may know.
//!
//! Each part of the server counts for itself, with plain atomics. A [`Source`] reads them when somebody asks and puts them
//! on a [`Sheet`], which a scrape and the rules of alerts both read. Nothing of this is global: several servers of one
//! process tell of themselves alone.

mod http;
mod platform;
mod request;
mod sheet;
mod text;

use std::fmt;
use std::sync::Arc;

use tallylight_core::figures::Count;

pub(crate) use http::{Route, Routes};
pub use platform::Platform;
pub(crate) use platform::Playback;
pub(crate) use request::Trail;
pub use sheet::{Family, Kind, Sample, Sheet, Value};
pub use text::{Format, render};

/// Somebody who knows figures.
pub trait Source: Send + Sync + 'static {
    /// Puts them on the sheet.
    fn tell(&self, sheet: &mut Sheet);
}

/// Everything that is known of a running server.
pub struct Sight {
    sources: Vec<Box<dyn Source>>,
    metrics_token: Option<String>,
    pub(crate) routes: Routes,
    pub(crate) playback: Arc<Playback>,
    limited: Limited,
}

impl fmt::Debug for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sight").finish_non_exhaustive()
    }
}

impl Sight {
    /// `metrics_token`: with which metrics may be read from anywhere; without one only from the machine itself.
    pub fn new(sources: Vec<Box<dyn Source>>, metrics_token: Option<String>) -> Self {
        Self {
            sources,
            metrics_token,
            routes: Routes::default(),
            playback: Arc::default(),
            limited: Limited::default(),
        }
    }

    /// All figures as they are now.
    pub fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::default();
        self.routes.tell(&mut sheet);
        self.playback.tell(&mut sheet);
        self.limited.tell(&mut sheet);
        for source in &self.sources {
            source.tell(&mut sheet);
        }
        sheet
    }

    /// Where refusals of a class of limits are counted. To be asked for once, and kept.
    pub fn rate_limited(&self, class: &'static str) -> Arc<Count> {
        self.limited.of(class)
    }

    pub(crate) fn metrics_token(&self) -> Option<&str> {
        self.metrics_token.as_deref()
    }
}

/// Requests refused because they came too often.
#[derive(Debug, Default)]
struct Limited(std::sync::Mutex<Vec<(&'static str, Arc<Count>)>>);

impl Limited {
    fn of(&self, class: &'static str) -> Arc<Count> {
        let mut classes = self.lock();
        if let Some((_, count)) = classes.iter().find(|(known, _)| *known == class) {
            return count.clone();
        }
        let count = Arc::<Count>::default();
        classes.push((class, count.clone()));
        count
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, Arc<Count>)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Source for Limited {
    fn tell(&self, sheet: &mut Sheet) {
        let family =
            sheet.counter("tallylight_rate_limited_total", "Requests refused because they came too often");
        for (class, count) in self.lock().iter() {
            family.add([("class", *class)], count.get());
        }
    }
}
