//! A database for a test that does not care which server it is on.

use std::sync::OnceLock;

use crate::options::Durability;
use crate::postgres::Postgres;
use crate::server::{Server, psql};

/// The environment variable with the URL of a running server, as a superuser, on which tests make their databases.
/// `scripts/cargo-test` sets it, since starting a server for every test would take a second each.
pub const SHARED_SERVER: &str = "TESTKIT_POSTGRES";

/// The server that tests share: the one in [`SHARED_SERVER`], else one that this process starts when first asked.
/// It never waits for the disk, and must not be frozen or stopped.
pub fn shared() -> &'static Server {
    static OWN: OnceLock<Postgres> = OnceLock::new();
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| match std::env::var(SHARED_SERVER) {
        Ok(url) => Server::at(&url),
        Err(_) => (**OWN.get_or_init(|| Postgres::start(Durability::Fast))).clone(),
    })
}

/// An empty database on the shared server.
pub fn database() -> TestDatabase {
    let name = shared().new_database();
    TestDatabase { url: shared().url(&name), name }
}

/// A database of one test's own, dropped with this even while connections to it are open.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    name: String,
}

impl TestDatabase {
    /// Its address, with user and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name, which no other has.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let dropped = psql(&shared().url("postgres"), &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        if let (Err(error), false) = (dropped, std::thread::panicking()) {
            panic!("the database is not dropped: {error}");
        }
    }
}
