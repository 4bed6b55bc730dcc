use serde_json::Map;
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::ids::BroadcastId;

const NOON: Time = datetime!(2026-05-01 12:00 UTC);

/// What is wrong with a message.
fn fault(text: &str) -> String {
    match message(text) {
        Err(Error::Invalid(fields)) => fields[0].message.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_kept_as_its_text_whatever_it_looks_like() {
    assert_eq!(message("  <b>hello</b>\r\nyou & me \n").unwrap(), "<b>hello</b>\nyou & me");
    assert_eq!(message(&"\u{1f600}".repeat(500)).unwrap().chars().count(), 500);
    assert_eq!(message(&["line"; 20].join("\n")).unwrap().lines().count(), 20);
}

#[test]
fn a_message_has_something_to_say_and_no_more_than_fits() {
    assert_eq!(fault(" \n\t "), "must not be empty");
    assert_eq!(fault(&"x".repeat(501)), "has 501 characters; at most 500 are allowed");
    assert_eq!(fault("a\0b"), "must not contain NUL");
    assert_eq!(fault("a\u{1b}[31mb"), "must not contain control characters other than line feeds");
    assert_eq!(fault("a\rb"), "must not contain control characters other than line feeds");
    assert_eq!(fault(&["x"; 21].join("\n")), "has 21 lines; at most 20 are allowed");
}

#[test]
fn a_reaction_is_one_of_a_few() {
    for reaction in Reaction::ALL {
        assert_eq!(Reaction::named(reaction.name()).unwrap(), *reaction);
    }
    let error = Reaction::named("Heart").unwrap_err().to_string();
    assert!(error.contains("reaction must be one of heart, like, laugh, wow, clap, party, fire"), "{error}");
}

#[test]
fn a_time_out_is_a_second_to_two_weeks() {
    let ban = |seconds| NewBan { user: "bob".into(), seconds, reason: None };
    for good in [None, Some(1), Some(1_209_600)] {
        assert!(ban(good).validate().is_ok(), "{good:?}");
    }
    for bad in [Some(0), Some(1_209_601)] {
        assert!(ban(bad).validate().is_err(), "{bad:?}");
    }
    let reason = Some("x".repeat(201));
    assert!(NewBan { reason, ..ban(None) }.validate().is_err());
}

#[test]
fn a_ban_ends_with_its_last_moment() {
    assert!(is_in_force(None, NOON));
    assert!(is_in_force(Some(NOON + time::Duration::SECOND), NOON));
    assert!(!is_in_force(Some(NOON), NOON));
}

#[test]
fn a_message_is_deleted_by_its_author_and_by_those_who_keep_order() {
    let (ada, bob) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
    let said = Event {
        id: EventId(Uuid::from_u128(3)),
        session_id: BroadcastId(Uuid::from_u128(4)),
        seq: 5,
        kind: "chat.message".into(),
        data: json!({"text": "hello"}),
        created_at: NOON,
        user_id: Some(ada),
        metadata: Map::new(),
    };
    let by = |user, role| deletion(&said, user, role).map(|data| data["by"].as_str().unwrap().to_owned());
    assert_eq!(by(ada, ChatRole::Viewer).unwrap(), "author");
    assert_eq!(by(ada, ChatRole::Owner).unwrap(), "author");
    assert_eq!(by(bob, ChatRole::Owner).unwrap(), "owner");
    assert_eq!(by(bob, ChatRole::Moderator).unwrap(), "moderator");
    assert_eq!(by(bob, ChatRole::Admin).unwrap(), "moderator");
    assert!(matches!(by(bob, ChatRole::Viewer), Err(Error::Forbidden(_))));
    assert_eq!(deletion(&said, ada, ChatRole::Viewer).unwrap()["message_seq"], 5);
}
