//! A server of a test's own.

use tallylight_testkit::{Durability, Postgres, database, psql};

#[test]
fn a_server_answers_on_its_port() {
    let postgres = Postgres::start(Durability::Fast);
    assert_eq!(postgres.psql("SELECT 1"), "1");
    assert_eq!(postgres.psql("SHOW port"), postgres.port().to_string());
    assert_eq!(postgres.psql("SHOW fsync"), "off");
}

#[test]
fn a_shared_database_is_empty_and_goes_with_its_handle() {
    let database = database();
    let url = database.url().to_owned();
    assert_eq!(psql(&url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), Ok("0".into()));
    drop(database);
    assert!(psql(&url, "SELECT 1").unwrap_err().contains("does not exist"));
}
