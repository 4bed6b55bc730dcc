//! Which encoder feeds which broadcast, and how one is cut.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::ids::{BroadcastId, PublishId, UserId};

/// Why an encoder's connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The broadcast ended.
    Ended,
    /// Its stream key was reset.
    KeyReset,
    /// The broadcast's media is served elsewhere from now on.
    Elsewhere,
    /// Its owner may not broadcast any more.
    NotAllowed,
    /// Its network was shut out of the server.
    ShutOut,
    /// The same key was used by a newer connection, as encoders do that reconnect.
    Replaced,
}

impl Cut {
    /// The reason, for the log and for the encoder's user.
    pub fn message(self) -> &'static str {
        match self {
            Self::Ended => "the broadcast has ended",
            Self::KeyReset => "the stream key was reset",
            Self::Elsewhere => "the media of this broadcast is served elsewhere now",
            Self::NotAllowed => "this account may not broadcast on this server",
            Self::ShutOut => "this network is shut out of this server",
            Self::Replaced => "another encoder connected with the same stream key",
        }
    }
}

/// Told why, once, when the connection must be cut.
pub type CutSignal = watch::Receiver<Option<Cut>>;

/// Knows the current publisher of each broadcast.
#[derive(Debug, Default)]
pub struct Publishers {
    current: Mutex<HashMap<BroadcastId, Publisher>>,
}

#[derive(Debug)]
struct Publisher {
    id: PublishId,
    /// Whose lasting key it uses, if not the broadcast's own.
    lasting_key_of: Option<UserId>,
    from: Option<IpAddr>,
    cut: watch::Sender<Option<Cut>>,
}

impl Publisher {
    /// The first reason counts.
    fn cut(&self, why: Cut) {
        self.cut.send_if_modified(|cut| {
            let is_first = cut.is_none();
            *cut = cut.or(Some(why));
            is_first
        });
    }
}

impl Publishers {
    /// Makes this the broadcast's publisher and cuts the one before. `lasting_key_of`: whose lasting key it uses, if
    /// not the broadcast's own. `from`: its address.
    pub fn enter(
        &self,
        broadcast: BroadcastId,
        id: PublishId,
        lasting_key_of: Option<UserId>,
        from: Option<IpAddr>,
    ) -> CutSignal {
        let (cut, signal) = watch::channel(None);
        if let Some(before) = self.lock().insert(broadcast, Publisher { id, lasting_key_of, from, cut }) {
            before.cut(Cut::Replaced);
        }
        signal
    }

    /// Forgets a publisher that went; false if it had been replaced or cut before.
    pub fn remove(&self, broadcast: BroadcastId, id: PublishId) -> bool {
        let mut current = self.lock();
        let is_current = current.get(&broadcast).is_some_and(|publisher| publisher.id == id);
        if is_current {
            current.remove(&broadcast);
        }
        is_current
    }

    /// Whether this is the broadcast's publisher.
    pub fn is_current(&self, broadcast: BroadcastId, id: PublishId) -> bool {
        self.lock().get(&broadcast).is_some_and(|publisher| publisher.id == id)
    }

    /// Whether anybody publishes to a broadcast.
    pub fn feeds(&self, broadcast: BroadcastId) -> bool {
        self.lock().contains_key(&broadcast)
    }

    /// Cuts the broadcast's publisher, if there is one.
    pub fn cut(&self, broadcast: BroadcastId, why: Cut) {
        if let Some(publisher) = self.lock().get(&broadcast) {
            publisher.cut(why);
        }
    }

    /// Cuts every publisher whose address must go.
    pub fn cut_from(&self, must_go: impl Fn(IpAddr) -> bool, why: Cut) {
        let publishers = self.lock();
        let theirs = publishers.values().filter(|publisher| publisher.from.is_some_and(&must_go));
        theirs.for_each(|publisher| publisher.cut(why));
    }

    /// Cuts every publisher that uses this user's lasting key.
    pub fn cut_lasting_key(&self, user: UserId) {
        for publisher in self.lock().values().filter(|publisher| publisher.lasting_key_of == Some(user)) {
            publisher.cut(Cut::KeyReset);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BroadcastId, Publisher>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_newer_encoder_takes_over_and_the_older_is_told_why() {
        let publishers = Publishers::default();
        let show = BroadcastId(Uuid::from_u128(1));
        let (first, second) = (PublishId(Uuid::from_u128(2)), PublishId(Uuid::from_u128(3)));
        let signal = publishers.enter(show, first, None, None);
        let _second = publishers.enter(show, second, None, None);
        assert_eq!(*signal.borrow(), Some(Cut::Replaced));
        assert!(!publishers.remove(show, first), "a replaced encoder's end interrupts nothing");
        assert!(publishers.remove(show, second));
    }

    #[test]
    fn a_reset_lasting_key_cuts_those_who_use_it_and_nobody_else() {
        let publishers = Publishers::default();
        let (ada, publish) = (UserId(Uuid::from_u128(1)), PublishId(Uuid::from_u128(2)));
        let lasting = publishers.enter(BroadcastId(Uuid::from_u128(3)), publish, Some(ada), None);
        let own = publishers.enter(BroadcastId(Uuid::from_u128(4)), publish, None, None);
        publishers.cut_lasting_key(ada);
        assert_eq!((*lasting.borrow(), *own.borrow()), (Some(Cut::KeyReset), None));
    }

    #[test]
    fn who_publishes_from_a_network_that_is_shut_out_is_cut_and_the_first_reason_counts() {
        let (publishers, publish) = (Publishers::default(), PublishId(Uuid::from_u128(2)));
        let (near, far) = ("203.0.113.7".parse().unwrap(), "198.51.100.7".parse().unwrap());
        let shut_out = publishers.enter(BroadcastId(Uuid::from_u128(3)), publish, None, Some(near));
        let other = publishers.enter(BroadcastId(Uuid::from_u128(4)), publish, None, Some(far));
        publishers.cut_from(|ip| ip == near, Cut::ShutOut);
        publishers.cut(BroadcastId(Uuid::from_u128(3)), Cut::Ended);
        assert_eq!((*shut_out.borrow(), *other.borrow()), (Some(Cut::ShutOut), None));
    }
}
