//! What viewers told of playback.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::clock::Time;
use tallylight_core::ids::{BroadcastId, UserId};
use tallylight_core::quality::{Quality, QualityRow, SUMS, Span};

use crate::Store;
use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Bulk, Value, sql};
use crate::transaction::Transaction;

/// Makes of the names of the sums, in the order of [`Quality::to_sums`], the statements that have them all.
macro_rules! sums {
    ($($name:literal)+) => {
        const NAMES: [&str; SUMS] = [$($name),+];

        const SAVE: &str = concat!(
            "INSERT INTO session_quality (id, session_id, seconds, bucket", $(", ", $name,)+ ")
             SELECT * FROM {rows} WHERE TRUE ON CONFLICT (id) DO UPDATE SET bucket = excluded.bucket",
            $(", ", $name, " = excluded.", $name,)+
        );

        const READ_OWN: &str = concat!(
            "SELECT COUNT(*) AS rows",
            $(", CAST(COALESCE(SUM(q.", $name, "), 0) AS BIGINT) AS ", $name,)+
            " FROM session_quality q JOIN broadcast_sessions b ON b.id = q.session_id
             WHERE b.user_id = $1 AND b.deleted_at IS NULL AND q.seconds = 3600 AND q.bucket >= $2",
        );

        const READ_SQLITE: &str = concat!(
            "SELECT bucket - bucket % ($4 * 1000000) AS start",
            $(", CAST(SUM(", $name, ") AS BIGINT) AS ", $name,)+
            " FROM session_quality WHERE session_id = $1 AND seconds = $5 AND bucket >= $2 AND bucket < $3
             GROUP BY 1 ORDER BY 1",
        );

        const READ_POSTGRES: &str = concat!(
            "SELECT date_bin(make_interval(secs => CAST($4 AS BIGINT)), bucket, 'epoch') AS start",
            $(", CAST(SUM(", $name, ") AS BIGINT) AS ", $name,)+
            " FROM session_quality WHERE session_id = $1 AND seconds = $5 AND bucket >= $2 AND bucket < $3
             GROUP BY 1 ORDER BY 1",
        );
    };
}

sums! {
    "viewers"
    "failed_viewers"
    "startup_ms"
    "played_ms"
    "stalled_ms"
    "stalls"
    "failures_network"
    "failures_media"
    "failures_unsupported"
    "failures_other"
    "startups_100"
    "startups_150"
    "startups_200"
    "startups_300"
    "startups_400"
    "startups_600"
    "startups_800"
    "startups_1200"
    "startups_1600"
    "startups_2400"
    "startups_3200"
    "startups_4800"
    "startups_6400"
    "startups_9600"
    "startups_12800"
    "startups_19200"
    "startups_25600"
    "startups_more"
}

impl Store {
    pub(crate) async fn write_quality(&self, rows: Vec<QualityRow>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows = rows.iter().map(values).collect();
        Ok(self.database.transact(&Save(Bulk { text: SAVE, rows })).await?)
    }

    pub(crate) async fn read_quality(
        &self,
        session: BroadcastId,
        span: Span,
    ) -> Result<Vec<(Time, Quality)>> {
        let text = if self.database.is_sqlite() { READ_SQLITE } else { READ_POSTGRES };
        let statement = sql(text).bind(session.0).bind(span.from).bind(span.to);
        let statement = statement.bind(span.interval_seconds).bind(span.bucket_seconds());
        self.database.rows(statement).await?.iter().map(interval).collect()
    }

    pub(crate) async fn read_quality_of(&self, owner: UserId, since: Option<Time>) -> Result<Quality> {
        let statement = sql(READ_OWN).bind(owner.0).bind(since.unwrap_or(Time::UNIX_EPOCH));
        let row = self.database.row(statement).await?;
        row.as_ref().map_or(Ok(Quality::default()), quality)
    }
}

/// Replaces rows whole, so that doing it twice comes to the same.
struct Save(Bulk);

#[async_trait]
impl Work for Save {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        transaction.bulk(&self.0).await
    }
}

fn values(row: &QualityRow) -> Vec<Value> {
    let key = [row.id.into(), row.session_id.0.into(), row.seconds.into(), row.bucket.into()];
    key.into_iter().chain(row.sums.to_sums().map(Value::from)).collect()
}

fn interval(row: &Row) -> Result<(Time, Quality)> {
    Ok((row.time("start")?, quality(row)?))
}

fn quality(row: &Row) -> Result<Quality> {
    let mut sums = [0; SUMS];
    for (sum, name) in sums.iter_mut().zip(NAMES) {
        *sum = row.count(name)?;
    }
    Ok(Quality::from_sums(sums))
}
