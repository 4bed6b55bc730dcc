//! Sums by stretches of time.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::analytics::{Fold, LEVELS, Summary, Sums, Window, start_of};
use tallylight_core::clock::Time;
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::store::OwnSummary;

use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Bulk, sql};
use crate::transaction::Transaction;

/// Adds what a part of the log comes to.
pub fn add(session: BroadcastId, fold: &Fold) -> Bulk {
    let text = "INSERT INTO session_rollups AS r (session_id, seconds, starts_at, first_seq, last_seq, joins, leaves, moment, peak, arrivals,
                  departures, again, again_wide, messages, reactions, under_1m, under_5m, under_15m, under_1h)
                SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, column10,
                  column11, column12, column13, column14, column15, column16, column17, column18, column19 FROM {rows} WHERE TRUE
                ON CONFLICT (session_id, seconds, starts_at) DO UPDATE SET
                  first_seq = CASE WHEN r.first_seq = 0 THEN excluded.first_seq
                    WHEN excluded.first_seq = 0 OR excluded.first_seq > r.first_seq THEN r.first_seq
                    ELSE excluded.first_seq END,
                  last_seq = CASE WHEN excluded.last_seq > r.last_seq THEN excluded.last_seq ELSE r.last_seq END,
                  joins = r.joins + excluded.joins, leaves = r.leaves + excluded.leaves,
                  moment = r.moment + excluded.moment,
                  peak = CASE WHEN excluded.peak > r.peak THEN excluded.peak ELSE r.peak END,
                  arrivals = r.arrivals + excluded.arrivals, departures = r.departures + excluded.departures,
                  again = r.again + excluded.again, again_wide = r.again_wide + excluded.again_wide,
                  messages = r.messages + excluded.messages, reactions = r.reactions + excluded.reactions,
                  under_1m = r.under_1m + excluded.under_1m, under_5m = r.under_5m + excluded.under_5m,
                  under_15m = r.under_15m + excluded.under_15m, under_1h = r.under_1h + excluded.under_1h";
    let row = |((level, start), sums): (&(u32, Time), &Sums)| {
        let [under_1m, under_5m, under_15m, under_1h] = sums.short;
        let counts =
            [sums.arrivals, sums.departures, sums.again, sums.again_wide, sums.messages, sums.reactions];
        let mut row = vec![session.0.into(), (*level).into(), (*start).into()];
        row.extend([sums.first_seq, sums.last_seq].map(Into::into));
        row.extend([sums.joins.into(), sums.leaves.into(), sums.moment.into(), sums.peak.into()]);
        row.extend(counts.map(Into::into));
        row.extend([under_1m, under_5m, under_15m, under_1h].map(Into::into));
        row
    };
    Bulk { text, rows: fold.sums.iter().map(row).collect() }
}

/// Reads rows as [`sums`] takes them; what they are of is added behind it.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT r.session_id, r.starts_at, r.first_seq, r.last_seq, r.joins, r.leaves, r.moment, r.peak, r.arrivals, r.departures, r.again,
               r.again_wide, r.messages, r.reactions, r.under_1m, r.under_5m, r.under_15m, r.under_1h
             FROM session_rollups r ",
            $rest
        )
    };
}

/// Those of a window, of the level that its steps are made of.
pub async fn since(
    transaction: &mut Transaction,
    session: BroadcastId,
    window: &Window,
) -> Result<BTreeMap<Time, Sums>, Failure> {
    let text = select!("WHERE r.session_id = $1 AND r.seconds = $2 AND r.starts_at >= $3");
    let statement = sql(text).bind(session.0).bind(window.interval.level()).bind(window.from);
    let rows = transaction.rows(&statement).await?;
    Ok(rows.iter().map(|row| Ok((row.time("starts_at")?, sums(row)?))).collect::<Result<_>>()?)
}

/// Adds what is not kept yet.
pub fn merge(rows: &mut BTreeMap<Time, Sums>, fold: &Fold, window: &Window) {
    let level = window.interval.level();
    for ((_, start), sums) in fold.sums.range((level, window.from)..).take_while(|((of, _), _)| *of == level)
    {
        *rows.entry(*start).or_default() += *sums;
    }
}

fn sums(row: &Row) -> Result<Sums> {
    Ok(Sums {
        first_seq: row.count("first_seq")?,
        last_seq: row.count("last_seq")?,
        joins: row.count("joins")?,
        leaves: row.count("leaves")?,
        moment: row.count("moment")?,
        peak: row.count("peak")?,
        arrivals: row.count("arrivals")?,
        departures: row.count("departures")?,
        again: row.count("again")?,
        again_wide: row.count("again_wide")?,
        messages: row.count("messages")?,
        reactions: row.count("reactions")?,
        short: [
            row.count("under_1m")?,
            row.count("under_5m")?,
            row.count("under_15m")?,
            row.count("under_1h")?,
        ],
    })
}

/// Reads the sums of all sessions of an owner.
pub struct ReadOwn {
    pub owner: UserId,
    pub since: Option<Time>,
}

#[async_trait]
impl Work for ReadOwn {
    type Done = Vec<OwnSummary>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Vec<OwnSummary>, Failure> {
        let [.., hour] = LEVELS;
        let from = self.since.map_or(Time::UNIX_EPOCH, |since| start_of(since, hour));
        let mut own = self.sessions(transaction, from).await?;
        let text = select!(
            "JOIN broadcast_sessions b ON b.id = r.session_id
             WHERE b.user_id = $1 AND b.deleted_at IS NULL AND r.seconds = $2 AND r.starts_at >= $3"
        );
        let statement = sql(text).bind(self.owner.0).bind(hour).bind(from);
        for row in &transaction.rows(&statement).await? {
            if let Some(own) = own.get_mut(&BroadcastId(row.id("session_id")?)) {
                own.summary.rows.insert(row.time("starts_at")?, sums(row)?);
            }
        }
        self.people(transaction, from, &mut own).await?;
        Ok(own.into_values().collect())
    }
}

impl ReadOwn {
    async fn sessions(
        &self,
        transaction: &mut Transaction,
        from: Time,
    ) -> Result<HashMap<BroadcastId, OwnSummary>, Failure> {
        let text =
            "SELECT b.id, b.ended_at, p.seq, p.first_at, p.last_at, p.viewers, p.peak, p.people, p.present
                    FROM broadcast_sessions b JOIN session_progress p ON p.session_id = b.id
                    WHERE b.user_id = $1 AND b.deleted_at IS NULL
                      AND (b.ended_at IS NULL OR b.ended_at >= $2 OR p.last_at >= $2)";
        let rows = transaction.rows(&sql(text).bind(self.owner.0).bind(from)).await?;
        let own = |row: &Row| {
            let progress = super::read_progress(row)?;
            let summary = Summary { progress, rows: BTreeMap::new(), people: progress.people };
            Ok((BroadcastId(row.id("id")?), OwnSummary { ended_at: row.some_time("ended_at")?, summary }))
        };
        Ok(rows.iter().map(own).collect::<Result<_>>()?)
    }

    /// Of a window that does not reach back to the beginning, only those who were there since.
    async fn people(
        &self,
        transaction: &mut Transaction,
        from: Time,
        own: &mut HashMap<BroadcastId, OwnSummary>,
    ) -> Result<(), Failure> {
        if self.since.is_none() {
            return Ok(());
        }
        own.values_mut().for_each(|own| own.summary.people = own.summary.progress.present);
        let text = "SELECT p.session_id, COUNT(*) AS gone FROM session_people p
                    JOIN broadcast_sessions b ON b.id = p.session_id
                    WHERE b.user_id = $1 AND p.present = 0 AND p.departed_at >= $2 GROUP BY p.session_id";
        for row in &transaction.rows(&sql(text).bind(self.owner.0).bind(from)).await? {
            if let Some(own) = own.get_mut(&BroadcastId(row.id("session_id")?)) {
                own.summary.people += row.count::<u64>("gone")?;
            }
        }
        Ok(())
    }
}
