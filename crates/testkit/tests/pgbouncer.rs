//! PgBouncer in front of a server.

use tallylight_testkit::{Certificate, Durability, PgBouncer, Postgres, psql};

#[test]
fn queries_pass_through_to_any_database() {
    let postgres = Postgres::start(Durability::Fast);
    let bouncer = PgBouncer::start(&postgres, "transaction");
    let database = bouncer.create_database();
    assert_ne!(bouncer.port(), postgres.port());
    assert_eq!(psql(&database, "SHOW port"), Ok(postgres.port().to_string()));
    assert!(psql(&bouncer.url("pgbouncer"), "SHOW CONFIG").unwrap().contains("pool_mode|transaction|"));

    bouncer.stop();
    assert!(psql(&database, "SELECT 1").unwrap_err().contains("Connection refused"));
    bouncer.start_again();
    assert_eq!(psql(&database, "SELECT 1"), Ok("1".into()));
}

#[test]
fn startup_parameters_are_refused_unless_told_otherwise() {
    let postgres = Postgres::start(Durability::Fast);
    let sign_in = |bouncer: &PgBouncer| psql(&bouncer.url("postgres?options=-cgeqo%3Doff"), "SELECT 1");

    let strict = PgBouncer::start(&postgres, "transaction");
    assert!(sign_in(&strict).unwrap_err().contains("unsupported startup parameter: options"));
    let lenient = PgBouncer::start_with(&postgres, "transaction", &["ignore_startup_parameters = options"]);
    assert_eq!(sign_in(&lenient), Ok("1".into()));
}

#[test]
fn it_reaches_a_server_that_only_takes_encrypted_connections() {
    let postgres = Postgres::options(Durability::Fast).tls(Certificate::ForThisHost).start();
    let bouncer = PgBouncer::start_with(&postgres, "transaction", &["server_tls_sslmode = require"]);
    assert_eq!(bouncer.psql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");
}
