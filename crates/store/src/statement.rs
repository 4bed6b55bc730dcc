//! Statements and their values, in the one form that both databases take.
//!
//! A text is written once, with `$1` for its values, in the SQL that SQLite and PostgreSQL share; each value is bound in
//! the database's own type. A [`Bulk`] statement works on many rows at once: where its text says `{rows}`, PostgreSQL
//! unpacks one array a column and SQLite reads a list of values, both as a table `v` with `column1`, `column2`, …

use std::net::IpAddr;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, SqlSafeStr, SqlStr};
use tallylight_core::clock::Time;
use tallylight_core::{Error, Result};
use uuid::Uuid;

use crate::failure::Failure;

/// The most rows that one statement of SQLite takes; its texts have so many rows or a lesser power of two, so that few
/// different ones are prepared.
const SQLITE_ROWS: usize = 256;

/// A value; `None` is NULL.
#[derive(Debug, Clone)]
pub enum Value {
    /// UUID, or its 16 bytes.
    Id(Option<Uuid>),
    /// TIMESTAMPTZ, or microseconds since 1970.
    Time(Option<Time>),
    /// TEXT.
    Text(Option<String>),
    /// BIGINT.
    Count(Option<i64>),
    /// BOOLEAN.
    Flag(bool),
    /// BYTEA.
    Bytes(Vec<u8>),
    /// JSONB, or JSON text.
    Json(String),
    /// TEXT[], or a JSON array.
    Tags(Vec<String>),
    /// INET, or its text. In bulk statements only.
    Ip(Option<IpAddr>),
}

macro_rules! from {
    ($($type:ty => |$value:ident| $made:expr;)+) => { $(
        impl From<$type> for Value {
            fn from($value: $type) -> Self { $made }
        }
    )+ };
}

from! {
    Uuid => |id| Self::Id(Some(id));
    Option<Uuid> => |id| Self::Id(id);
    Time => |time| Self::Time(Some(time));
    Option<Time> => |time| Self::Time(time);
    &str => |text| Self::Text(Some(text.to_owned()));
    &String => |text| Self::Text(Some(text.clone()));
    &Option<String> => |text| Self::Text(text.clone());
    i64 => |count| Self::Count(Some(count));
    u32 => |count| Self::Count(Some(count.into()));
    u64 => |count| Self::Count(Some(i64::try_from(count).unwrap_or(i64::MAX)));
    bool => |flag| Self::Flag(flag);
    &[u8; 32] => |hash| Self::Bytes(hash.to_vec());
    &Vec<u8> => |bytes| Self::Bytes(bytes.clone());
    &Vec<String> => |tags| Self::Tags(tags.clone());
    Option<IpAddr> => |ip| Self::Ip(ip);
}

/// JSON as it is written.
pub fn json(value: &impl serde::Serialize) -> Result<Value> {
    let text = serde_json::to_string(value);
    text.map(Value::Json).map_err(|error| Error::Internal(format!("JSON cannot be written: {error}")))
}

/// A text and its values.
#[derive(Debug, Clone)]
pub struct Statement {
    pub text: &'static str,
    pub values: Vec<Value>,
}

/// A statement without values yet.
pub fn sql(text: &'static str) -> Statement {
    Statement { text, values: Vec::new() }
}

impl Statement {
    /// Adds the next value.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

/// A statement over many rows, each of the same kinds of values. There is at least one row.
#[derive(Debug, Clone)]
pub struct Bulk {
    pub text: &'static str,
    pub rows: Vec<Vec<Value>>,
}

type Bound = Result<(), sqlx::error::BoxDynError>;

/// What could not be bound is wrong for good.
fn bound(done: Bound) -> Result<(), Failure> {
    done.map_err(|error| Failure::Refused(Error::Internal(format!("a value cannot be written: {error}"))))
}

/// Binds values for SQLite.
pub fn for_sqlite<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<SqliteArguments, Failure> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        bound(match value {
            Value::Id(id) => arguments.add(*id),
            Value::Time(time) => arguments.add(time.map(micros)),
            Value::Text(text) => arguments.add(text.clone()),
            Value::Count(count) => arguments.add(*count),
            Value::Flag(flag) => arguments.add(*flag),
            Value::Bytes(bytes) => arguments.add(bytes.clone()),
            Value::Json(text) => arguments.add(text.clone()),
            Value::Tags(tags) => arguments.add(sqlx::types::Json(tags)),
            Value::Ip(ip) => arguments.add(ip.map(|ip| ip.to_string())),
        })?;
    }
    Ok(arguments)
}

fn micros(time: Time) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// Binds values for PostgreSQL.
pub fn for_postgres(values: &[Value]) -> Result<PgArguments, Failure> {
    let mut arguments = PgArguments::default();
    for value in values {
        bound(match value {
            Value::Id(id) => arguments.add(*id),
            Value::Time(time) => arguments.add(*time),
            Value::Text(text) => arguments.add(text.as_deref()),
            Value::Count(count) => arguments.add(*count),
            Value::Flag(flag) => arguments.add(*flag),
            Value::Bytes(bytes) => arguments.add(bytes.as_slice()),
            Value::Json(text) => serde_json::from_str::<Box<serde_json::value::RawValue>>(text)
                .map_err(Into::into)
                .and_then(|json| arguments.add(sqlx::types::Json(json))),
            Value::Tags(tags) => arguments.add(tags.as_slice()),
            Value::Ip(_) => Err("an address is bound in bulk only".into()),
        })?;
    }
    Ok(arguments)
}

impl Bulk {
    /// The statements that SQLite executes one after the other.
    pub fn for_sqlite(&self) -> impl Iterator<Item = Result<(SqlStr, SqliteArguments), Failure>> {
        let mut rest = self.rows.as_slice();
        std::iter::from_fn(move || {
            let largest = rest.len().min(SQLITE_ROWS).checked_ilog2()?;
            let (rows, later) = rest.split_at(1 << largest);
            rest = later;
            Some(self.sqlite_chunk(rows))
        })
    }

    /// Its placeholders have no numbers: SQLite counts them itself, and would look for the name of each in a list.
    fn sqlite_chunk(&self, rows: &[Vec<Value>]) -> Result<(SqlStr, SqliteArguments), Failure> {
        let columns = rows.first().map_or(0, Vec::len);
        let row = format!("({})", vec!["?"; columns].join(","));
        let list = vec![row.as_str(); rows.len()].join(",");
        let text = self.text.replace("{rows}", &format!("(VALUES {list}) AS v"));
        Ok((AssertSqlSafe(text).into_sql_str(), for_sqlite(rows.iter().flatten())?))
    }

    /// The one statement that PostgreSQL executes, with an array a column.
    pub fn for_postgres(&self) -> Result<(SqlStr, PgArguments), Failure> {
        let mut arguments = PgArguments::default();
        let (mut arrays, mut names) = (Vec::new(), Vec::new());
        for column in 0..self.rows.first().map_or(0, Vec::len) {
            let number = column + 1;
            arrays.push(format!("${number}{}", self.add_array(column, &mut arguments)?));
            names.push(format!("column{number}"));
        }
        let table = format!("UNNEST({}) AS v ({})", arrays.join(","), names.join(","));
        Ok((AssertSqlSafe(self.text.replace("{rows}", &table)).into_sql_str(), arguments))
    }

    /// Adds one column's values; how their array is written in the text.
    fn add_array(&self, column: usize, arguments: &mut PgArguments) -> Result<&'static str, Failure> {
        macro_rules! array {
            ($kind:ident, |$value:ident| $made:expr, $cast:literal) => {{
                let values = self.rows.iter().map(|row| match &row[column] {
                    Value::$kind($value) => $made,
                    _ => Default::default(),
                });
                (arguments.add(values.collect::<Vec<_>>()), $cast)
            }};
        }
        let (done, cast) = match self.rows.first().map(|row| &row[column]) {
            Some(Value::Id(_)) => array!(Id, |id| *id, ""),
            Some(Value::Time(_)) => array!(Time, |time| *time, ""),
            Some(Value::Text(_)) => array!(Text, |text| text.as_deref(), ""),
            Some(Value::Count(_)) => array!(Count, |count| *count, ""),
            Some(Value::Flag(_)) => array!(Flag, |flag| *flag, ""),
            Some(Value::Bytes(_)) => array!(Bytes, |bytes| bytes.as_slice(), ""),
            Some(Value::Json(_)) => array!(Json, |text| text.as_str(), "::text[]::jsonb[]"),
            Some(Value::Ip(_)) => array!(Ip, |ip| ip.map(|ip| ip.to_string()), "::text[]::inet[]"),
            Some(Value::Tags(_)) | None => (Err("lists are not written in bulk".into()), ""),
        };
        bound(done)?;
        Ok(cast)
    }
}
