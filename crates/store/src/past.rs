//! Who was live at another time, and how many watched.

use tallylight_core::Result;
use tallylight_core::analytics::{LEVELS, start_of};
use tallylight_core::broadcast::Snapshot;
use tallylight_core::clock::Time;
use tallylight_core::directory::{Query, Scope};
use tallylight_core::ids::BroadcastId;

use crate::broadcasts::{select, snapshot};
use crate::database::Database;
use crate::row::Row;
use crate::statement::{Bulk, sql};

/// See [`tallylight_core::store::BroadcastStore::live_at`].
pub async fn live_at(database: &Database, time: Time, query: &Query, limit: u32) -> Result<Vec<Snapshot>> {
    // Each has a text of its own, so that it is planned by what it asks for.
    macro_rules! live {
        ($whose:literal) => {
            match query.featured {
                None => live!($whose, ""),
                Some(true) => live!($whose, " AND b.is_featured"),
                Some(false) => live!($whose, " AND NOT b.is_featured"),
            }
        };
        ($whose:literal, $featured:literal) => {
            select!(
                "b.started_at <= $1 AND (b.ended_at IS NULL OR b.ended_at > $1) AND b.deleted_at IS NULL AND ",
                $whose,
                $featured,
                " LIMIT $2"
            )
        };
    }
    let begun = |text| sql(text).bind(time).bind(limit);
    let statement = match (query.scope, &query.user) {
        (Scope::Public, None) => begun(live!("b.status <> 'private' AND b.visibility = 'public'")),
        (Scope::Public, Some(user)) => {
            begun(live!("b.status <> 'private' AND b.visibility = 'public' AND u.username = $3")).bind(user)
        }
        // So few that their owner's name need not be looked at.
        (Scope::PrivateOf(owner), _) => {
            begun(live!("(b.status = 'private' OR b.visibility = 'private') AND b.user_id = $3"))
                .bind(owner.0)
        }
    };
    database.all_rows(statement).await?.iter().map(snapshot).collect()
}

/// See [`tallylight_core::store::BroadcastStore::viewers_at`]. The one place that knows from what they are counted.
pub async fn viewers_at(
    database: &Database,
    time: Time,
    sessions: &[BroadcastId],
) -> Result<Vec<(BroadcastId, u32)>> {
    // By whole hours, then five minutes, then ten seconds; of the last ten seconds, and of what is not added up yet,
    // the events themselves.
    let text = "SELECT v.column1 AS id, CAST(
          COALESCE((SELECT SUM(r.joins - r.leaves) FROM session_rollups r
            WHERE r.session_id = v.column1 AND r.seconds = 3600 AND r.starts_at < v.column5), 0)
        + COALESCE((SELECT SUM(r.joins - r.leaves) FROM session_rollups r
            WHERE r.session_id = v.column1 AND r.seconds = 300 AND r.starts_at >= v.column5 AND r.starts_at < v.column4), 0)
        + COALESCE((SELECT SUM(r.joins - r.leaves) FROM session_rollups r
            WHERE r.session_id = v.column1 AND r.seconds = 10 AND r.starts_at >= v.column4 AND r.starts_at < v.column3), 0)
        + COALESCE((SELECT COUNT(CASE e.event_type WHEN 'viewer.joined' THEN 1 END)
              - COUNT(CASE e.event_type WHEN 'viewer.left' THEN 1 END)
            FROM session_rollups r JOIN session_progress p ON p.session_id = r.session_id
            JOIN session_events e ON e.session_id = r.session_id AND e.seq >= r.first_seq AND e.seq <= r.last_seq
            WHERE r.session_id = v.column1 AND r.seconds = 10 AND r.starts_at = v.column3
              AND e.created_at >= v.column3 AND e.created_at <= v.column2 AND e.seq <= p.seq), 0)
        + COALESCE((SELECT COUNT(CASE e.event_type WHEN 'viewer.joined' THEN 1 END)
              - COUNT(CASE e.event_type WHEN 'viewer.left' THEN 1 END)
            FROM session_events e WHERE e.session_id = v.column1 AND e.created_at <= v.column2 AND e.seq >
              COALESCE((SELECT p.seq FROM session_progress p WHERE p.session_id = v.column1), 0)), 0)
        AS BIGINT) AS viewers
        FROM {rows}";
    let [ten, five, hour] = LEVELS.map(|seconds| start_of(time, seconds));
    let row =
        |session: &BroadcastId| vec![session.0.into(), time.into(), ten.into(), five.into(), hour.into()];
    let rows = sessions.iter().map(row).collect();
    let rows = database.all_bulk_rows(&Bulk { text, rows }).await?;
    // A time-out is dated back by the wall clock, which may have been set since: then one could leave before it came.
    let viewers =
        |row: &Row| row.count::<i64>("viewers").map(|count| u32::try_from(count).unwrap_or_default());
    rows.iter().map(|row| Ok((BroadcastId(row.id("id")?), viewers(row)?))).collect()
}
