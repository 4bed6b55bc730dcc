//! Rows as values of the domain.

use std::net::IpAddr;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};
use tallylight_core::clock::Time;
use tallylight_core::{Error, Result};
use uuid::Uuid;

/// A row of either database. Columns are read by name; one that is not as expected is a fault of ours.
pub enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A type that stands in both databases as itself.
pub trait Plain:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Plain for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl Row {
    /// A value of a type that both databases know.
    pub fn get<T: Plain>(&self, name: &str) -> Result<T> {
        match self {
            Self::Sqlite(row) => row.try_get(name),
            Self::Postgres(row) => row.try_get(name),
        }
        .map_err(|error| broken(name, &error.to_string()))
    }

    /// A UUID.
    pub fn id(&self, name: &str) -> Result<Uuid> {
        self.get(name)
    }

    /// A UUID that may be absent.
    pub fn some_id(&self, name: &str) -> Result<Option<Uuid>> {
        self.get(name)
    }

    /// A text that may be absent.
    pub fn some_text(&self, name: &str) -> Result<Option<String>> {
        self.get(name)
    }

    /// An address, read as text. PostgreSQL writes the length of its network behind it.
    pub fn some_ip(&self, name: &str) -> Result<Option<IpAddr>> {
        let text = self.some_text(name)?;
        Ok(text.and_then(|text| text.split('/').next().and_then(|ip| ip.parse().ok())))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<String> {
        self.get(name)
    }

    /// A time.
    pub fn time(&self, name: &str) -> Result<Time> {
        self.some_time(name)?.ok_or_else(|| broken(name, "is empty"))
    }

    /// A time that may be absent.
    pub fn some_time(&self, name: &str) -> Result<Option<Time>> {
        match self {
            Self::Sqlite(row) => {
                let micros: Option<i64> =
                    row.try_get(name).map_err(|error| broken(name, &error.to_string()))?;
                let convert = |micros| Time::from_unix_timestamp_nanos(i128::from(micros) * 1_000);
                micros.map(convert).transpose().map_err(|error| broken(name, &error.to_string()))
            }
            Self::Postgres(row) => row.try_get(name).map_err(|error| broken(name, &error.to_string())),
        }
    }

    /// A number that is never negative, of whatever width the column is.
    pub fn count<T: TryFrom<i64>>(&self, name: &str) -> Result<T> {
        let number: i64 = match self {
            Self::Sqlite(row) => row.try_get(name),
            Self::Postgres(row) => row.try_get_unchecked(name),
        }
        .map_err(|error| broken(name, &error.to_string()))?;
        T::try_from(number).map_err(|_| broken(name, "is out of range"))
    }

    /// A name out of a fixed set.
    pub fn name<T: FromStr<Err = String>>(&self, name: &str) -> Result<T> {
        self.text(name)?.parse().map_err(|error: String| broken(name, &error))
    }

    /// A SHA-256.
    pub fn hash(&self, name: &str) -> Result<[u8; 32]> {
        let bytes: Vec<u8> = self.get(name)?;
        bytes.try_into().map_err(|_| broken(name, "is not 32 bytes"))
    }

    /// JSON.
    pub fn json<T: DeserializeOwned + 'static>(&self, name: &str) -> Result<T> {
        let json: sqlx::types::Json<T> = match self {
            Self::Sqlite(row) => row.try_get(name),
            Self::Postgres(row) => row.try_get(name),
        }
        .map_err(|error| broken(name, &error.to_string()))?;
        Ok(json.0)
    }

    /// A list of texts.
    pub fn tags(&self, name: &str) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(_) => self.json(name),
            Self::Postgres(row) => row.try_get(name).map_err(|error| broken(name, &error.to_string())),
        }
    }
}

fn broken(column: &str, what: &str) -> Error {
    Error::Internal(format!("column {column} {what}"))
}
