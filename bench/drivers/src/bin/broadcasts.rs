//! Makes an account and broadcasts on a fresh server, and prints the account's access token.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};
use url::Url;

/// Makes an account and broadcasts.
#[derive(Debug, Parser)]
struct Options {
    /// The server.
    #[arg(long)]
    url: Url,
    /// How many broadcasts.
    #[arg(long)]
    count: usize,
    /// Where to write a line a broadcast: its stream key and the path of its playlist.
    #[arg(long, value_name = "FILE")]
    names: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let account =
        json!({ "username": "ada", "email": "ada@bench.example", "password": "a long enough password" });
    let tokens = post(&options.url, "/api/auth/register", None, &account)?;
    let token = text(&tokens, "/access_token")?;
    let mut names = String::new();
    for number in 1..=options.count {
        let made = post(&options.url, "/api/broadcasts", Some(token), &broadcast(number))?;
        let (key, id) = (text(&made, "/publish/stream_key")?, text(&made, "/id")?);
        writeln!(names, "{key} /live/{id}/index.m3u8")?;
    }
    fs::write(&options.names, names).with_context(|| options.names.display().to_string())?;
    println!("{token}");
    Ok(())
}

/// As large as real ones are.
fn broadcast(number: usize) -> Value {
    json!({
        "title": format!("Broadcast number {number}: evening session"),
        "description": "A live show with guests, questions from the audience and a long talk.",
        "ai_intent": "talk",
        "tags": ["live", "english"],
    })
}

fn post(base: &Url, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
    let mut request = ureq::post(base.join(path)?.as_str());
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = request.send_json(body).with_context(|| format!("POST {path}"))?;
    answer.body_mut().read_json().with_context(|| format!("POST {path}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("the answer has no {pointer}"))
}
