//! Makes an account and broadcasts on a fresh server, and prints the account's access token.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};
use tallylight_bench_drivers::api::{post, register, text};
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
    let token = register(&options.url)?;
    let mut names = String::new();
    for number in 1..=options.count {
        let made = post(&options.url, "/api/broadcasts", Some(&token), &broadcast(number))?;
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
