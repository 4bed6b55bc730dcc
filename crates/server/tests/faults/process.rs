//! The server as a process that can be killed and started again.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tallylight_store::{Limits, Location, Store};

/// The server on its data, wherever that is.
pub struct Server {
    data: PathBuf,
    database_url: Option<String>,
    child: Child,
    /// The addresses of its first start, which it keeps.
    pub base: String,
    pub rtmp: String,
}

impl Server {
    /// Starts one on free ports, over SQLite in `data` or over a PostgreSQL.
    pub fn start(data: &Path, database_url: Option<&str>) -> Self {
        let (database_url, any) = (database_url.map(str::to_owned), "127.0.0.1:0");
        let (child, base, rtmp) = launch(data, database_url.as_deref(), (any, any));
        Self { data: data.to_owned(), database_url, child, base, rtmp }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing is finished, nothing is said.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was; returns when it says that it is ready.
    pub fn start_again(&mut self) {
        let address = |url: &str| url.split("//").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let (http, rtmp) = (address(&self.base), address(&self.rtmp));
        (self.child, _, _) = launch(&self.data, self.database_url.as_deref(), (&http, &rtmp));
    }

    /// Its database, opened beside it or after it.
    pub async fn store(&self) -> Store {
        let location = match &self.database_url {
            Some(url) => Location::Server(url.clone()),
            None => Location::File(self.data.join("tallylight.db")),
        };
        Store::open(&location, Limits::default()).await.unwrap()
    }

    /// Ada, who makes shows; her access token.
    pub async fn ada(&self, http: &Client) -> String {
        let account =
            json!({ "username": "ada", "email": "ada@example.org", "password": "correct horse battery" });
        let made = http.post(format!("{}/api/auth/register", self.base)).json(&account).send().await.unwrap();
        let body: Value = made.error_for_status().unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A show of hers, as its owner sees it.
    pub async fn show(&self, http: &Client, token: &str, max_viewers: u32) -> Value {
        let show = json!({ "title": "Launch day", "max_viewers": max_viewers });
        let request = http.post(format!("{}/api/broadcasts", self.base)).bearer_auth(token).json(&show);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Waits until nobody watches a show any more.
    pub async fn empties(&self, http: &Client, show: &str) {
        let url = format!("{}/api/sessions/{show}", self.base);
        let emptied = async {
            loop {
                let response = http.get(&url).send().await.unwrap().error_for_status().unwrap();
                let session: Value = response.json().await.unwrap();
                if session["viewer_count"] == 0 {
                    return;
                }
            }
        };
        // Far longer than a viewer times out: whoever is still there then stays for ever.
        assert!(tokio::time::timeout(Duration::from_secs(60), emptied).await.is_ok(), "somebody never goes");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(data: &Path, database_url: Option<&str>, (http, rtmp): (&str, &str)) -> (Child, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
    command.args(["serve", "--listen", http, "--rtmp-listen", rtmp, "--data-dir"]).arg(data);
    // A second less than by default, for machines that are busy with other tests.
    // A crowd from one address.
    command.env("TALLYLIGHT_RATE_LIMITS", "off");
    command.env("TALLYLIGHT_DATABASE_TIMEOUT", "1.0").env("TALLYLIGHT_LOG", "warn");
    command.env("TALLYLIGHT_HEARTBEAT_INTERVAL", "1").env("TALLYLIGHT_VIEWER_TIMEOUT", "4");
    command.env("TALLYLIGHT_DATABASE_URL", database_url.unwrap_or_default());
    let mut child = command.current_dir(data).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = Vec::new();
    let mut address = |name: &str| {
        let line =
            lines.by_ref().inspect(|line| said.push(line.clone())).find(|line| line.trim().starts_with(name));
        let line = line.unwrap_or_else(|| panic!("the server did not start:\n{}", said.join("\n")));
        line.split_whitespace().last().unwrap().trim_end_matches('/').to_owned()
    };
    let (base, rtmp) = (address("Home page"), address("Encoders"));
    // Nobody else reads what it says; it must not be held up by that.
    std::thread::spawn(move || lines.for_each(drop));
    (child, base, rtmp)
}
