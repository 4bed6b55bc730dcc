//! Secrets stay where they belong: everything that the server writes and shows is searched for every secret that it was
//! given or gave.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "canary-password-7d1f";
const WRONG_PASSWORD: &str = "canary-wrong-password-2b9c";
const METRICS_TOKEN: &str = "canary-metrics-token-93aa";
const MAIL_PASSWORD: &str = "canary-mail-password-40c1";
const HOOK: &str = "canary-hook-5512";

/// A server whose every word is kept.
struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    data: TempDir,
    http: Client,
    base: String,
    /// What nobody else may ever see, and what it is.
    secrets: Vec<(String, String)>,
}

impl Server {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
        let any = "127.0.0.1:0";
        command.args(["serve", "--listen", any, "--rtmp-listen", any, "--data-dir"]).arg(data.path());
        command.env("TALLYLIGHT_LOG", "trace,hyper=debug,sqlx=trace").env("TALLYLIGHT_LOG_FORMAT", "json");
        command.env("TALLYLIGHT_METRICS_TOKEN", METRICS_TOKEN);
        // Nobody is there: what is sent fails and is told of.
        command.env("TALLYLIGHT_MAIL_URL", format!("smtp://canary:{MAIL_PASSWORD}@127.0.0.1:9"));
        command.env("TALLYLIGHT_MAIL_FROM", "live@example.com");
        command.env("TALLYLIGHT_ALERT_WEBHOOK", format!("http://127.0.0.1:9/{HOOK}"));
        command.env_remove("DATABASE_URL").current_dir(data.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        keep(child.stderr.take().unwrap(), said.clone());
        keep(child.stdout.take().unwrap(), said.clone());
        let base = found(&said, "Home page");
        let token = found(&said, "/setup#token=").split("token=").nth(1).unwrap().to_owned();
        let given = [PASSWORD, WRONG_PASSWORD, METRICS_TOKEN, MAIL_PASSWORD, HOOK];
        let mut secrets: Vec<_> = given.iter().map(|text| ((*text).to_owned(), (*text).to_owned())).collect();
        // The link is printed once, for the operator, and nowhere else.
        said.lock().unwrap().clear();
        secrets.push(("the set-up token".into(), token));
        Self { child, said, data, http: Client::new(), base, secrets }
    }

    async fn asks(&self, method: Method, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.http.request(method.clone(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if method != Method::GET {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Value {
        let (status, answer) = self.asks(Method::POST, path, token, body).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    /// Takes note of a secret in an answer.
    fn keeps(&mut self, what: &str, answer: &Value, pointer: &str) -> String {
        let secret =
            answer.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{what}: {answer}"));
        self.secrets.push((what.to_owned(), secret.to_owned()));
        secret.to_owned()
    }

    /// Which secrets stand in something.
    fn leaks(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let stands = |secret: &str| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        let leaked = self.secrets.iter().filter(|(_, secret)| stands(secret));
        leaked.map(|(what, _)| format!("{what} stands in {place}")).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep(mut from: impl Read + Send + 'static, said: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(read) = from.read(&mut bytes) {
            if read == 0 {
                return;
            }
            said.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    });
}

/// The last word of the line that has this in it, once it is said.
fn found(said: &Mutex<String>, what: &str) -> String {
    loop {
        let line = said.lock().unwrap().lines().find(|line| line.contains(what)).map(str::to_owned);
        if let Some(line) = line {
            return line.split_whitespace().last().unwrap().trim_end_matches('/').to_owned();
        }
        std::thread::yield_now();
    }
}

/// Ada does everything for which there is a secret.
async fn lives(server: &mut Server) -> (String, String) {
    let setup = server.secrets.last().unwrap().1.clone();
    let admin = json!({ "setup_token": setup, "username": "root", "email": "root@example.com", "password": PASSWORD });
    let admin = server.post("/api/auth/setup", None, admin).await;
    let root = server.keeps("the administrator's access token", &admin, "/access_token");
    server.keeps("the administrator's refresh token", &admin, "/refresh_token");
    let account = json!({ "username": "ada", "email": "ada@example.com", "password": PASSWORD });
    let ada = server.post("/api/auth/register", None, account).await;
    let token = server.keeps("an access token", &ada, "/access_token");
    let refresh = server.keeps("a refresh token", &ada, "/refresh_token");
    let refreshed = server.post("/api/auth/refresh", None, json!({ "refresh_token": refresh })).await;
    server.keeps("a second refresh token", &refreshed, "/refresh_token");
    let wrong = json!({ "login": "ada", "password": WRONG_PASSWORD });
    server.asks(Method::POST, "/api/auth/login", None, wrong).await;
    server.post("/api/auth/password-reset", None, json!({ "login": "ada" })).await;
    let key = json!({ "name": "bot", "scopes": ["broadcasts:read", "publish"] });
    let key = server.post("/api/keys", Some(&token), key).await;
    let key = server.keeps("an API key", &key, "/key");
    let (_, lasting) = server.asks(Method::GET, "/api/users/me/stream-key", Some(&token), Value::Null).await;
    server.keeps("a lasting stream key", &lasting, "/stream_key");
    watches(server, &token).await;
    server.asks(Method::GET, "/api/broadcasts/active?visibility=private", Some(&key), Value::Null).await;
    let ticket = server.post("/api/live/tickets", Some(&token), json!({})).await;
    let ticket = server.keeps("a live ticket", &ticket, "/ticket");
    // Refused, and told of all the same.
    server
        .asks(Method::GET, &format!("/api/live/sse?channels=nothing&ticket={ticket}"), None, Value::Null)
        .await;
    (root, token)
}

/// Somebody watches a broadcast, and somebody invited a private one.
async fn watches(server: &mut Server, token: &str) {
    let show = server.post("/api/broadcasts", Some(token), json!({ "title": "Launch day" })).await;
    server.keeps("a stream key", &show, "/publish/stream_key");
    let id = show["id"].as_str().unwrap().to_owned();
    let joined = server.post(&format!("/api/broadcasts/{id}/join"), None, json!({})).await;
    let viewer = server.keeps("a viewer token", &joined, "/viewer_token");
    let url = server.keeps("a playback address", &joined, "/playback/hls_url");
    let playback = url.split('/').rev().nth(1).unwrap().to_owned();
    server.secrets.push(("a playback token".into(), playback));
    server.asks(Method::GET, &url, None, Value::Null).await;
    let beat = json!({ "viewer_token": viewer });
    server.asks(Method::POST, &format!("/api/broadcasts/{id}/heartbeat"), None, beat).await;
    let private = json!({ "title": "Rehearsal", "visibility": "private" });
    let private = server.post("/api/broadcasts", Some(token), private).await;
    let id = private["id"].as_str().unwrap().to_owned();
    let invitation = server.post(&format!("/api/broadcasts/{id}/join-tokens"), Some(token), json!({})).await;
    let invitation = server.keeps("an invitation", &invitation, "/join_token");
    server.post(&format!("/api/broadcasts/{id}/join"), None, json!({ "join_token": invitation })).await;
}

/// What is in a folder, file by file.
fn files(folder: &Path, read: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, read);
        } else {
            read.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test]
async fn no_secret_stands_in_logs_metrics_errors_playlists_or_the_database() {
    let mut server = Server::start();
    let (root, token) = lives(&mut server).await;
    let mut leaks = Vec::new();
    for (path, token) in [
        ("/metrics", METRICS_TOKEN),
        ("/api/admin/errors", root.as_str()),
        ("/api/admin/audit", &root),
        ("/api/admin/alerts", &root),
        ("/api/admin/users", &root),
        ("/api/admin/usage", &root),
        ("/api/users/me/export", &token),
        ("/api/keys", &token),
        ("/api/auth/sessions", &token),
    ] {
        let (status, answer) = server.asks(Method::GET, path, Some(token), Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        leaks.extend(server.leaks(path, answer.to_string().as_bytes()));
    }
    let mut kept = Vec::new();
    files(server.data.path(), &mut kept);
    assert!(kept.iter().any(|(_, bytes)| bytes.starts_with(b"SQLite format 3")));
    for (place, bytes) in kept.iter().filter(|(place, _)| !place.contains("/mail/")) {
        leaks.extend(server.leaks(place, bytes));
    }
    let said = server.said.lock().unwrap().clone();
    assert!(said.len() > 10_000, "the log says too little to tell anything: {said}");
    leaks.extend(server.leaks("the log", said.as_bytes()));
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[tokio::test]
async fn a_leak_would_be_found() {
    let mut server = Server::start();
    server.secrets.push(("what the page says".into(), "Tallylight".into()));
    let (_, page) = server.asks(Method::GET, "/", None, Value::Null).await;
    assert_eq!(server.leaks("the page", page.to_string().as_bytes()).len(), 1);
}
