//! Chat, reactions and bans over HTTP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use common::{Answer, Person, Show, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use tallylight_core::user::{Registration, Role};

fn address(show: &Show, what: &str) -> String {
    format!("/api/sessions/{}/{what}", show.id)
}

async fn says(who: &Person, show: &Show, text: &str) -> Answer {
    who.post(&address(show, "chat"), json!({"text": text})).await
}

async fn reacts(who: &Person, show: &Show, body: Value) -> Answer {
    who.post(&address(show, "reactions"), body).await
}

async fn bans(who: &Person, show: &Show, body: Value) -> Answer {
    who.post(&address(show, "bans"), body).await
}

async fn deletes(who: &Person, show: &Show, message: &Answer) -> Answer {
    who.delete(&address(show, &format!("chat/{}", message.text("/id")))).await
}

async fn reads(who: &Person, show: &Show) -> Answer {
    who.get(&address(show, "chat")).await
}

/// Somebody who keeps order on the whole server.
async fn moderator(app: &TestApp, name: &str) -> Person {
    let registration = Registration {
        username: name.into(),
        email: format!("{name}@example.com"),
        password: common::PASSWORD.into(),
        display_name: None,
    };
    app.running.users.create_user(registration, Role::Moderator).await.unwrap();
    let login = json!({"login": name, "password": common::PASSWORD});
    let signed_in = app.stranger().post("/api/auth/login", login).await.is(200);
    app.stranger().with(signed_in.text("/access_token"))
}

#[tokio::test]
async fn people_talk_and_everybody_reads() {
    let app = TestApp::start().await;
    let (ada, bob, eve) = (app.user("ada").await, app.user("bob").await, app.stranger());
    let show = ada.goes_live("Launch day").await;
    reads(&eve, &show).await.is(200).has("/items", json!([])).has("/next_before", Value::Null);
    let said = says(&bob, &show, " <script>alert(1)</script>\n").await.is(201);
    said.has("/type", "chat.message").has("/seq", 2).has("/session_id", show.id.as_str());
    said.has("/user_id", bob.id.as_str()).has("/metadata", json!({}));
    let data =
        json!({"text": "<script>alert(1)</script>", "user": "bob", "display_name": "bob", "role": "viewer"});
    said.has("/data", data.clone());
    says(&ada, &show, "welcome").await.is(201).has("/data/role", "owner");

    let read = reads(&eve, &show).await.is(200);
    read.has("/items/0/data", data).has("/items/0/user_id", Value::Null);
    read.has("/items/1/data/text", "welcome").has("/items/1/user_id", ada.id.as_str());
    read.has("/next_before", Value::Null);
    let page = eve.get(&address(&show, "chat?limit=1")).await.is(200);
    page.has("/items/0/seq", 3).has("/next_before", 3);
    let older = eve.get(&address(&show, "chat?limit=1&before=3")).await.is(200);
    older.has("/items/0/seq", 2).has("/next_before", Value::Null);
    for query in ["limit=0", "limit=101", "before=-1", "after=1"] {
        eve.get(&address(&show, &format!("chat?{query}"))).await.is_problem(400, "invalid-query");
    }
    let log = ada.get(&address(&show, "events?type=chat.message")).await.is(200);
    log.has("/items/0/user_id", bob.id.as_str());
}

#[tokio::test]
async fn a_chat_that_did_not_change_is_not_sent_again() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    says(&ada, &show, "welcome").await.is(201);
    let first = reads(&ada, &show).await.is(200);
    assert_eq!(first.header("cache-control"), "no-cache");
    let tag = first.header("etag").to_owned();
    let again = || {
        let request = app.stranger().request(Method::GET, &address(&show, "chat"));
        request.header("if-none-match", tag.clone()).send()
    };
    app.stranger().joins(&show).await.is(200);
    assert_eq!(again().await.unwrap().status(), 304, "who watches changes nothing of what was said");
    says(&ada, &show, "more").await.is(201);
    assert_eq!(again().await.unwrap().status(), 200);
}

#[tokio::test]
async fn only_who_is_signed_in_speaks_and_says_what_fits() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user("ada").await, app.stranger());
    let show = ada.goes_live("Launch day").await;
    says(&eve, &show, "hello").await.is_problem(401, "unauthenticated");
    for text in ["", " \n ", "a\u{0}b", "a\u{7}b", &"x".repeat(501), &"x\n".repeat(21)] {
        says(&ada, &show, text).await.is_problem(422, "invalid-fields").names("text");
    }
    for body in [json!({}), json!({"text": 5}), json!({"text": null})] {
        ada.post(&address(&show, "chat"), body).await.is_problem(422, "invalid-fields").names("text");
    }
    let more = json!({"text": "a", "user": "bob"});
    ada.post(&address(&show, "chat"), more).await.is_problem(422, "invalid-fields").names("user");
    says(&ada, &show, &"\u{1f600}".repeat(500)).await.is(201);
    let nowhere = Show { id: "0190b5f0-0000-7000-8000-000000000000".into(), made: show.made.clone() };
    says(&ada, &nowhere, "hello").await.is_problem(404, "not-found");
    reads(&eve, &nowhere).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn a_private_chat_does_not_exist_for_others_and_an_ended_one_is_over() {
    let app = TestApp::start().await;
    let (ada, bob, mia) = (app.user("ada").await, app.user("bob").await, moderator(&app, "mia").await);
    let show = ada.creates(json!({"title": "Rehearsal", "visibility": "private"})).await;
    let said = says(&ada, &show, "just me").await.is(201);
    assert_eq!(reads(&ada, &show).await.is(200).header("cache-control"), "no-store");
    reads(&app.stranger(), &show).await.is_problem(404, "not-found");
    for who in [&bob, &mia] {
        reads(who, &show).await.is_problem(404, "not-found");
        says(who, &show, "hello?").await.is_problem(404, "not-found");
        reacts(who, &show, json!({"reaction": "heart"})).await.is_problem(404, "not-found");
        deletes(who, &show, &said).await.is_problem(404, "not-found");
        bans(who, &show, json!({"user": "bob"})).await.is_problem(404, "not-found");
        who.get(&address(&show, "bans")).await.is_problem(404, "not-found");
        who.delete(&address(&show, &format!("bans/{}", bob.id))).await.is_problem(404, "not-found");
    }
    ada.changes(&show, json!({"visibility": "public"})).await.is(200);
    ada.changes(&show, json!({"status": "ended"})).await.is(200);
    says(&bob, &show, "late").await.is_problem(410, "broadcast-ended");
    reacts(&bob, &show, json!({"reaction": "heart"})).await.is_problem(410, "broadcast-ended");
    reads(&app.stranger(), &show).await.is(200).has("/items/0/data/text", "just me");
}

#[tokio::test]
async fn people_react_signed_in_or_as_viewers() {
    let app = TestApp::start().await;
    let (ada, bob, eve) = (app.user("ada").await, app.user("bob").await, app.stranger());
    let show = ada.goes_live("Launch day").await;
    let heart = reacts(&bob, &show, json!({"reaction": "heart"})).await.is(201);
    heart
        .has("/type", "reaction")
        .has("/data", json!({"reaction": "heart"}))
        .has("/user_id", bob.id.as_str());
    reacts(&eve, &show, json!({"reaction": "heart"})).await.is_problem(401, "unauthenticated");
    let place = eve.joins(&show).await.is(200);
    let fire = json!({"reaction": "fire", "viewer_token": place.text("/viewer_token")});
    reacts(&eve, &show, fire.clone()).await.is(201).has("/user_id", Value::Null);
    for name in ["heart", "like", "laugh", "wow", "clap", "party", "fire"] {
        reacts(&bob, &show, json!({"reaction": name})).await.is(201);
    }
    for body in [json!({"reaction": "boo"}), json!({"reaction": "\u{0}"}), json!({}), json!({"reaction": 1})]
    {
        reacts(&bob, &show, body).await.is_problem(422, "invalid-fields").names("reaction");
    }
    eve.leaves(&show, &place).await.is(204);
    reacts(&eve, &show, fire).await.is_problem(410, "viewer-gone");
    let nonsense = json!({"reaction": "fire", "viewer_token": "nonsense"});
    reacts(&eve, &show, nonsense).await.is_problem(410, "viewer-gone");
    let told = ada.get(&address(&show, "analytics?metrics=reactions,chat_messages")).await.is(200);
    told.has("/metrics/reactions/total/value", 9).has("/metrics/chat_messages/total/value", 0);
}

#[tokio::test]
async fn who_is_too_fast_is_told_when_to_come_again() {
    let app = TestApp::start_with(|settings| {
        (settings.chat_burst, settings.chat_interval) = (2, 3_600.0);
        (settings.reaction_burst, settings.reaction_interval) = (1, 1_800.5);
    })
    .await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    says(&bob, &show, "one").await.is(201);
    says(&bob, &show, "two").await.is(201);
    let refused = says(&bob, &show, "three").await;
    refused.is_problem(429, "too-many-requests");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    says(&ada, &show, "one").await.is(201);
    reacts(&bob, &show, json!({"reaction": "like"})).await.is(201);
    let refused = reacts(&bob, &show, json!({"reaction": "like"})).await;
    refused.is_problem(429, "too-many-requests");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1_700..=1_801).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_message_is_taken_back_by_its_author_and_by_those_who_keep_order() {
    let app = TestApp::start().await;
    let (ada, bob, mia) = (app.user("ada").await, app.user("bob").await, moderator(&app, "mia").await);
    let cid = app.user("cid").await;
    let show = ada.goes_live("Launch day").await;
    let said =
        [says(&bob, &show, "one").await, says(&bob, &show, "two").await, says(&bob, &show, "three").await];
    deletes(&cid, &show, &said[0]).await.is_problem(403, "forbidden");
    deletes(&app.stranger(), &show, &said[0]).await.is_problem(401, "unauthenticated");
    for (who, said) in [&bob, &ada, &mia].into_iter().zip(&said) {
        deletes(who, &show, said).await.is(204);
        deletes(who, &show, said).await.is(204);
    }
    let read = reads(&cid, &show).await.is(200);
    for (number, said) in said.iter().enumerate() {
        read.has(&format!("/items/{number}/data"), json!({"deleted": true}));
        read.has(&format!("/items/{number}/id"), said.text("/id"));
    }
    let log = ada.get(&address(&show, "events?type=chat.deleted")).await.is(200);
    assert_eq!(log.body["items"].as_array().unwrap().len(), 3, "each is told of once");
    log.has("/items/0/data", json!({"message_id": said[0].text("/id"), "message_seq": 2, "by": "author"}));
    log.has("/items/1/data/by", "owner").has("/items/2/data/by", "moderator");
    let created = ada.get(&address(&show, "events?limit=1")).await.is(200);
    let no_message = address(&show, &format!("chat/{}", created.text("/items/0/id")));
    ada.delete(&no_message).await.is_problem(404, "not-found");
    ada.delete(&address(&show, "chat/nonsense")).await.is_problem(404, "not-found");
    let told = ada.get(&address(&show, "analytics?metrics=chat_messages")).await.is(200);
    told.has("/metrics/chat_messages/total/value", 3);
}

#[tokio::test]
async fn a_broadcaster_bans_and_forgives() {
    let app = TestApp::start().await;
    let (ada, bob, mia) = (app.user("ada").await, app.user("bob").await, moderator(&app, "mia").await);
    let show = ada.goes_live("Launch day").await;
    says(&bob, &show, "spam").await.is(201);
    let made = bans(&mia, &show, json!({"user": "bob", "seconds": 600, "reason": "spam"})).await.is(201);
    made.has("/user", "bob").has("/user_id", bob.id.as_str()).has("/by", "mia").has("/reason", "spam");
    let refused = says(&bob, &show, "more spam").await;
    refused.is_problem(403, "banned");
    assert!(refused.text("/detail").contains(&made.text("/until")), "{}", refused.raw);
    reacts(&bob, &show, json!({"reaction": "heart"})).await.is_problem(403, "banned");
    let next = ada.goes_live("The day after").await;
    says(&bob, &next, "spam").await.is_problem(403, "banned");
    reads(&bob, &show).await.is(200).has("/items/0/data/text", "spam");

    bans(&ada, &show, json!({"user": "bob"}))
        .await
        .is(201)
        .has("/until", Value::Null)
        .has("/reason", Value::Null);
    let list = ada.get(&address(&next, "bans")).await.is(200);
    assert_eq!(list.header("cache-control"), "no-store");
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1, "one takes the place of the other");
    list.has("/items/0/by", "ada");
    for _ in 0..2 {
        ada.delete(&address(&show, &format!("bans/{}", bob.id))).await.is(204);
    }
    says(&bob, &show, "sorry").await.is(201);
}

#[tokio::test]
async fn a_ban_is_asked_for_properly_by_those_who_keep_order() {
    let app = TestApp::start().await;
    let (ada, bob, _mia) = (app.user("ada").await, app.user("bob").await, moderator(&app, "mia").await);
    let show = ada.goes_live("Launch day").await;
    let path = address(&show, "bans");
    app.stranger().get(&path).await.is_problem(401, "unauthenticated");
    bob.get(&path).await.is_problem(403, "forbidden");
    bans(&bob, &show, json!({"user": "bob"})).await.is_problem(403, "forbidden");
    bob.delete(&address(&show, &format!("bans/{}", bob.id))).await.is_problem(403, "forbidden");
    for user in ["ada", "mia"] {
        bans(&ada, &show, json!({"user": user})).await.is_problem(403, "forbidden");
    }
    for (body, field) in [
        (json!({}), "user"),
        (json!({"user": "nobody"}), "user"),
        (json!({"user": "bo\u{0}b"}), "user"),
        (json!({"user": "bob@example.com"}), "user"),
        (json!({"user": "bob", "seconds": 0}), "seconds"),
        (json!({"user": "bob", "seconds": 1_209_601}), "seconds"),
        (json!({"user": "bob", "seconds": -1}), "seconds"),
        (json!({"user": "bob", "reason": "x".repeat(201)}), "reason"),
        (json!({"user": "bob", "reason": "\u{0}"}), "reason"),
        (json!({"user": "bob", "until": "tomorrow"}), "until"),
    ] {
        bans(&ada, &show, body).await.is_problem(422, "invalid-fields").names(field);
    }
    ada.get(&path).await.is(200).has("/items", json!([]));
}
