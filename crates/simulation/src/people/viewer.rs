//! Somebody who watches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tallylight_core::Error;
use tallylight_core::ids::{BroadcastId, ViewerId};
use tokio::time::sleep;

use super::{DUSK, HEARTBEAT, NIGHT, Person, told};
use crate::server::Seated;

/// Comes and goes as chance has it. Clones are the same person.
#[derive(Clone)]
pub struct Viewer {
    person: Person,
    /// Whether the player is a plain one, which only fetches playlists.
    is_plain: bool,
    /// The place that it was told it has.
    place: Arc<Mutex<Option<(ViewerId, BroadcastId)>>>,
}

/// Why somebody no longer watches.
enum Ending {
    /// Said goodbye, or without a word.
    Went,
    /// Was sent away and may come back with what it has.
    SentAway(Seated),
    /// There is nothing more to watch.
    Over,
}

impl Viewer {
    /// Who is not there yet.
    pub fn new(person: Person) -> Self {
        let is_plain = person.dice.percent(30);
        Self { person, is_plain, place: Arc::default() }
    }

    /// Who it is and where, as long as it knows that it has a place.
    pub fn watches(&self) -> Option<(ViewerId, BroadcastId)> {
        *self.place()
    }

    /// Watches one broadcast after the other, until the evening.
    pub async fn live(self) {
        self.person.waits(0..15).await;
        while !self.person.evening.has_come() {
            if let Some(show) = self.chooses().await {
                self.visits(show).await;
            }
            self.person.waits(1..12).await;
        }
    }

    async fn chooses(&self) -> Option<BroadcastId> {
        self.person.dice.one_of(&self.person.calls.list().await?)
    }

    async fn visits(&self, show: BroadcastId) {
        let mut seated = self.comes(show).await;
        while let Some(here) = seated.take() {
            *self.place() = Some((here.viewer, here.session));
            let ending = self.stays(here).await;
            *self.place() = None;
            match ending {
                Ending::SentAway(before) if self.person.dice.percent(85) => {
                    seated = self.comes_back(before).await;
                }
                Ending::Over | Ending::Went | Ending::SentAway(_) => {}
            }
        }
    }

    /// Takes a place; whoever gets no answer asks again and is somebody else then.
    async fn comes(&self, show: BroadcastId) -> Option<Seated> {
        let (person, calls) = (&self.person, &self.person.calls);
        for _ in 0..3 {
            let came = match self.is_plain {
                false => calls.join(show, None).await,
                true => match calls.enter(show).await {
                    Some(Ok(token)) => calls.play(show, token, None).await,
                    other => other.map(|refused| refused.and(Err(Error::BroadcastEnded))),
                },
            };
            person.notes(format_args!("comes to {show}: {}", told(&came)));
            match came {
                Some(Ok(seated)) => return Some(seated),
                Some(Err(Error::BroadcastEnded | Error::NotFound(_))) => return None,
                _ if person.evening.has_come() => return None,
                _ => person.waits(1..4).await,
            }
        }
        None
    }

    async fn comes_back(&self, before: Seated) -> Option<Seated> {
        for _ in 0..4 {
            let back = match self.is_plain {
                false => self.person.calls.join(before.session, Some(before.clone())).await,
                true => {
                    let again = self.person.calls.heartbeat(&before).await;
                    again.map(|again| again.map(|()| before.clone()))
                }
            };
            self.person.notes(format_args!("{} comes back: {}", before.viewer, told(&back)));
            match back {
                Some(Ok(seated)) => return Some(seated),
                _ if self.person.evening.is_older_than(NIGHT) => return None,
                Some(Err(Error::BroadcastFull | Error::Unavailable(_))) | None => {
                    self.person.waits(1..4).await;
                }
                Some(Err(_)) => return None,
            }
        }
        None
    }

    /// Watches until something ends it.
    async fn stays(&self, here: Seated) -> Ending {
        let person = &self.person;
        loop {
            sleep(HEARTBEAT).await;
            if let Some(ending) = self.feels_like(&here).await {
                return ending;
            }
            match person.calls.heartbeat(&here).await {
                Some(Ok(())) | None | Some(Err(Error::Unavailable(_))) => {}
                Some(Err(Error::BroadcastEnded)) => return Ending::Over,
                Some(Err(error)) => {
                    person.notes(format_args!("{} is sent away: {error}", here.viewer));
                    return Ending::SentAway(here);
                }
            }
        }
    }

    /// What people do between two signs of life: mostly nothing.
    async fn feels_like(&self, here: &Seated) -> Option<Ending> {
        let (person, viewer) = (&self.person, here.viewer);
        let is_evening = person.evening.has_come();
        let vanishes = match is_evening {
            false => person.dice.percent(4),
            // Half of those who are there when the evening comes stay.
            true => viewer.0.as_u128() % 2 == 0 && !person.evening.is_older_than(DUSK),
        };
        if vanishes {
            person.notes(format_args!("{viewer} vanishes"));
            return Some(Ending::Went);
        }
        if is_evening {
            return None;
        }
        match person.dice.number(0..100) {
            0..4 => person.waits(4..20).await,
            4..9 if !self.is_plain => {
                *self.place() = None;
                self.goes(here).await;
                return Some(Ending::Went);
            }
            9..13 if !self.is_plain => self.opens_again(here).await,
            // Silent until just about when its time is up.
            13..20 if !self.is_plain => {
                sleep(person.dice.millis(9_500..11_500)).await;
                self.opens_again(here).await;
            }
            _ => {}
        }
        None
    }

    /// Joins as who it is, while its player goes on.
    async fn opens_again(&self, here: &Seated) {
        let person = &self.person;
        let later = async {
            person.waits(0..2).await;
            person.calls.heartbeat(here).await
        };
        let joining = person.calls.join(here.session, Some(here.clone()));
        let (again, _) = tokio::join!(biased; joining, later);
        person.notes(format_args!("{} opens it again: {}", here.viewer, told(&again)));
    }

    async fn goes(&self, here: &Seated) {
        for _ in 0..3 {
            let left = self.person.calls.leave(here).await;
            self.person.notes(format_args!("{} leaves: {}", here.viewer, told(&left)));
            if left.is_some_and(|left| left.is_ok()) {
                return;
            }
            self.person.waits(0..2).await;
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<(ViewerId, BroadcastId)>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
