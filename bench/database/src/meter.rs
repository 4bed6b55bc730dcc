//! Rows, latencies and CPU while a load runs.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use tallylight_bench_drivers::process::Server;

/// Not measured: until connections, caches and plans are there.
const WARM_UP: Duration = Duration::from_millis(700);

/// Longer waits count as this.
const LONGEST_MICROS: u64 = 60_000_000;

/// Measures one load.
pub struct Meter {
    /// PostgreSQL, if it is not this process that is the database.
    database: Option<Server>,
    time: Duration,
}

/// Writes rows over and over.
pub trait Caller: Send + 'static {
    /// Writes some and waits until they are on disk; how many.
    fn write(&mut self) -> impl Future<Output = Result<u64>> + Send;
}

/// What a row cost.
pub struct Figures {
    rows: u64,
    seconds: f64,
    latency: Histogram<u64>,
    own_cpu: f64,
    database_cpu: Option<f64>,
}

struct Tally {
    rows: u64,
    latency: Histogram<u64>,
}

struct Reading {
    at: Instant,
    own: Duration,
    database: Option<Duration>,
}

impl Meter {
    pub fn new(database: Option<Server>, secs: f64) -> Self {
        Self { database, time: Duration::from_secs_f64(secs) }
    }

    /// Lets all write at a time; also how many rows were acknowledged in all, those outside of the time included.
    pub async fn run<C: Caller>(self, callers: Vec<C>) -> Result<(Figures, u64)> {
        let tally = Arc::new(Mutex::new(Tally::new()?));
        let stop = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = callers
            .into_iter()
            .map(|caller| tokio::spawn(write_until(stop.clone(), caller, tally.clone())))
            .collect();
        tokio::time::sleep(WARM_UP).await;
        let before = self.read();
        *lock(&tally) = Tally::new()?;
        tokio::time::sleep(self.time).await;
        let after = self.read();
        let measured = std::mem::replace(&mut *lock(&tally), Tally::new()?);
        stop.store(true, Ordering::Relaxed);
        let mut acknowledged = 0;
        for task in tasks {
            acknowledged += task.await??;
        }
        Ok((measured.figures(&before, &after)?, acknowledged))
    }

    /// The same with one that writes without a runtime.
    pub fn run_blocking(self, mut write: impl FnMut() -> Result<u64>) -> Result<(Figures, u64)> {
        let mut acknowledged = 0;
        let warm = Instant::now() + WARM_UP;
        while Instant::now() < warm {
            acknowledged += write()?;
        }
        let mut tally = Tally::new()?;
        let before = self.read();
        while before.at.elapsed() < self.time {
            let began = Instant::now();
            let rows = write()?;
            tally.add(rows, began.elapsed());
            acknowledged += rows;
        }
        Ok((tally.figures(&before, &self.read())?, acknowledged))
    }

    fn read(&self) -> Reading {
        let own = Server(std::process::id().cast_signed()).cpu();
        Reading { at: Instant::now(), own, database: self.database.map(Server::cpu) }
    }
}

async fn write_until<C: Caller>(
    stop: Arc<AtomicBool>,
    mut caller: C,
    tally: Arc<Mutex<Tally>>,
) -> Result<u64> {
    let mut acknowledged = 0;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let rows = caller.write().await?;
        lock(&tally).add(rows, began.elapsed());
        acknowledged += rows;
    }
    Ok(acknowledged)
}

fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    fn new() -> Result<Self> {
        Ok(Self { rows: 0, latency: Histogram::new_with_bounds(1, LONGEST_MICROS, 3)? })
    }

    fn add(&mut self, rows: u64, took: Duration) {
        self.rows += rows;
        self.latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    fn figures(self, before: &Reading, after: &Reading) -> Result<Figures> {
        ensure!(self.rows > 0, "nothing was acknowledged");
        let database = after.database.zip(before.database);
        Ok(Figures {
            rows: self.rows,
            seconds: (after.at - before.at).as_secs_f64(),
            latency: self.latency,
            own_cpu: (after.own - before.own).as_secs_f64(),
            database_cpu: database.map(|(after, before)| after.saturating_sub(before).as_secs_f64()),
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows as f64;
        let quantile = |q| self.latency.value_at_quantile(q) as f64 / 1e3;
        write!(f, "per_second={:.0} own_us={:.2}", rows / self.seconds, self.own_cpu * 1e6 / rows)?;
        if let Some(cpu) = self.database_cpu {
            write!(f, " database_us={:.2}", cpu * 1e6 / rows)?;
        }
        write!(f, " p50_ms={:.2} p99_ms={:.2}", quantile(0.5), quantile(0.99))
    }
}
