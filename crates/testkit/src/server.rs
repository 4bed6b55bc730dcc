//! A running server, whoever started it: where it is, and what psql does there.

use std::process::{Command, Output};

use crate::system;

/// Where a PostgreSQL server listens, and the superuser to sign in as.
#[derive(Clone, Debug)]
pub struct Server {
    /// `postgres://user:password@host:port`
    base: String,
    /// What follows `?` in its URLs.
    parameters: Option<String>,
}

impl Server {
    /// The server behind the URL of any of its databases.
    pub fn at(url: &str) -> Self {
        let (address, parameters) =
            url.split_once('?').map_or((url, None), |(address, rest)| (address, Some(rest.to_owned())));
        let (scheme, rest) =
            address.split_once("://").expect("a URL such as postgres://user:password@host:port");
        let authority = rest.split('/').next().unwrap_or(rest);
        Self { base: format!("{scheme}://{authority}"), parameters }
    }

    /// The address of one of its databases, with user and password.
    pub fn url(&self, dbname: &str) -> String {
        let parameters = self.parameters.as_ref().map_or_else(String::new, |rest| format!("?{rest}"));
        format!("{}/{dbname}{parameters}", self.base)
    }

    /// Makes an empty database under a name of its own, and returns its address.
    pub fn create_database(&self) -> String {
        self.url(&self.new_database())
    }

    pub(crate) fn new_database(&self) -> String {
        let name = format!("test_{}", system::unique());
        self.psql(&format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs SQL in the database `postgres` and returns what psql prints: a row a line, columns parted by `|`.
    pub fn psql(&self, sql: &str) -> String {
        psql(&self.url("postgres"), sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Ends the connections of everybody else, to one database or to all, and waits until they are gone.
    pub fn terminate_backends(&self, dbname: Option<&str>) {
        let which = dbname.map_or_else(String::new, |name| format!(" AND datname = '{name}'"));
        self.psql(&format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid(){which}"
        ));
    }
}

/// Runs SQL in the database at this address; the error is what psql complains about.
pub fn psql(url: &str, sql: &str) -> Result<String, String> {
    let Output { status, stdout, stderr } = psql_command(url, sql).output().expect("psql runs");
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    if status.success() { Ok(text(&stdout)) } else { Err(text(&stderr)) }
}

/// The same as a command that is not run yet, for a test that watches it hang.
pub fn psql_command(url: &str, sql: &str) -> Command {
    let mut psql = Command::new(system::program("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
    psql.args(["--dbname", url, "--command", sql]);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        psql.env_remove(name);
    }
    psql
}
