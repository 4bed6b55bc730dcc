//! From when to when, and in which steps.

use std::fmt;
use std::str::FromStr;

use super::{LEVELS, Progress, start_of};
use crate::clock::Time;
use crate::error::{Error, Result};

/// The most points of a series.
pub const MAX_POINTS: i64 = 3_000;
/// With as many points a whole session is shown, if nothing else is asked for.
const FITTING_POINTS: i64 = 300;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident: $($(#[$each:meta])* $variant:ident = $name:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$each])* $variant),+ }

        impl $type {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the API.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                let known = || Self::ALL.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
                let found = Self::ALL.iter().find(|it| it.name() == name);
                found.copied().ok_or_else(|| format!("is not known: {name}; known: {}", known()))
            }
        }
    };
}

pub(super) use names;

names!(
    /// How far back a window reaches from its end.
    Period:
    /// 5 minutes.
    FiveMinutes = "5m",
    /// 15 minutes.
    QuarterHour = "15m",
    /// 1 hour.
    Hour = "1h",
    /// 6 hours.
    SixHours = "6h",
    /// 24 hours.
    Day = "24h",
    /// 7 days.
    Week = "7d",
    /// 30 days.
    Month = "30d",
    /// To the beginning of the log.
    All = "all"
);

names!(
    /// The time from one point of a series to the next.
    Interval:
    /// 10 seconds.
    TenSeconds = "10s",
    /// 1 minute.
    Minute = "1m",
    /// 5 minutes.
    FiveMinutes = "5m",
    /// 15 minutes.
    QuarterHour = "15m",
    /// 1 hour.
    Hour = "1h",
    /// 1 day.
    Day = "1d"
);

impl Period {
    /// How long it is in seconds, if it has a length of its own.
    pub fn seconds(self) -> Option<i64> {
        Some(match self {
            Self::FiveMinutes => 300,
            Self::QuarterHour => 900,
            Self::Hour => 3_600,
            Self::SixHours => 6 * 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
            Self::All => return None,
        })
    }
}

impl Interval {
    /// How long it is.
    pub fn seconds(self) -> u32 {
        match self {
            Self::TenSeconds => 10,
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::QuarterHour => 900,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// The longest level whose stretches it is made of, in seconds.
    pub fn level(self) -> u32 {
        LEVELS.into_iter().rfind(|level| *level <= self.seconds()).unwrap_or(LEVELS[0])
    }
}

/// A stretch of a session's time, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// What was asked for.
    pub period: Period,
    /// The start of the first step.
    pub from: Time,
    /// Now, or the session's end; never before the last event that counts.
    pub to: Time,
    /// The steps.
    pub interval: Interval,
}

impl Window {
    /// The window of a period that ends at `end`, or with the last event that counts if that is later.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the interval makes more than [`MAX_POINTS`]; without one, if even days do.
    pub fn new(period: Period, interval: Option<Interval>, log: &Progress, end: Time) -> Result<Self> {
        let to = end.max(log.last_at);
        let begin = match period.seconds() {
            Some(seconds) => to - time::Duration::seconds(seconds),
            None => log.first_at,
        };
        let of =
            |interval: Interval| Self { period, from: start_of(begin, interval.seconds()), to, interval };
        let fits = |interval: &Interval| of(*interval).points() <= FITTING_POINTS;
        let fitting = || Interval::ALL.iter().copied().find(fits).unwrap_or(Interval::Day);
        let window = of(interval.unwrap_or_else(fitting));
        let points = window.points();
        if points > MAX_POINTS {
            let message = format!(
                "{} makes {points} points of {period}; at most {MAX_POINTS} are given: choose a longer one or a \
                 shorter period",
                window.interval
            );
            return Err(Error::field("interval", message));
        }
        Ok(window)
    }

    /// As [`Window::new`] in whole hours, from a time that is the same for several sessions; without one in whole days.
    pub fn in_hours(period: Period, since: Option<Time>, log: &Progress, end: Time) -> Self {
        let interval = if since.is_some() { Interval::Hour } else { Interval::Day };
        let from = start_of(since.unwrap_or(log.first_at), interval.seconds());
        Self { period, from, to: end.max(log.last_at), interval }
    }

    /// How many steps there are, the open one too.
    fn points(&self) -> i64 {
        (self.to - self.from).whole_seconds() / i64::from(self.interval.seconds()) + 1
    }

    /// The start of each step.
    pub fn steps(&self) -> impl Iterator<Item = Time> {
        let (step, to) = (time::Duration::seconds(self.interval.seconds().into()), self.to);
        std::iter::successors(Some(self.from), move |start| Some(*start + step))
            .take_while(move |it| *it <= to)
    }
}
