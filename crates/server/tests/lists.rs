//! Lists over HTTP, page after page.

mod common;

use common::{Answer, Person, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const ACTIVE: &str = "/api/broadcasts/active";

async fn titles_of(ada: &Person, titles: &[&str]) {
    for title in titles {
        ada.goes_live(title).await;
    }
}

fn titles(list: &Answer) -> Vec<&str> {
    let items = list.body["items"].as_array();
    items.into_iter().flatten().filter_map(|item| item["title"].as_str()).collect()
}

#[tokio::test]
async fn a_client_pages_through_what_is_live() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    titles_of(&ada, &["A", "B", "C", "D", "E"]).await;
    let anyone = app.stranger();
    let first = anyone.get(&format!("{ACTIVE}?sort=title&limit=2")).await.is(200);
    first.has("/total", 5).has("/limit", 2).has("/offset", 0);
    let cursor = first.text("/next_cursor");
    titles_of(&ada, &["AA"]).await;
    let second = anyone.get(&format!("{ACTIVE}?cursor={cursor}&limit=1&sort=title&order=asc")).await.is(200);
    second.has("/total", 5).has("/limit", 1).has("/offset", json!(null));
    let last = anyone.get(&format!("{ACTIVE}?cursor={}", second.text("/next_cursor"))).await.is(200);
    last.has("/next_cursor", json!(null)).has("/limit", 20);
    assert_eq!([titles(&first), titles(&second), titles(&last)].concat(), ["A", "B", "C", "D", "E"]);
    let after = anyone.get(&format!("{ACTIVE}?sort=title&limit=2&offset=2")).await.is(200);
    let rest = anyone.get(&format!("{ACTIVE}?cursor={}", after.text("/next_cursor"))).await.is(200);
    assert_eq!(
        [titles(&after), titles(&rest)].concat(),
        ["B", "C", "D", "E"],
        "a list goes on behind an offset too"
    );
}

#[tokio::test]
async fn a_page_under_a_cursor_is_not_sent_again_unchanged() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    titles_of(&ada, &["A", "B", "C"]).await;
    let anyone = app.stranger();
    let first = anyone.get(&format!("{ACTIVE}?sort=title&limit=1")).await;
    let next = format!("{ACTIVE}?cursor={}", first.text("/next_cursor"));
    let second = anyone.get(&next).await.is(200);
    assert_eq!(second.header("cache-control"), "no-cache");
    let again = |path: String, tag: &Answer| {
        let request = anyone.request(Method::GET, &path).header("if-none-match", tag.header("etag"));
        async { request.send().await.unwrap().status() }
    };
    assert_eq!(again(next.clone(), &second).await, 304);
    assert_eq!(again(format!("{ACTIVE}?sort=title&limit=1"), &first).await, 304);
    let show = second.text("/items/0/id");
    ada.patch(&format!("/api/broadcasts/{show}"), json!({ "viewer_count": 3 })).await.is(200);
    assert_eq!(again(next, &second).await, 200);
}

#[tokio::test]
async fn nobody_goes_on_with_somebody_elses_private_list() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for title in ["A", "B"] {
        ada.creates(json!({ "title": title, "visibility": "private" })).await;
    }
    let first = ada.get(&format!("{ACTIVE}?visibility=private&sort=title&limit=1")).await.is(200);
    let next = format!("{ACTIVE}?cursor={}", first.text("/next_cursor"));
    for stranger in [&bob, &app.stranger()] {
        stranger.get(&next).await.is_problem(410, "cursor-expired");
    }
    let second = ada.get(&next).await.is(200);
    assert_eq!((titles(&second), second.header("cache-control")), (vec!["B"], "no-store"));
    assert!(second.body["items"][0]["publish"].is_object(), "her own view of it");
}

#[tokio::test]
async fn texts_that_are_never_kept_are_refused_by_name() {
    let app = TestApp::start().await;
    let anyone = app.stranger();
    for (name, most) in [("q", 255), ("category", 100), ("tag", 50), ("user", 32)] {
        let of_length = |length: usize| format!("{ACTIVE}?{name}={}", "%C3%A9".repeat(length));
        anyone.get(&of_length(most)).await.is(200).has("/total", 0);
        for refused in [of_length(most + 1), format!("{ACTIVE}?{name}=a%00b")] {
            anyone.get(&refused).await.is_problem(400, "invalid-query").names(name);
        }
    }
}

#[tokio::test]
async fn a_cursor_goes_with_nothing_that_contradicts_it() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    titles_of(&ada, &["A", "B"]).await;
    let first = ada.get(&format!("{ACTIVE}?sort=title&limit=1&q=&featured=false")).await.is(200);
    let cursor = first.text("/next_cursor");
    for (query, field) in [
        ("sort=duration", "sort"),
        ("order=desc", "order"),
        ("q=A", "q"),
        ("category=music", "category"),
        ("tag=live", "tag"),
        ("user=bob", "user"),
        ("featured=true", "featured"),
        ("visibility=private", "visibility"),
        ("offset=0", "offset"),
        ("limit=0", "limit"),
        ("at=2026-05-01T12:00:00Z", "cursor"),
    ] {
        let refused = ada.get(&format!("{ACTIVE}?cursor={cursor}&{query}")).await;
        refused.is_problem(400, "invalid-query").names(field);
    }
    let same = "sort=title&order=asc&q=&featured=false&visibility=public";
    ada.get(&format!("{ACTIVE}?cursor={cursor}&{same}")).await.is(200);
    for malformed in ["", "x", "AAAA", &format!("{cursor}A")] {
        let refused = ada.get(&format!("{ACTIVE}?cursor={malformed}")).await;
        refused.is_problem(400, "invalid-query").names("cursor");
    }
    ada.get(&format!("{ACTIVE}?cursor={}", "A".repeat(27))).await.is_problem(410, "cursor-expired");
}

#[tokio::test]
async fn who_was_live_at_a_time_is_listed() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let (show, other) = (ada.goes_live("Launch day").await, ada.goes_live("Another").await);
    let joined = ada.joins(&show).await;
    app.stranger().joins(&show).await.is(200);
    let began = other.made.text("/started_at");
    let ended = ada.changes(&show, json!({ "status": "ended" })).await.is(200).text("/ended_at");
    assert!(joined.status == 200 && began < ended);

    let anyone = app.stranger();
    let then = anyone.get(&format!("{ACTIVE}?at={began}&sort=title&limit=1&offset=1")).await.is(200);
    then.has("/total", 2)
        .has("/offset", 1)
        .has("/next_cursor", json!(null))
        .has("/items/0/title", "Launch day");
    then.has("/items/0/status", "ended").has("/items/0/viewer_count", 0);
    assert_eq!(titles(&anyone.get(&format!("{ACTIVE}?at={ended}")).await), ["Another"]);
    let own = ada.get(&format!("{ACTIVE}?at={began}&visibility=private")).await.is(200);
    assert_eq!((own.body["total"].clone(), own.header("cache-control")), (Value::from(0), "no-store"));
    for (at, field) in [
        ("yesterday", "at"),
        ("2026-05-01T12:00:00", "at"),
        ("1969-12-31T23:59:59Z", "at"),
        ("9999-12-31T23:59:59-23:59", "at"),
        ("2999-01-01T00:00:00Z", "at"),
        ("2026-05-01T12:00:00Z&limit=0", "limit"),
        ("2026-05-01T12:00:00Z&cursor=x", "cursor"),
    ] {
        anyone.get(&format!("{ACTIVE}?at={at}")).await.is_problem(400, "invalid-query").names(field);
    }
    anyone.get(&format!("{ACTIVE}?at={began}&visibility=private")).await.is_problem(401, "unauthenticated");
}
