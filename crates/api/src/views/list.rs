//! Lists, on the wire: all have one shape.

use serde::{Deserialize, Serialize};
use tallylight_core::store::{Listed, Slice};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;
const MAX_OFFSET: u32 = 2_147_483_647;

/// Which part of a list is read.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SliceParams {
    /// 1 to 100, 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// How many to leave out.
    offset: Option<u32>,
}

impl SliceParams {
    /// The part.
    pub fn slice(&self) -> Result<Slice, Problem> {
        slice(self.limit, self.offset)
    }
}

/// A part of a list, as it is asked for.
pub fn slice(limit: Option<u32>, offset: Option<u32>) -> Result<Slice, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::field("invalid-query", "limit", format!("must be 1 to {MAX_LIMIT}")));
    }
    let offset = offset.unwrap_or_default();
    if offset > MAX_OFFSET {
        return Err(Problem::field("invalid-query", "offset", format!("must be 0 to {MAX_OFFSET}")));
    }
    Ok(Slice { offset, limit })
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// Some of them.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
    /// So many at the most.
    pub limit: u32,
    /// How many were left out.
    pub offset: u32,
    /// Always `null`: go on by `offset`.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// Those that were asked for, of so many.
    pub fn new(items: Vec<T>, total: u64, Slice { limit, offset }: Slice) -> Self {
        Self { items, total, limit, offset, next_cursor: None }
    }

    /// Those that were found.
    pub fn of<Kept: Into<T>>(listed: Listed<Kept>, slice: Slice) -> Self {
        Self::new(listed.items.into_iter().map(Into::into).collect(), listed.total, slice)
    }

    /// Those that are asked for, of all of them.
    pub fn part_of(all: Vec<T>, slice: Slice) -> Self {
        let total = all.len() as u64;
        let items = all.into_iter().skip(slice.offset as usize).take(slice.limit as usize).collect();
        Self::new(items, total, slice)
    }
}
