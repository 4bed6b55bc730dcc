//! What is counted of RTMP connections.

use std::sync::atomic::{AtomicU64, Ordering};

/// Connections, now and since the server started.
#[derive(Debug, Default)]
pub struct Figures {
    connections: AtomicU64,
    turned_away: AtomicU64,
    kept_waiting: AtomicU64,
    never_asked: AtomicU64,
}

impl Figures {
    /// Connections there are now.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connections closed at once because there were as many as are allowed.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Encoders sent away because too many waited for permission.
    pub fn kept_waiting(&self) -> u64 {
        self.kept_waiting.load(Ordering::Relaxed)
    }

    /// Connections that ended before they asked to publish.
    pub fn never_asked(&self) -> u64 {
        self.never_asked.load(Ordering::Relaxed)
    }

    pub(super) fn opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn turn_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn keep_waiting(&self) {
        self.kept_waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lose(&self) {
        self.never_asked.fetch_add(1, Ordering::Relaxed);
    }
}
