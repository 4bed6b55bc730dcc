//! Secrets stay where they belong: everything that the server writes and shows is searched for every secret that it was
//! given or gave.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "common/mail.rs"]
mod mail;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use mail::MailServer;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tallylight_media::rtmp::client::Publish;
use tallylight_media::rtmp::{FlvFile, StreamKey};
use tempfile::TempDir;
use tokio::sync::mpsc;

const PASSWORD: &str = "canary-password-7d1f";
const WRONG_PASSWORD: &str = "canary-wrong-password-2b9c";
const METRICS_TOKEN: &str = "canary-metrics-token-93aa";
const MAIL_PASSWORD: &str = "canary-mail-password-40c1";
const HOOK: &str = "canary-hook-5512";
const RECORDING: &[u8] = include_bytes!("../../media/media-samples/testcard.flv");

/// A server whose every word is kept.
struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    data: TempDir,
    http: Client,
    base: String,
    /// Where encoders publish.
    rtmp: String,
    mail: MailServer,
    /// What it posts where it tells of alerts.
    notices: mpsc::UnboundedReceiver<String>,
    /// What viewers were given to play.
    playlists: Vec<String>,
    /// What nobody else may ever see, and what it is.
    secrets: Vec<(String, String)>,
}

impl Server {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (mail, (webhook, notices)) = (MailServer::start().await, hook().await);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
        let any = "127.0.0.1:0";
        command.args(["serve", "--listen", any, "--rtmp-listen", any, "--data-dir"]).arg(data.path());
        command.env("TALLYLIGHT_LOG", "trace,hyper=debug,sqlx=trace").env("TALLYLIGHT_LOG_FORMAT", "json");
        command.env("TALLYLIGHT_METRICS_TOKEN", METRICS_TOKEN);
        command.env("TALLYLIGHT_MAIL_URL", mail.url_for("canary", MAIL_PASSWORD));
        command.env("TALLYLIGHT_MAIL_FROM", "live@example.com");
        command.env("TALLYLIGHT_ALERT_WEBHOOK", webhook);
        command.env_remove("DATABASE_URL").current_dir(data.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        keep(child.stderr.take().unwrap(), said.clone());
        keep(child.stdout.take().unwrap(), said.clone());
        let (base, rtmp) =
            (found(&mut child, &said, "Home page"), found(&mut child, &said, "Encoders    rtmp"));
        let token = found(&mut child, &said, "/setup#token=").split("token=").nth(1).unwrap().to_owned();
        let given = [PASSWORD, WRONG_PASSWORD, METRICS_TOKEN, MAIL_PASSWORD, HOOK];
        let mut secrets: Vec<_> = given.iter().map(|text| ((*text).to_owned(), (*text).to_owned())).collect();
        // The link is printed once, for the operator, and nowhere else.
        said.lock().unwrap().clear();
        secrets.push(("the set-up token".into(), token));
        Self {
            child,
            said,
            data,
            http: Client::new(),
            base,
            rtmp,
            mail,
            notices,
            playlists: Vec::new(),
            secrets,
        }
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
fn found(child: &mut Child, said: &Mutex<String>, what: &str) -> String {
    loop {
        let has_ended = child.try_wait().unwrap().is_some();
        let line = said.lock().unwrap().lines().find(|line| line.contains(what)).map(str::to_owned);
        if let Some(line) = line {
            return line.split_whitespace().last().unwrap().trim_end_matches('/').to_owned();
        }
        assert!(!has_ended, "the server ended: {}", said.lock().unwrap());
        std::thread::yield_now();
    }
}

/// Somebody who is told of alerts: where, and what.
async fn hook() -> (String, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let take = async move |body: String| tell.send(body).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/{HOOK}", listener.local_addr().unwrap());
    let app = Router::new().route(&format!("/{HOOK}"), post(take));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, told)
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
    forgets(server).await;
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

/// Ada asks for a link by which to choose another password, and does not.
async fn forgets(server: &mut Server) {
    server.post("/api/auth/password-reset", None, json!({ "login": "ada" })).await;
    let (_, mail) = server.mail.received().await;
    let token = mail.split("/reset#token=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    server.secrets.push(("a reset token".into(), token.to_owned()));
    let short = json!({ "token": token, "password": "short" });
    server.asks(Method::POST, "/api/auth/password-reset/confirm", None, short).await;
}

/// An encoder publishes what was recorded; the playlists of a viewer, once there is something to play.
async fn publishes(server: &Server, stream_key: &str, hls_url: &str) -> Vec<String> {
    let (_, place) = server.rtmp.split_once("://").unwrap();
    let (address, name) = place.split_once('/').unwrap();
    let mut encoder =
        Publish::connect(address.parse().unwrap(), name, &StreamKey::new(stream_key)).await.unwrap();
    for tag in &FlvFile::parse(Bytes::from_static(RECORDING)).unwrap().tags {
        encoder.send(tag).await.unwrap();
    }
    let gets = async |url: &str| server.asks(Method::GET, url, None, Value::Null).await;
    let index = loop {
        match gets(hls_url).await {
            (200, index) => break index.as_str().unwrap().to_owned(),
            (status, problem) => assert_eq!(status, 404, "{problem}"),
        }
    };
    let mut playlists = vec![index.clone()];
    for name in index.lines().filter(|line| line.ends_with(".m3u8")) {
        let (status, media) = gets(&hls_url.replace("index.m3u8", name)).await;
        assert_eq!(status, 200, "{media}");
        playlists.push(media.as_str().unwrap().to_owned());
    }
    encoder.finish().await.unwrap();
    assert!(playlists.len() > 1, "{index}");
    playlists
}

/// Somebody watches a broadcast, and somebody invited a private one.
async fn watches(server: &mut Server, token: &str) {
    let show = server.post("/api/broadcasts", Some(token), json!({ "title": "Launch day" })).await;
    let (id, viewer) = plays(server, &show, json!({})).await;
    let beat = json!({ "viewer_token": viewer });
    server.asks(Method::POST, &format!("/api/broadcasts/{id}/heartbeat"), None, beat).await;
    let private = json!({ "title": "Rehearsal", "visibility": "private" });
    let private = server.post("/api/broadcasts", Some(token), private).await;
    let path = format!("/api/broadcasts/{}/join-tokens", private["id"].as_str().unwrap());
    let invitation = server.post(&path, Some(token), json!({})).await;
    let invitation = server.keeps("an invitation", &invitation, "/join_token");
    plays(server, &private, json!({ "join_token": invitation })).await;
}

/// Somebody joins a broadcast and plays it; its id, and the viewer's token.
async fn plays(server: &mut Server, show: &Value, join: Value) -> (String, String) {
    let stream_key = server.keeps("a stream key", show, "/publish/stream_key");
    let id = show["id"].as_str().unwrap().to_owned();
    let joined = server.post(&format!("/api/broadcasts/{id}/join"), None, join).await;
    let viewer = server.keeps("a viewer token", &joined, "/viewer_token");
    let url = server.keeps("a playback address", &joined, "/playback/hls_url");
    let playback = url.split('/').rev().nth(1).unwrap().to_owned();
    server.secrets.push(("a playback token".into(), playback));
    let playlists = publishes(server, &stream_key, &url).await;
    server.playlists.extend(playlists);
    (id, viewer)
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
async fn no_secret_stands_in_logs_metrics_errors_playlists_notices_or_the_database() {
    let mut server = Server::start().await;
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
    for (place, bytes) in &kept {
        leaks.extend(server.leaks(place, bytes));
    }
    assert_eq!(server.playlists.len(), 4, "of each broadcast two");
    for playlist in &server.playlists {
        leaks.extend(server.leaks("a playlist", playlist.as_bytes()));
    }
    server.post("/api/admin/alerts/test", Some(&root), json!({})).await;
    let notice = server.notices.recv().await.unwrap();
    leaks.extend(server.leaks("a notice of an alert", notice.as_bytes()));
    let said = server.said.lock().unwrap().clone();
    assert!(said.contains("rtmp"), "the log tells nothing of encoders");
    assert!(said.len() > 10_000, "the log says too little to tell anything: {said}");
    leaks.extend(server.leaks("the log", said.as_bytes()));
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[tokio::test]
async fn a_leak_would_be_found() {
    let mut server = Server::start().await;
    server.secrets.push(("what the page says".into(), "Tallylight".into()));
    let (_, page) = server.asks(Method::GET, "/", None, Value::Null).await;
    assert_eq!(server.leaks("the page", page.to_string().as_bytes()).len(), 1);
}
