//! PgBouncer between a test and its server, as operators run it.

use std::ops::Deref;

use crate::daemon::Daemon;
use crate::postgres::{Postgres, USER};
use crate::server::Server;
use crate::system;

/// A running PgBouncer on a free port of 127.0.0.1, with every database of one server. Dropping it stops it.
pub struct PgBouncer {
    server: Server,
    port: u16,
    daemon: Daemon,
}

impl Deref for PgBouncer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl PgBouncer {
    /// Starts one with its defaults but for the pool mode: `session`, `transaction` or `statement`.
    pub fn start(postgres: &Postgres, pool_mode: &str) -> Self {
        Self::start_with(postgres, pool_mode, &[])
    }

    /// Starts one with more lines of `pgbouncer.ini`, such as `ignore_startup_parameters = extra_float_digits`.
    pub fn start_with(postgres: &Postgres, pool_mode: &str, settings: &[&str]) -> Self {
        let daemon = Daemon::new("KILL", &[system::program("pgbouncer"), "pgbouncer.ini".into()], None);
        let password = postgres.password();
        daemon.write("users", &[format!("\"{USER}\" \"{password}\"")]);
        let mut lines = vec![
            format!("[databases]\n* = host=127.0.0.1 port={}\n", postgres.port()),
            format!("[pgbouncer]\npool_mode = {pool_mode}\nadmin_users = {USER}"),
            "auth_type = scram-sha-256\nauth_file = users".into(),
            // So few connections that a test which holds on to one is found out.
            "default_pool_size = 3".into(),
            // Without a socket in a folder, a port that is taken is an error and no warning.
            "listen_addr = 127.0.0.1\nunix_socket_dir =".into(),
        ];
        lines.extend(settings.iter().map(ToString::to_string));
        daemon.write("pgbouncer.ini", &lines);
        let port = start_on_some_port(&daemon);
        let server = Server::at(&format!("postgres://{USER}:{password}@127.0.0.1:{port}"));
        Self { server, port, daemon }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Stops it at once; its port stays known, but nobody listens there.
    pub fn stop(&self) {
        self.daemon.stop();
    }

    /// Starts it again after [`PgBouncer::stop`], on the same port.
    pub fn start_again(&self) {
        assert!(is_started(&self.daemon), "it does not start:\n{}", self.log());
    }
}

fn start_on_some_port(daemon: &Daemon) -> u16 {
    for _ in 0..10 {
        let port = system::free_port();
        daemon.write("pgbouncer.ini", &[format!("listen_port = {port}")]);
        if is_started(daemon) {
            return port;
        }
        assert!(daemon.log().contains("in use"), "it does not start:\n{}", daemon.log());
    }
    panic!("somebody takes each port:\n{}", daemon.log())
}

fn is_started(daemon: &Daemon) -> bool {
    let starts = || daemon.log().matches("process up: PgBouncer").count();
    let before = starts();
    daemon.start(|_| starts() > before)
}
