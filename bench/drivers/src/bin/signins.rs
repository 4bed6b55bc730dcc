//! Signs in with wrong passwords to accounts that are there and that are not, in turn, and then many at once.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use serde_json::json;
use tallylight_bench_drivers::api;
use tallylight_bench_drivers::process::Server;
use url::Url;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Tries to sign in with wrong passwords.
#[derive(Debug, Parser)]
struct Options {
    /// The server; fresh.
    #[arg(long)]
    url: Url,
    /// Its process.
    #[arg(long)]
    pid: i32,
    /// How often each kind is tried, one after the other.
    #[arg(long, default_value_t = 200)]
    count: u32,
    /// How many try at once, afterwards.
    #[arg(long, default_value_t = 200)]
    at_once: usize,
}

fn main() -> Result<()> {
    let options = Options::parse();
    api::register(&options.url)?;
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for turn in 0..options.count {
        // In turn, and each as often first as second, so that whatever else happens meets both alike.
        for is_known in [turn % 2 == 0, turn % 2 != 0] {
            let login = if is_known { "ada".to_owned() } else { format!("nobody-{turn}") };
            let took = refused(&agent, &options.url, &login)?;
            if is_known { known.push(took) } else { unknown.push(took) }
        }
    }
    let (known, unknown) = (median(known), median(unknown));
    let before = Server(options.pid).memory_kib();
    let (most, busy) = at_once(&options)?;
    println!(
        "known_ms={:.3} unknown_ms={:.3} apart_percent={:.2} before_kib={before} most_kib={most} busy={busy}",
        known,
        unknown,
        (known / unknown - 1.0).abs() * 100.0
    );
    Ok(())
}

/// How long a wrong password took to be refused, in milliseconds.
fn refused(agent: &ureq::Agent, base: &Url, login: &str) -> Result<f64> {
    let began = Instant::now();
    let status = sign_in(agent, base, login)?;
    let took = began.elapsed();
    ensure!(status == 401, "a sign-in was answered {status}");
    Ok(took.as_secs_f64() * 1e3)
}

fn sign_in(agent: &ureq::Agent, base: &Url, login: &str) -> Result<u16> {
    let body = json!({"login": login, "password": "a wrong one that is long enough"});
    let mut answer = agent.post(base.join("/api/auth/login")?.as_str()).send_json(body)?;
    // Read to its end, so that the connection is used again.
    answer.body_mut().read_to_vec()?;
    Ok(answer.status().as_u16())
}

/// The most memory while many try at once, in KiB, and how many were told that the server is busy.
fn at_once(options: &Options) -> Result<(u64, usize)> {
    thread::scope(|scope| {
        let tries: Vec<_> = (0..options.at_once)
            .map(|number| {
                let login = if number % 2 == 0 { "ada".to_owned() } else { format!("nobody-{number}") };
                scope.spawn(move || {
                    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
                    sign_in(&agent, &options.url, &login)
                })
            })
            .collect();
        let mut most = 0;
        while !tries.iter().all(|one| one.is_finished()) {
            most = most.max(Server(options.pid).memory_kib());
            thread::sleep(LOOK);
        }
        let mut busy = 0;
        for one in tries {
            match one.join().expect("a caller panicked")? {
                401 => {}
                503 => busy += 1,
                other => anyhow::bail!("a sign-in was answered {other}"),
            }
        }
        Ok((most, busy))
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
