//! Who is there: each viewer's last sign of life, in memory.
//!
//! The database knows who joined; this knows who still plays. After a restart every viewer of the database is entered
//! anew, so the time-outs begin anew. Whoever is handed out to be written comes in the order of ids: the same run writes
//! the same.

mod guests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guests::Guests;

use crate::ids::{BroadcastId, ViewerId};
use crate::viewer::Seat;

/// Keeps the last sign of life of every viewer of this server.
#[derive(Debug, Default)]
pub struct Presence {
    viewers: Mutex<HashMap<ViewerId, Entry>>,
    guests: Guests,
}

#[derive(Debug)]
struct Entry {
    seat: Seat,
    /// On the monotonic clock.
    seen: Duration,
    /// The sign of life that the database was told last.
    noted: Duration,
    /// Being timed out: no longer there, though the log does not say so yet.
    leaving: bool,
}

impl Entry {
    fn new(seat: Seat, now: Duration) -> Self {
        Self { seat, seen: now, noted: now, leaving: false }
    }
}

/// A viewer whose time is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Who, and in which stay.
    pub seat: Seat,
    /// How long ago the time-out passed.
    pub ago: Duration,
}

impl Presence {
    /// Enters a viewer, unless a later stay of the same viewer is known. `now`: when it asked; what was heard of it
    /// since still counts.
    pub fn enter(&self, seat: Seat, now: Duration) {
        let mut viewers = self.lock();
        let known = viewers.get(&seat.viewer);
        if known.is_none_or(|entry| entry.seat.generation <= seat.generation) {
            let seen = known.map_or(now, |entry| entry.seen.max(now));
            viewers.insert(seat.viewer, Entry { seen, ..Entry::new(seat.clone(), now) });
        }
        drop(viewers);
        // Afterwards: who is looked for there must be found here.
        self.guests.add(&seat);
    }

    /// Enters a viewer of whose stay nothing is known. Also one who is known from an earlier stay: it came back, so that
    /// a time-out of that stay must not go on into this one.
    pub fn enter_unknown(&self, seat: Seat, now: Duration) {
        let mut viewers = self.lock();
        let known = viewers.get(&seat.viewer);
        if known.is_none_or(|entry| entry.seat.generation < seat.generation) {
            viewers.insert(seat.viewer, Entry::new(seat, now));
        }
    }

    /// Whether a viewer is known.
    pub fn knows(&self, viewer: ViewerId) -> bool {
        self.lock().contains_key(&viewer)
    }

    /// Everybody, also those who are timing out.
    pub fn seats(&self) -> Vec<Seat> {
        let mut seats: Vec<_> = self.lock().values().map(|entry| entry.seat.clone()).collect();
        seats.sort_unstable_by_key(|seat| seat.viewer);
        seats
    }

    /// Those whose last sign of life is so much later than the one that was handed out last; with how long ago it was.
    pub fn unnoted(&self, interval: Duration, now: Duration) -> Vec<(Seat, Duration)> {
        let mut viewers = self.lock();
        let late = viewers.values_mut().filter(|entry| entry.seen.saturating_sub(entry.noted) >= interval);
        let hand_out = |entry: &mut Entry| {
            entry.noted = entry.seen;
            (entry.seat.clone(), now.saturating_sub(entry.seen))
        };
        let mut unnoted: Vec<_> = late.map(hand_out).collect();
        unnoted.sort_unstable_by_key(|(seat, _)| seat.viewer);
        unnoted
    }

    /// Notes a sign of life; false if the viewer is not there.
    pub fn touch(&self, session: BroadcastId, viewer: ViewerId, now: Duration) -> bool {
        match self.lock().get_mut(&viewer) {
            Some(entry) if entry.seat.session_id == session && !entry.leaving => {
                entry.seen = entry.seen.max(now);
                true
            }
            _ => false,
        }
    }

    /// Whether a viewer is there.
    pub fn is_there(&self, session: BroadcastId, viewer: ViewerId) -> bool {
        let viewers = self.lock();
        viewers.get(&viewer).is_some_and(|entry| entry.seat.session_id == session && !entry.leaving)
    }

    /// Takes note that a viewer is gone, unless it showed a sign of life after `since`; its stay, if so.
    pub fn lose(&self, session: BroadcastId, viewer: ViewerId, since: Duration) -> Option<Seat> {
        let mut viewers = self.lock();
        let entry = viewers.get_mut(&viewer)?;
        let is_lost = entry.seat.session_id == session && !entry.leaving && entry.seen <= since;
        is_lost.then(|| {
            entry.leaving = true;
            entry.seat.clone()
        })
    }

    /// The user that a viewer who is there is, if it is one; `None`: the viewer is not there.
    pub fn user_of(&self, session: BroadcastId, viewer: ViewerId) -> Option<Option<crate::ids::UserId>> {
        let viewers = self.lock();
        let entry = viewers.get(&viewer).filter(|entry| entry.seat.session_id == session && !entry.leaving);
        entry.map(|entry| entry.seat.user_id)
    }

    /// Takes note that some are gone: those who must go. They are handed out until they are removed.
    pub fn expel(&self, must_go: impl Fn(&Seat) -> bool) -> Vec<Seat> {
        let mut viewers = self.lock();
        let expelled = viewers.values_mut().filter(|entry| must_go(&entry.seat));
        let mut expelled: Vec<_> = expelled
            .map(|entry| {
                entry.leaving = true;
                entry.seat.clone()
            })
            .collect();
        expelled.sort_unstable_by_key(|seat| seat.viewer);
        expelled
    }

    /// Removes from `known` all who are not there.
    pub fn retain_there<T>(&self, known: &mut HashMap<ViewerId, T>) {
        let viewers = self.lock();
        known.retain(|viewer, _| viewers.get(viewer).is_some_and(|entry| !entry.leaving));
    }

    /// Removes a viewer who left.
    pub fn remove(&self, viewer: ViewerId) {
        self.lock().remove(&viewer);
    }

    /// Removes a viewer who timed out, unless it has joined again meanwhile.
    pub fn remove_stay(&self, seat: &Seat) {
        let mut viewers = self.lock();
        if viewers.get(&seat.viewer).is_some_and(|entry| entry.seat.generation == seat.generation) {
            viewers.remove(&seat.viewer);
        }
    }

    /// Removes all viewers of a session; how many there were.
    pub fn clear(&self, session: BroadcastId) -> usize {
        self.guests.forget(session);
        let mut viewers = self.lock();
        let before = viewers.len();
        viewers.retain(|_, entry| entry.seat.session_id != session);
        before - viewers.len()
    }

    /// The viewers of a session who are a given user.
    pub fn of_user(&self, session: BroadcastId, user: crate::ids::UserId) -> Vec<ViewerId> {
        let viewers = self.lock();
        let theirs = |entry: &&Entry| entry.seat.session_id == session && entry.seat.user_id == Some(user);
        let mut theirs: Vec<_> = viewers.values().filter(theirs).map(|entry| entry.seat.viewer).collect();
        theirs.sort_unstable();
        theirs
    }

    /// Takes note of all viewers without a sign of life for `timeout`; from now on they are not there.
    ///
    /// A viewer whose departure could not be written is reported again at the next call.
    pub fn expire(&self, timeout: Duration, now: Duration) -> Vec<Expired> {
        let mut expired = Vec::new();
        for entry in self.lock().values_mut() {
            let silent = now.saturating_sub(entry.seen);
            if silent >= timeout {
                entry.leaving = true;
                expired.push(Expired { seat: entry.seat.clone(), ago: silent - timeout });
            }
        }
        expired.sort_unstable_by_key(|expired| expired.seat.viewer);
        expired
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ViewerId, Entry>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::Peer;
    use uuid::Uuid;

    const TIMEOUT: Duration = Duration::from_secs(15);
    const SHOW: BroadcastId = BroadcastId(Uuid::from_u128(1));
    const ADA: ViewerId = ViewerId(Uuid::from_u128(2));

    fn seat(generation: i64) -> Seat {
        Seat {
            viewer: ADA,
            session_id: SHOW,
            user_id: None,
            generation,
            peer: Peer::default(),
            invitation: None,
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_viewer_goes_fifteen_seconds_after_its_last_sign_of_life() {
        let presence = Presence::default();
        presence.enter(seat(1), at(0));
        assert!(presence.touch(SHOW, ADA, at(10)));
        assert!(presence.expire(TIMEOUT, at(24)).is_empty());
        let expired = presence.expire(TIMEOUT, at(27));
        assert_eq!(expired, [Expired { seat: seat(1), ago: at(2) }]);
        assert!(!presence.touch(SHOW, ADA, at(27)), "one who is timing out is no longer there");
    }

    #[test]
    fn a_late_time_out_does_not_end_a_later_stay() {
        let presence = Presence::default();
        presence.enter(seat(1), at(0));
        let expired = presence.expire(TIMEOUT, at(20));
        presence.enter(seat(2), at(20));
        presence.remove_stay(&expired[0].seat);
        assert!(presence.touch(SHOW, ADA, at(21)));
    }

    #[test]
    fn a_time_out_does_not_go_on_into_a_later_stay_that_is_found() {
        let presence = Presence::default();
        presence.enter(seat(1), at(0));
        let expired = presence.expire(TIMEOUT, at(20));
        presence.enter_unknown(seat(2), at(21));
        assert!(presence.expire(TIMEOUT, at(22)).is_empty(), "it came back");
        presence.remove_stay(&expired[0].seat);
        assert!(presence.touch(SHOW, ADA, at(22)));
        presence.enter_unknown(seat(2), at(30));
        assert_eq!(presence.expire(TIMEOUT, at(37)).len(), 1, "what is known already is no sign of life");
    }

    #[test]
    fn joining_again_forgets_no_sign_of_life() {
        let presence = Presence::default();
        presence.enter(seat(1), at(0));
        presence.touch(SHOW, ADA, at(2));
        presence.enter(seat(2), at(1));
        assert!(presence.expire(TIMEOUT, at(16)).is_empty());
        assert_eq!(presence.expire(TIMEOUT, at(17)).len(), 1);
    }

    #[test]
    fn a_sign_of_life_is_handed_out_once_and_not_each_single_one() {
        let presence = Presence::default();
        presence.enter(seat(1), at(0));
        presence.touch(SHOW, ADA, at(4));
        assert!(presence.unnoted(at(5), at(4)).is_empty());
        presence.touch(SHOW, ADA, at(5));
        assert_eq!(presence.unnoted(at(5), at(6)), [(seat(1), at(1))]);
        assert!(presence.unnoted(at(5), at(7)).is_empty());
    }

    #[test]
    fn who_did_not_answer_is_lost_unless_it_showed_itself_otherwise() {
        let presence = Presence::default();
        presence.enter(seat(1), at(0));
        presence.touch(SHOW, ADA, at(12));
        assert_eq!(presence.lose(SHOW, ADA, at(10)), None);
        assert_eq!(presence.lose(SHOW, ADA, at(12)), Some(seat(1)));
        assert!(!presence.is_there(SHOW, ADA));
        assert_eq!(presence.lose(SHOW, ADA, at(30)), None, "once");
        assert_eq!(presence.expire(TIMEOUT, at(27)).len(), 1, "it is told again until it is written");
    }

    #[test]
    fn a_viewer_is_there_in_its_own_session_only() {
        let presence = Presence::default();
        presence.enter(seat(1), at(0));
        assert!(!presence.touch(BroadcastId(Uuid::from_u128(9)), ADA, at(1)));
        presence.clear(SHOW);
        assert!(!presence.touch(SHOW, ADA, at(1)));
    }
}
