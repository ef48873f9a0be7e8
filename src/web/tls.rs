//! TLS at the front door: certificate and key from PEM files.
//!
//! TLS 1.2 and 1.3 with the library's own choice of ciphers, and HTTP/1.1 as the only
//! protocol offered. What would surprise: the files are read once, at start; a new
//! certificate takes a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why a server cannot speak TLS with the files that it was given.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file cannot be read.
    #[error("cannot read the certificates in {}: {}", .path.display(), told(.reason))]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: pem::Error,
    },
    /// The certificate file has no certificate in it.
    #[error("there is no certificate in {}", .path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// The key file cannot be read.
    #[error("cannot read the private key in {}: {}", .path.display(), told(.reason))]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: pem::Error,
    },
    /// The two do not go together, or are of a kind that is not supported.
    #[error("the certificate in {} cannot be used with the key in {}: {reason}", .certificate.display(), .key.display())]
    Unusable {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// Why.
        reason: rustls::Error,
    },
}

fn told(reason: &pem::Error) -> String {
    match reason {
        pem::Error::NoItemsFound => "there is none".to_owned(),
        pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// The acceptor for a certificate chain, leaf first, and its private key.
///
/// # Errors
/// [`TlsError`] with the file and the reason.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let bad_certificate = |reason| TlsError::Certificate {
        path: certificate.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(bad_certificate)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate {
            path: certificate.to_owned(),
        });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|reason| TlsError::Key {
        path: key.to_owned(),
        reason,
    })?;
    let unusable = |reason| TlsError::Unusable {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        reason,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
