//! `tallylight user`, beside a server that runs and without one.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tallylight_testkit::database;
use tokio::time::Instant;

use crate::common::{PASSWORD, account};
use crate::harness::{Operator, Said};
use crate::listener::{Heard, Listener, in_time};

/// Until a running server has noticed what a command did, on a busy machine.
pub const NOTICED: Duration = Duration::from_secs(30);

/// Makes an account with a password from the standard input.
async fn creates(operator: &Operator, name: &str, more: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
    let email = format!("{name}@example.com");
    command.args(["user", "create", name, "--email", &email, "--password-stdin"]).args(more);
    command.arg("--data-dir").arg(operator.data()).env_remove("DATABASE_URL");
    command.env("TALLYLIGHT_DATABASE_TIMEOUT", "60");
    command.current_dir(operator.path("."));
    let run = move || {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[tokio::test]
async fn an_administrator_is_made_before_the_first_start() {
    let operator = Operator::new();
    let said =
        operator.runs(&["user", "create", "root", "--email", "root@example.com", "--admin"]).await.succeeds();
    let password = said.out.trim();
    assert_eq!(password.len(), 24, "only the password is printed: {}", said.out);
    assert!(!said.err.contains(password));
    let app = operator.serves().await;
    assert_eq!(app.running.setup_token, None, "there is an administrator");
    let sign_in = json!({ "login": "root", "password": password });
    let root = app.stranger().post("/api/auth/login", sign_in).await.is(200);
    root.has("/user/role", "admin");
    let root = app.stranger().with(root.text("/access_token"));
    let log = root.get("/api/admin/audit?action=user.created").await.is(200);
    log.has("/items/0/details/user", "root").has("/items/0/actor", json!(null));
}

#[tokio::test]
async fn what_commands_change_a_running_server_notices() {
    let operator = Operator::new();
    let app = operator.serves().await;
    creates(&operator, "root", &["--admin"]).await.succeeds();
    let ada = app.user("ada").await;
    let mut live = Listener::connects(&app, ada.token()).await;
    operator.runs(&["user", "suspend", "ada", "--reason", "spam"]).await.succeeds().says("ada is suspended");
    let cut = in_time("cut after a command", Instant::now(), live.is_closed()).await;
    assert_eq!(cut, Heard::Closed(3503));
    ada.get("/api/users/me").await.is_problem(403, "suspended");
    operator.runs(&["user", "list", "--suspended"]).await.succeeds().says("for good");

    operator.runs(&["user", "role", "ada", "moderator"]).await.succeeds().says("ada is moderator now");
    operator.runs(&["user", "readmit", "ada"]).await.succeeds().says("ada is readmitted");
    operator.runs(&["user", "readmit", "ada"]).await.succeeds().says("was not suspended");
    let said = operator.runs(&["user", "list"]).await.succeeds();
    said.says("ada   moderator  ada@example.com").says("root  admin");
    let mut body = account("eve");
    body["setup_token"] = json!(app.running.setup_token);
    app.stranger().post("/api/auth/setup", body).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn every_ban_is_shown_and_lifted_beside_a_running_server() {
    let operator = Operator::new();
    let app = operator.serves().await;
    let root = app.admin().await;
    let network = json!({ "network": "127.0.0.2", "reason": "spam" });
    let made = root.post("/api/admin/bans", network).await.is(201).text("/id");
    let near = app.stranger().at("127.0.0.2");
    near.get("/api/broadcasts/active").await.is_problem(403, "shut-out");
    let said = operator.runs(&["user", "bans"]).await.succeeds();
    said.says(&made).says("127.0.0.2/32").says("for good").says("root").says("spam");

    operator.runs(&["user", "lift", &made]).await.succeeds().says("The ban is lifted");
    let noticed = async {
        while near.get("/api/broadcasts/active").await.status == 403 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(NOTICED, noticed).await.unwrap();
    operator.runs(&["user", "lift", &made]).await.fails("there is no such ban");
    assert_eq!(operator.runs(&["user", "lift", "127.0.0.2"]).await.code, Some(2));
}

#[tokio::test]
async fn what_cannot_be_done_is_said_by_name() {
    let operator = Operator::new();
    operator.runs(&["user", "list"]).await.fails("there is no database at");
    assert!(!operator.data().exists());
    creates(&operator, "root", &["--role", "admin"]).await.succeeds();
    operator.runs(&["user", "suspend", "ada"]).await.fails("there is no user \"ada\"");
    creates(&operator, "root", &[]).await.fails("is taken");
    operator.runs(&["user", "create", "Ada!", "--email", "nowhere"]).await.fails("username");
    operator.runs(&["user", "role", "root", "viewer"]).await.fails("this is the last administrator");
    operator.runs(&["user", "suspend", "root"]).await.fails("this is the last administrator");
    let unknown = operator.runs(&["user", "role", "root", "king"]).await;
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("viewer, broadcaster, moderator and admin"), "{}", unknown.err);
    operator.runs(&["user", "suspend", "root", "--until", "2001-01-01T00:00:00Z"]).await.fails("until");
}

#[tokio::test]
async fn accounts_are_made_in_postgres_too() {
    let (operator, postgres) = (Operator::new(), database());
    let place = [("DATABASE_URL", postgres.url())];
    let create = ["user", "create", "root", "--email", "root@example.com", "--admin"];
    operator.runs_with(&place, &create).await.fails("tallylight migrate");
    operator.runs_with(&place, &["migrate"]).await.succeeds();
    operator.runs_with(&place, &create).await.succeeds();
    operator.runs_with(&place, &["user", "suspend", "root"]).await.fails("the last administrator");
    operator.runs_with(&place, &["user", "create", "ada", "--email", "ada@example.com"]).await.succeeds();
    operator.runs_with(&place, &["user", "suspend", "ada"]).await.succeeds();
    operator.runs_with(&place, &["user", "list"]).await.succeeds().says("for good");
}
