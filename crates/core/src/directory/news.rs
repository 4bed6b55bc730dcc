//! News of single broadcasts, for whoever follows some of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::ids::BroadcastId;

/// Tells of which followed broadcasts there is something new: a change, a count, an event.
#[derive(Debug, Default)]
pub struct News {
    followed: Mutex<Followed>,
    told: Notify,
}

#[derive(Debug, Default)]
struct Followed {
    /// By how many.
    broadcasts: HashMap<BroadcastId, usize>,
    new: HashSet<BroadcastId>,
}

impl News {
    /// From now on there are news of a broadcast, until it is as often unfollowed.
    pub fn follow(&self, id: BroadcastId) {
        *self.lock().broadcasts.entry(id).or_default() += 1;
    }

    /// One fewer follows.
    pub fn unfollow(&self, id: BroadcastId) {
        let mut followed = self.lock();
        if let Some(count) = followed.broadcasts.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                followed.broadcasts.remove(&id);
                followed.new.remove(&id);
            }
        }
    }

    /// There is something new.
    pub fn tell(&self, id: BroadcastId) {
        let mut followed = self.lock();
        if followed.broadcasts.contains_key(&id) && followed.new.insert(id) {
            self.told.notify_one();
        }
    }

    /// Waits for news: of which broadcasts, each once however much there is.
    pub async fn next(&self) -> HashSet<BroadcastId> {
        loop {
            let new = std::mem::take(&mut self.lock().new);
            if !new.is_empty() {
                return new;
            }
            self.told.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn only_what_is_followed_makes_news() {
        let news = News::default();
        let [followed, other] = [1, 2].map(|number| BroadcastId(Uuid::from_u128(number)));
        news.follow(followed);
        news.follow(followed);
        news.tell(other);
        news.tell(followed);
        news.tell(followed);
        assert_eq!(news.next().await, HashSet::from([followed]));
        news.unfollow(followed);
        news.tell(followed);
        assert_eq!(news.next().await.len(), 1, "somebody still follows");
        news.tell(followed);
        news.unfollow(followed);
        news.follow(other);
        news.tell(other);
        assert_eq!(news.next().await, HashSet::from([other]));
    }
}
