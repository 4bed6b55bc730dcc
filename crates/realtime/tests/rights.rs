//! What happens to those who are connected when rights are taken from them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use std::time::Duration;

use serde_json::json;
use tallylight_realtime::Limits;
use tokio::io::AsyncReadExt;

use crate::common::{Heard, House, limits};

/// The end of a subscription for good.
fn gone() -> Heard {
    let why = json!({ "code": 2000, "reason": "the channel is not there any more" });
    Heard::Told(json!({ "push": { "channel": "news", "unsubscribe": why } }))
}

fn told(what: &str) -> Heard {
    Heard::Told(json!({ "push": { "channel": "news", "pub": { "data": what } } }))
}

#[tokio::test]
async fn a_review_closes_who_may_not_be_there_any_more_and_nobody_else() {
    let house = House::opens(limits());
    let (mut ada, mut bob) = (house.welcomes("ada", false).await, house.welcomes("bob", false).await);
    let mut silent = house.receives("ada");
    house.porter.bars("ada");
    house.hub.review();
    assert_eq!(ada.hears().await, Heard::Closed(3503), "for good");
    assert_eq!(silent.hears().await, Heard::Closed(3503), "also who has not said who it is");
    house.tells("Hello");
    assert_eq!(bob.hears().await, told("Hello"));
}

#[tokio::test]
async fn who_comes_after_a_review_is_looked_at_too() {
    let house = House::opens(limits());
    house.porter.bars("ada");
    house.hub.review();
    let mut ada = house.receives("ada");
    ada.demands("connect", json!({})).await;
    assert_eq!(ada.hears().await, Heard::Closed(3503));
    let mut stream = String::new();
    house.streams_to("ada").read_to_string(&mut stream).await.unwrap();
    assert!(stream.ends_with("data: {\"disconnect\":{\"code\":3503,\"reason\":\"force disconnect\"}}\n\n"));
    assert!(!stream.contains("subscribe"), "{stream}");
}

#[tokio::test]
async fn a_review_waits_for_the_message_that_is_being_answered() {
    let house = House::opens(limits());
    let mut ada = house.welcomes("ada", false).await;
    let id = ada.demands("publish", json!({ "channel": "news", "data": {} })).await;
    house.porter.speaks.notified().await;
    house.porter.bars("ada");
    house.hub.review();
    house.porter.go_on.notify_one();
    assert_eq!(ada.hears().await, Heard::Told(json!({ "id": id, "publish": {} })));
    assert_eq!(ada.hears().await, Heard::Closed(3503));
}

#[tokio::test]
async fn a_review_takes_away_what_may_not_be_heard_any_more() {
    let house = House::opens(limits());
    let mut ada = house.welcomes("ada", false).await;
    house.porter.closes(true);
    house.hub.review();
    assert_eq!(ada.hears().await, gone());
    house.porter.closes(false);
    ada.hears_news(false).await;
    house.tells("Hello");
    assert_eq!(ada.hears().await, told("Hello"), "once");
    house.tells("Goodbye");
    assert_eq!(ada.hears().await, told("Goodbye"));
}

#[tokio::test]
async fn a_viewer_is_kept_alive_only_by_what_is_heard() {
    let (ping_interval, viewer_ping_interval) = (Duration::ZERO, Duration::ZERO);
    let house = House::opens(Limits { ping_interval, viewer_ping_interval, ..limits() });
    let mut ada = house.welcomes("ada", true).await;
    ada.answers_a_ping().await;
    assert_eq!(house.porter.signs_of_life(), 1);
    house.porter.closes(true);
    house.hub.check(house.news());
    assert_eq!(ada.hears().await, gone());
    ada.answers_a_ping().await;
    assert_eq!(house.porter.signs_of_life(), 0, "nothing is heard");
    house.porter.closes(false);
    ada.hears_news(true).await;
    ada.answers_a_ping().await;
    assert_eq!(house.porter.signs_of_life(), 1, "once, and not for what was taken away too");
}
