//! Everything that a file of SQLite keeps, taken over into an empty PostgreSQL.
//!
//! All of it is one transaction of PostgreSQL, its schema too: whoever is killed half-way leaves nothing. Before the
//! commit each table is read back and summed up by the code that summed it up in SQLite.

use std::path::Path;

use sqlx::postgres::PgDatabaseError;

use crate::claim;
use crate::connect::{self, Location};
use crate::database::{Database, Limits};
use crate::migrations::{self, State};
use crate::record::{self, Pages, Record, Sum, Summing, named};
use crate::statement::sql;
use crate::tables::{self, TABLES, Table};
use crate::transaction::Transaction;
use crate::trouble::Trouble;

/// How long others who write to the target are waited for.
const LOCK_TIMEOUT: &str = "10s";

/// What was taken over of a table, equal in both databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
    /// SHA-256 over the canonical form of every row, in the order of the primary keys.
    pub checksum: [u8; 32],
}

/// What is being done with all tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Rows are read from SQLite and written to PostgreSQL.
    Copying,
    /// They are read back and summed up.
    Checking,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// The table at hand.
    pub table: &'static str,
    /// How many of its rows are done, and how many there are.
    pub of_table: (u64, u64),
    /// The same of all tables together.
    pub of_all: (u64, u64),
}

/// Who is told how far it is.
pub type Listener<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Takes everything over. The source must be migrated and at rest; the target is migrated, and must hold no rows.
///
/// # Errors
/// What is in the way, naming the database, the table and the row; nothing is changed then. Only when the connection is
/// lost at the commit itself is that not known.
pub async fn copy(
    from: &Path,
    to: &Location,
    limits: Limits,
    listener: Listener<'_>,
) -> Result<Vec<Copied>, Trouble> {
    if !from.exists() {
        return Err(Trouble(format!("there is no database at {}", from.display())));
    }
    let from = Location::File(from.to_owned());
    let source = connect::connect_to_read(&from, limits).await?;
    let target = match to {
        Location::Server(_) => connect::connect(to, limits).await?,
        Location::File(_) => return Err(Trouble("the target must be a PostgreSQL".into())),
    };
    let done = transfer((&source, &from), (&target, to), listener).await;
    source.close().await;
    target.close().await;
    done
}

async fn transfer(
    (source, from): (&Database, &Location),
    (target, to): (&Database, &Location),
    listener: Listener<'_>,
) -> Result<Vec<Copied>, Trouble> {
    let mut reader = source
        .begin_snapshot(source.soon())
        .await
        .map_err(|error| Trouble::from(error).about(from.name()))?;
    require_migrated(&mut reader).await.map_err(|error| error.about(from.name()))?;
    let mut writer = target.begin_for_long().await.map_err(|error| Trouble::from(error).about(to.name()))?;
    prepare(&mut writer).await.map_err(|error| error.about(to.name()))?;
    let mut totals = Vec::new();
    for table in TABLES {
        totals.push(record::count(&mut reader, table).await?);
    }
    let mut copier = Copier { reader, writer, totals, listener };
    let copied = copier.run().await?;
    let Copier { reader, writer, .. } = copier;
    reader.commit_whenever().await?;
    let doubt = "the connection was lost at the commit, so that it is not known whether everything was taken over or \
                 nothing: copy again, which is refused if it was";
    writer.commit_whenever().await.map_err(|error| Trouble::from(error).about(doubt))?;
    Ok(copied)
}

async fn require_migrated(source: &mut Transaction) -> Result<(), Trouble> {
    let steps = migrations::current(source).await?;
    migrations::refuse_strange(&steps)?;
    if let Some(step) = steps.iter().find(|step| step.state == State::Pending) {
        return Err(Trouble(format!(
            "it lacks migration {} ({}): let \"tallylight migrate\" apply it first, with database_url empty",
            step.version, step.description
        )));
    }
    Ok(())
}

/// Makes the tables, and sees that they are empty and stay so.
async fn prepare(target: &mut Transaction) -> Result<(), Trouble> {
    let patience = format!(
        "SELECT set_config(name, '0', TRUE) FROM pg_settings
           WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');
         SELECT set_config('synchronous_commit', 'on', TRUE) WHERE current_setting('synchronous_commit') = 'off';
         SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"
    );
    record::script(target, patience).await?;
    let claim = sql("SELECT pg_try_advisory_xact_lock($1) AS granted").bind(claim::LOCK);
    let granted = target.row(&claim).await?.map(|row| row.get("granted")).transpose()?;
    if granted != Some(true) {
        return Err(Trouble("a server is at work on it: stop it first".into()));
    }
    migrations::apply_pending(target).await?;
    let lock = record::script(target, format!("LOCK TABLE {} IN EXCLUSIVE MODE", tables::names())).await;
    lock.map_err(|error| error.about("its tables are not free"))?;
    for table in TABLES {
        let rows = record::count(target, table).await?;
        if rows > 0 {
            let s = if rows == 1 { "" } else { "s" };
            return Err(Trouble(format!(
                "it is not empty: its table {} has {rows} row{s}; copy into an empty database",
                table.name
            )));
        }
    }
    Ok(())
}

struct Copier<'a> {
    reader: Transaction,
    writer: Transaction,
    /// The rows of each table.
    totals: Vec<u64>,
    listener: Listener<'a>,
}

impl Copier<'_> {
    async fn run(&mut self) -> Result<Vec<Copied>, Trouble> {
        let mut sums = Vec::new();
        for (index, table) in TABLES.iter().enumerate() {
            sums.push(self.copy_table(index, table).await?);
        }
        record::script(&mut self.writer, format!("ANALYZE {}", tables::names())).await?;
        let mut copied = Vec::new();
        for (index, (table, sum)) in TABLES.iter().zip(sums).enumerate() {
            if self.sum_up(index, table).await? != sum {
                return Err(self.difference(table).await?);
            }
            copied.push(Copied { table: table.name, rows: sum.rows, checksum: sum.checksum });
        }
        Ok(copied)
    }

    async fn copy_table(&mut self, index: usize, table: &'static Table) -> Result<Sum, Trouble> {
        let (mut pages, mut sum, mut done) = (Pages::of(table), Summing::new(), 0);
        let statement = table.copy_in();
        self.tell(Stage::Copying, index, done);
        loop {
            let records = pages.next(&mut self.reader).await?;
            if records.is_empty() {
                return Ok(sum.end());
            }
            sum.add(table, &records)?;
            let mut lines = Vec::new();
            for record in &records {
                record.write(table, &mut lines)?;
            }
            let written = self.writer.copy_in(&statement, &lines).await;
            written.map_err(|error| refused(table, &records, &error))?;
            done += records.len() as u64;
            self.tell(Stage::Copying, index, done);
        }
    }

    async fn sum_up(&mut self, index: usize, table: &'static Table) -> Result<Sum, Trouble> {
        let (mut pages, mut sum, mut done) = (Pages::of(table), Summing::new(), 0);
        self.tell(Stage::Checking, index, done);
        loop {
            let records = pages.next(&mut self.writer).await?;
            if records.is_empty() {
                return Ok(sum.end());
            }
            sum.add(table, &records)?;
            done += records.len() as u64;
            self.tell(Stage::Checking, index, done);
        }
    }

    /// Goes through both tables side by side, up to the first row that differs.
    async fn difference(&mut self, table: &'static Table) -> Result<Trouble, Trouble> {
        let (mut ours, mut theirs) = (Pages::of(table), Pages::of(table));
        loop {
            let here = ours.next(&mut self.reader).await?;
            let there = theirs.next(&mut self.writer).await?;
            if here.is_empty() && there.is_empty() {
                let what = "differs in PostgreSQL from what it is in SQLite; nothing was taken over";
                return Ok(Trouble(format!("{} {what}", table.name)));
            }
            for index in 0..here.len().max(there.len()) {
                let (left, right) = (here.get(index), there.get(index));
                let summed = |record: Option<&Record>| record.map(|record| record.summed(table)).transpose();
                if summed(left)? != summed(right)? {
                    let key =
                        left.iter().chain(&right).map(|record| record.key.clone()).min().unwrap_or_default();
                    let what = "is not the same in PostgreSQL as in SQLite; nothing was taken over";
                    return Ok(Trouble(format!("{} {what}", named(table, &key))));
                }
            }
        }
    }

    fn tell(&mut self, stage: Stage, index: usize, done: u64) {
        let before: u64 = self.totals[..index].iter().sum();
        (self.listener)(Progress {
            stage,
            table: TABLES[index].name,
            of_table: (done, self.totals[index]),
            of_all: (before + done, self.totals.iter().sum()),
        });
    }
}

/// What PostgreSQL does not take, and of which row: its report says `COPY users, line 3, column role: "x"`.
fn refused(table: &Table, records: &[Record], error: &sqlx::Error) -> Trouble {
    let report = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let Some(report) = report else { return Trouble(format!("{}: {error}", table.name)) };
    let place = report.r#where().and_then(|place| place.lines().next()).unwrap_or_default();
    let place = place.strip_prefix(&format!("COPY {}, ", table.name)).unwrap_or_default();
    let number: String =
        place.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let record = number.parse::<usize>().ok().and_then(|line| records.get(line.checked_sub(1)?));
    let row = record.map_or_else(|| table.name.to_owned(), |record| named(table, &record.key));
    let details: Vec<_> = [Some(report.message()), report.detail()].into_iter().flatten().collect();
    Trouble(format!("{row} is not taken by PostgreSQL: {}", details.join("; ")))
}
