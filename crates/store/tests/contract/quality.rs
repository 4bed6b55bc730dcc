//! What viewers told of playback.

use std::time::Duration;

use tallylight_core::broadcast::Broadcast;
use tallylight_core::clock::Time;
use tallylight_core::quality::{Quality, QualityRow, SUMS, Span};
use time::macros::datetime;

use crate::harness::Db;

const NOON: Time = datetime!(2026-05-01 12:00 UTC);

fn after(seconds: u64) -> Time {
    NOON + Duration::from_secs(seconds)
}

/// An hour from noon on.
fn hour(interval_seconds: u32) -> Span {
    Span { from: NOON, to: after(3_600), interval_seconds }
}

fn stalls(stalls: u64) -> Quality {
    Quality { stalls, ..Quality::default() }
}

impl Db {
    fn row(&self, show: &Broadcast, seconds: u64, sums: Quality) -> QualityRow {
        QualityRow { id: self.id(), session_id: show.id, seconds: 10, bucket: after(seconds), sums }
    }
}

pub async fn what_viewers_told_is_read_back_with_all_its_sums(db: Db) {
    let show = db.show(0).await;
    let mut sums = [0; SUMS];
    sums.iter_mut().zip(1..).for_each(|(sum, value)| *sum = value);
    let told = Quality::from_sums(sums);
    db.save_quality(vec![db.row(&show, 20, told)]).await.unwrap();
    db.save_quality(Vec::new()).await.unwrap();
    assert_eq!(db.quality(show.id, hour(10)).await.unwrap(), [(after(20), told)]);
}

pub async fn a_row_that_is_written_again_is_replaced(db: Db) {
    let show = db.show(0).await;
    let first = db.row(&show, 0, stalls(1));
    let later = QualityRow { sums: stalls(3), ..first.clone() };
    for row in [&first, &later, &later] {
        db.save_quality(vec![row.clone()]).await.unwrap();
    }
    assert_eq!(db.quality(show.id, hour(10)).await.unwrap(), [(NOON, stalls(3))]);
}

pub async fn the_rows_of_several_servers_are_added(db: Db) {
    let show = db.show(0).await;
    db.save_quality(vec![db.row(&show, 0, stalls(1)), db.row(&show, 0, stalls(2))]).await.unwrap();
    assert_eq!(db.quality(show.id, hour(10)).await.unwrap(), [(NOON, stalls(3))]);
}

pub async fn longer_intervals_are_sums_of_shorter_ones(db: Db) {
    let show = db.show(0).await;
    let rows = [0, 50, 60, 3_590, 3_600].map(|seconds| db.row(&show, seconds, stalls(1 + seconds)));
    db.save_quality(rows.to_vec()).await.unwrap();
    let minutes = db.quality(show.id, hour(60)).await.unwrap();
    assert_eq!(minutes, [(NOON, stalls(52)), (after(60), stalls(61)), (after(3_540), stalls(3_591))]);
    let part = Span { from: after(50), ..hour(60) };
    assert_eq!(
        db.quality(show.id, part).await.unwrap()[0],
        (NOON, stalls(51)),
        "what began before is left out"
    );
}

pub async fn long_intervals_are_sums_of_long_buckets(db: Db) {
    let show = db.show(0).await;
    let of = |seconds, start, told| QualityRow { seconds, ..db.row(&show, start, stalls(told)) };
    db.save_quality(vec![of(10, 0, 1), of(300, 300, 20), of(300, 600, 30), of(3_600, 0, 400)]).await.unwrap();
    assert_eq!(db.quality(show.id, hour(60)).await.unwrap(), [(NOON, stalls(1))]);
    let quarters = db.quality(show.id, hour(900)).await.unwrap();
    assert_eq!(quarters, [(NOON, stalls(50))]);
    let day = db.quality(show.id, hour(86_400)).await.unwrap();
    assert_eq!(day, [(datetime!(2026-05-01 00:00 UTC), stalls(400))]);
}

pub async fn a_session_knows_its_own_figures_only(db: Db) {
    let (show, other) = (db.show(0).await, db.show(0).await);
    db.save_quality(vec![db.row(&show, 0, stalls(1))]).await.unwrap();
    assert!(db.quality(other.id, hour(10)).await.unwrap().is_empty());
}

pub async fn many_rows_are_written_at_once(db: Db) {
    let show = db.show(0).await;
    let rows = (0..1_000).map(|bucket| db.row(&show, bucket * 10, stalls(1))).collect();
    db.save_quality(rows).await.unwrap();
    let all = Span { from: NOON, to: after(100_000), interval_seconds: 10 };
    assert_eq!(db.quality(show.id, all).await.unwrap().len(), 1_000);
}
