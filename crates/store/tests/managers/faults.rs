//! The store, made to answer late or not at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tallylight_core::broadcast::{Broadcast, CreateBroadcast, IngestState, Snapshot, Status, Visibility};
use tallylight_core::chat::Ban;
use tallylight_core::clock::Time;
use tallylight_core::directory::Query;
use tallylight_core::event::{Event, EventQuery, Excerpt, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, UserId, ViewerId};
use tallylight_core::quality::{Quality, QualityRow, Span};
use tallylight_core::session::Joined;
use tallylight_core::store::{BanStore, BroadcastStore, Change, SessionStore};
use tallylight_core::viewer::{Counts, Departure, JoinOutcome, KnownViewer, NewViewer, Seat, SignOfLife};
use tallylight_core::{Error, Result};
use tallylight_store::Store;
use tokio::sync::Notify;

use crate::world::{ANYBODY, World, refusal};

/// The real store behind a door that a test may hold.
pub struct Door {
    store: Arc<Store>,
    /// The next join is answered when `open` says so, after it is on disk.
    pub holds_join: AtomicBool,
    /// So is the next list of another time.
    pub holds_list: AtomicBool,
    pub on_disk: Notify,
    pub open: Notify,
    /// Nothing that would be written is.
    pub refuses: AtomicBool,
    /// Everything is written, and no answer comes back.
    pub loses_answers: AtomicBool,
    /// What is told of this session is refused for good.
    pub poison: Mutex<Option<BroadcastId>>,
    /// As many as are asked for were live at any time.
    pub is_crowded: AtomicBool,
    /// How often bans were read, and how often a log.
    pub ban_reads: AtomicUsize,
    pub log_reads: AtomicUsize,
}

impl Door {
    pub fn new(store: Arc<Store>) -> Self {
        let [holds_join, holds_list, refuses, loses_answers, is_crowded] =
            [(); 5].map(|()| AtomicBool::new(false));
        let (on_disk, open) = (Notify::new(), Notify::new());
        let (poison, [ban_reads, log_reads]) = (Mutex::default(), [(); 2].map(|()| AtomicUsize::new(0)));
        Self {
            store,
            poison,
            holds_join,
            holds_list,
            on_disk,
            open,
            refuses,
            loses_answers,
            is_crowded,
            ban_reads,
            log_reads,
        }
    }

    fn writes(&self) -> Result<&Store> {
        let refuses = self.refuses.load(Ordering::Relaxed);
        if refuses { Err(Error::Unavailable("the disk is full".into())) } else { Ok(&self.store) }
    }

    fn answer<T>(&self, outcome: Result<T>) -> Result<T> {
        let lost = self.loses_answers.load(Ordering::Relaxed);
        if lost { Err(Error::Unavailable("no answer in time".into())) } else { outcome }
    }
}

#[async_trait]
impl SessionStore for Door {
    async fn join(&self, viewer: &NewViewer, event: NewEvent) -> Result<JoinOutcome> {
        let outcome = self.writes()?.join(viewer, event).await;
        if self.holds_join.swap(false, Ordering::Relaxed) {
            self.on_disk.notify_one();
            self.open.notified().await;
        }
        self.answer(outcome)
    }

    async fn leave(&self, departure: &Departure) -> Result<Option<Counts>> {
        self.answer(self.writes()?.leave(departure).await)
    }

    async fn append(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        self.writes()?.append(session, event).await
    }

    async fn say(&self, session: BroadcastId, event: NewEvent) -> Result<Option<Counts>> {
        self.answer(self.writes()?.say(session, event).await)
    }

    async fn say_as_guest(
        &self,
        session: BroadcastId,
        event: NewEvent,
        guest: ViewerId,
    ) -> Result<Option<Counts>> {
        self.answer(self.writes()?.say_as_guest(session, event, guest).await)
    }

    async fn logged_event(&self, session: BroadcastId, event: EventId) -> Result<Option<Event>> {
        self.store.logged_event(session, event).await
    }

    async fn delete_message(
        &self,
        session: BroadcastId,
        message: EventId,
        event: NewEvent,
    ) -> Result<Option<Counts>> {
        self.answer(self.writes()?.delete_message(session, message, event).await)
    }

    async fn note_seen(&self, signs: Vec<SignOfLife>) -> Result<()> {
        self.writes()?.note_seen(signs).await
    }

    async fn seats(&self) -> Result<Vec<Seat>> {
        self.store.seats().await
    }

    async fn viewer(&self, session: BroadcastId, viewer: ViewerId) -> Result<Option<KnownViewer>> {
        self.store.viewer(session, viewer).await
    }

    async fn events(&self, session: BroadcastId, query: &EventQuery) -> Result<Excerpt> {
        self.log_reads.fetch_add(1, Ordering::Relaxed);
        self.store.events(session, query).await
    }

    async fn save_quality(&self, rows: Vec<QualityRow>) -> Result<()> {
        let poison = *self.poison.lock().unwrap();
        if rows.iter().any(|row| Some(row.session_id) == poison) {
            return Err(Error::Internal("there is no such session".into()));
        }
        self.answer(self.writes()?.save_quality(rows).await)
    }

    async fn quality(&self, session: BroadcastId, span: Span) -> Result<Vec<(Time, Quality)>> {
        self.store.quality(session, span).await
    }
}

#[async_trait]
impl BanStore for Door {
    async fn ban(&self, ban: &Ban) -> Result<()> {
        self.answer(self.writes()?.ban(ban).await)
    }

    async fn unban(&self, owner: UserId, user: UserId) -> Result<()> {
        self.answer(self.writes()?.unban(owner, user).await)
    }

    async fn bans(&self, owner: UserId) -> Result<Vec<Ban>> {
        self.ban_reads.fetch_add(1, Ordering::Relaxed);
        self.store.bans(owner).await
    }
}

#[async_trait]
impl BroadcastStore for Door {
    async fn insert_broadcast(&self, broadcast: &Broadcast, events: Vec<NewEvent>) -> Result<Counts> {
        self.answer(self.writes()?.insert_broadcast(broadcast, events).await)
    }

    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Snapshot>> {
        self.store.broadcast(id).await
    }

    async fn save_broadcast(&self, change: Change<'_>) -> Result<Option<Counts>> {
        self.answer(self.writes()?.save_broadcast(change).await)
    }

    async fn open_broadcasts(&self) -> Result<Vec<Snapshot>> {
        self.store.open_broadcasts().await
    }

    async fn live_at(&self, time: Time, query: &Query, limit: u32) -> Result<Vec<Snapshot>> {
        let live = self.store.live_at(time, query, limit).await?;
        if self.holds_list.swap(false, Ordering::Relaxed) {
            self.on_disk.notify_one();
            self.open.notified().await;
        }
        let is_crowded = self.is_crowded.load(Ordering::Relaxed);
        Ok(if is_crowded { live.iter().cycle().take(limit as usize).cloned().collect() } else { live })
    }

    async fn viewers_at(&self, time: Time, sessions: &[BroadcastId]) -> Result<Vec<(BroadcastId, u32)>> {
        self.store.viewers_at(time, sessions).await
    }

    async fn broadcast_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<Snapshot>> {
        self.store.broadcast_by_stream_key(hash).await
    }
}

/// Eve joins; before she has her answer the owner acts. What she is told, and what her player gets.
async fn eve_joins_while(owner_acts: impl AsyncFnOnce(&World, BroadcastId)) -> (&'static str, &'static str) {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let (_, token) = world.sessions.enter(show).await.unwrap();
    world.door.holds_join.store(true, Ordering::Relaxed);
    let joining = async { refusal(world.plays(show, &token).await) };
    let acting = async {
        world.door.on_disk.notified().await;
        owner_acts(&world, show).await;
        world.door.open.notify_one();
    };
    let (told, ()) = tokio::join!(joining, acting);
    assert_eq!(world.count(show).await, 0);
    (told, refusal(world.sessions.watch_private(show, &token)))
}

#[tokio::test]
async fn who_joins_while_the_broadcast_turns_private_sees_nothing_of_it() {
    let outcome = eve_joins_while(async |world, show| {
        let ada = world.owner_of(show).await;
        world.sets_visibility(&ada, show, Visibility::Private).await;
    });
    assert_eq!(outcome.await, ("not found", "not found"));
}

#[tokio::test]
async fn who_joins_while_the_broadcast_ends_is_not_there() {
    let outcome = eve_joins_while(async |world, show| {
        let ada = world.owner_of(show).await;
        world.ends(&ada, show).await;
    });
    assert_eq!(outcome.await, ("ended", "not found"));
}

#[tokio::test]
async fn a_sign_of_life_counts_while_joining_again_takes_its_time() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let eve = world.watcher(show).await;
    world.door.holds_join.store(true, Ordering::Relaxed);
    let again = async { refusal(world.join_again(show, &eve.viewer_token).await) };
    let meanwhile = async {
        world.door.on_disk.notified().await;
        world.turn(2);
        world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
        world.door.open.notify_one();
    };
    assert_eq!(tokio::join!(again, meanwhile).0, "accepted");
    world.pass(14).await;
    assert_eq!(world.count(show).await, 1);
    world.pass(1).await;
    assert_eq!(world.count(show).await, 0);
}

#[tokio::test]
async fn a_time_out_that_could_not_be_written_does_not_end_the_stay_of_who_came_back() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let eve = world.watcher(show).await;
    world.turn(15);
    world.door.holds_join.store(true, Ordering::Relaxed);
    let again = async { refusal(world.join_again(show, &eve.viewer_token).await) };
    let meanwhile = async {
        world.door.on_disk.notified().await;
        // Her first stay cannot be ended; memory is compared with the database, which has the second.
        world.door.refuses.store(true, Ordering::Relaxed);
        assert!(world.sessions.tick().await.is_err());
        world.door.refuses.store(false, Ordering::Relaxed);
        world.pass(1).await;
        world.door.open.notify_one();
    };
    assert_eq!(tokio::join!(again, meanwhile).0, "accepted");
    world.sessions.heartbeat(show, &eve.viewer_token).unwrap();
    assert_eq!((world.count(show).await, world.logged(show).await), (1, vec!["viewer.joined".to_owned()]));
    world.pass(15).await;
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.left"], "in her own time");
}

#[tokio::test]
async fn what_could_not_be_written_is_written_later_with_its_own_time() {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let eve = world.watcher(show).await;
    world.door.refuses.store(true, Ordering::Relaxed);
    world.turn(15);
    assert!(world.sessions.tick().await.is_err());
    assert_eq!(refusal(world.sessions.heartbeat(show, &eve.viewer_token)), "gone");
    assert!(world.join(&ANYBODY, show).await.is_err());
    world.door.refuses.store(false, Ordering::Relaxed);
    world.pass(100).await;
    let left = world.log(show).await.pop().unwrap();
    assert_eq!(left.created_at, crate::world::NOON + time::Duration::seconds(15));
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.left"]);
}

#[tokio::test]
async fn an_encoder_whose_end_could_not_be_written_is_noted_when_it_is_told_again() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let encoder = world.goes_live(&ada, show).await;
    world.door.refuses.store(true, Ordering::Relaxed);
    assert!(world.sessions.media_stopped(show, encoder.publish, "connection lost").await.is_err());
    world.door.refuses.store(false, Ordering::Relaxed);
    assert_eq!(world.state(show).await.ingest.state, IngestState::Live);
    world.sessions.media_stopped(show, encoder.publish, "connection lost").await.unwrap();
    assert_eq!(world.state(show).await.ingest.state, IngestState::Interrupted);
    world.pass(60).await;
    assert_eq!(world.state(show).await.status, Status::Ended);
}

/// Ada's show with Eve watching; then an answer is lost, and a second later the managers have looked.
async fn show_on_which_an_answer_is_lost(
    acts: impl AsyncFnOnce(&World, BroadcastId, &Joined),
) -> (World, BroadcastId) {
    let world = World::new().await;
    let show = world.show(&world.user("ada").await).await;
    let eve = world.watcher(show).await;
    world.door.loses_answers.store(true, Ordering::Relaxed);
    acts(&world, show, &eve).await;
    world.door.loses_answers.store(false, Ordering::Relaxed);
    world.pass(1).await;
    (world, show)
}

#[tokio::test]
async fn who_took_a_place_without_an_answer_times_out_like_everybody() {
    let (world, show) = show_on_which_an_answer_is_lost(async |world, show, _| {
        assert!(world.join(&ANYBODY, show).await.is_err());
    })
    .await;
    assert_eq!(world.count(show).await, 2, "both have a place in the log");
    world.pass(15).await;
    assert_eq!(world.count(show).await, 0);
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.joined", "viewer.left", "viewer.left"]);
}

#[tokio::test]
async fn who_left_without_an_answer_is_gone() {
    let (world, show) = show_on_which_an_answer_is_lost(async |world, show, eve| {
        assert!(world.sessions.leave(show, &eve.viewer_token).await.is_err());
    })
    .await;
    assert_eq!(world.count(show).await, 0);
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.left"]);
}

#[tokio::test]
async fn what_ended_without_an_answer_has_ended_for_everybody() {
    let (world, show) = show_on_which_an_answer_is_lost(async |world, show, _| {
        let ada = world.owner_of(show).await;
        assert!(world.broadcasts.update_broadcast_status(&ada, show, Status::Ended).await.is_err());
    })
    .await;
    assert_eq!(world.state(show).await.status, Status::Ended);
    assert!(!world.sessions.is_open(show));
    world.pass(60).await;
    assert_eq!(world.logged(show).await, ["viewer.joined", "viewer.left", "broadcast.ended"]);
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_listed_and_ends_by_itself() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    world.door.loses_answers.store(true, Ordering::Relaxed);
    assert!(world.broadcasts.create_broadcast(&ada, CreateBroadcast::titled("Launch day")).await.is_err());
    world.door.loses_answers.store(false, Ordering::Relaxed);
    world.pass(1).await;
    let open = world.store.open_broadcasts().await.unwrap();
    let [made] = open.as_slice() else { panic!("{open:?}") };
    assert!(world.sessions.is_open(made.id));
    world.pass(24 * 3_600).await;
    assert!(!world.sessions.is_open(made.id));
}

#[tokio::test]
async fn an_interruption_without_an_answer_ends_the_broadcast_in_its_time() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let encoder = world.goes_live(&ada, show).await;
    world.door.loses_answers.store(true, Ordering::Relaxed);
    assert!(world.sessions.media_stopped(show, encoder.publish, "connection lost").await.is_err());
    world.door.loses_answers.store(false, Ordering::Relaxed);
    world.turn(2);
    world.sessions.media_stopped(show, encoder.publish, "connection lost").await.unwrap();
    assert_eq!(world.state(show).await.ingest.state, IngestState::Interrupted);
    world.pass(1).await;
    world.pass(61).await;
    assert_eq!(world.state(show).await.status, Status::Ended);
}

#[tokio::test]
async fn who_joined_again_without_an_answer_still_times_out() {
    let (world, show) = show_on_which_an_answer_is_lost(async |world, show, eve| {
        assert!(world.join_again(show, &eve.viewer_token).await.is_err());
    })
    .await;
    assert_eq!(world.count(show).await, 1);
    world.pass(30).await;
    assert_eq!(world.count(show).await, 0);
}

#[tokio::test]
async fn an_encoder_that_is_there_is_not_taken_for_lost_when_memory_is_compared() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let _encoder = world.goes_live(&ada, show).await;
    world.door.loses_answers.store(true, Ordering::Relaxed);
    assert!(world.join(&ANYBODY, show).await.is_err());
    world.door.loses_answers.store(false, Ordering::Relaxed);
    for _ in 0..20 {
        world.pass(5).await;
    }
    assert_eq!(world.state(show).await.ingest.state, IngestState::Live);
    assert_eq!(world.logged(show).await, ["broadcast.started", "viewer.joined", "viewer.left"]);
}
