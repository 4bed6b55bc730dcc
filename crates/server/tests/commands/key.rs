//! `tallylight key`, beside a server that runs and without one.

use serde_json::json;

use crate::common::{Person, TestApp};
use crate::harness::{Operator, Said};
use crate::user::NOTICED;

async fn creates(operator: &Operator, owner: &str, more: &[&str]) -> Said {
    let mut arguments = vec!["key", "create", "overlay", "--user", owner];
    arguments.extend(more);
    operator.runs(&arguments).await
}

/// Waits until whoever has this key is answered so.
async fn is_answered(app: &TestApp, key: &str, status: u16) -> Person {
    let program = app.stranger().with(key.to_owned());
    let noticed = async {
        while program.get("/api/users/me").await.status != status {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(NOTICED, noticed).await.unwrap();
    program
}

#[tokio::test]
async fn a_key_is_made_before_the_first_start_and_no_more_than_it_is_printed() {
    let operator = Operator::new();
    operator.runs(&["user", "create", "ada", "--email", "ada@example.com"]).await.succeeds();
    let scopes = ["--scope", "account:read", "--scope", "broadcasts:write"];
    let said = creates(&operator, "ada", &scopes).await.succeeds();
    let key = said.out.trim();
    assert!(key.starts_with("tl_") && key.len() == 51, "only the key is printed: {}", said.out);
    assert!(!said.err.contains(key));
    let app = operator.serves().await;
    let program = app.stranger().with(key.to_owned());
    program.get("/api/users/me").await.is(200).has("/username", "ada");
    program.post("/api/broadcasts", json!({ "title": "By a script" })).await.is(201);
    program.get("/api/users/me/stream-key").await.is_problem(403, "insufficient-scope");
}

#[tokio::test]
async fn a_running_server_takes_keys_that_are_made_beside_it_and_refuses_what_is_revoked() {
    let operator = Operator::new();
    let app = operator.serves().await;
    let (root, _ada) = (app.admin().await, app.user("ada").await);
    let own = json!({ "name": "own", "scopes": ["account:read"] });
    let own = root.post("/api/keys", own).await.is(201);
    let said = creates(&operator, "ada", &["--scope", "account:read"]).await.succeeds();
    let key = said.out.trim().to_owned();
    is_answered(&app, &key, 200).await.get("/api/users/me").await.is(200).has("/username", "ada");

    let said = operator.runs(&["key", "list"]).await.succeeds();
    said.says("overlay").says(&key[47..]).says("account:read").says("no end").says("own");
    let said = operator.runs(&["key", "list", "--user", "ada"]).await.succeeds();
    assert!(!said.out.contains("own"), "{}", said.out);
    let id = said.out.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    operator.runs(&["key", "revoke", &id]).await.succeeds().says("The API key overlay of ada is revoked");
    is_answered(&app, &key, 401).await;
    is_answered(&app, &own.text("/key"), 200).await;
    operator.runs(&["key", "revoke", &id]).await.fails("no API key has the id");
    let brief = json!({ "name": "a\u{1b}[31m", "scopes": ["account:read"], "expires_in": 1 });
    let brief = root.post("/api/keys", brief).await.is(201);
    is_answered(&app, &brief.text("/key"), 401).await;
    operator.runs(&["key", "list", "--user", "root"]).await.succeeds().says(r"a\u{1b}[31m").says("expired");
    operator.runs(&["key", "revoke", &brief.text("/id")]).await.succeeds();
    let log = root.get("/api/admin/audit?action=key.revoked&limit=1").await.is(200);
    log.has("/items/0/target", brief.text("/id")).has("/items/0/actor", json!(null));
}

#[tokio::test]
async fn what_cannot_be_made_is_said_by_name() {
    let operator = Operator::new();
    let scope = ["--scope", "account:read"];
    creates(&operator, "ada", &scope).await.fails("there is no database at");
    assert!(!operator.data().exists());
    operator.runs(&["user", "create", "ada", "--email", "ada@example.com"]).await.succeeds();
    creates(&operator, "eve", &scope).await.fails("there is no user \"eve\"");
    creates(&operator, "ada", &["--scope", "admin:write"]).await.fails("for moderators and administrators");
    operator.runs(&["user", "suspend", "ada"]).await.succeeds();
    let said = creates(&operator, "ada", &scope).await.succeeds();
    assert!(said.err.contains("ada is suspended"), "{}", said.err);
    let past = ["--scope", "account:read", "--until", "2026-01-01T00:00:00Z"];
    creates(&operator, "ada", &past).await.fails("--until must be in the future");
    for wrong in [&["--scope", "everything"][..], &["--scope", "account:read", "--until", "soon"], &[]] {
        assert_eq!(creates(&operator, "ada", wrong).await.code, Some(2), "{wrong:?}");
    }
}
