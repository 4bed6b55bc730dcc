//! A server that encrypts, and clients that check whom they talk to.

use std::path::Path;

use tallylight_testkit::{Certificate, Durability, Postgres, psql};

#[test]
fn a_client_that_checks_everything_gets_in() {
    let postgres = encrypted(Certificate::ForThisHost);
    let url = checked(&postgres, &postgres.authority());
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(psql(&url, sql), Ok("t".into()));
    assert_eq!(psql(&url.replace("127.0.0.1", "localhost"), sql), Ok("t".into()));
}

#[test]
fn a_client_that_trusts_another_authority_refuses() {
    let postgres = encrypted(Certificate::ForThisHost);
    let refusal = psql(&checked(&postgres, &postgres.another_authority()), "SELECT 1").unwrap_err();
    assert!(refusal.contains("certificate verify failed"), "{refusal}");
}

#[test]
fn a_client_refuses_the_certificate_of_another_host() {
    let postgres = encrypted(Certificate::ForAnotherHost);
    let url = checked(&postgres, &postgres.authority());
    let refusal = psql(&url, "SELECT 1").unwrap_err();
    assert!(refusal.contains("does not match host name"), "{refusal}");
    assert_eq!(psql(&url.replace("verify-full", "verify-ca"), "SELECT 1"), Ok("1".into()));
}

#[test]
fn a_client_that_does_not_encrypt_is_refused() {
    let postgres = encrypted(Certificate::ForThisHost);
    let refusal = psql(&postgres.url("postgres?sslmode=disable"), "SELECT 1").unwrap_err();
    assert!(refusal.contains("no encryption"), "{refusal}");
}

fn encrypted(certificate: Certificate) -> Postgres {
    Postgres::options(Durability::Fast).tls(certificate).start()
}

fn checked(postgres: &Postgres, authority: &Path) -> String {
    postgres.url(&format!("postgres?sslmode=verify-full&sslrootcert={}", authority.display()))
}
