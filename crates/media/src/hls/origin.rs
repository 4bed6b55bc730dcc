//! All broadcasts.

use super::{Settings, Stream};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// What all streams of an origin share.
#[derive(Debug)]
pub(super) struct Shared {
    pub settings: Settings,
    /// Permits to make a thumbnail.
    pub workers: Arc<Semaphore>,
}

/// The streams of one node, by broadcast.
#[derive(Debug)]
pub struct Origin {
    shared: Arc<Shared>,
    streams: RwLock<HashMap<Uuid, Arc<Stream>>>,
}

impl Origin {
    /// An origin without streams.
    pub fn new(settings: Settings) -> Self {
        let workers = Arc::new(Semaphore::new(settings.thumbnail_workers));
        Self { shared: Arc::new(Shared { settings, workers }), streams: RwLock::default() }
    }

    /// The limits and targets in force.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The stream of a broadcast, made when there is none.
    pub fn open(&self, id: Uuid) -> Arc<Stream> {
        if let Some(stream) = self.get(id) {
            return stream;
        }
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        streams.entry(id).or_insert_with(|| Arc::new(Stream::new(id, self.shared.clone()))).clone()
    }

    /// The stream of a broadcast, if there is one.
    pub fn get(&self, id: Uuid) -> Option<Arc<Stream>> {
        self.streams.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Ends a broadcast. Viewers play what is left until [`Origin::remove`].
    pub fn end(&self, id: Uuid) {
        if let Some(stream) = self.get(id) {
            stream.end();
        }
    }

    /// Ends a broadcast and forgets its media.
    pub fn remove(&self, id: Uuid) {
        let removed = self.streams.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(stream) = removed {
            stream.end();
        }
    }

    /// All streams, in no order.
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        self.streams.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
