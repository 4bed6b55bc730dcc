//! Who did what, over a real database.

use std::time::Duration;

use tallylight_core::audit_log::{Act, Action, AuditLog, AuditQuery};
use tallylight_core::viewer::Client;

use crate::world::{ANYBODY, World, registration};

const ALL: AuditQuery = AuditQuery {
    before: None,
    action: None,
    actor: None,
    target: None,
    since: None,
    until: None,
    limit: 100,
};

fn client() -> Client {
    Client { ip: Some("203.0.113.7".parse().unwrap()), ..Client::default() }
}

async fn actions(audit: &AuditLog, query: &AuditQuery) -> Vec<String> {
    audit.read(query).await.unwrap().into_iter().map(|entry| entry.action).collect()
}

#[tokio::test]
async fn who_registers_signs_in_and_fails_to_is_written_down_without_what_was_typed() {
    let world = World::new().await;
    let ada = world.users.register(registration("ada"), client()).await.unwrap().user;
    world.turn(1);
    for password in ["correct horse", "wrong", "wrong again"] {
        let _ = world.users.sign_in("ada", password.into(), client()).await;
        world.turn(1);
    }
    let _ = world.users.sign_in("hunter2 hunter2", "oops".into(), client()).await;
    world.audit.write(true).await.unwrap();
    let entries = world.audit.read(&ALL).await.unwrap();
    let seen: Vec<_> = entries.iter().rev().map(|e| (e.action.as_str(), e.target.is_some())).collect();
    assert_eq!(
        seen,
        [
            ("user.registered", true),
            ("sign_in.succeeded", true),
            ("sign_in.failed", true),
            ("sign_in.failed", true),
            ("sign_in.failed", false)
        ]
    );
    assert!(entries.iter().all(|entry| entry.ip == client().ip));
    assert!(!format!("{entries:?}").contains("hunter2"), "it may be a password");
    let own = AuditQuery { actor: Some(ada.id), ..ALL };
    assert_eq!(actions(&world.audit, &own).await, ["sign_in.succeeded", "user.registered"]);
}

#[tokio::test]
async fn the_log_is_read_in_pages_and_by_what_is_asked_for() {
    let world = World::new().await;
    for target in ["first", "second", "third"] {
        world.audit.note(&ANYBODY, &client(), Act::new(Action::KeyMade).on(target).with("name", "bot"));
        world.turn(3_600);
    }
    world.audit.write(true).await.unwrap();
    let page = world.audit.read(&AuditQuery { limit: 2, ..ALL }).await.unwrap();
    let targets = |page: &[_]| -> Vec<String> {
        page.iter().map(|e: &tallylight_core::audit_log::AuditEntry| e.target.clone().unwrap()).collect()
    };
    assert_eq!(targets(&page), ["third", "second"]);
    assert_eq!(page[0].details["name"], "bot");
    let next = AuditQuery { before: Some(page[1].id), ..ALL };
    assert_eq!(targets(&world.audit.read(&next).await.unwrap()), ["first"]);
    let of_second = AuditQuery { since: Some(page[1].at), until: Some(page[0].at), ..ALL };
    assert_eq!(targets(&world.audit.read(&of_second).await.unwrap()), ["second"]);
    let by_target = AuditQuery { target: Some("first".into()), action: Some("key.made".into()), ..ALL };
    assert_eq!(targets(&world.audit.read(&by_target).await.unwrap()), ["first"]);
    assert!(actions(&world.audit, &AuditQuery { action: Some("ban.made".into()), ..ALL }).await.is_empty());

    assert_eq!(world.audit.forget(Duration::from_secs(2 * 3_600)).await.unwrap(), 1);
    assert_eq!(actions(&world.audit, &ALL).await.len(), 2, "what is younger stays");
}

#[tokio::test]
async fn what_a_writer_leaves_undone_who_goes_is_written_by_the_next() {
    let world = World::new().await;
    world.audit.note(&ANYBODY, &client(), Act::new(Action::SignInFailed).on("ada"));
    {
        let mut writing = std::pin::pin!(world.audit.write(true));
        let under_way = futures_util::poll!(writing.as_mut());
        assert!(under_way.is_pending(), "the database is asked");
    }
    let (first, second) = tokio::join!(world.audit.write(true), world.audit.write(true));
    first.and(second).unwrap();
    assert_eq!(actions(&world.audit, &ALL).await, ["sign_in.failed"]);
}
