//! Tickets: good once and for a moment, for browsers that can put nothing but an address into an `EventSource`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::sync::Cache;
use tallylight_core::Error;
use tallylight_realtime::client::Welcome;

/// For how long a ticket is good.
pub const LIFE: Duration = Duration::from_secs(30);
const MOST: u64 = 100_000;
const BYTES: usize = 24;

/// Tickets that were handed out and not used.
pub struct Tickets(Cache<String, Welcome>);

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
    pub fn issue(&self, welcome: Welcome) -> Result<String, Error> {
        let mut random = [0; BYTES];
        aws_lc_rs::rand::fill(&mut random)
            .map_err(|_| Error::Internal("the system gave no random bytes".into()))?;
        let ticket = URL_SAFE_NO_PAD.encode(random);
        self.0.insert(ticket.clone(), welcome);
        Ok(ticket)
    }

    /// Whose ticket it is. It is used up by that.
    pub fn redeem(&self, ticket: &str) -> Option<Welcome> {
        self.0.remove(ticket)
    }
}

#[cfg(test)]
mod tests {
    use tallylight_core::Caller;

    use super::*;

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        let ticket = tickets.issue(Welcome { caller: Caller::Anonymous, ttl: None }).unwrap();
        assert!(tickets.redeem("another").is_none());
        assert!(tickets.redeem(&ticket).is_some());
        assert!(tickets.redeem(&ticket).is_none());
    }
}
