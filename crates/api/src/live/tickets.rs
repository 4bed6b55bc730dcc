//! Tickets: good once and for a moment, for browsers that can put nothing but an address into an `EventSource`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::sync::Cache;
use tallylight_core::{Caller, Error};
use tallylight_realtime::client::Welcome;

/// For how long a ticket is good.
pub const LIFE: Duration = Duration::from_secs(30);
const MOST: u64 = 100_000;
const BYTES: usize = 24;

/// Tickets that were handed out and not used.
pub struct Tickets(Cache<String, Ticket>);

/// Whose it is, and until when that is known, on the monotonic clock.
#[derive(Debug, Clone)]
struct Ticket {
    caller: Caller,
    expires: Option<Duration>,
}

impl Default for Tickets {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(LIFE).build())
    }
}

impl Tickets {
    /// A new one for somebody.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no randomness to give.
    pub fn issue(&self, welcome: Welcome, now: Duration) -> Result<String, Error> {
        let mut random = [0; BYTES];
        aws_lc_rs::rand::fill(&mut random)
            .map_err(|_| Error::Internal("the system gave no random bytes".into()))?;
        let ticket = URL_SAFE_NO_PAD.encode(random);
        let expires = welcome.ttl.map(|ttl| now + ttl);
        self.0.insert(ticket.clone(), Ticket { caller: welcome.caller, expires });
        Ok(ticket)
    }

    /// Whose ticket it is. It is used up by that.
    pub fn redeem(&self, ticket: &str, now: Duration) -> Option<Welcome> {
        let Ticket { caller, expires } = self.0.remove(ticket)?;
        Some(Welcome { caller, ttl: expires.map(|expires| expires.saturating_sub(now)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_lengthens_nothing() {
        let (tickets, at) = (Tickets::default(), Duration::from_secs);
        let welcome = Welcome { caller: Caller::Anonymous, ttl: Some(at(20)) };
        let ticket = tickets.issue(welcome, at(100)).unwrap();
        assert!(tickets.redeem("another", at(105)).is_none());
        assert_eq!(tickets.redeem(&ticket, at(105)).unwrap().ttl, Some(at(15)));
        assert!(tickets.redeem(&ticket, at(105)).is_none());
    }
}
