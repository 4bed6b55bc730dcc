//! What is counted of live connections.

use tallylight_core::figures::{Count, Level};

use crate::codes::Close;

/// Why connections are closed by the server.
const OWN: [Close; 8] = [
    Close::NORMAL,
    Close::SHUTDOWN,
    Close::SERVER_ERROR,
    Close::EXPIRED,
    Close::NO_PONG,
    Close::INVALID_TOKEN,
    Close::BAD_REQUEST,
    Close::STALE,
];

/// What went over live connections since the server started, and what waits.
#[derive(Debug, Default)]
pub struct Figures {
    /// Messages of clients, answers to pings too.
    pub received: Count,
    /// Messages to clients: each publication once for everybody who hears it.
    pub sent: Count,
    /// Bytes that wait for slow clients.
    pub backlog: Level,
    /// Bytes that wait for the slowest.
    pub largest_backlog: Level,
    /// Connections that their clients closed.
    pub left: Count,
    /// Connections that broke off or were too slow.
    pub lost: Count,
    own: [Count; OWN.len()],
    other: Count,
}

impl Figures {
    /// The server closed a connection.
    pub(crate) fn closed(&self, why: Close) {
        let place = OWN.iter().position(|known| known.code == why.code);
        place.map_or(&self.other, |place| &self.own[place]).one();
    }

    /// How many connections the server closed, by code; 0 stands for those of the WebSocket protocol itself.
    pub fn closes(&self) -> impl Iterator<Item = (u16, u64)> {
        let own = OWN.iter().zip(&self.own).map(|(why, count)| (why.code, count.get()));
        own.chain([(0, self.other.get())])
    }
}
