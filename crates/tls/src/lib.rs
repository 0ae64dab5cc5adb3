//! TLS configurations of clients: which certificates of a server they accept, and the certificate that they present.
//!
//! The cryptography is that of `ring`, with TLS 1.2 and 1.3. A server must always prove that it has the key of its certificate, even
//! if the certificate itself is not verified.

mod verifier;

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use verifier::NamelessVerifier;

/// The certificates of a server that a client accepts.
#[derive(Debug, Clone)]
pub enum Verification {
    /// Any certificate. The connection is encrypted, but a server in between can read and change everything.
    Unverified,
    /// Certificates that one of these authorities has issued, whatever name they contain.
    Chain(Vec<CertificateDer<'static>>),
    /// Certificates that one of these authorities has issued and that contain the name of the server.
    ChainAndName(Vec<CertificateDer<'static>>),
    /// Certificates that contain the name of the server and that have been issued by an authority that the operating system trusts, or
    /// by one of these.
    System(Vec<CertificateDer<'static>>),
}

/// A certificate with its key, by which a client proves who it is.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// The reason why certificates or keys cannot be used. Each message continues a sentence that begins with the name of a setting.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text contains no certificate, or something that looks like one but is not.
    #[error("must contain certificates in PEM format")]
    Certificates,
    /// An authority's certificate is malformed.
    #[error("contains a certificate that cannot be used: {0}")]
    Authority(rustls::Error),
    /// The text contains no private key, or an encrypted one.
    #[error("must contain a private key in PEM format without a passphrase")]
    Key,
    /// The private key does not belong to the certificate, or is of a kind that is not supported.
    #[error("does not fit the private key: {0}")]
    Identity(rustls::Error),
    /// The operating system has no trusted certificates.
    #[error("the operating system has no trusted certificates: {0}")]
    System(rustls::Error),
    /// The cryptography does not support the protocol versions.
    #[error("cannot be encrypted: {0}")]
    Protocol(rustls::Error),
}

impl Identity {
    /// Reads a certificate, followed by those that lead to its authority, and its private key, all in PEM format.
    ///
    /// # Errors
    ///
    /// Returns [`TlsError::Certificates`] or [`TlsError::Key`] if one of them is missing. Whether they belong together is checked by
    /// [`client_config`].
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        // The reason is not passed on, because it could quote the key.
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
        Ok(Self { chain: certificates_from_pem(certificates)?, key })
    }
}

/// Reads one or more certificates in PEM format.
///
/// # Errors
///
/// Returns [`TlsError::Certificates`] if there is none, or if the text is malformed.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    certificates.ok().filter(|found| !found.is_empty()).ok_or(TlsError::Certificates)
}

/// Creates the configuration of a client. [`Verification::System`] reads the trusted certificates of the operating system, which takes
/// some milliseconds and blocks.
///
/// # Errors
///
/// Fails if an authority's certificate is malformed, the operating system has no trusted certificates and none are given, or the key of
/// the identity does not belong to its certificate.
pub fn client_config(verification: Verification, identity: Option<Identity>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(verification, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Protocol)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key).map_err(TlsError::Identity),
    }
}

fn verifier(verification: Verification, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let algorithms = provider.signature_verification_algorithms;
    Ok(match verification {
        Verification::Unverified => Arc::new(NamelessVerifier::new(None, algorithms)),
        Verification::Chain(authorities) => Arc::new(NamelessVerifier::new(Some(roots(authorities)?), algorithms)),
        Verification::ChainAndName(authorities) => {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots(authorities)?), Arc::clone(provider))
                .build()
                .map_err(|_| TlsError::Certificates)?
        }
        Verification::System(further) => {
            // Checked separately, so that the error does not blame the machine.
            roots(further.clone())?;
            Arc::new(Verifier::new_with_extra_roots(further, Arc::clone(provider)).map_err(TlsError::System)?)
        }
    })
}

fn roots(authorities: Vec<CertificateDer<'static>>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for authority in authorities {
        store.add(authority).map_err(TlsError::Authority)?;
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    #[test]
    fn certificates_and_keys_are_read_and_other_texts_are_refused() {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let two = format!("# first\n{certificate}\n# second\n{certificate}");
        assert_eq!(certificates_from_pem(two.as_bytes()).unwrap().len(), 2);
        for wrong in ["", "certificate", &key, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(certificates_from_pem(wrong.as_bytes()), Err(TlsError::Certificates)), "{wrong}");
        }
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert!(client_config(Verification::Unverified, Some(identity)).is_ok());
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        for wrong in ["", &certificate, &encrypted] {
            assert!(matches!(Identity::from_pem(certificate.as_bytes(), wrong.as_bytes()), Err(TlsError::Key)), "{wrong}");
        }
    }

    #[test]
    fn the_key_of_another_certificate_and_a_malformed_authority_are_refused() {
        let [one, other] = ["one", "other"].map(|name| generate_simple_self_signed([name.to_owned()]).unwrap());
        let identity = Identity::from_pem(one.cert.pem().as_bytes(), other.signing_key.serialize_pem().as_bytes()).unwrap();
        let error = client_config(Verification::Unverified, Some(identity)).unwrap_err();
        assert!(matches!(error, TlsError::Identity(_)), "{error}");

        let malformed = || vec![CertificateDer::from(vec![48, 0])];
        for verification in [Verification::Chain(malformed()), Verification::ChainAndName(malformed()), Verification::System(malformed())] {
            let error = client_config(verification, None).unwrap_err();
            assert!(matches!(error, TlsError::Authority(_)), "{error}");
        }
    }
}
