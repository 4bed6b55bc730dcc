//! Certificates for a server, and the authorities that clients trust or should not.

use std::path::PathBuf;

use crate::daemon::Daemon;

/// Whom a server's certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// `localhost` and 127.0.0.1: clients that check it get in.
    ForThisHost,
    /// A machine that this is not: clients that compare the name must refuse.
    ForAnotherHost,
}

const NEW_KEY: &str =
    "openssl req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30";

/// Lays down an authority and what the server shows, `server.pem` with `server.key`, and lets in only who encrypts: so
/// whatever gets in is known to be encrypted.
pub(crate) fn encrypt(daemon: &Daemon, certificate: Certificate) {
    daemon.write("openssl.cnf", &[include_str!("openssl.cnf").into()]);
    make_authority(daemon, "authority");
    let host = match certificate {
        Certificate::ForThisHost => "this-host",
        Certificate::ForAnotherHost => "another-host",
    };
    let signed = "-CA authority.pem -CAkey authority.key -keyout server.key -out server.pem";
    daemon.run(&format!("{NEW_KEY} -extensions {host} -subj /CN={host} {signed}"));
    daemon.run("echo hostssl all all 127.0.0.1/32 scram-sha-256 >data/pg_hba.conf");
}

/// Makes an authority and returns the file with its certificate.
pub(crate) fn make_authority(daemon: &Daemon, name: &str) -> PathBuf {
    let files = format!("-keyout {name}.key -out {name}.pem");
    daemon.run(&format!("{NEW_KEY} -extensions authority -subj '/CN=Tests {name}' {files}"));
    daemon.folder().join(format!("{name}.pem"))
}
