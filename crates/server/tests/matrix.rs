//! The authorisation matrix: every operation, by every kind of caller, on every kind of object.
//!
//! What is due is worked out from rows that are written down here once more, apart from the server; an operation without
//! a row fails.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

mod common;

#[path = "common/encoder.rs"]
mod encoder;
#[path = "common/live.rs"]
mod listener;

#[path = "matrix/doors.rs"]
mod doors;
#[path = "matrix/due.rs"]
mod due;
#[path = "matrix/people.rs"]
mod people;
#[path = "matrix/playback.rs"]
mod playback;
#[path = "matrix/rows.rs"]
mod rows;

use std::collections::BTreeSet;

use due::{Thing, Verdict, due};
use people::World;
use rows::{ROWS, Who};

#[tokio::test]
async fn every_operation_has_a_row_and_every_row_an_operation() {
    let world = World::new().await;
    let there: BTreeSet<&str> = world.operations.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = ROWS.iter().map(|row| row.operation).collect();
    assert_eq!(there.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "without a row");
    assert_eq!(known.difference(&there).collect::<Vec<_>>(), Vec::<&&str>::new(), "without an operation");
    assert_eq!(ROWS.len(), known.len(), "an operation has two rows");
}

#[tokio::test]
async fn every_operation_lets_in_whom_it_should_and_nobody_else() {
    let world = World::new().await;
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for row in ROWS.iter().filter(|row| !matches!(row.who, Who::Open | Who::Apart)) {
        for thing in row.of.things() {
            let mut named = world.named(row, *thing).await;
            for caller in &world.callers {
                let due = due(row, caller, *thing);
                let answer = world.tries(row, caller, &named).await;
                tried += 1;
                if Verdict::of(&answer) != due {
                    let what = format!("{} by {caller} on {thing:?}", row.operation);
                    wrong.push(format!("{what}: {due:?} is due, {} came: {}", answer.status, answer.raw));
                }
                // What was removed is there again for the next.
                if answer.status == 204 {
                    named = world.named(row, *thing).await;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 4_000, "only {tried} were tried");
}

#[tokio::test]
async fn what_asks_for_no_credentials_answers_everybody_alike() {
    let world = World::new().await;
    for row in ROWS.iter().filter(|row| row.who == Who::Open) {
        let mut statuses = BTreeSet::new();
        let nothing = world.named(row, Thing::Missing).await;
        for caller in &world.callers {
            statuses.insert(world.tries(row, caller, &nothing).await.status);
        }
        assert!(statuses.iter().all(|status| *status < 500), "{}: {statuses:?}", row.operation);
        assert_eq!(statuses.len(), 1, "{}: {statuses:?}", row.operation);
    }
}
