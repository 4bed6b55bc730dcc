//! What was read of the database and is read again and again, kept until it changes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use moka::sync::Cache;
use uuid::Uuid;

use crate::error::Result;

/// How many counters of changes there are.
const STRIPES: usize = 64;

/// Answers of the database by id, in bounded memory.
///
/// All that changes one goes through this server, which says so once the change is on disk. What was read before such a
/// moment is not kept after it.
pub struct Remembered<V: Clone + Send + Sync + 'static> {
    kept: Cache<Uuid, V>,
    /// How often something changed under the ids of a stripe.
    changes: [Mutex<u64>; STRIPES],
}

impl<V: Clone + Send + Sync + 'static> Remembered<V> {
    /// Up to a weight, in bytes.
    pub fn new(bytes: u64, weigh: fn(&V) -> usize) -> Self {
        let weigh = move |_: &Uuid, value: &V| u32::try_from(weigh(value)).unwrap_or(u32::MAX);
        let kept = Cache::builder().max_capacity(bytes).weigher(weigh).build();
        Self { kept, changes: std::array::from_fn(|_| Mutex::new(0)) }
    }

    /// What is remembered, or else what `read` answers.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn get(&self, id: Uuid, read: impl Future<Output = Result<V>>) -> Result<V> {
        if let Some(known) = self.kept.get(&id) {
            return Ok(known);
        }
        let before = *self.stripe(id);
        let value = read.await?;
        let changes = self.stripe(id);
        if *changes == before {
            self.kept.insert(id, value.clone());
        }
        Ok(value)
    }

    /// Notes that something has changed, or may have.
    pub fn forget(&self, id: Uuid) {
        let mut changes = self.stripe(id);
        *changes += 1;
        self.kept.invalidate(&id);
    }

    /// Notes that anything may have changed.
    pub fn forget_all(&self) {
        for changes in &self.changes {
            *lock(changes) += 1;
        }
        self.kept.invalidate_all();
    }

    fn stripe(&self, id: Uuid) -> MutexGuard<'_, u64> {
        // The low bits of a UUIDv7 are random.
        let low = usize::try_from(id.as_u128() % STRIPES as u128).unwrap_or_default();
        lock(&self.changes[low])
    }
}

fn lock(changes: &Mutex<u64>) -> MutexGuard<'_, u64> {
    changes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    const ID: Uuid = Uuid::from_u128(7);

    fn remembered() -> Remembered<u32> {
        Remembered::new(1_000, |_| 1)
    }

    #[tokio::test]
    async fn what_was_read_is_not_read_again_until_it_changes() {
        let it = remembered();
        assert_eq!(it.get(ID, async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(it.get(ID, async { Ok(2) }).await.unwrap(), 1);
        it.forget(ID);
        assert_eq!(it.get(ID, async { Ok(3) }).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn what_changed_while_it_was_read_is_not_kept() {
        let it = remembered();
        let read = async {
            it.forget(ID);
            Ok(1)
        };
        assert_eq!(it.get(ID, read).await.unwrap(), 1);
        assert_eq!(it.get(ID, async { Ok(2) }).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn what_anything_may_have_changed_is_read_again() {
        let it = remembered();
        it.get(ID, async { Ok(1) }).await.unwrap();
        let read = async {
            it.forget_all();
            Ok(5)
        };
        it.get(Uuid::from_u128(8), read).await.unwrap();
        assert_eq!(it.get(ID, async { Ok(2) }).await.unwrap(), 2);
        assert_eq!(it.get(Uuid::from_u128(8), async { Ok(6) }).await.unwrap(), 6);
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_read_again() {
        let it = remembered();
        assert!(it.get(ID, async { Err(Error::Busy("nothing")) }).await.is_err());
        assert_eq!(it.get(ID, async { Ok(2) }).await.unwrap(), 2);
    }
}
