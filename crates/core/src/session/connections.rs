//! Viewers who are held by a live connection.

use std::time::Duration;

use super::SessionManager;
use crate::error::{Error, Result};
use crate::ids::{BroadcastId, ViewerId};
use crate::token::PassKind;

impl SessionManager {
    /// The viewer whom a token names, to be kept alive by a connection; `None` for the owner's preview, which does not
    /// count.
    ///
    /// # Errors
    /// [`Error::ViewerGone`]: left, timed out, or never was.
    pub fn hold(&self, id: BroadcastId, viewer_token: &str) -> Result<Option<ViewerId>> {
        self.heartbeat(id, viewer_token)?;
        let pass = self.tokens.check_viewer(id, viewer_token).ok_or(Error::ViewerGone)?;
        Ok((pass.kind == PassKind::Viewer).then_some(pass.viewer))
    }

    /// A viewer's connection answered, at this time of the monotonic clock.
    pub fn is_alive(&self, id: BroadcastId, viewer: ViewerId, at: Duration) {
        self.presence.touch(id, viewer, at);
    }

    /// A viewer's connection is dead. The viewer is gone, unless it showed after `since` that it is there.
    ///
    /// # Errors
    /// The store's; then the time-out writes it.
    pub async fn lose(&self, id: BroadcastId, viewer: ViewerId, since: Duration) -> Result<()> {
        let Some(seat) = self.presence.lose(id, viewer, since) else { return Ok(()) };
        self.time_out(&seat, Duration::ZERO).await?;
        self.presence.remove_stay(&seat);
        Ok(())
    }
}
