//! What logs add up to: sums by stretches of time, people, and how far each log has been gone through.
//!
//! Writers of the log know nothing of this. A session's next events are read, gone through in memory and added under the
//! condition that nobody else added them meanwhile. Whoever asks goes through the few events that are not in the sums
//! yet by the same rules, so that an answer is always of the whole log.

mod people;
mod sums;

use async_trait::async_trait;
use tallylight_core::analytics::{Fold, Progress, Summary, Window};
use tallylight_core::clock::Time;
use tallylight_core::event::Event;
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::quality::Quality;
use tallylight_core::store::{Added, ChooseWindow, LogStore, OwnSummary};
use tallylight_core::{Error, Result};

use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Statement, sql};
use crate::transaction::Transaction;
use crate::{Store, events};

/// How many events are gone through at a time.
const STEP: u32 = 2_000;
/// How many events may wait to be added while an answer is given: some seconds of a fast log.
const LONGEST_TAIL: u32 = 20_000;

#[async_trait]
impl LogStore for Store {
    async fn add_up(&self, session: BroadcastId) -> Result<Added> {
        let tail = self.database.as_of_one_moment(&ReadTail { session, limit: STEP }).await?;
        let (before, has_more) = (tail.before.map_or(0, |it| it.seq), tail.count == STEP as usize);
        let Some(after) = tail.fold.progress.filter(|_| tail.count > 0) else {
            return Ok(Added { seq: before, has_more: false });
        };
        let add = Add { session, before: tail.before, after, fold: &tail.fold };
        if self.database.transact(&add).await? {
            Ok(Added { seq: after.seq, has_more })
        } else {
            // Somebody else was first: how far that is shows at the next call.
            Ok(Added { seq: before, has_more: true })
        }
    }

    async fn sessions(&self) -> Result<Vec<BroadcastId>> {
        let text = "SELECT id FROM broadcast_sessions WHERE deleted_at IS NULL ORDER BY created_at, id";
        self.database.all_rows(sql(text)).await?.iter().map(|row| row.id("id").map(BroadcastId)).collect()
    }

    async fn behind(&self, owner: Option<UserId>) -> Result<Vec<(BroadcastId, u64)>> {
        let statement = match owner {
            None => sql("SELECT c.session_id, c.seq - COALESCE(p.seq, 0) AS waiting FROM session_counters c
                         LEFT JOIN session_progress p ON p.session_id = c.session_id
                         WHERE c.seq > COALESCE(p.seq, 0)"),
            Some(owner) => {
                sql("SELECT c.session_id, c.seq - COALESCE(p.seq, 0) AS waiting FROM broadcast_sessions b
                                JOIN session_counters c ON c.session_id = b.id
                                LEFT JOIN session_progress p ON p.session_id = b.id
                                WHERE b.user_id = $1 AND b.deleted_at IS NULL AND c.seq > COALESCE(p.seq, 0)")
                .bind(owner.0)
            }
        };
        let rows = self.database.all_rows(statement).await?;
        rows.iter().map(|row| Ok((BroadcastId(row.id("session_id")?), row.count("waiting")?))).collect()
    }

    async fn summary(
        &self,
        session: BroadcastId,
        choose: ChooseWindow<'_>,
    ) -> Result<Option<(Window, Summary)>> {
        Ok(self.database.as_of_one_moment(&ReadSummary { session, choose }).await?)
    }

    async fn summaries_of(&self, owner: UserId, since: Option<Time>) -> Result<Vec<OwnSummary>> {
        Ok(self.database.as_of_one_moment(&sums::ReadOwn { owner, since }).await?)
    }

    async fn quality_of(&self, owner: UserId, since: Option<Time>) -> Result<Quality> {
        self.read_quality_of(owner, since).await
    }

    async fn remove_ended(&self, before: Time) -> Result<Option<BroadcastId>> {
        self.remove_one_ended(before).await
    }
}

/// The end of a log that is not in the sums yet, gone through.
struct Tail {
    before: Option<Progress>,
    /// How many events it has.
    count: usize,
    fold: Fold,
    /// Those of its people who were known before, as they were then.
    known: Vec<tallylight_core::analytics::Person>,
}

struct ReadTail {
    session: BroadcastId,
    limit: u32,
}

#[async_trait]
impl Work for ReadTail {
    type Done = Tail;

    async fn run(&self, transaction: &mut Transaction) -> Result<Tail, Failure> {
        let before = progress(transaction, self.session).await?;
        let after = before.map_or(0, |it| it.seq);
        let rows = transaction.rows(&events::tail(self.session, after, self.limit)).await?;
        let events =
            rows.iter().map(|row| events::short(self.session, row)).collect::<Result<Vec<Event>>>()?;
        let people = people::of(transaction, self.session, &events).await?;
        let known = people.values().copied().collect();
        let mut fold = Fold { progress: before, people, ..Fold::default() };
        events.iter().for_each(|event| fold.apply(event));
        Ok(Tail { before, count: events.len(), fold, known })
    }
}

struct ReadSummary<'a> {
    session: BroadcastId,
    choose: ChooseWindow<'a>,
}

#[async_trait]
impl Work for ReadSummary<'_> {
    type Done = Option<(Window, Summary)>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let session = self.session;
        let text = "SELECT c.seq - COALESCE(p.seq, 0) AS waiting FROM session_counters c
                    LEFT JOIN session_progress p ON p.session_id = c.session_id WHERE c.session_id = $1";
        let row = transaction.row(&sql(text).bind(session.0)).await?;
        let waiting: u64 = row.map_or(Ok(0), |row| row.count("waiting"))?;
        if waiting >= LONGEST_TAIL.into() {
            return Err(Failure::Refused(Error::Busy("adding up the log of this session")));
        }
        let tail = ReadTail { session, limit: LONGEST_TAIL }.run(transaction).await?;
        let Some(now) = tail.fold.progress else { return Ok(None) };
        let window = (self.choose)(&now)?;
        let mut rows = sums::since(transaction, session, &window).await?;
        sums::merge(&mut rows, &tail.fold, &window);
        let people = people::since(transaction, session, &tail, &window).await?;
        Ok(Some((window, Summary { progress: now, rows, people })))
    }
}

/// Adds what a part of a log comes to, unless somebody else added it first; whether it was added.
struct Add<'a> {
    session: BroadcastId,
    before: Option<Progress>,
    after: Progress,
    fold: &'a Fold,
}

#[async_trait]
impl Work for Add<'_> {
    type Done = bool;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        if transaction.execute(&self.advance()).await? == 0 {
            return Ok(false);
        }
        transaction.bulk(&sums::add(self.session, self.fold)).await?;
        transaction.bulk(&people::keep(self.session, self.fold)).await?;
        Ok(true)
    }
}

impl Add<'_> {
    fn advance(&self) -> Statement {
        let text = match self.before {
            None => {
                "INSERT INTO session_progress (session_id, seq, first_at, last_at, viewers, peak, people, present)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (session_id) DO NOTHING"
            }
            Some(_) => {
                "UPDATE session_progress SET seq = $2, first_at = $3, last_at = $4, viewers = $5, peak = $6,
                   people = $7, present = $8
                 WHERE session_id = $1 AND seq = $9"
            }
        };
        let after = &self.after;
        let statement = sql(text)
            .bind(self.session.0)
            .bind(after.seq)
            .bind(after.first_at)
            .bind(after.last_at)
            .bind(after.viewers)
            .bind(after.peak)
            .bind(after.people)
            .bind(after.present);
        match self.before {
            None => statement,
            Some(before) => statement.bind(before.seq),
        }
    }
}

async fn progress(transaction: &mut Transaction, session: BroadcastId) -> Result<Option<Progress>, Failure> {
    let text = "SELECT seq, first_at, last_at, viewers, peak, people, present FROM session_progress
                WHERE session_id = $1";
    let row = transaction.row(&sql(text).bind(session.0)).await?;
    Ok(row.as_ref().map(read_progress).transpose()?)
}

fn read_progress(row: &Row) -> Result<Progress> {
    Ok(Progress {
        seq: row.count("seq")?,
        first_at: row.time("first_at")?,
        last_at: row.time("last_at")?,
        viewers: row.count("viewers")?,
        peak: row.count("peak")?,
        people: row.count("people")?,
        present: row.count("present")?,
    })
}
