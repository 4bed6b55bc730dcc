//! Reaching a server: encrypted as the address says, and with a clear error where it cannot be reached.

use std::time::Duration;

use tallylight_core::store::UserStore;
use tallylight_store::{Limits, Location, Store};
use tallylight_testkit::{Certificate, Durability, PgBouncer, Postgres};
use tokio::net::TcpListener;

use crate::harness::Db;

async fn open(url: &str) -> Result<Store, String> {
    let limits = Limits { connect_timeout: Duration::from_secs(5), ..Limits::default() };
    Store::open(&Location::Server(url.to_owned()), limits).await.map_err(|error| error.to_string())
}

async fn works(url: &str) {
    let store = open(url).await.unwrap();
    assert!(!store.has_admin().await.unwrap());
    store.close().await;
}

async fn refused(url: &str) -> String {
    open(url).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn an_encrypted_server_is_reached_and_its_certificate_checked() {
    let server = Postgres::options(Durability::Fast).tls(Certificate::ForThisHost).start();
    let url = server.create_database();
    let by_name = url.replace("127.0.0.1", "localhost");
    let (own, other) = (server.authority(), server.another_authority());
    works(&format!("{url}?sslmode=require")).await;
    works(&format!("{url}?sslmode=verify-full&sslrootcert={}", own.display())).await;
    works(&format!("{by_name}?sslmode=verify-full&sslrootcert={}", own.display())).await;
    let why = refused(&format!("{url}?sslmode=verify-full&sslrootcert={}", other.display())).await;
    assert!(why.contains("certificate"), "{why}");
    let why = refused(&format!("{url}?sslmode=verify-full")).await;
    assert!(why.contains("certificate"), "without its authority: {why}");
    refused(&format!("{url}?sslmode=disable")).await;
}

#[tokio::test]
async fn a_certificate_of_another_host_is_good_for_require_and_not_for_verify_full() {
    let server = Postgres::options(Durability::Fast).tls(Certificate::ForAnotherHost).start();
    let (url, authority) = (server.create_database(), server.authority());
    works(&format!("{url}?sslmode=require")).await;
    works(&format!("{url}?sslmode=verify-ca&sslrootcert={}", authority.display())).await;
    let why = refused(&format!("{url}?sslmode=verify-full&sslrootcert={}", authority.display())).await;
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_it_is_required() {
    let database = tallylight_testkit::database();
    works(&format!("{}?sslmode=prefer", database.url())).await;
    let why = refused(&format!("{}?sslmode=require", database.url())).await;
    assert!(why.to_lowercase().contains("tls"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let why = refused(&format!("postgres://ada:secret@{free}/shows")).await;
    assert!(why.contains(&format!("PostgreSQL 127.0.0.1:{}, database shows", free.port())), "{why}");
    assert!(!why.contains("secret"), "{why}");
    let database = tallylight_testkit::database();
    let wrong = database.url().rsplit_once('/').map(|(server, _)| format!("{server}/nowhere")).unwrap();
    assert!(refused(&wrong).await.contains("nowhere"));
    assert!(refused("mysql://localhost/shows").await.contains("postgres://"));
}

#[tokio::test]
async fn a_server_that_takes_connections_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://ada@{}/shows?sslmode=disable", silent.local_addr().unwrap());
    let limits = Limits { connect_timeout: Duration::from_millis(200), ..Limits::default() };
    let why = Store::open(&Location::Server(url), limits).await.map(|_| ()).unwrap_err().to_string();
    assert!(why.contains("no answer within 0.2 s"), "{why}");
}

#[tokio::test]
async fn a_pooler_that_drops_unknown_parameters_is_found_out() {
    let server = Postgres::start(Durability::Fast);
    let url = server.create_database();
    let ignore = ["ignore_startup_parameters = extra_float_digits, options"];
    let bouncer = PgBouncer::start_with(&server, "transaction", &ignore);
    let pooled = bouncer.url(url.rsplit('/').next().unwrap());
    // More stores than the pooler has sessions: each uses sessions in which the others have prepared statements.
    for _ in 0..5 {
        works(&pooled).await;
    }
}

#[tokio::test]
async fn commits_wait_for_the_disk_even_where_the_server_does_not_by_itself() {
    let db = Db::fresh::<crate::harness::Postgres>().await;
    let name = db.database.location();
    let Location::Server(url) = name else { panic!("a server") };
    let database = url.rsplit('/').next().unwrap();
    tallylight_testkit::psql(&url, &format!("ALTER DATABASE {database} SET synchronous_commit = off"))
        .unwrap();
    // A trigger tells what holds in the transactions of the store.
    tallylight_testkit::psql(
        &url,
        "CREATE TABLE told (setting TEXT);
         CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN INSERT INTO told VALUES (current_setting(''synchronous_commit'')); RETURN NULL; END';
         CREATE TRIGGER tell AFTER INSERT ON users EXECUTE FUNCTION tell()",
    )
    .unwrap();
    let db = db.reopened().await;
    db.user("ada").await;
    assert_eq!(tallylight_testkit::psql(&url, "SELECT DISTINCT setting FROM told").unwrap().trim(), "on");
}
