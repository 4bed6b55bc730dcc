//! Publishes a clip as many encoders do, in real time, and prints what that costs the server.
//!
//! The last encoder comes when all others are on air; the time from its first byte to its first playable media is
//! `playable_s`. CPU is measured after `--settle`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tallylight_bench_drivers::flv::Clip;
use tallylight_bench_drivers::playable::Probe;
use tallylight_bench_drivers::process::Server;
use tallylight_bench_drivers::rtmp::Publisher;
use url::Url;

const TICK: Duration = Duration::from_millis(10);
const PROBE_EVERY: Duration = Duration::from_millis(10);
/// What is not playable by then counts as playable then.
const PROBE_FOR: Duration = Duration::from_secs(20);

/// Publishes a clip as many encoders do.
#[derive(Debug, Parser)]
struct Options {
    /// The clip.
    #[arg(long)]
    flv: PathBuf,
    /// The RTMP server.
    #[arg(long, value_name = "ADDRESS:PORT")]
    rtmp: String,
    #[arg(long, default_value = "live")]
    app: String,
    /// Where the playlists are.
    #[arg(long, value_name = "URL")]
    hls: Url,
    /// A line an encoder: its stream key and the path of its playlist.
    #[arg(long, value_name = "FILE")]
    names: PathBuf,
    /// How many encoders.
    #[arg(long)]
    count: usize,
    /// Seconds on air before the measurement.
    #[arg(long, default_value_t = 5.0)]
    settle: f64,
    /// Seconds of the measurement.
    #[arg(long, default_value_t = 8.0)]
    secs: f64,
    /// The server's process.
    #[arg(long)]
    pid: i32,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let clip = Clip::read(&options.flv)?;
    let names = read_names(&options.names)?;
    ensure!(names.len() >= options.count && options.count > 0, "--names has fewer lines than --count");
    let server = Server(options.pid);
    let memory_before = server.memory_kib();

    let (others, last) = names[..options.count].split_at(options.count - 1);
    let mut load = Load::new(&clip);
    for (key, _) in others {
        load.publishers.push(Publisher::open(&options.rtmp, &options.app, key).context("a publisher")?);
    }
    load.run(Duration::from_secs_f64(if others.is_empty() { 0.0 } else { options.settle / 2.0 }));
    let late = LateComer::start(&options, &last[0])?;
    load.run_until(|load| match late.publisher.try_recv() {
        Ok(publisher) => {
            load.publishers.push(publisher);
            true
        }
        Err(error) => error == mpsc::TryRecvError::Disconnected,
    });
    load.run(Duration::from_secs_f64(options.settle));

    let (cpu, bytes, began) = (server.cpu(), load.bytes, Instant::now());
    load.run(Duration::from_secs_f64(options.secs));
    let seconds = began.elapsed().as_secs_f64();
    let cpu = (server.cpu() - cpu).as_secs_f64();
    let megabits = (load.bytes - bytes) as f64 * 8.0 / seconds / 1e6;
    let memory = server.memory_kib();
    let playable = late.playable.recv_timeout(PROBE_FOR).unwrap_or(PROBE_FOR).as_secs_f64();
    let on_air = load.publishers.len();
    println!(
        "cpu_ms={:.3} playable_s={playable:.3} memory_kib={memory} memory_kib_each={:.0} on_air={on_air} mbit_s_each={:.2}",
        cpu * 1e3 / seconds / options.count as f64,
        (memory as f64 - memory_before as f64) / options.count as f64,
        megabits / on_air as f64,
    );
    ensure!(on_air == options.count, "only {on_air} of {} encoders stayed on air", options.count);
    Ok(())
}

fn read_names(path: &Path) -> Result<Vec<(String, String)>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let pair = |line: &str| line.split_once(' ').map(|(key, playlist)| (key.to_owned(), playlist.to_owned()));
    Ok(text.lines().filter_map(pair).collect())
}

/// The encoders on air.
struct Load<'a> {
    clip: &'a Clip,
    publishers: Vec<Publisher>,
    bytes: u64,
}

impl<'a> Load<'a> {
    fn new(clip: &'a Clip) -> Self {
        Self { clip, publishers: Vec::new(), bytes: 0 }
    }

    fn run(&mut self, time: Duration) {
        let began = Instant::now();
        self.run_until(|_| began.elapsed() >= time);
    }

    fn run_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        while !done(self) {
            self.publishers.retain_mut(|publisher| match publisher.advance(self.clip) {
                Ok(count) => {
                    self.bytes += count as u64;
                    true
                }
                Err(error) => {
                    eprintln!("a publisher was lost: {error}");
                    false
                }
            });
            thread::sleep(TICK);
        }
    }
}

/// The encoder whose way on air is timed.
struct LateComer {
    publisher: Receiver<Publisher>,
    playable: Receiver<Duration>,
}

impl LateComer {
    fn start(options: &Options, (key, playlist): &(String, String)) -> Result<Self> {
        let (to_load, publisher) = mpsc::channel();
        let (to_main, playable) = mpsc::channel();
        let (rtmp, app, key) = (options.rtmp.clone(), options.app.clone(), key.clone());
        let playlist = options.hls.join(playlist)?;
        thread::spawn(move || {
            let publisher = match Publisher::open(&rtmp, &app, &key) {
                Ok(publisher) => publisher,
                Err(error) => return eprintln!("the last publisher: {error}"),
            };
            let first_byte = publisher.first_byte;
            let probe = Probe::default();
            let _ = to_load.send(publisher);
            while first_byte.elapsed() < PROBE_FOR {
                if probe.is_playable(&playlist) {
                    let _ = to_main.send(first_byte.elapsed());
                    return;
                }
                thread::sleep(PROBE_EVERY);
            }
        });
        Ok(Self { publisher, playable })
    }
}
