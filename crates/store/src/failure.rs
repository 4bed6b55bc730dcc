//! Why the database did not do what was asked, told apart by whether asking again can help.

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;
use tallylight_core::Error;
use tallylight_core::error::Outage;
use tallylight_core::store::Taken;

/// A statement or a transaction that failed.
#[derive(Debug)]
pub enum Failure {
    /// The database cannot be reached or cannot work just now. The same may succeed a moment later.
    Away(Outage),
    /// What was asked cannot be done, however often it is asked.
    Refused(Error),
    /// What must be unique is taken.
    Taken(Taken),
}

impl Failure {
    /// The same of something that was tried before, and may have been committed then.
    pub fn after_commit(self) -> Self {
        match self {
            Self::Away(outage) => Self::Away(Outage { in_doubt: true, ..outage }),
            other => other,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(reason) => Self::Unavailable(reason),
            Failure::Refused(error) => error,
            Failure::Taken(_) => Self::Internal("something that must be unique was written twice".into()),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => from_database(error.as_ref()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::RowNotFound => {
                Self::Refused(Error::Internal(format!("a row is not as expected: {error}")))
            }
            // Another try would come to the same.
            sqlx::Error::PoolClosed => {
                Self::Refused(Error::Unavailable("the connections to the database are closed".into()))
            }
            sqlx::Error::PoolTimedOut => Self::Away("no connection to the database in time".into()),
            other => Self::Away(other.to_string().into()),
        }
    }
}

fn from_database(error: &dyn DatabaseError) -> Failure {
    if is_passing(error) {
        return Failure::Away(error.to_string().into());
    }
    match error.kind() {
        ErrorKind::UniqueViolation => match taken(error) {
            Some(taken) => Failure::Taken(taken),
            None => Failure::Refused(Error::Internal(error.to_string())),
        },
        // Sessions are locked before anything is written for them; only a user can vanish in between.
        ErrorKind::ForeignKeyViolation => Failure::Refused(Error::NotFound("account")),
        _ => Failure::Refused(Error::Internal(error.to_string())),
    }
}

/// Whether the database is what is wrong, and not the statement.
fn is_passing(error: &dyn DatabaseError) -> bool {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        let code = error.code();
        // PostgreSQL, appendix A: connections (08), a plan that an upgrade made stale (0A000), read-only after a failover,
        // idle for too long, transactions rolled back (40), no resources (53), a lock not to be had, the operator (57),
        // the system (58).
        let classes = ["08", "0A000", "25006", "25P03", "40", "53", "55P03", "57", "58"];
        return classes.iter().any(|class| code.starts_with(class));
    }
    // https://sqlite.org/rescode.html: everything but errors in the statement (1), too large values (18), constraints (19),
    // wrong types (20) and values out of their range (25).
    let primary = error.try_downcast_ref::<SqliteError>().and_then(DatabaseError::code);
    let primary = primary.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    primary.is_some_and(|code| !matches!(code, 1 | 18 | 19 | 20 | 25))
}

fn taken(error: &dyn DatabaseError) -> Option<Taken> {
    let what = error.constraint().unwrap_or_else(|| error.message());
    if what.contains("users.username") || what == "users_username_key" {
        Some(Taken::Username)
    } else if what.contains("users.email_folded") || what == "users_email_folded_key" {
        Some(Taken::Email)
    } else {
        None
    }
}
