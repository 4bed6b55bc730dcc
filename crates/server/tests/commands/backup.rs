//! `tallylight backup` and `tallylight restore`.

use std::fs;
use std::path::Path;
use std::process::Command;

use tallylight::settings::Settings;
use tallylight::start;

use crate::harness::Operator;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_server_is_backed_up_while_it_runs_and_put_back_when_it_is_stopped() {
    let operator = Operator::new();
    let app = operator.serves().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Before").await;
    let key = ada.get("/api/users/me/stream-key").await.text("/stream_key");
    let backup = operator.path("backup");
    let said = operator.runs(&["backup", text(&backup)]).await.succeeds();
    said.says("session_events").says("The server's secret is in it");
    assert_eq!(operator.files(&backup), ["backup.json", "secret.key", "tallylight.db"]);
    operator.runs(&["backup", text(&backup)]).await.fails("is not empty");
    ada.goes_live("After").await;
    operator.runs(&["restore", text(&backup)]).await.fails("stop the server first");
    app.running.stop().await;

    fs::write(operator.data().join("secret.key"), "another").unwrap();
    let said = operator.runs(&["restore", text(&backup)]).await.succeeds();
    said.says("What was there before is kept in").says("another secret.key too");
    let app = operator.serves().await;
    assert_eq!(app.stranger().finds("").await, ["Before"]);
    let login = serde_json::json!({ "login": "ada", "password": crate::common::PASSWORD });
    let token = app.stranger().post("/api/auth/login", login).await.is(200).text("/access_token");
    let ada = app.stranger().with(token);
    ada.get("/api/users/me/stream-key").await.has("/stream_key", key);
    ada.reads(&show).await.is(200);
    app.running.stop().await;
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_of_a_backup() {
    let operator = Operator::new();
    operator.runs(&["migrate"]).await.succeeds();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_tallylight")]);
    shell.arg("backup").arg(operator.path("backup")).arg("--data-dir").arg(operator.data());
    shell.env_remove("DATABASE_URL");
    operator.waits_for(shell).await.fails("cannot be copied");
    assert!(!operator.path("backup").exists());
}

#[tokio::test]
async fn a_secret_that_is_a_setting_is_not_in_the_backup_and_said_so() {
    let operator = Operator::new();
    operator.serves().await.running.stop().await;
    let secret = [("TALLYLIGHT_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")];
    let backup = operator.path("backup");
    operator.runs_with(&secret, &["backup", text(&backup)]).await.succeeds().says("is not in it");
    assert_eq!(operator.files(&backup), ["backup.json", "tallylight.db"]);
    operator.runs(&["restore", text(&backup)]).await.succeeds().says("must be what it was then");
}

#[tokio::test]
async fn postgres_is_left_to_its_own_tools() {
    let operator = Operator::new();
    let place = [("DATABASE_URL", "postgres://ada:hushhush@127.0.0.1:1/shows")];
    let backup = operator.path("backup");
    let said = operator.runs_with(&place, &["backup", text(&backup)]).await.fails("pg_dump");
    assert!(!said.err.contains("hushhush"), "{}", said.err);
    operator.runs_with(&place, &["restore", text(&backup)]).await.fails("pg_restore");
    assert!(!backup.exists());
}

#[tokio::test]
async fn no_server_starts_on_what_is_half_restored() {
    let operator = Operator::new();
    operator.runs(&["migrate"]).await.succeeds();
    let backup = operator.path("backup");
    operator.runs(&["backup", text(&backup)]).await.succeeds();
    fs::write(operator.data().join("restore-under-way"), "before-restore-x").unwrap();
    let refused = start(Settings { data_dir: operator.data(), ..Settings::default() }).await.err().unwrap();
    assert!(refused.to_string().contains("run tallylight restore again"), "{refused}");
    operator.runs(&["migrate"]).await.fails("run tallylight restore again");
    operator.runs(&["restore", text(&backup)]).await.succeeds().says("before-restore-x");
    operator.runs(&["migrate"]).await.succeeds();
}

#[tokio::test]
async fn what_is_not_there_is_not_backed_up_and_not_restored() {
    let operator = Operator::new();
    let backup = operator.path("backup");
    operator.runs(&["backup", text(&backup)]).await.fails("there is no database at");
    assert!(!backup.exists());
    operator.runs(&["restore", text(&backup)]).await.fails("it lacks backup.json");
    assert_eq!(operator.files(&operator.data()), ["lock"]);
}
