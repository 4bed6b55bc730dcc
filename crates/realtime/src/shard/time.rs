//! What time brings: pings, and the end of patience.

use std::time::Duration;

use super::{SWEEP, Shard};
use crate::codes::Close;
use crate::connection::Phase;
use crate::hub::Service;
use crate::protocol::Form;

/// For how long a client may go on after its token's time, so that it can get a new one.
const GRACE: Duration = Duration::from_secs(25);

/// What is due on a connection.
enum Due {
    Nothing,
    Ping,
    Close(Close),
    /// It did not answer what it was asked then.
    Silent(Duration),
    Drop,
}

impl<V: Service> Shard<V> {
    /// Looks through all connections, a few times a second.
    pub(super) fn sweep(&mut self) {
        if self.now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = self.now;
        self.measure();
        let due: Vec<(usize, Due)> = self
            .connections
            .iter()
            .map(|(place, _)| (place, self.due(place)))
            .filter(|(_, due)| !matches!(due, Due::Nothing))
            .collect();
        for (place, due) in due {
            match due {
                Due::Nothing => {}
                Due::Ping => self.ping(place),
                Due::Close(why) => self.close(place, why),
                Due::Silent(since) => self.lose(place, since),
                Due::Drop => self.drop_at(place),
            }
        }
    }

    /// Notes how much waits for slow clients.
    fn measure(&self) {
        let waiting = self.connections.iter().map(|(_, connection)| connection.waiting() as u64);
        let (sum, largest) = waiting.fold((0, 0), |(sum, largest), bytes| (sum + bytes, largest.max(bytes)));
        let figures = self.hub.figures();
        figures.backlog.set(sum);
        figures.largest_backlog.set(largest);
    }

    fn due(&self, place: usize) -> Due {
        let (now, limits) = (self.now, &self.limits);
        let Some(connection) = self.connections.get(place) else { return Due::Nothing };
        let is_stuck = connection.backlog.is_some() && !connection.is_corked;
        if is_stuck && now.saturating_sub(connection.stuck_since) >= limits.write_timeout {
            return Due::Drop;
        }
        // Who only listens cannot get a new token, and needs no time for it.
        let grace = if connection.form == Form::Events { Duration::ZERO } else { GRACE };
        if connection.expires.is_some_and(|expires| now >= expires + grace) && connection.phase == Phase::Open
        {
            return Due::Close(Close::EXPIRED);
        }
        if now < connection.due {
            return Due::Nothing;
        }
        match (connection.phase, connection.pinged) {
            (Phase::Opening, _) => Due::Close(Close::STALE),
            (Phase::Closing, _) => Due::Drop,
            // Its answer may stand behind the message that is being answered.
            (Phase::Open, _) if connection.session.is_none() => Due::Nothing,
            (Phase::Open, Some(since)) => Due::Silent(since),
            (Phase::Open, None) => Due::Ping,
        }
    }

    fn ping(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.form == Form::Events {
            connection.due = self.now + self.limits.ping_interval;
        } else {
            connection.pinged = Some(self.now);
            connection.due = self.now + self.limits.pong_timeout;
        }
        let ping = bytes::Bytes::from_static(connection.form.ping());
        self.send(place, &ping);
    }

    fn lose(&mut self, place: usize, since: Duration) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        // Whoever shows itself elsewhere has done so within the time between two pings.
        let since = since.saturating_sub(self.limits.viewer_ping_interval);
        for bound in std::mem::take(&mut connection.bound) {
            self.service.is_lost(bound, since);
        }
        self.close(place, Close::NO_PONG);
    }
}
