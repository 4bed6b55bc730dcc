//! What a server of a test's own should be like.

use std::path::{Path, PathBuf};

use crate::Postgres;

/// Whether what was committed survives a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production: for tests of crashes.
    Safe,
    /// Never waits for the disk: for all other tests.
    Fast,
}

/// A PostgreSQL server that is not started yet.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) settings: Vec<String>,
    pub(crate) data_in: Option<PathBuf>,
}

impl Options {
    pub(crate) fn new(durability: Durability) -> Self {
        Self { durability, settings: Vec::new(), data_in: None }
    }

    /// Adds a line of `postgresql.conf`, which wins over those before it: `setting("max_connections = 5")`.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.push(line.into());
        self
    }

    /// Keeps the data in a new folder in this one, such as a file system so small that it fills up. The log stays
    /// elsewhere. The server's unprivileged user must be able to get there.
    #[must_use]
    pub fn data_in(mut self, folder: &Path) -> Self {
        self.data_in = Some(folder.into());
        self
    }

    /// Makes and starts the server, and waits until it takes connections.
    pub fn start(self) -> Postgres {
        Postgres::with(&self)
    }

    /// The lines of `postgresql.conf` but for the port.
    pub(crate) fn lines(&self, sockets: &Path) -> Vec<String> {
        let mut lines: Vec<String> = [
            "listen_addresses = '127.0.0.1'",
            "max_connections = 200",
            "shared_buffers = 16MB",
            "log_line_prefix = '%m [%p] %d '",
        ]
        .map(String::from)
        .into();
        lines.push(format!("unix_socket_directories = '{}'", sockets.display()));
        if self.durability == Durability::Fast {
            let fast = ["fsync = off", "synchronous_commit = off", "full_page_writes = off"];
            lines.extend(fast.map(String::from));
        }
        lines.extend(self.settings.iter().cloned());
        lines
    }
}
