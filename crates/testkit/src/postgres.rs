//! A PostgreSQL server of a test's own, to be frozen and crashed at will.

use std::ops::Deref;
use std::path::PathBuf;

use crate::daemon::Daemon;
use crate::options::{Durability, Options};
use crate::server::Server;
use crate::system;
use crate::template::initialise;
use crate::tls::{encrypt, make_authority};

/// Who owns every server: a superuser, whose password is in the URLs.
pub(crate) const USER: &str = "tallylight";

/// A running PostgreSQL server on a free port of 127.0.0.1. Dropping it stops it and removes all that it kept.
pub struct Postgres {
    server: Server,
    port: u16,
    password: String,
    daemon: Daemon,
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Postgres {
    /// Makes and starts a server with nothing special to it, which takes a second, or a fraction of it with a
    /// [`Template`](crate::Template).
    pub fn start(durability: Durability) -> Self {
        Self::options(durability).start()
    }

    /// A server to be, for more choices.
    pub fn options(durability: Durability) -> Options {
        Options::new(durability)
    }

    pub(crate) fn with(options: &Options) -> Self {
        let postgres = system::program("postgres");
        let command = [postgres.as_os_str(), "-D".as_ref(), "data".as_ref()];
        // On SIGQUIT it ends without a checkpoint, which is quickest and what a crash looks like.
        let daemon = Daemon::new("QUIT", &command, options.data_in.as_deref());
        let password = initialise(&daemon, options.template.as_deref());
        if let Some(certificate) = options.certificate {
            encrypt(&daemon, certificate);
        }
        daemon.write("data/postgresql.conf", &options.lines(daemon.folder()));
        let port = start_on_some_port(&daemon);
        let server = Server::at(&format!("postgres://{USER}:{password}@127.0.0.1:{port}"));
        Self { server, port, password, daemon }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster's, whose children serve the connections.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// The file with all that it has logged, which is removed with the server.
    pub fn log_path(&self) -> PathBuf {
        self.daemon.log_path()
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Stops all its processes where they are: connections stay and can even be made, but nothing answers.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }

    /// Stops it at once, without a checkpoint, as a crash would; its port stays known, but nobody listens there.
    pub fn stop(&self) {
        self.daemon.stop();
    }

    /// Starts it again after [`Postgres::stop`], on the same port, and waits until it takes connections.
    pub fn start_again(&self) {
        assert!(is_started(&self.daemon), "it does not start:\n{}", self.log());
    }

    /// The certificate of the authority that vouches for a server with [`Options::tls`], for `sslrootcert`.
    pub fn authority(&self) -> PathBuf {
        let path = self.daemon.folder().join("authority.pem");
        assert!(path.exists(), "the server has no certificate");
        path
    }

    /// The certificate of an authority that vouches for nobody: clients that trust only this one must refuse.
    pub fn another_authority(&self) -> PathBuf {
        make_authority(&self.daemon, "another-authority")
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Crashes it and waits until it has recovered, on the same port.
    pub fn restart_immediately(&self) {
        self.stop();
        self.start_again();
    }
}

fn start_on_some_port(daemon: &Daemon) -> u16 {
    for _ in 0..10 {
        let port = system::free_port();
        daemon.write("data/postgresql.conf", &[format!("port = {port}")]);
        if is_started(daemon) {
            return port;
        }
        assert!(daemon.log().contains("could not bind"), "it does not start:\n{}", daemon.log());
    }
    panic!("somebody takes each port:\n{}", daemon.log())
}

fn is_started(daemon: &Daemon) -> bool {
    let status = daemon.folder().join("data/postmaster.pid");
    daemon.start(|pid| {
        // Its lines are documented in PostgreSQL's miscadmin.h: the first is the pid, the last how it is.
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let mut lines = status.lines();
        lines.next() == Some(&pid.to_string()) && lines.last().is_some_and(|last| last.trim() == "ready")
    })
}
