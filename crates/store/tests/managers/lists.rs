//! Lists: page after page while the clock turns, and who was live at another time.

use std::sync::atomic::Ordering;

use tallylight_core::Caller;
use tallylight_core::broadcast::{CreateBroadcast, Snapshot, Status, UpdateBroadcast, Visibility};
use tallylight_core::clock::Time;
use tallylight_core::directory::{Cursor, Page, Part, Query, Scope, Sort};
use tallylight_core::ids::BroadcastId;
use tallylight_core::{Error, Result};

use crate::world::{ANYBODY, NOON, World, by};

fn titles(items: &[Snapshot]) -> Vec<&str> {
    items.iter().map(|item| item.title.as_str()).collect()
}

fn by_title() -> Query {
    Query { sort: Sort::Title, ..Query::default() }
}

fn hers(ada: &Caller) -> Query {
    Query { scope: Scope::PrivateOf(ada.user_id().unwrap()), ..by_title() }
}

fn first(limit: usize) -> Part {
    Part { offset: 0, limit }
}

impl World {
    async fn opens(&self, owner: &Caller, title: &str, visibility: Visibility) -> BroadcastId {
        self.create(owner, CreateBroadcast { visibility, ..CreateBroadcast::titled(title) }).await
    }

    fn resumes(&self, caller: &Caller, cursor: Cursor, limit: usize) -> Result<Page> {
        let ranking = self.broadcasts.ranking(caller, &cursor)?;
        Ok(self.broadcasts.resume(&ranking, Part { offset: cursor.place as usize, limit }))
    }

    /// Titles and counts of those that were live so many seconds after noon.
    async fn live_at(&self, seconds: i64, query: &Query) -> Vec<(String, u32)> {
        let time: Time = NOON + time::Duration::seconds(seconds);
        let page = self.broadcasts.get_broadcasts_live_at(time, query, first(100)).await.unwrap();
        assert_eq!((page.items.len(), page.next), (page.total, None));
        page.items.iter().map(|item| (item.title.clone(), item.viewer_count())).collect()
    }
}

#[tokio::test]
async fn a_list_goes_on_as_it_began_for_a_minute() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    for title in ["A", "C", "E"] {
        world.opens(&ada, title, Visibility::Public).await;
    }
    let gone = world.opens(&ada, "D", Visibility::Public).await;
    let page = world.broadcasts.get_active_broadcasts(&by_title(), first(1));
    assert_eq!((titles(&page.items), page.total), (vec!["A"], 4));
    world.opens(&ada, "B", Visibility::Public).await;
    world.ends(&ada, gone).await;
    world.turn(59);
    let page = world.resumes(&ANYBODY, page.next.unwrap(), 1).unwrap();
    assert_eq!((titles(&page.items), page.total), (vec!["C"], 4));
    world.turn(59);
    let last = world.resumes(&ANYBODY, page.next.unwrap(), 5).unwrap();
    assert_eq!((titles(&last.items), last.next), (vec!["E"], None));
    world.turn(1);
    let expired = world.resumes(&ANYBODY, page.next.unwrap(), 1);
    assert!(matches!(expired, Err(Error::CursorExpired)));
    assert_eq!(world.broadcasts.get_active_broadcasts(&by_title(), first(9)).total, 4);
}

#[tokio::test]
async fn a_private_list_goes_on_for_its_owner_alone() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    for title in ["A", "B", "C"] {
        world.opens(&ada, title, Visibility::Private).await;
    }
    let cursor = world.broadcasts.get_active_broadcasts(&hers(&ada), first(1)).next.unwrap();
    for stranger in [&bob, &ANYBODY] {
        assert!(matches!(world.resumes(stranger, cursor, 9), Err(Error::CursorExpired)));
    }
    assert_eq!(titles(&world.resumes(&ada, cursor, 9).unwrap().items), ["B", "C"]);
    let second = world.resumes(&ada, cursor, 1).unwrap().items[0].id;
    world.sets_visibility(&ada, second, Visibility::Public).await;
    assert_eq!(titles(&world.resumes(&ada, cursor, 9).unwrap().items), ["C"], "no longer on this list");
}

#[tokio::test]
async fn those_who_watch_change_the_counts_and_not_the_cursor() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let popular = world.opens(&ada, "Popular", Visibility::Public).await;
    world.opens(&ada, "Quiet", Visibility::Public).await;
    world.watcher(popular).await;
    let (before, mark) = world.broadcasts.list(&Query::default(), first(1));
    assert!(world.broadcasts.may_be_shown_again(&mark));
    world.watcher(popular).await;
    assert!(!world.broadcasts.may_be_shown_again(&mark), "the count is another");
    let after = world.broadcasts.get_active_broadcasts(&Query::default(), first(1));
    assert_eq!((after.items[0].viewer_count(), after.next), (2, before.next));
}

#[tokio::test]
async fn who_was_live_then_is_told_with_the_viewers_of_then() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let early = world.opens(&ada, "Early", Visibility::Public).await;
    world.turn(10);
    let late = world.opens(&ada, "Late", Visibility::Public).await;
    let first_viewer = world.watcher(early).await;
    world.turn(10);
    world.watcher(late).await;
    world.watcher(late).await;
    let elsewhere = UpdateBroadcast { viewer_count: Some(150), ..UpdateBroadcast::default() };
    world.broadcasts.update(by(&ada), early, elsewhere).await.unwrap();
    world.turn(10);
    world.sessions.leave(early, &first_viewer.viewer_token).await.unwrap();
    world.turn(10);
    world.ends(&ada, late).await;

    let query = Query::default();
    let found =
        |pairs: &[(&str, u32)]| pairs.iter().map(|(name, n)| (name.to_string(), *n)).collect::<Vec<_>>();
    assert_eq!(world.live_at(-1, &query).await, []);
    assert_eq!(world.live_at(0, &query).await, found(&[("Early", 0)]));
    assert_eq!(
        world.live_at(19, &query).await,
        found(&[("Early", 1), ("Late", 0)]),
        "sorted by what was then"
    );
    assert_eq!(world.live_at(20, &query).await, found(&[("Late", 2), ("Early", 1)]));
    assert_eq!(world.live_at(30, &by_title()).await, found(&[("Early", 0), ("Late", 2)]));
    assert_eq!(world.live_at(40, &query).await, found(&[("Early", 0)]));
    let named = Query { q: Some("LATE".into()), ..Query::default() };
    assert_eq!(world.live_at(20, &named).await, found(&[("Late", 2)]));
    let second = Part { offset: 1, limit: 1 };
    let time = NOON + time::Duration::seconds(20);
    let page = world.broadcasts.get_broadcasts_live_at(time, &by_title(), second).await.unwrap();
    assert_eq!((titles(&page.items), page.items[0].viewer_count(), page.total), (vec!["Late"], 2, 2));
}

#[tokio::test]
async fn of_other_times_too_nobody_learns_what_is_private_or_removed() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let turned = world.opens(&ada, "Turned private", Visibility::Public).await;
    let closed = world.opens(&ada, "Closed", Visibility::Public).await;
    let removed = world.opens(&ada, "Removed", Visibility::Public).await;
    world.opens(&bob, "Bob's", Visibility::Private).await;
    world.broadcasts.update_broadcast_status(&ada, closed, Status::Private).await.unwrap();
    world.turn(10);
    world.ends(&ada, closed).await;
    world.sets_visibility(&ada, turned, Visibility::Private).await;
    world.broadcasts.delete(&ada, removed).await.unwrap();

    assert_eq!(world.live_at(5, &Query::default()).await, []);
    let hers = world.live_at(5, &hers(&ada)).await;
    assert_eq!(
        hers.iter().map(|(title, _)| title.as_str()).collect::<Vec<_>>(),
        ["Closed", "Turned private"]
    );
    let ended = world.broadcasts.broadcast(&bob, closed).await;
    assert!(matches!(ended, Err(Error::NotFound(_))), "what was private stays so when it has ended");
}

#[tokio::test]
async fn a_time_at_which_too_many_were_live_is_refused() {
    let world = World::new().await;
    world.show(&world.user("ada").await).await;
    world.door.is_crowded.store(true, Ordering::Relaxed);
    let refused = world.broadcasts.get_broadcasts_live_at(NOON, &Query::default(), first(1)).await;
    assert!(matches!(refused, Err(Error::TooManyLive(10_000))));
}

#[tokio::test]
async fn whoever_hangs_up_keeps_the_turn_until_the_database_is_done() {
    let world = World::new().await;
    world.show(&world.user("ada").await).await;
    let everything = Query::default();
    let lists = || world.broadcasts.get_broadcasts_live_at(NOON, &everything, first(1));
    world.door.holds_list.store(true, Ordering::Relaxed);
    tokio::select! {
        _ = lists() => panic!("the database has not answered"),
        () = world.door.on_disk.notified() => {}
    }
    assert!(matches!(lists().await, Err(Error::Busy(_))));
    world.door.open.notify_one();
    while matches!(lists().await, Err(Error::Busy(_))) {}
    assert_eq!(lists().await.unwrap().total, 1);
}
