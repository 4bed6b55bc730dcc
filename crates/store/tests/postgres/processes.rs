//! Several processes on one database.

use std::process::{Command, Stdio};

use tallylight_core::event::EventType;
use tallylight_core::ids::{BroadcastId, EventId, Ids, SystemIds, ViewerId};
use tallylight_core::store::SessionStore;
use tallylight_core::viewer::{JoinOutcome, NewViewer};
use tallylight_store::{Location, Store};

use crate::harness::{Db, NOON, patient};

/// Tells this test binary, started once more, to be one of the crowd.
const ROLE: &str = "TESTKIT_CROWD";

/// What each process of the story below does: sixty join, every second of them logs an event.
#[tokio::test]
async fn as_one_of_the_processes() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (show, url) = role.split_once(' ').unwrap();
    let show: BroadcastId = show.parse().unwrap();
    let store = Store::open(&Location::Server(url.to_owned()), patient()).await.unwrap();
    let ids = SystemIds::default();
    let event = |kind| tallylight_core::event::NewEvent {
        id: EventId(ids.uuid(NOON).unwrap()),
        kind: EventType::into(kind),
        data: serde_json::json!({}),
        metadata: serde_json::Map::new(),
        created_at: NOON,
        user_id: None,
    };
    let crowd = (0..60).map(|number| {
        let (store, joined, logged) =
            (&store, event(EventType::ViewerJoined), event(EventType::BroadcastUpdated));
        let viewer = NewViewer {
            id: ViewerId(ids.uuid(NOON).unwrap()),
            session_id: show,
            user_id: None,
            person: String::new(),
            at: NOON,
            client: tallylight_core::viewer::Client::default(),
            invitation: None,
        };
        async move {
            if number % 2 == 0 {
                store.append(show, logged).await.unwrap().unwrap();
            }
            matches!(store.join(&viewer, joined).await.unwrap(), JoinOutcome::Joined(..))
        }
    });
    let joined = futures_util::future::join_all(crowd).await;
    println!("places: {}", joined.into_iter().filter(|joined| *joined).count());
    store.close().await;
}

#[tokio::test]
async fn places_and_numbers_are_shared_by_processes() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let Location::Server(url) = db.database.location() else { panic!("a server") };
    let show = db.show(100).await;
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["processes::as_one_of_the_processes", "--exact", "--nocapture"])
            .env(ROLE, format!("{} {url}", show.id))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let processes = [start(), start(), start()];
    let places = processes.map(|process| {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.split_once("places: ")).unwrap();
        line.1.trim().parse::<usize>().unwrap()
    });
    assert_eq!(places.iter().sum::<usize>(), 100);
    assert_eq!(db.counts(&show).await.viewers, 100);
    assert_eq!(db.log(&show).await.len(), 1 + 100 + 90);
}

#[tokio::test]
async fn a_database_is_claimed_by_one_server_until_that_ends() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let open = async || Store::open(&db.database.location(), patient()).await.unwrap();
    let (first, second) = (open().await, open().await);
    let claim = first.claim().await.unwrap();
    let refusal = second.claim().await.unwrap_err().to_string();
    assert!(refusal.contains("another server"), "{refusal}");
    drop(claim);
    second.claim().await.unwrap();
}
