//! Writes events durably, as fast as callers that wait for each answer can, and prints what a row costs.
//!
//! Each load has a fresh database with the store's schema, an owner and broadcasts. What was acknowledged is counted in
//! the table afterwards; a lost row or a gap in the numbers of a session is an error.

mod bulk;
mod fill;
mod meter;
mod ours;
mod place;
mod presence;
mod single;
mod sums;

use anyhow::{Result, bail, ensure};
use clap::{Parser, ValueEnum};

use fill::Hall;
use meter::Meter;
use place::Place;

/// Writes events durably.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    place: Place,
    /// What is written, and how.
    #[arg(long)]
    load: Load,
    /// How many write at a time, each its next when it has its answer.
    #[arg(long, default_value_t = 1)]
    callers: usize,
    /// Rows in a commit, where the load says how many.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// The broadcasts that the rows belong to.
    #[arg(long, default_value_t = 100)]
    broadcasts: usize,
    /// The viewers whose heartbeats are taken.
    #[arg(long, default_value_t = 1_000_000)]
    viewers: usize,
    /// Events of the day that is added up.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    #[arg(long, default_value_t = 3.0)]
    secs: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Load {
    /// Events through the store.
    Append,
    /// Joins and leaves through the store, in turn; a row is one of either.
    Viewers,
    /// Our rows, an INSERT and a commit each.
    Single,
    /// Our rows in their table, many a commit, without the store.
    Rows,
    /// Heartbeats of many viewers, in memory alone.
    Presence,
    /// A day of one session: how fast it is added up, and how long a question about it takes.
    Sums,
    /// Five plain columns and an index, many a commit.
    Plain,
}

fn main() -> Result<()> {
    let options = Options::parse();
    // As many as the server has on one core; SQLite's own thread comes on top.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    if options.load == Load::Presence {
        println!("{}", presence::measure(options.viewers, options.secs)?);
        return Ok(());
    }
    let place = &options.place;
    ensure!(place.is_given(), "say where to write: --postgres URL --pid PID, or --sqlite FOLDER");
    place.empty().await?;
    let hall = Hall::fill(place, options.broadcasts).await?;
    place.settle().await?;
    if options.load == Load::Sums {
        println!("{}", sums::measure(place, &hall, options.events).await?);
        return place.remove().await;
    }
    let meter = Meter::new(place.server(), options.secs);
    let (figures, acknowledged) = match options.load {
        Load::Append => ours::append(place, &hall, options.callers, meter).await?,
        Load::Viewers => ours::join_and_leave(place, &hall, options.callers, meter).await?,
        Load::Single => single::insert(place, &hall, options.callers, meter).await?,
        Load::Rows => bulk::our_rows(place, hall, options.batch, meter).await?,
        Load::Plain => bulk::plain_rows(place, options.batch, meter).await?,
        Load::Sums | Load::Presence => bail!("it is measured in another way"),
    };
    if options.load != Load::Plain {
        let expected = acknowledged + options.broadcasts as u64;
        let found = place.count_events().await?;
        ensure!(found == expected, "{expected} events were acknowledged, {found} are in the log");
    }
    place.remove().await?;
    println!("{figures}");
    Ok(())
}
