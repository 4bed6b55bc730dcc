//! Fills a data folder with broadcasts that are live, before a server starts on it, and prints a line an id.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use rusqlite::Connection;
use tallylight_store::migrations;
use tallylight_store::{Limits, Location};
use uuid::Uuid;

/// Fills a data folder with live broadcasts.
#[derive(Debug, Parser)]
struct Options {
    /// The server's `--data-dir`.
    #[arg(long)]
    data_dir: PathBuf,
    /// How many broadcasts.
    #[arg(long)]
    count: u32,
}

/// An owner, whose account nobody signs in to.
const OWNER: &str = "
  INSERT INTO users (id, username, display_name, email, email_folded, password_hash, role, stream_key_hash,
                     stream_key_sealed, created_at)
  VALUES (?1, 'ada', 'Ada', 'ada@bench.example', 'ada@bench.example', '', 'broadcaster', x'00', x'00', 0)";

/// Their media is elsewhere, so that they go on without encoders; reported viewers set them apart.
const BROADCASTS: &str = "
  WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
  INSERT INTO broadcast_sessions (id, title, user_id, created_at, started_at, hls_url, description, ai_intent, tags,
                                  reported_viewers, stream_key_hash, stream_key_sealed)
  SELECT randomblob(16), 'Broadcast number ' || n || ': evening session', ?2, 1767225600000000 + n, 1767225600000000 + n,
         'https://media.example/live/' || n || '/index.m3u8',
         'A live show with guests, questions from the audience and a long talk.', 'talk', json_array('live', 'english'),
         abs(random() % 1000), randomblob(32), x'00'
  FROM numbers";

fn main() -> Result<()> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.data_dir)?;
    let file = options.data_dir.join("tallylight.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(migrations::run(&Location::File(file.clone()), Limits::default()))?;
    let mut database = Connection::open(file)?;
    let transaction = database.transaction()?;
    let owner = Uuid::from_u128(1);
    transaction.execute(OWNER, [owner.as_bytes()])?;
    transaction.execute(BROADCASTS, (options.count, owner.as_bytes()))?;
    transaction.execute("INSERT INTO session_counters (session_id) SELECT id FROM broadcast_sessions", ())?;
    transaction.commit()?;
    let mut ids = database.prepare("SELECT id FROM broadcast_sessions")?;
    let mut rows = ids.query(())?;
    while let Some(row) = rows.next()? {
        println!("{}", Uuid::from_bytes(row.get(0)?));
    }
    Ok(())
}
