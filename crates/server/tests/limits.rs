//! How often callers may do what, over HTTP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use common::{Answer, PASSWORD, Person, TestApp};
use reqwest::Method;
use serde_json::json;
use tallylight::settings::Settings;
use tallylight_api::limits::Rate;

const ACTIVE: &str = "/api/broadcasts/active";
const LOGIN: &str = "/api/auth/login";

/// Nothing comes back while a test runs.
const fn only(count: u32) -> Rate {
    Rate::new(count, 86_400)
}

fn behind_a_proxy(settings: &mut Settings) {
    settings.trusted_proxies = vec!["127.0.0.1".into()];
    settings.limit_read = only(2);
}

/// Reads, saying that it comes from elsewhere.
async fn reads_from(person: &Person, address: &str) -> Answer {
    let request = person.request(Method::GET, ACTIVE).header("x-forwarded-for", address);
    Answer::read(request.send().await.unwrap()).await
}

/// Tries a wrong password.
async fn guesses(person: &Person, login: &str) -> Answer {
    person.post(LOGIN, json!({ "login": login, "password": "wrong password" })).await
}

#[tokio::test]
async fn of_64_clients_exactly_as_many_pass_as_may_whatever_addresses_they_claim() {
    let app = TestApp::start_with(|settings| settings.limit_read = only(100)).await;
    let clients = (0..64).map(|number| {
        let stranger = app.stranger();
        async move {
            let mut passed = 0;
            for turn in 0..5 {
                let answer = reads_from(&stranger, &format!("198.51.{turn}.{number}")).await;
                passed += u32::from(answer.status == 200);
            }
            passed
        }
    });
    let passed: u32 = futures_util::future::join_all(clients).await.into_iter().sum();
    assert_eq!(passed, 100);
    app.stops().await;
}

#[tokio::test]
async fn answers_tell_what_is_left_and_when_to_come_again() {
    let app = TestApp::start_with(|settings| settings.limit_read = Rate::new(2, 7_200)).await;
    let stranger = app.stranger();
    let first = stranger.get(ACTIVE).await.is(200);
    assert_eq!(first.header("ratelimit-policy"), "\"read\";q=2;w=7200");
    assert_eq!(first.header("ratelimit"), "\"read\";r=1;t=3600");
    stranger.get(ACTIVE).await.is(200);

    let refused = stranger.get(ACTIVE).await;
    refused.is_problem(429, "too-many-requests");
    assert!((3_500..=3_600).contains(&refused.header("retry-after").parse().unwrap()));
    assert_eq!(refused.header("ratelimit"), "\"read\";r=0;t=7200");
    assert_eq!(refused.header("access-control-allow-origin"), "*");
    assert_eq!(refused.header("x-content-type-options"), "nosniff");
    let exposed = refused.header("access-control-expose-headers");
    assert!(["ratelimit", "ratelimit-policy", "retry-after"].iter().all(|name| exposed.contains(name)));

    let page = stranger.get("/").await.is(200);
    assert_eq!(page.header("ratelimit"), "", "what caches share tells of nobody");
    app.stops().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_everybody_counts_for_themselves_and_ipv6_by_network() {
    let app = TestApp::start_with(behind_a_proxy).await;
    let stranger = app.stranger();
    for (address, status) in [
        ("198.51.100.1", 200),
        ("1.1.1.1, 198.51.100.1", 200),
        ("2.2.2.2, 198.51.100.1", 429),
        ("::ffff:198.51.100.1", 429),
        ("198.51.100.2", 200),
        ("2001:db8::1", 200),
        ("2001:db8::2", 200),
        ("2001:db8:0:0:ffff::3", 429),
        ("2001:db8:0:1::1", 200),
    ] {
        assert_eq!(reads_from(&stranger, address).await.status, status, "{address}");
    }
    app.stops().await;
}

#[tokio::test]
async fn whoever_is_signed_in_counts_as_a_user_and_others_by_address() {
    let app = TestApp::start_with(|settings| settings.limit_read = only(2)).await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for person in [&ada, &bob, &app.stranger()] {
        let statuses = [person.get(ACTIVE).await, person.get(ACTIVE).await, person.get(ACTIVE).await];
        assert_eq!(statuses.map(|answer| answer.status), [200, 200, 429]);
    }
    let forged = app.stranger().with("not-a-token".into());
    assert_eq!(forged.get(ACTIVE).await.status, 429, "a token of nobody's makes nobody new");
    app.stops().await;
}

#[tokio::test]
async fn a_users_programs_share_the_users_budget() {
    let app = TestApp::start_with(|settings| settings.limit_read = only(3)).await;
    let ada = app.user("ada").await;
    let mut passed = 0;
    for name in ["one", "two", "three"] {
        let made = json!({ "name": name, "scopes": ["broadcasts:read"] });
        let bot = app.stranger().with(ada.post("/api/keys", made).await.is(201).text("/key"));
        for _ in 0..2 {
            passed += usize::from(bot.get(ACTIVE).await.status == 200);
        }
    }
    assert_eq!((passed, ada.get(ACTIVE).await.status), (3, 429));
    app.stops().await;
}

#[tokio::test]
async fn guessing_slows_an_account_whether_it_exists_or_not_and_its_owner_still_gets_in() {
    let app = TestApp::start_with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1".into()];
        settings.limit_account = only(3);
    })
    .await;
    app.user("ada").await;
    let owner = json!({ "login": "ada", "password": PASSWORD });
    let stranger = app.stranger();
    let from =
        |address: &'static str| stranger.request(Method::POST, LOGIN).header("x-forwarded-for", address);
    assert_eq!(from("198.51.100.1").json(&owner).send().await.unwrap().status(), 200);

    let mut answers = Vec::new();
    for login in ["ada", "nobody"] {
        for _ in 0..3 {
            guesses(&stranger, login).await.is_problem(401, "unauthenticated");
        }
        let refused = guesses(&stranger, login).await;
        refused.is_problem(429, "too-many-requests");
        let own = refused.text("/instance");
        answers.push(refused.raw.replace(&own, "").replace(|it: char| it.is_ascii_digit(), ""));
    }
    assert_eq!(answers[0], answers[1], "nothing tells whether there is such an account");
    assert_eq!(from("203.0.113.1").json(&owner).send().await.unwrap().status(), 429);
    assert_eq!(from("198.51.100.1").json(&owner).send().await.unwrap().status(), 200);
    app.stops().await;
}

#[tokio::test]
async fn an_account_has_one_count_by_whatever_name_and_way_its_password_is_guessed() {
    let app = TestApp::start_with(|settings| settings.limit_account = only(4)).await;
    let (ada, stranger) = (app.user("ada").await, app.stranger());
    guesses(&stranger, "ada").await.is_problem(401, "unauthenticated");
    guesses(&stranger, "Ada@Example.com").await.is_problem(401, "unauthenticated");
    let change = json!({ "email": "eve@example.com", "current_password": "wrong password" });
    ada.patch("/api/users/me", change.clone()).await.is_problem(403, "forbidden");
    let erases = async || {
        let request =
            ada.request(Method::DELETE, "/api/users/me").json(&json!({ "password": "wrong password" }));
        Answer::read(request.send().await.unwrap()).await
    };
    erases().await.is_problem(403, "forbidden");

    for login in ["ada", "ada@example.com"] {
        guesses(&stranger, login).await.is_problem(429, "too-many-requests");
    }
    ada.patch("/api/users/me", change).await.is_problem(429, "too-many-requests");
    erases().await.is_problem(429, "too-many-requests");
    ada.patch("/api/users/me", json!({ "display_name": "Ada L." })).await.is(200);
    guesses(&stranger, "bob").await.is_problem(401, "unauthenticated");
    app.stops().await;
}

#[tokio::test]
async fn a_password_that_is_given_is_checked_whatever_is_changed() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let change = json!({ "display_name": "Ada L.", "current_password": "wrong password" });
    ada.patch("/api/users/me", change).await.is_problem(403, "forbidden");
    ada.get("/api/users/me").await.has("/display_name", "ada");
    app.stops().await;
}

#[tokio::test]
async fn without_limits_passwords_are_limited_all_the_same() {
    let app = TestApp::start_with(|settings| {
        settings.rate_limits = false;
        (settings.limit_read, settings.limit_sign_in) = (only(1), only(4));
    })
    .await;
    let stranger = app.stranger();
    for _ in 0..3 {
        assert_eq!(stranger.get(ACTIVE).await.is(200).header("ratelimit"), "");
    }
    for login in ["a", "b", "c", "d"] {
        guesses(&stranger, login).await.is_problem(401, "unauthenticated");
    }
    guesses(&stranger, "e").await.is_problem(429, "too-many-requests");
    app.stops().await;
}
