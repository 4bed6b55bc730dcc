//! A server with a real store on free ports, and people who use it.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a harness fails by panicking")]

pub mod mail;

use std::future::Future;
use std::pin::Pin;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tallylight::settings::Settings;
use tallylight::{Running, start};
use tempfile::TempDir;

/// Good for every test account.
pub const PASSWORD: &str = "correct horse battery";

/// A running server with an empty database.
pub struct TestApp {
    pub running: Running,
    http: reqwest::Client,
    _data: TempDir,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with settings changed by the test.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let mut settings = Settings { listen: any, rtmp_listen: any, ..Settings::default() };
        settings.data_dir = data.path().to_owned();
        // A disk that stands still for a moment under other tests is no outage.
        settings.database_timeout = 60.0;
        change(&mut settings);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { running: start(settings).await.unwrap(), http, _data: data }
    }

    /// Stops it.
    pub async fn stops(self) {
        self.running.stop().await;
    }

    /// Somebody without an account.
    pub fn stranger(&self) -> Person {
        Person { http: self.http.clone(), base: self.running.base_url(), token: None, id: String::new() }
    }

    /// As [`TestApp::stranger`], at the address listened on, whatever address people open.
    pub fn at_its_door(&self) -> Person {
        Person { base: format!("http://{}", self.running.http), ..self.stranger() }
    }

    /// Makes an account.
    pub async fn user(&self, name: &str) -> Person {
        let stranger = self.stranger();
        let signed_in = stranger.post("/api/auth/register", account(name)).await.is(201);
        Person { token: Some(signed_in.text("/access_token")), id: signed_in.text("/user/id"), ..stranger }
    }

    /// Makes the administrator by the printed link.
    pub async fn admin(&self) -> Person {
        let mut body = account("root");
        body["setup_token"] = json!(self.running.setup_token);
        let signed_in = self.stranger().post("/api/auth/setup", body).await.is(201);
        Person { token: Some(signed_in.text("/access_token")), ..self.stranger() }
    }
}

pub fn account(name: &str) -> Value {
    json!({ "username": name, "email": format!("{name}@example.com"), "password": PASSWORD })
}

/// Somebody who calls the API.
#[derive(Clone)]
pub struct Person {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    pub id: String,
}

/// A broadcast, as its maker was answered.
pub struct Show {
    pub id: String,
    pub made: Answer,
}

type Pending<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

impl Person {
    /// The same, signed in.
    pub fn with(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The same, at another address of this machine, without cookies.
    pub fn at(self, ip: &str) -> Self {
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self { http: builder.local_address(Some(ip.parse().unwrap())).build().unwrap(), ..self }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub fn get<'a>(&'a self, path: &'a str) -> Pending<'a> {
        Box::pin(async move { Answer::read(self.request(Method::GET, path).send().await.unwrap()).await })
    }

    pub fn post<'a>(&'a self, path: &'a str, body: Value) -> Pending<'a> {
        self.send(Method::POST, path, body)
    }

    pub fn patch<'a>(&'a self, path: &'a str, body: Value) -> Pending<'a> {
        self.send(Method::PATCH, path, body)
    }

    pub fn delete<'a>(&'a self, path: &'a str) -> Pending<'a> {
        Box::pin(async move { Answer::read(self.request(Method::DELETE, path).send().await.unwrap()).await })
    }

    fn send<'a>(&'a self, method: Method, path: &'a str, body: Value) -> Pending<'a> {
        Box::pin(
            async move { Answer::read(self.request(method, path).json(&body).send().await.unwrap()).await },
        )
    }

    /// The token that the calls carry.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub async fn goes_live(&self, title: &str) -> Show {
        self.creates(json!({ "title": title })).await
    }

    pub async fn creates(&self, body: Value) -> Show {
        let made = self.post("/api/broadcasts", body).await.is(201);
        Show { id: made.text("/id"), made }
    }

    pub async fn changes(&self, show: &Show, change: Value) -> Answer {
        self.patch(&format!("/api/broadcasts/{}", show.id), change).await
    }

    pub async fn reads(&self, show: &Show) -> Answer {
        self.get(&format!("/api/broadcasts/{}", show.id)).await
    }

    pub async fn joins(&self, show: &Show) -> Answer {
        self.joins_with(show, json!({})).await
    }

    pub async fn joins_with(&self, show: &Show, body: Value) -> Answer {
        self.post(&format!("/api/broadcasts/{}/join", show.id), body).await
    }

    pub async fn beats(&self, show: &Show, viewer: &Answer) -> Answer {
        let body = json!({ "viewer_token": viewer.text("/viewer_token") });
        self.post(&format!("/api/broadcasts/{}/heartbeat", show.id), body).await
    }

    pub async fn leaves(&self, show: &Show, viewer: &Answer) -> Answer {
        let body = json!({ "viewer_token": viewer.text("/viewer_token") });
        self.post(&format!("/api/broadcasts/{}/leave", show.id), body).await
    }

    /// The titles on a list, in its order.
    pub async fn finds(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("/api/broadcasts/active{query}")).await.is(200);
        let items = list.body["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
    }
}

/// What the server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub raw: String,
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let raw = response.text().await.unwrap();
        Self { status, headers, body: serde_json::from_str(&raw).unwrap_or_default(), raw }
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.raw);
        self
    }

    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)), "{}", self.raw);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], json!(status));
        assert_eq!(
            self.body["instance"],
            format!("urn:uuid:{}", self.header("x-request-id")),
            "{}",
            self.raw
        );
        self
    }

    /// A problem that names this field.
    #[track_caller]
    pub fn names(&self, field: &str) -> &Self {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        assert!(errors.iter().any(|error| error["field"] == field), "{field} in {}", self.raw);
        self
    }

    #[track_caller]
    pub fn has(&self, pointer: &str, value: impl Into<Value>) -> &Self {
        assert_eq!(self.body.pointer(pointer), Some(&value.into()), "{pointer} in {}", self.raw);
        self
    }

    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no {pointer} in {}", self.raw)).to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
