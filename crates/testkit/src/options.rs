//! What a server of a test's own should be like.

use std::path::{Path, PathBuf};

use crate::postgres::Postgres;
use crate::system::memory;
use crate::template::{TEMPLATE, Template};
use crate::tls::Certificate;

/// Which of PostgreSQL's promises hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// All, as in production: what was committed survives a crash of the server. For tests of crashes.
    Safe,
    /// What was committed may be lost, and nobody waits for the disk. For all other tests.
    Fast,
}

/// A PostgreSQL server that is not started yet.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) template: Option<PathBuf>,
    pub(crate) settings: Vec<String>,
    pub(crate) data_in: Option<PathBuf>,
}

impl Options {
    pub(crate) fn new(durability: Durability) -> Self {
        let template = std::env::var_os(TEMPLATE).map(PathBuf::from);
        Self { durability, certificate: None, template, settings: Vec::new(), data_in: memory() }
    }

    /// Takes encrypted connections only, and shows this certificate, signed by [`Postgres::authority`].
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Adds a line of `postgresql.conf`, which wins over those before it: `setting("max_connections = 5")`.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.push(line.into());
        self
    }

    /// Begins with a copy of this, rather than of the one in [`TEMPLATE`].
    #[must_use]
    pub fn template(mut self, template: &Template) -> Self {
        self.template = Some(template.folder().into());
        self
    }

    /// Keeps the data in a new folder in this one, such as a file system so small that it fills up; the server's
    /// unprivileged user must be able to get there. Otherwise data is in memory where there is room, which no crash of
    /// the server clears. The log stays elsewhere.
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
    pub(crate) fn lines(&self, folder: &Path) -> Vec<String> {
        let mut lines: Vec<String> = [
            "listen_addresses = '127.0.0.1'",
            "max_connections = 200",
            "shared_buffers = 16MB",
            "log_line_prefix = '%m [%p] %d '",
        ]
        .map(String::from)
        .into();
        lines.push(format!("unix_socket_directories = '{}'", folder.display()));
        if self.durability == Durability::Fast {
            let fast = ["fsync = off", "synchronous_commit = off", "full_page_writes = off"];
            lines.extend(fast.map(String::from));
        }
        if self.certificate.is_some() {
            let path = |file| folder.join(file).display().to_string();
            lines.push("ssl = on".into());
            lines.push(format!("ssl_cert_file = '{}'", path("server.pem")));
            lines.push(format!("ssl_key_file = '{}'", path("server.key")));
        }
        lines.extend(self.settings.iter().cloned());
        lines
    }
}
