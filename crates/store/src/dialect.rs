//! How values and errors of the domain stand in this database.

use std::net::IpAddr;
use std::str::FromStr;

use serde_json::{Map, Value};
use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite};
use tallylight_core::clock::Time;
use tallylight_core::store::Taken;
use tallylight_core::{Error, Result};
use uuid::Uuid;

/// A database error, as the domain sees it.
pub fn error(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
            Error::Internal(format!("a row is not as expected: {error}"))
        }
        sqlx::Error::PoolTimedOut => Error::Unavailable("no connection became free in time".into()),
        other => Error::Unavailable(other.to_string()),
    }
}

/// What went wrong with a migration, for the operator.
pub fn migration_error(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(version) => format!(
            "the database was written by a newer Tallylight (its schema has migration {version}, which this version \
             does not know): start the newer version"
        ),
        MigrateError::VersionMismatch(version) => {
            format!("migration {version} of this database differs from the one that was released")
        }
        other => other.to_string(),
    }
}

/// Which unique field a failed insert ran into.
pub fn taken(error: &sqlx::Error) -> Option<Taken> {
    let database = error.as_database_error().filter(|error| error.is_unique_violation())?;
    let message = database.message();
    if message.contains("users.username") {
        Some(Taken::Username)
    } else if message.contains("users.email_folded") {
        Some(Taken::Email)
    } else {
        None
    }
}

/// A time as it is written.
pub fn time(time: Time) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// A count as it is written.
pub fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// JSON as it is written.
pub fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Internal(format!("JSON cannot be written: {error}")))
}

/// Reads columns as values of the domain.
pub trait Columns {
    /// A column of a type that the database knows.
    fn column<'r, T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>>(&'r self, name: &str) -> Result<T>;

    /// A time.
    fn time(&self, name: &str) -> Result<Time> {
        self.some_time(name)?.ok_or_else(|| broken(name, "is empty"))
    }

    /// A time that may be absent.
    fn some_time(&self, name: &str) -> Result<Option<Time>> {
        let micros: Option<i64> = self.column(name)?;
        let convert = |micros| Time::from_unix_timestamp_nanos(i128::from(micros) * 1_000);
        micros.map(convert).transpose().map_err(|error| broken(name, &error.to_string()))
    }

    /// A number that is never negative.
    fn count<T: TryFrom<i64>>(&self, name: &str) -> Result<T> {
        let number: i64 = self.column(name)?;
        T::try_from(number).map_err(|_| broken(name, "is out of range"))
    }

    /// A name out of a fixed set.
    fn name<T: FromStr<Err = String>>(&self, name: &str) -> Result<T> {
        self.column::<String>(name)?.parse().map_err(|error: String| broken(name, &error))
    }

    /// A UUID.
    fn uuid(&self, name: &str) -> Result<Uuid> {
        self.column(name)
    }

    /// A SHA-256.
    fn hash(&self, name: &str) -> Result<[u8; 32]> {
        let bytes: Vec<u8> = self.column(name)?;
        bytes.try_into().map_err(|_| broken(name, "is not 32 bytes"))
    }

    /// JSON.
    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let text: String = self.column(name)?;
        serde_json::from_str(&text).map_err(|error| broken(name, &error.to_string()))
    }

    /// A JSON object.
    fn object(&self, name: &str) -> Result<Map<String, Value>> {
        self.json(name)
    }
}

impl Columns for SqliteRow {
    fn column<'r, T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>>(&'r self, name: &str) -> Result<T> {
        self.try_get(name).map_err(error)
    }
}

/// An address as it is written.
pub fn ip(ip: Option<IpAddr>) -> Option<String> {
    ip.map(|ip| ip.to_string())
}

fn broken(column: &str, what: &str) -> Error {
    Error::Internal(format!("column {column} {what}"))
}
