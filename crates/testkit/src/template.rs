//! Data to begin with: made once for a run and copied for each server, since making it takes a second.

use std::fs;
use std::path::Path;

use crate::daemon::Daemon;
use crate::postgres::USER;
use crate::system;

/// The environment variable with the folder of a [`Template`]. `scripts/cargo-test` sets it.
pub const TEMPLATE: &str = "TESTKIT_POSTGRES_TEMPLATE";

/// The data of a server that nobody has used yet, and its password. Dropping it removes it.
pub struct Template {
    daemon: Daemon,
}

impl Template {
    /// Makes the data.
    pub fn make() -> Self {
        let daemon = Daemon::new("TERM", &["false"], system::memory().as_deref());
        initialise(&daemon, None);
        Self { daemon }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.daemon.folder()
    }
}

/// Fills `data`, from a template's folder where there is one, and returns the password of [`USER`].
pub(crate) fn initialise(daemon: &Daemon, template: Option<&Path>) -> String {
    if let Some(template) = template {
        daemon.run("mkdir -p -m 700 data");
        daemon.run(&format!("cp -R '{}/data/.' data", template.display()));
        return fs::read_to_string(template.join("password")).expect("a password").trim().into();
    }
    let password = system::unique();
    daemon.write("password", std::slice::from_ref(&password));
    // With a zone given it need not try them all; segments of a megabyte fit into a small file system.
    let initdb = system::program("initdb");
    daemon.run(&format!(
        "TZ=UTC '{}' -D data -U {USER} --pwfile=password -A scram-sha-256 -E UTF8 --locale=C \
         --no-sync --no-instructions --wal-segsize=1",
        initdb.display()
    ));
    password
}
