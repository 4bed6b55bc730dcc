//! TLS by certificate files.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::settings::Settings;

/// What takes TLS off; `None` where it is not set.
///
/// # Errors
/// What is wrong with which file.
pub fn acceptor(settings: &Settings) -> anyhow::Result<Option<TlsAcceptor>> {
    if !settings.has_tls() {
        return Ok(None);
    }
    let certificates = certificates(&settings.tls_certificate)
        .with_context(|| format!("setting tls_certificate: {}", settings.tls_certificate.display()))?;
    let at_key = || format!("setting tls_key: {}", settings.tls_key.display());
    let key = PrivateKeyDer::from_pem_file(&settings.tls_key).with_context(at_key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .with_context(at_key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    if all.is_empty() {
        bail!("there is no certificate in it");
    }
    Ok(all)
}
