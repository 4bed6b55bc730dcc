//! How often each caller may do what.
//!
//! Every operation belongs to a [`Class`] (see [`classes`]), and each caller has a budget in each class: so many at once,
//! which come back evenly over a period (GCRA). A [`Meter`] keeps the accounts; the layer asks it before a handler runs.

pub mod account;
pub mod classes;
mod key;
mod layer;
mod memory;

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use tallylight_core::clock::Clock;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use classes::Class;
pub(crate) use classes::Classes;
pub use key::LimitKey;
pub(crate) use layer::{Answering, Limited, RATE_LIMIT, RATE_LIMIT_POLICY};

use crate::limits::account::KnownPlaces;
use crate::limits::memory::Memory;
use crate::sight::{Sheet, Source};

/// How often those who may do everything again are forgotten.
const SWEEP: Duration = Duration::from_secs(10);
/// The most that a rate may allow, and the longest period in seconds: a day.
const MOST: (u32, u32) = (1_000_000_000, 86_400);

/// So many in a period: all at once, or spread. Written `600/60`, for 600 in 60 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    count: u32,
    seconds: u32,
}

impl Rate {
    /// `count` in `seconds`; neither may be 0.
    pub const fn new(count: u32, seconds: u32) -> Self {
        Self { count, seconds }
    }

    /// After how long one more comes back.
    fn interval(self) -> Duration {
        Duration::from_secs(self.seconds.into()) / self.count
    }

    /// In how many seconds everything is back, rounded up.
    fn whole_again(self, left: u32) -> u64 {
        let missing = u64::from(self.count.saturating_sub(left));
        (missing * u64::from(self.seconds)).div_ceil(u64::from(self.count))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.seconds)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.split_once('/').and_then(|(count, seconds)| {
            Some(Self { count: count.trim().parse().ok()?, seconds: seconds.trim().parse().ok()? })
        });
        let fits = |rate: &Self| (1..=MOST.0).contains(&rate.count) && (1..=MOST.1).contains(&rate.seconds);
        read.filter(fits).ok_or_else(|| {
            format!("\"{text}\" is not a rate such as 600/60: up to {} in up to {} seconds", MOST.0, MOST.1)
        })
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

/// What an operator sets about limits.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// The rate of each class, in the order of [`Class::ALL`]; `None`: there is no limit.
    pub rates: [Option<Rate>; Class::COUNT],
    /// How many callers are remembered in each class; further ones share what one may do.
    pub max_keys: usize,
}

/// What a meter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; so many are left now.
    Pass {
        /// How many.
        left: u32,
    },
    /// Not before this time is over; it is not counted.
    Refused {
        /// How long.
        wait: Duration,
    },
}

/// A verdict, or one that a shared store is being asked for.
pub enum Taking {
    /// It is known at once.
    Done(Verdict),
    /// It comes over the network.
    Asked(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

impl Taking {
    /// The verdict, whenever it comes.
    pub async fn verdict(self) -> Verdict {
        match self {
            Self::Done(verdict) => verdict,
            Self::Asked(later) => later.await,
        }
    }
}

/// Keeps the accounts: in this server's memory, or where several servers share them.
pub trait Meter: Send + Sync + 'static {
    /// Takes one from a caller's budget in a class, if there is one.
    fn take(&self, class: Class, key: LimitKey) -> Taking;

    /// Gives back what was taken a moment ago.
    fn give_back(&self, class: Class, key: LimitKey);

    /// Forgets those who have all of their budget.
    fn forget_idle(&self);
}

/// The limits of this server.
pub struct RateLimits {
    rates: [Option<Rate>; Class::COUNT],
    policies: [Option<HeaderValue>; Class::COUNT],
    meter: Box<dyn Meter>,
    refused: [AtomicU64; Class::COUNT],
    known: KnownPlaces,
}

impl RateLimits {
    /// Limits with accounts in memory.
    pub fn new(settings: &LimitSettings, clock: Arc<dyn Clock>) -> Self {
        Self::over(Box::new(Memory::new(settings, &clock)), settings)
    }

    /// Limits over a meter.
    pub fn over(meter: Box<dyn Meter>, settings: &LimitSettings) -> Self {
        let policy = |class: Class| {
            let Rate { count, seconds } = settings.rates[class.index()]?;
            HeaderValue::try_from(format!("\"{}\";q={count};w={seconds}", class.name())).ok()
        };
        Self {
            rates: settings.rates,
            policies: Class::ALL.map(policy),
            meter,
            refused: [const { AtomicU64::new(0) }; Class::COUNT],
            known: KnownPlaces::default(),
        }
    }

    fn has(&self, class: Class) -> bool {
        self.rates[class.index()].is_some()
    }

    fn take(&self, class: Class, key: LimitKey) -> Taking {
        self.meter.take(class, key)
    }

    fn note_refusal(&self, class: Class) {
        self.refused[class.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests of a class were refused since the start.
    pub fn refused(&self, class: Class) -> u64 {
        self.refused[class.index()].load(Ordering::Relaxed)
    }

    /// Forgets who is idle, until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SWEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.meter.forget_idle();
        }
    }
}

/// The limits, as somebody who knows figures.
pub struct LimitFigures(pub Arc<RateLimits>);

impl Source for LimitFigures {
    fn tell(&self, sheet: &mut Sheet) {
        let family =
            sheet.counter("tallylight_rate_limited_total", "Requests refused because they came too often");
        for class in Class::ALL {
            family.add([("class", class.name())], self.0.refused(class));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_as_a_count_and_a_period() {
        assert_eq!("600/60".parse(), Ok(Rate::new(600, 60)));
        assert_eq!(Rate::new(10, 600).to_string(), "10/600");
        for wrong in ["", "600", "0/60", "600/0", "600/60s", "-1/60", "600/86401", "1000000001/1", "1/1/1"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_whole_budget_is_back_when_all_that_is_missing_is() {
        let rate = Rate::new(100, 60);
        assert_eq!([100, 99, 50, 0].map(|left| rate.whole_again(left)), [0, 1, 30, 60]);
    }
}
