//! What is said, what is taken back, and who may not speak.

use std::sync::Arc;

use serde_json::json;
use tallylight_core::Error;
use tallylight_core::analytics::{Interval, Period, Progress, Window};
use tallylight_core::broadcast::{Broadcast, Visibility};
use tallylight_core::chat::Ban;
use tallylight_core::event::{EventType, NewEvent};
use tallylight_core::ids::{BroadcastId, EventId, UserId};
use tallylight_core::user::User;
use time::Duration;
use tokio::task::JoinSet;

use crate::harness::{Db, NOON};

fn message(db: &Db, by: &User) -> NewEvent {
    NewEvent { data: json!({"text": "hello"}), ..db.event(EventType::ChatMessage) }.by(Some(by.id))
}

/// Somebody says something; its id.
async fn says(db: &Db, show: &Broadcast, by: &User) -> EventId {
    let said = message(db, by);
    db.say(show.id, said.clone()).await.unwrap().unwrap();
    said.id
}

async fn deletes(db: &Db, show: BroadcastId, message: EventId) -> Option<u64> {
    let event = db.event(EventType::ChatDeleted);
    db.delete_message(show, message, event).await.unwrap().map(|counts| counts.seq)
}

pub async fn what_is_said_is_logged_and_read_back(db: Db) {
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let said = message(&db, &bob);
    assert_eq!(db.say(show.id, said.clone()).await.unwrap().unwrap().seq, 2);
    let heart = NewEvent { user_id: None, ..db.event(EventType::Reaction) };
    assert_eq!(db.say(show.id, heart).await.unwrap().unwrap().seq, 3);
    assert_eq!(db.logged(&show).await, ["broadcast.created", "chat.message", "reaction"]);
    let kept = db.logged_event(show.id, said.id).await.unwrap();
    assert_eq!(kept, Some(said.clone().logged(show.id, 2)));
    let elsewhere = db.show(0).await;
    assert_eq!(db.logged_event(elsewhere.id, said.id).await.unwrap(), None);
    assert_eq!(db.logged_event(show.id, EventId(db.id())).await.unwrap(), None);
}

pub async fn nothing_is_said_after_the_end_or_uninvited(db: Db) {
    let (ada, bob) = (db.user("ada").await, db.user("bob").await);
    let show = db.show_of(&ada, 0).await;
    let private = db.saves(&show, |show| show.visibility = Visibility::Private).await.unwrap();
    assert_eq!(db.say(show.id, message(&db, &bob)).await.unwrap(), None);
    assert!(db.say(show.id, message(&db, &ada)).await.unwrap().is_some());
    let heart = db.event(EventType::Reaction);
    assert_eq!(db.say(show.id, heart).await.unwrap(), None);
    db.ends(&private).await;
    assert_eq!(db.say(show.id, message(&db, &ada)).await.unwrap(), None);
    assert_eq!(db.say(BroadcastId(db.id()), message(&db, &ada)).await.unwrap(), None);
    let logged = ["broadcast.created", "broadcast.updated", "chat.message", "broadcast.ended"];
    assert_eq!(db.logged(&show).await, logged);
}

pub async fn a_deleted_message_keeps_its_place_and_nothing_that_was_said(db: Db) {
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let (said, other) = (says(&db, &show, &bob).await, says(&db, &show, &bob).await);
    assert_eq!(deletes(&db, show.id, said).await, Some(4));
    assert_eq!(deletes(&db, show.id, said).await, None, "it is gone already");
    let log = db.log(&show).await;
    let kinds: Vec<_> = log.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["broadcast.created", "chat.message", "chat.message", "chat.deleted"]);
    assert_eq!((log[1].id, log[1].user_id, &log[1].data), (said, Some(bob.id), &json!({"deleted": true})));
    assert_eq!((log[2].id, &log[2].data), (other, &json!({"text": "hello"})));
    assert_eq!(db.counts(&show).await.seq, 4);
}

pub async fn of_many_who_delete_a_message_at_once_one_does(db: Db) {
    let db = Arc::new(db);
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let said = says(&db, &show, &bob).await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (db, show) = (db.clone(), show.id);
        tasks.spawn(async move { deletes(&db, show, said).await });
    }
    let done: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(done, [3]);
    assert_eq!(db.log(&show).await.len(), 3);
}

pub async fn only_a_message_of_the_session_is_deleted(db: Db) {
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let elsewhere = db.show_of(&bob, 0).await;
    let said = says(&db, &show, &bob).await;
    let created = db.log(&show).await[0].id;
    assert_eq!(deletes(&db, elsewhere.id, said).await, None);
    assert_eq!(deletes(&db, show.id, created).await, None);
    assert_eq!(deletes(&db, show.id, EventId(db.id())).await, None);
    assert_eq!(deletes(&db, BroadcastId(db.id()), said).await, None);
    assert_eq!(db.log(&show).await[1].data, json!({"text": "hello"}));
    assert_eq!(db.log(&elsewhere).await.len(), 1);
}

pub async fn a_removed_broadcast_keeps_nothing_that_was_said(db: Db) {
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let said = says(&db, &show, &bob).await;
    db.saves(&show, |show| show.deleted_at = Some(NOON)).await.unwrap();
    assert_eq!(db.logged_event(show.id, said).await.unwrap().unwrap().data, json!({}));
    assert_eq!(db.say(show.id, message(&db, &bob)).await.unwrap(), None);
    assert_eq!(deletes(&db, show.id, said).await, None);
}

fn ban(owner: &User, user: &User, by: &User) -> Ban {
    Ban {
        owner: owner.id,
        user_id: user.id,
        user: user.username.clone(),
        until: None,
        reason: None,
        by_id: by.id,
        by: by.username.clone(),
        created_at: NOON,
    }
}

pub async fn a_ban_is_kept_until_it_is_lifted(db: Db) {
    let (ada, bob, mia) = (db.user("ada").await, db.user("bob").await, db.user("mia").await);
    let for_good = ban(&ada, &bob, &mia);
    let later = NOON + Duration::seconds(5);
    let until = Some(NOON + Duration::seconds(60));
    let time_out = Ban { until, reason: Some("spam".into()), created_at: later, ..ban(&ada, &mia, &ada) };
    db.ban(&for_good).await.unwrap();
    db.ban(&time_out).await.unwrap();
    let db = db.reopened().await;
    assert_eq!(db.bans(ada.id).await.unwrap(), [time_out.clone(), for_good], "the latest first");
    assert_eq!(db.bans(bob.id).await.unwrap(), [], "each owner has bans of their own");
    db.unban(ada.id, bob.id).await.unwrap();
    db.unban(ada.id, bob.id).await.unwrap();
    assert_eq!(db.bans(ada.id).await.unwrap(), [time_out]);
}

pub async fn a_ban_takes_the_place_of_the_one_before(db: Db) {
    let (ada, bob, mia) = (db.user("ada").await, db.user("bob").await, db.user("mia").await);
    let until = Some(NOON + Duration::seconds(60));
    let short = Ban { until, reason: Some("spam".into()), ..ban(&ada, &bob, &mia) };
    db.ban(&short).await.unwrap();
    db.ban(&ban(&ada, &bob, &ada)).await.unwrap();
    assert_eq!(db.bans(ada.id).await.unwrap(), [ban(&ada, &bob, &ada)]);
}

pub async fn bans_that_are_over_go_with_the_next_one(db: Db) {
    let (ada, bob, mia) = (db.user("ada").await, db.user("bob").await, db.user("mia").await);
    let until = Some(NOON + Duration::seconds(60));
    db.ban(&Ban { until, ..ban(&ada, &bob, &ada) }).await.unwrap();
    db.ban(&Ban { until, ..ban(&mia, &bob, &mia) }).await.unwrap();
    let next = Ban { created_at: NOON + Duration::seconds(60), ..ban(&ada, &mia, &ada) };
    db.ban(&next).await.unwrap();
    assert_eq!(db.bans(ada.id).await.unwrap(), [next]);
    assert_eq!(db.bans(mia.id).await.unwrap().len(), 1, "another owner's stay");
}

pub async fn nobody_unknown_is_banned(db: Db) {
    let (ada, bob) = (db.user("ada").await, db.user("bob").await);
    let unknown = Ban { user_id: UserId(db.id()), ..ban(&ada, &bob, &ada) };
    assert!(matches!(db.ban(&unknown).await, Err(Error::NotFound("account"))));
    assert_eq!(db.bans(ada.id).await.unwrap(), []);
}

pub async fn a_deleted_message_still_counts(db: Db) {
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let said = says(&db, &show, &bob).await;
    assert!(!db.add_up(show.id).await.unwrap().has_more);
    says(&db, &show, &bob).await;
    deletes(&db, show.id, said).await.unwrap();
    let choose =
        |log: &Progress| Window::new(Period::All, Some(Interval::Hour), log, NOON + Duration::seconds(60));
    for _ in 0..2 {
        let (_, summary) = db.summary(show.id, &choose).await.unwrap().unwrap();
        assert_eq!(summary.progress.seq, 4);
        let messages: u64 = summary.rows.values().map(|sums| sums.messages).sum();
        assert_eq!(messages, 2, "as the log tells, however far it is added up");
        db.add_up(show.id).await.unwrap();
    }
}
