//! Joins broadcasts at a steady rate until it is ended, so that their counts change while something else is measured.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use url::Url;

/// How many join at the same time.
const CALLERS: u32 = 4;

/// Joins broadcasts at a steady rate.
#[derive(Debug, Parser)]
struct Options {
    /// The server.
    #[arg(long)]
    url: Url,
    /// A file with a broadcast's id a line.
    #[arg(long)]
    ids: PathBuf,
    /// Joins a second.
    #[arg(long)]
    rate: f64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let ids = fs::read_to_string(&options.ids).with_context(|| options.ids.display().to_string())?;
    let ids: Vec<&str> = ids.lines().collect();
    ensure!(!ids.is_empty(), "no broadcast to join");
    let step = Duration::from_secs_f64(f64::from(CALLERS) / options.rate);
    thread::scope(|scope| {
        let callers = (0..CALLERS).map(|caller| {
            let (ids, options) = (&ids, &options);
            scope.spawn(move || join(ids, &options.url, caller as usize, step))
        });
        let callers: Vec<_> = callers.collect();
        callers.into_iter().try_for_each(|caller| caller.join().expect("a caller panicked"))
    })
}

/// Joins one after the other, far apart in the file, by a timetable.
fn join(ids: &[&str], base: &Url, caller: usize, step: Duration) -> Result<()> {
    let agent = ureq::Agent::new_with_defaults();
    let mut due = Instant::now();
    for turn in 0_usize.. {
        let id = ids[(caller + turn * 7_919) % ids.len()];
        let path = format!("/api/broadcasts/{id}/join");
        agent.post(base.join(&path)?.as_str()).send_json(serde_json::json!({})).context(path)?;
        due += step;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
