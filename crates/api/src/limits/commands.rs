//! What is asked over a WebSocket, counted in the budgets of what is asked over HTTP.

use std::net::IpAddr;

use tallylight_core::{Caller, Error, Result};

use super::{Class, LimitKey, RateLimits, Verdict};

impl RateLimits {
    /// Takes one from the budget of whoever asks from there.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub(crate) async fn charge(&self, class: Class, caller: &Caller, address: Option<IpAddr>) -> Result<()> {
        let user = caller.user_id().filter(|_| !class.is_by_address());
        let key = user.map_or_else(|| address.into(), |user| LimitKey::User(user.0));
        match self.take(class, key).verdict().await {
            Verdict::Pass { .. } => Ok(()),
            Verdict::Refused { wait } => {
                self.note_refusal(class);
                Err(Error::TooManyRequests { retry_after: wait })
            }
        }
    }
}
