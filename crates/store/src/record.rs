//! Rows of any table, read a page at a time, summed up the same way from both databases.

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::AssertSqlSafe;
use sqlx::SqlSafeStr;
use tallylight_core::Error;
use tallylight_core::clock::Time;
use time::macros::format_description;
use uuid::Uuid;

use crate::canonical;
use crate::row::Row;
use crate::statement::Value;
use crate::tables::{Kind, Table};
use crate::transaction::Transaction;
use crate::trouble::Trouble;

/// How many rows are in memory at a time.
pub const PAGE: usize = 1_000;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Id(Uuid),
    Time(Time),
    Text(String),
    Count(i64),
    Flag(bool),
    Bytes(Vec<u8>),
    Json(String),
    Tags(Vec<String>),
    Ip(String),
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub key: Vec<Uuid>,
    cells: Vec<Cell>,
}

impl Cell {
    fn read(row: &Row, name: &str, kind: Kind) -> Result<Self, Error> {
        let cell = match kind {
            Kind::Id => row.some_id(name)?.map(Self::Id),
            Kind::Time => row.some_time(name)?.map(Self::Time),
            Kind::Text => row.some_text(name)?.map(Self::Text),
            Kind::Count => row.get::<Option<i64>>(name)?.map(Self::Count),
            Kind::Flag => row.get::<Option<bool>>(name)?.map(Self::Flag),
            Kind::Bytes => row.get::<Option<Vec<u8>>>(name)?.map(Self::Bytes),
            Kind::Json => row.some_text(name)?.map(Self::Json),
            Kind::Tags => Some(Self::Tags(row.tags(name)?)),
            Kind::Ip => row.some_text(name)?.map(|text| Self::Ip(canonical::ip(&text))),
        };
        Ok(cell.unwrap_or(Self::Null))
    }

    /// Adds a form that is the same for the same value, and for no other of its kind.
    fn sum(&self, out: &mut Vec<u8>) -> Result<(), Trouble> {
        match self {
            Self::Null => out.push(0),
            Self::Id(id) => part(id.as_bytes(), out),
            Self::Time(time) => part(&(time.unix_timestamp_nanos() / 1_000).to_be_bytes(), out),
            Self::Text(text) | Self::Ip(text) => part(text.as_bytes(), out),
            Self::Count(count) => part(&count.to_be_bytes(), out),
            Self::Flag(flag) => part(&[u8::from(*flag)], out),
            Self::Bytes(bytes) => part(bytes, out),
            Self::Json(text) => part(canonical::json(text)?.as_bytes(), out),
            Self::Tags(tags) => {
                part(&tags.len().to_be_bytes(), out);
                tags.iter().for_each(|tag| part(tag.as_bytes(), out));
            }
        }
        Ok(())
    }

    /// Adds what PostgreSQL's `COPY` reads in its text format.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Trouble> {
        match self {
            Self::Null => out.extend_from_slice(b"\\N"),
            Self::Id(id) => out.extend_from_slice(id.to_string().as_bytes()),
            Self::Time(time) => {
                let format = format_description!(
                    "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]+00"
                );
                let text = time.to_offset(time::UtcOffset::UTC).format(format);
                out.extend_from_slice(text.map_err(|error| Trouble(error.to_string()))?.as_bytes());
            }
            Self::Text(text) | Self::Json(text) | Self::Ip(text) => escaped(text, out),
            Self::Count(count) => out.extend_from_slice(count.to_string().as_bytes()),
            Self::Flag(flag) => out.push(if *flag { b't' } else { b'f' }),
            Self::Bytes(bytes) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                escaped(&format!("\\x{digits}"), out);
            }
            Self::Tags(tags) => {
                let quoted = |tag: &String| format!("\"{}\"", tag.replace('\\', "\\\\").replace('"', "\\\""));
                let list: Vec<_> = tags.iter().map(quoted).collect();
                escaped(&format!("{{{}}}", list.join(",")), out);
            }
        }
        Ok(())
    }
}

/// Its length goes first, so that no two rows are the same bytes.
fn part(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(1);
    out.extend_from_slice(&bytes.len().to_be_bytes());
    out.extend_from_slice(bytes);
}

fn escaped(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.push(other),
        }
    }
}

impl Record {
    fn read(table: &Table, row: &Row) -> Result<Self, Trouble> {
        let key = table.key.iter().map(|column| row.id(column)).collect::<Result<Vec<_>, _>>()?;
        let read = |(name, kind): &(&str, Kind)| Cell::read(row, name, *kind);
        let cells = table.columns.iter().map(read).collect::<Result<_, _>>();
        let cells = cells.map_err(|error| Trouble::from(error).about(named(table, &key)))?;
        Ok(Self { key, cells })
    }

    /// The bytes that are summed up.
    pub fn summed(&self, table: &Table) -> Result<Vec<u8>, Trouble> {
        let mut out = Vec::new();
        for (cell, (name, _)) in self.cells.iter().zip(table.columns) {
            cell.sum(&mut out).map_err(|error| self.blame(table, name, error))?;
        }
        Ok(out)
    }

    /// Adds the line that PostgreSQL's `COPY` reads.
    pub fn write(&self, table: &Table, out: &mut Vec<u8>) -> Result<(), Trouble> {
        for (index, (cell, (name, _))) in self.cells.iter().zip(table.columns).enumerate() {
            if index > 0 {
                out.push(b'\t');
            }
            cell.write(out).map_err(|error| self.blame(table, name, error))?;
        }
        out.push(b'\n');
        Ok(())
    }

    fn blame(&self, table: &Table, column: &str, error: Trouble) -> Trouble {
        error.about(format!("{}, column {column}", named(table, &self.key)))
    }
}

/// How a row is called.
pub fn named(table: &Table, key: &[Uuid]) -> String {
    let key: Vec<_> = key.iter().map(Uuid::to_string).collect();
    format!("{}, row {}", table.name, key.join(" "))
}

/// What a table comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    pub rows: u64,
    pub checksum: [u8; 32],
}

/// A sum under way.
pub struct Summing {
    rows: u64,
    digest: Context,
}

impl Summing {
    pub fn new() -> Self {
        Self { rows: 0, digest: Context::new(&SHA256) }
    }

    pub fn add(&mut self, table: &Table, records: &[Record]) -> Result<(), Trouble> {
        for record in records {
            self.digest.update(&record.summed(table)?);
            self.rows += 1;
        }
        Ok(())
    }

    pub fn end(self) -> Sum {
        let mut checksum = [0; 32];
        checksum.copy_from_slice(self.digest.finish().as_ref());
        Sum { rows: self.rows, checksum }
    }
}

/// A table that is read in the order of its keys.
pub struct Pages {
    table: &'static Table,
    last: Vec<Uuid>,
    has_more: bool,
}

impl Pages {
    pub fn of(table: &'static Table) -> Self {
        Self { table, last: Vec::new(), has_more: true }
    }

    /// The next rows; none at the end.
    pub async fn next(&mut self, transaction: &mut Transaction) -> Result<Vec<Record>, Trouble> {
        if !self.has_more {
            return Ok(Vec::new());
        }
        let after: Vec<Value> = self.last.iter().copied().map(Value::from).collect();
        let rows = transaction.built_rows(self.table.page(self.last.is_empty(), PAGE), &after).await?;
        self.has_more = rows.len() == PAGE;
        let records = rows.iter().map(|row| Record::read(self.table, row)).collect::<Result<Vec<_>, _>>()?;
        self.last = records.last().map(|record| record.key.clone()).unwrap_or_default();
        Ok(records)
    }
}

/// How many rows a table has.
pub async fn count(transaction: &mut Transaction, table: &Table) -> Result<u64, Trouble> {
    let rows = transaction.built_rows(table.count(), &[]).await?;
    let count = rows.first().map(|row| row.count("rows")).transpose()?;
    Ok(count.unwrap_or_default())
}

/// Executes SQL that is put together, of names of ours.
pub async fn script(transaction: &mut Transaction, text: String) -> Result<(), Trouble> {
    Ok(transaction.script(AssertSqlSafe(text).into_sql_str()).await?)
}
