//! What is counted and timed of a database.

use tallylight_core::Error;
use tallylight_core::figures::{Count, Durations, Spread};

use crate::Store;
use crate::database::Pools;
use crate::failure::Failure;

/// How long statements and transactions took, and what failed.
#[derive(Debug, Default)]
pub struct Figures {
    pub statements: Durations,
    pub transactions: Durations,
    pub away: Count,
    pub refused: Count,
}

impl Figures {
    /// A try failed.
    pub fn failed(&self, failure: &Failure) {
        match failure {
            Failure::Away(_) | Failure::Refused(Error::Unavailable(_)) => self.away.one(),
            Failure::Refused(Error::Internal(_)) => self.refused.one(),
            // What a rule says, and names that are taken, are no failures.
            Failure::Refused(_) | Failure::Taken(_) => {}
        }
    }
}

/// The connections of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// What they are for.
    pub name: &'static str,
    /// How many are open.
    pub open: usize,
    /// How many of these nobody uses.
    pub idle: usize,
    /// How many there may be.
    pub max: usize,
}

/// What is known of a database at a moment.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Its connections.
    pub pools: Vec<Pool>,
    /// Writes that wait for their transaction, and how many may.
    pub writes: (usize, usize),
    /// How long statements took.
    pub statements: Spread,
    /// How long transactions took, from having a connection to the end of their commit.
    pub transactions: Spread,
    /// Tries that failed because the database did not answer or could not work.
    pub away: u64,
    /// Tries that the database refused: faults of ours.
    pub refused: u64,
}

impl Store {
    /// What is known of the database now.
    pub fn reading(&self) -> Reading {
        let figures = &self.database.figures;
        Reading {
            pools: self.pools(),
            writes: self.gatherer.waiting(),
            statements: figures.statements.spread(),
            transactions: figures.transactions.spread(),
            away: figures.away.get(),
            refused: figures.refused.get(),
        }
    }

    fn pools(&self) -> Vec<Pool> {
        match &self.database.pools {
            Pools::Sqlite { writer, readers } => {
                vec![pool("writer", writer), pool("readers", readers)]
            }
            Pools::Postgres { pool: shared, .. } => {
                let own = match &self.gatherer.database().pools {
                    Pools::Postgres { pool: own, .. } => Some(pool("writer", own)),
                    Pools::Sqlite { .. } => None,
                };
                own.into_iter().chain([pool("shared", shared)]).collect()
            }
        }
    }
}

fn pool<D: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<D>) -> Pool {
    Pool {
        name,
        open: pool.size() as usize,
        idle: pool.num_idle(),
        max: pool.options().get_max_connections() as usize,
    }
}
