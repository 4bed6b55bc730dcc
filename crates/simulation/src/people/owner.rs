//! Somebody who broadcasts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tallylight_core::broadcast::{CreateBroadcast, Status, UpdateBroadcast, Visibility};
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::{Caller, Error};

use super::{Person, told};

/// Makes one broadcast after the other and changes it all the time. Clones are the same person.
#[derive(Clone)]
pub struct Owner {
    person: Person,
    caller: Caller,
    show: Arc<Mutex<Option<(BroadcastId, String)>>>,
}

impl Owner {
    pub(super) fn new(person: Person, caller: Caller) -> Self {
        Self { person, caller, show: Arc::default() }
    }

    /// The account.
    pub fn id(&self) -> Option<UserId> {
        self.caller.user_id()
    }

    /// Broadcasts until the evening.
    pub async fn live(self) {
        let mut take = 0;
        while !self.person.evening.has_come() {
            let show = self.show().as_ref().map(|(id, _)| *id);
            match show {
                None => self.makes().await,
                Some(id) => {
                    self.person.waits(1..9).await;
                    take += 1;
                    self.changes(id, take).await;
                }
            }
        }
    }

    /// Sends media, loses its connection, and is back after a while, sometimes before the server has noticed.
    pub async fn encodes(self) {
        let person = &self.person;
        while !person.evening.has_come() {
            person.waits(0..5).await;
            let Some((_, key)) = self.show().clone() else { continue };
            let media = person.dice.millis(2_000..30_000);
            let told = told(&person.calls.publish(key, media).await);
            person.notes(format_args!("connects an encoder: {told}"));
            person.waits(5..35).await;
        }
    }

    /// Ends a broadcast, however long it takes.
    pub async fn ends(&self, id: BroadcastId) {
        let update = UpdateBroadcast { status: Some(Status::Ended), ..UpdateBroadcast::default() };
        loop {
            let ended = self.person.calls.update(&self.caller, id, update.clone()).await;
            self.person.notes(format_args!("ends {id}: {}", told(&ended)));
            if matches!(ended, Some(Ok(_) | Err(Error::NotFound(_)))) {
                return;
            }
            self.person.waits(0..1).await;
        }
    }

    async fn makes(&self) {
        let person = &self.person;
        let max_viewers = if person.dice.percent(70) { person.dice.number(1..6) } else { 0 };
        let request = CreateBroadcast { max_viewers, ..CreateBroadcast::titled("Launch day") };
        let made = person.calls.create(&self.caller, request).await;
        person.notes(format_args!("makes a broadcast for {max_viewers}: {}", told(&made)));
        match made {
            Some(Ok(made)) => *self.show() = Some(made),
            _ => person.waits(1..3).await,
        }
    }

    async fn changes(&self, id: BroadcastId, take: u32) {
        let person = &self.person;
        if person.dice.percent(20) {
            let logged = person.calls.log(&self.caller, id, format!("Poll {take} of {id}")).await;
            return person.notes(format_args!("opens a poll in {id}: {}", told(&logged)));
        }
        let update = self.has_an_idea(id, take);
        let what = format!("{:?}/{:?}/{:?}", update.status, update.visibility, update.max_viewers);
        let after = person.calls.update(&self.caller, id, update).await;
        person.notes(format_args!("changes {id} to {what}: {}", told(&after)));
        let is_over = match after {
            Some(Ok(after)) => after.status == Status::Ended,
            Some(Err(Error::InvalidTransition { .. } | Error::BroadcastEnded | Error::NotFound(_))) => true,
            _ => false,
        };
        if is_over {
            *self.show() = None;
        }
    }

    fn has_an_idea(&self, id: BroadcastId, take: u32) -> UpdateBroadcast {
        let dice = &self.person.dice;
        let nothing = UpdateBroadcast::default();
        let status = |status| UpdateBroadcast { status: Some(status), ..UpdateBroadcast::default() };
        let visibility =
            |visibility| UpdateBroadcast { visibility: Some(visibility), ..UpdateBroadcast::default() };
        match dice.number(0..100) {
            0..5 => status(Status::Ended),
            5..12 => visibility(Visibility::Private),
            12..40 => visibility(Visibility::Public),
            40..50 => status(Status::Paused),
            50..62 => status(Status::Active),
            62..80 => UpdateBroadcast { max_viewers: Some(dice.number(0..7)), ..nothing },
            _ => UpdateBroadcast { title: Some(format!("Take {take} of {id}")), ..nothing },
        }
    }

    fn show(&self) -> MutexGuard<'_, Option<(BroadcastId, String)>> {
        self.show.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
