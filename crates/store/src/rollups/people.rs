//! The people of a session: who is there, and when the others went.

use std::collections::{HashMap, HashSet};

use tallylight_core::analytics::fold::person_of;
use tallylight_core::analytics::{Fold, Period, Person, Window};
use tallylight_core::event::Event;
use tallylight_core::ids::BroadcastId;

use super::Tail;
use crate::failure::Failure;
use crate::statement::{Bulk, sql};
use crate::transaction::Transaction;

/// Those whom events are about, as far as they are known.
pub async fn of(
    transaction: &mut Transaction,
    session: BroadcastId,
    events: &[Event],
) -> Result<HashMap<String, Person>, Failure> {
    let names: HashSet<&str> = events.iter().filter_map(person_of).collect();
    let text = "SELECT person, present, departed_at FROM session_people
                WHERE (session_id, person) IN (SELECT column1, column2 FROM {rows})";
    let rows = names.into_iter().map(|name| vec![session.0.into(), name.into()]).collect();
    let found = transaction.bulk_rows(&Bulk { text, rows }).await?;
    let mut people = HashMap::with_capacity(found.len());
    for row in &found {
        let person = Person { present: row.count("present")?, departed_at: row.some_time("departed_at")? };
        people.insert(row.text("person")?, person);
    }
    Ok(people)
}

/// Keeps those whom a part of the log was about.
pub fn keep(session: BroadcastId, fold: &Fold) -> Bulk {
    let text = "INSERT INTO session_people (session_id, person, present, departed_at)
                SELECT column1, column2, column3, column4 FROM {rows} WHERE TRUE
                ON CONFLICT (session_id, person)
                DO UPDATE SET present = excluded.present, departed_at = excluded.departed_at";
    let row = |(name, person): (&String, &Person)| {
        vec![session.0.into(), name.into(), person.present.into(), person.departed_at.into()]
    };
    // Neighbours in the index one after the other.
    let mut people: Vec<_> = fold.people.iter().collect();
    people.sort_unstable_by_key(|(name, _)| name.as_str());
    Bulk { text, rows: people.into_iter().map(row).collect() }
}

/// How many different people were there since the start of a window: those who are there, and those who went later.
pub(super) async fn since(
    transaction: &mut Transaction,
    session: BroadcastId,
    tail: &Tail,
    window: &Window,
) -> Result<u64, Failure> {
    let Some(now) = tail.fold.progress else { return Ok(0) };
    // Nobody went before the log began.
    if window.period == Period::All || window.from <= now.first_at {
        return Ok(now.people);
    }
    let text = "SELECT COUNT(*) AS gone FROM session_people
                WHERE session_id = $1 AND present = 0 AND departed_at >= $2";
    let row = transaction.row(&sql(text).bind(session.0).bind(window.from)).await?;
    let kept: u64 = row.map(|row| row.count("gone")).transpose()?.unwrap_or_default();
    let is_gone = |person: &&Person| person.present == 0 && person.departed_at >= Some(window.from);
    let before = tail.known.iter().filter(is_gone).count() as u64;
    let after = tail.fold.people.values().filter(is_gone).count() as u64;
    Ok(now.present + (kept + after).saturating_sub(before))
}
