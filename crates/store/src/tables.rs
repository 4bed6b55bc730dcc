//! Every table and column, described once for whoever goes through whole databases.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// What a column keeps; how, is each database's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A UUID.
    Id,
    /// A time, to the microsecond.
    Time,
    /// A text, or a name out of a fixed set.
    Text,
    /// A whole number.
    Count,
    /// True or false.
    Flag,
    /// Bytes.
    Bytes,
    /// JSON.
    Json,
    /// A list of texts.
    Tags,
    /// An address of the internet.
    Ip,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// Its primary key: UUIDs.
    pub key: &'static [&'static str],
    pub columns: &'static [(&'static str, Kind)],
}

/// All tables, each after those that it refers to.
pub const TABLES: &[Table] = &[
    Table {
        name: "users",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("username", Kind::Text),
            ("display_name", Kind::Text),
            ("email", Kind::Text),
            ("email_folded", Kind::Text),
            ("password_hash", Kind::Text),
            ("role", Kind::Text),
            ("stream_key_hash", Kind::Bytes),
            ("stream_key_sealed", Kind::Bytes),
            ("created_at", Kind::Time),
            ("changed_at", Kind::Time),
            ("erased_at", Kind::Time),
            ("default_title", Kind::Text),
        ],
    },
    Table {
        name: "sign_ins",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("user_id", Kind::Id),
            ("secret_hash", Kind::Bytes),
            ("created_at", Kind::Time),
            ("used_at", Kind::Time),
            ("expires_at", Kind::Time),
            ("user_agent", Kind::Text),
            ("ip_address", Kind::Text),
            ("ended_at", Kind::Time),
        ],
    },
    Table {
        name: "bans",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("user_id", Kind::Id),
            ("device", Kind::Text),
            ("network", Kind::Text),
            ("until", Kind::Time),
            ("reason", Kind::Text),
            ("created_by", Kind::Id),
            ("created_at", Kind::Time),
        ],
    },
    Table {
        name: "api_keys",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("user_id", Kind::Id),
            ("name", Kind::Text),
            ("key_hash", Kind::Bytes),
            ("hint", Kind::Text),
            ("scopes", Kind::Tags),
            ("created_at", Kind::Time),
            ("expires_at", Kind::Time),
            ("revoked_at", Kind::Time),
            ("last_used_at", Kind::Time),
        ],
    },
    Table {
        name: "api_key_usage",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("key_id", Kind::Id),
            ("day", Kind::Time),
            ("endpoint", Kind::Text),
            ("requests", Kind::Count),
            ("refused", Kind::Count),
            ("failed", Kind::Count),
        ],
    },
    Table {
        name: "audit_log",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("created_at", Kind::Time),
            ("action", Kind::Text),
            ("actor_id", Kind::Id),
            ("actor", Kind::Text),
            ("key_id", Kind::Id),
            ("target", Kind::Text),
            ("ip_address", Kind::Text),
            ("details", Kind::Json),
        ],
    },
    Table {
        name: "chat_bans",
        key: &["owner_id", "user_id"],
        columns: &[
            ("owner_id", Kind::Id),
            ("user_id", Kind::Id),
            ("until", Kind::Time),
            ("reason", Kind::Text),
            ("created_by", Kind::Id),
            ("created_at", Kind::Time),
        ],
    },
    Table {
        name: "broadcast_sessions",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("title", Kind::Text),
            ("user_id", Kind::Id),
            ("status", Kind::Text),
            ("visibility", Kind::Text),
            ("created_at", Kind::Time),
            ("started_at", Kind::Time),
            ("ended_at", Kind::Time),
            ("viewer_count", Kind::Count),
            ("max_viewers", Kind::Count),
            ("rtmp_url", Kind::Text),
            ("hls_url", Kind::Text),
            ("webrtc_endpoint", Kind::Text),
            ("metadata", Kind::Json),
            ("ai_intent", Kind::Text),
            ("tags", Kind::Tags),
            ("is_featured", Kind::Flag),
            ("description", Kind::Text),
            ("reported_viewers", Kind::Count),
            ("ingest_state", Kind::Text),
            ("interrupted_until", Kind::Time),
            ("stream_key_hash", Kind::Bytes),
            ("stream_key_sealed", Kind::Bytes),
            ("deleted_at", Kind::Time),
            ("revision", Kind::Count),
            ("epoch", Kind::Count),
        ],
    },
    Table {
        name: "session_counters",
        key: &["session_id"],
        columns: &[
            ("session_id", Kind::Id),
            ("seq", Kind::Count),
            ("viewers", Kind::Count),
            ("peak", Kind::Count),
        ],
    },
    Table {
        name: "active_viewers",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("session_id", Kind::Id),
            ("user_id", Kind::Id),
            ("joined_at", Kind::Time),
            ("last_seen", Kind::Time),
            ("user_agent", Kind::Text),
            ("ip_address", Kind::Ip),
            ("is_authenticated", Kind::Flag),
            ("generation", Kind::Count),
            ("left_at", Kind::Time),
            ("left_reason", Kind::Text),
            ("person", Kind::Text),
            ("device", Kind::Text),
            ("join_token_id", Kind::Id),
        ],
    },
    Table {
        name: "join_tokens",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("session_id", Kind::Id),
            ("name", Kind::Text),
            ("user_id", Kind::Id),
            ("max_uses", Kind::Count),
            ("uses", Kind::Count),
            ("created_at", Kind::Time),
            ("expires_at", Kind::Time),
            ("revoked_at", Kind::Time),
        ],
    },
    Table {
        name: "session_quality",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("session_id", Kind::Id),
            ("bucket", Kind::Time),
            ("viewers", Kind::Count),
            ("failed_viewers", Kind::Count),
            ("startup_ms", Kind::Count),
            ("played_ms", Kind::Count),
            ("stalled_ms", Kind::Count),
            ("stalls", Kind::Count),
            ("failures_network", Kind::Count),
            ("failures_media", Kind::Count),
            ("failures_unsupported", Kind::Count),
            ("failures_other", Kind::Count),
            ("startups_100", Kind::Count),
            ("startups_150", Kind::Count),
            ("startups_200", Kind::Count),
            ("startups_300", Kind::Count),
            ("startups_400", Kind::Count),
            ("startups_600", Kind::Count),
            ("startups_800", Kind::Count),
            ("startups_1200", Kind::Count),
            ("startups_1600", Kind::Count),
            ("startups_2400", Kind::Count),
            ("startups_3200", Kind::Count),
            ("startups_4800", Kind::Count),
            ("startups_6400", Kind::Count),
            ("startups_9600", Kind::Count),
            ("startups_12800", Kind::Count),
            ("startups_19200", Kind::Count),
            ("startups_25600", Kind::Count),
            ("startups_more", Kind::Count),
            ("seconds", Kind::Count),
        ],
    },
    Table {
        name: "idempotency_keys",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("claim", Kind::Id),
            ("fingerprint", Kind::Bytes),
            ("sealed", Kind::Bytes),
            ("created_at", Kind::Time),
            ("expires_at", Kind::Time),
        ],
    },
    Table {
        name: "session_events",
        key: &["id"],
        columns: &[
            ("id", Kind::Id),
            ("session_id", Kind::Id),
            ("event_type", Kind::Text),
            ("event_data", Kind::Json),
            ("created_at", Kind::Time),
            ("user_id", Kind::Id),
            ("metadata", Kind::Json),
            ("seq", Kind::Count),
        ],
    },
];

/// Tables that are not copied: the server fills them anew from the log.
#[cfg(test)]
pub const DERIVED: &[&str] = &["session_people", "session_progress", "session_rollups"];

/// The names of all tables, parted by commas.
pub fn names() -> String {
    TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ")
}

impl Table {
    /// Reads the number of its rows as `rows`.
    pub fn count(&self) -> SqlStr {
        AssertSqlSafe(format!("SELECT COUNT(*) AS rows FROM {}", self.name)).into_sql_str()
    }

    /// Reads up to `limit` rows in the order of their keys: the first ones, or those after the key `$1`, `$2` ….
    pub fn page(&self, is_first: bool, limit: usize) -> SqlStr {
        let columns: Vec<_> = self.columns.iter().map(|(name, kind)| kind.selected(name)).collect();
        let (columns, name) = (columns.join(", "), self.name);
        let key: Vec<_> = self.key.iter().map(|column| format!("{name}.{column}")).collect();
        let (key, last) = (key.join(", "), (1..=key.len()).map(|n| format!("${n}")).collect::<Vec<_>>());
        let after = if is_first { String::new() } else { format!("WHERE ({key}) > ({}) ", last.join(", ")) };
        let text = format!("SELECT {columns} FROM {name} {after}ORDER BY {key} LIMIT {limit}");
        AssertSqlSafe(text).into_sql_str()
    }

    /// Takes rows into PostgreSQL.
    pub fn copy_in(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        format!("COPY {} ({}) FROM STDIN", self.name, columns.join(", "))
    }
}

impl Kind {
    /// How a column is read so that both databases give the same type.
    fn selected(self, column: &str) -> String {
        match self {
            Self::Text | Self::Json | Self::Ip => format!("CAST({column} AS TEXT) AS {column}"),
            Self::Count => format!("CAST({column} AS BIGINT) AS {column}"),
            Self::Id | Self::Time | Self::Flag | Self::Bytes | Self::Tags => column.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, PgConnection, SqliteConnection};

    use super::*;
    use crate::{Limits, Location, migrations};

    /// A table's name, and of each column its name, its type, and whether it is the key.
    type Described = Vec<(String, Vec<(String, String, bool)>)>;

    fn described(type_of: impl Fn(Kind) -> &'static str) -> Described {
        let column = |table: &Table, (name, kind): &(&str, Kind)| {
            ((*name).to_owned(), type_of(*kind).to_owned(), table.key.contains(name))
        };
        let table = |table: &Table| {
            (table.name.to_owned(), table.columns.iter().map(|it| column(table, it)).collect())
        };
        let mut tables: Described = TABLES.iter().map(table).collect();
        tables.sort();
        tables
    }

    #[tokio::test]
    async fn every_table_and_column_of_sqlite_is_described() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tallylight.db");
        migrations::run(&Location::File(path.clone()), Limits::default()).await.unwrap();
        let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> '_sqlx_migrations' ORDER BY name";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
        let mut found = Described::new();
        for table in tables.into_iter().filter(|table| !DERIVED.contains(&table.as_str())) {
            let columns = "SELECT name, type, pk > 0 FROM pragma_table_info($1) ORDER BY cid";
            let columns = sqlx::query_as(columns).bind(&table).fetch_all(&mut connection).await.unwrap();
            found.push((table, columns));
        }
        let known = described(|kind| match kind {
            Kind::Id | Kind::Bytes => "BLOB",
            Kind::Time | Kind::Count | Kind::Flag => "INTEGER",
            Kind::Text | Kind::Json | Kind::Tags | Kind::Ip => "TEXT",
        });
        assert_eq!(found, known);
    }

    #[tokio::test]
    async fn every_table_and_column_of_postgres_is_described() {
        let database = tallylight_testkit::database();
        migrations::run(&Location::Server(database.url().to_owned()), Limits::default()).await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let tables = "SELECT table_name::text FROM information_schema.tables
                      WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' ORDER BY table_name::text COLLATE \"C\"";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
        let mut found = Described::new();
        for table in tables.into_iter().filter(|table| !DERIVED.contains(&table.as_str())) {
            let columns = "SELECT column_name::text, CASE
                   WHEN udt_name IN ('varchar', 'session_status', 'session_visibility') THEN 'text'
                   WHEN udt_name = 'int4' THEN 'int8' ELSE udt_name::text END,
                   column_name IN (SELECT column_name FROM information_schema.table_constraints c
                     JOIN information_schema.key_column_usage k USING (constraint_name, table_name)
                     WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_name = $1)
                 FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position";
            let columns = sqlx::query_as(columns).bind(&table).fetch_all(&mut connection).await.unwrap();
            found.push((table, columns));
        }
        let known = described(|kind| match kind {
            Kind::Id => "uuid",
            Kind::Time => "timestamptz",
            Kind::Text => "text",
            Kind::Count => "int8",
            Kind::Flag => "bool",
            Kind::Bytes => "bytea",
            Kind::Json => "jsonb",
            Kind::Tags => "_text",
            Kind::Ip => "inet",
        });
        assert_eq!(found, known);
    }
}
