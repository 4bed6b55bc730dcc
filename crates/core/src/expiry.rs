//! When something that is handed out ends.

use std::time::Duration;

use crate::clock::{Time, to_micros};
use crate::error::{Error, Result};

/// The longest that anything may be asked to last: ten years, in seconds.
pub const MAX_SECONDS: u64 = 10 * 365 * 24 * 3_600;

/// How somebody says when something ends: in so many seconds, at a time, or never by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expiry {
    /// In so many seconds.
    pub seconds: Option<u64>,
    /// At a time.
    pub at: Option<Time>,
}

impl Expiry {
    /// The time at which it ends; `None`: never by itself.
    ///
    /// # Errors
    /// [`Error::Invalid`] for both at once, for a time that has passed, and for one too far away.
    pub fn end(self, now: Time) -> Result<Option<Time>> {
        let last = now + Duration::from_secs(MAX_SECONDS);
        match (self.seconds, self.at) {
            (Some(_), Some(_)) => Err(Error::field("expires_at", "cannot be given together with expires_in")),
            (Some(seconds), None) if (1..=MAX_SECONDS).contains(&seconds) => {
                Ok(Some(now + Duration::from_secs(seconds)))
            }
            (Some(_), None) => Err(Error::field("expires_in", format!("must be 1 to {MAX_SECONDS} seconds"))),
            (None, Some(at)) if at <= now => Err(Error::field("expires_at", "must be in the future")),
            (None, Some(at)) if at > last => {
                Err(Error::field("expires_at", "must be within the next ten years"))
            }
            (None, at) => Ok(at.map(|at| to_micros(at.to_offset(time::UtcOffset::UTC)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = time::macros::datetime!(2026-05-01 12:00 UTC);

    #[test]
    fn an_end_is_said_in_one_way_and_lies_ahead() {
        let end = |seconds, at| Expiry { seconds, at }.end(NOON);
        let hour = time::Duration::hours(1);
        assert_eq!(end(None, None).unwrap(), None);
        assert_eq!(end(Some(3_600), None).unwrap(), Some(NOON + hour));
        assert_eq!(end(None, Some(NOON + hour)).unwrap(), Some(NOON + hour));
        for (seconds, at) in [
            (Some(0), None),
            (Some(MAX_SECONDS + 1), None),
            (Some(u64::MAX), None),
            (None, Some(NOON)),
            (None, Some(NOON - hour)),
            (None, Some(NOON + time::Duration::days(4_000))),
            (Some(60), Some(NOON + hour)),
        ] {
            assert!(matches!(end(seconds, at), Err(Error::Invalid(_))), "{seconds:?} {at:?}");
        }
    }
}
