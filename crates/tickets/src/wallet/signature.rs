//! The certificate of a pass type, and the signatures that are made with its key.

use std::time::SystemTime;

use cms::builder::{Error, SignedDataBuilder, SignerInfoBuilder};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::signed_data::{EncapsulatedContentInfo, SignerIdentifier};
use rowlock_domain::Timestamp;
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::DecodePrivateKey as _;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::attr::{Attribute, AttributeValue};
use x509_cert::der::asn1::{ObjectIdentifier, SetOfVec};
use x509_cert::der::oid::db::{rfc4519, rfc5911, rfc5912};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::name::Name;
use x509_cert::spki::{AlgorithmIdentifierOwned, EncodePublicKey as _};
use x509_cert::time::Time;

/// The certificate or the key of a pass type cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The texts are not PEM texts of certificates.
    #[error("the certificates must be X.509 certificates in PEM, that of the pass type first")]
    Certificates,
    /// The certificate is not that of a pass type.
    #[error("the first certificate must be that of a pass type: its subject must have a user id (UID) and an organizational unit (OU)")]
    NoPassType,
    /// The key cannot be read.
    #[error("the key must be an RSA key in PEM that is not encrypted")]
    Key,
    /// The key is that of another certificate.
    #[error("the key does not belong to the first certificate")]
    OtherKey,
    /// The embedded texts are damaged, which would be a defect.
    #[error("the embedded texts of passes cannot be read: {0}")]
    Texts(String),
}

/// A certificate that Apple issued for a pass type, with its key.
pub(super) struct PassCertificate {
    /// The identifier of the pass type, which is the user id in the certificate's subject.
    pub(super) pass_type: String,
    /// The identifier of the team, which is the organizational unit in the certificate's subject.
    pub(super) team: String,
    key: SigningKey<Sha256>,
    /// The certificate, followed by those that vouch for it.
    chain: Vec<Certificate>,
}

impl PassCertificate {
    pub(super) fn read(certificates: &str, key: &str) -> Result<Self, CertificateError> {
        let chain = Certificate::load_pem_chain(certificates.as_bytes()).map_err(|_| CertificateError::Certificates)?;
        let certificate = chain.first().ok_or(CertificateError::Certificates)?.tbs_certificate();
        let named = |oid| subject_value(certificate.subject(), oid).ok_or(CertificateError::NoPassType);
        let (pass_type, team) = (named(rfc4519::UID)?, named(rfc4519::OU)?);
        let key = key.trim();
        let key = PrivateKey::from_pkcs8_pem(key).or_else(|_| PrivateKey::from_pkcs1_pem(key)).map_err(|_| CertificateError::Key)?;
        let public = key.to_public_key().to_public_key_der().map_err(|_| CertificateError::Key)?;
        let expected = certificate.subject_public_key_info().to_der().map_err(|_| CertificateError::Certificates)?;
        if public.as_bytes() != expected {
            return Err(CertificateError::OtherKey);
        }
        Ok(Self { pass_type, team, key: SigningKey::new(key), chain })
    }

    /// Returns a detached signature of a file, with the time and the certificates.
    pub(super) fn sign(&self, file: &[u8], now: Timestamp) -> Result<Vec<u8>, Error> {
        let digest = Sha256::digest(file);
        let algorithm = AlgorithmIdentifierOwned { oid: rfc5912::ID_SHA_256, parameters: None };
        let detached = EncapsulatedContentInfo { econtent_type: rfc5911::ID_DATA, econtent: None };
        let mut signed = SignedDataBuilder::new(&detached);
        signed.add_digest_algorithm(algorithm.clone())?;
        for certificate in &self.chain {
            signed.add_certificate(CertificateChoices::Certificate(certificate.clone()))?;
        }
        if let Some(certificate) = self.chain.first().map(Certificate::tbs_certificate) {
            let issuer = IssuerAndSerialNumber { issuer: certificate.issuer().clone(), serial_number: certificate.serial_number().clone() };
            let mut info = SignerInfoBuilder::new(SignerIdentifier::IssuerAndSerialNumber(issuer), algorithm, &detached, Some(&digest))?;
            // Wallet rejects a signature that does not say when it was made.
            info.add_signed_attribute(signing_time(now)?)?;
            // Random blinding hides the key from anybody who measures how long signatures take.
            signed.add_signer_info_with_rng::<_, Signature, _>(info, &self.key, &mut rand::rng())?;
        }
        Ok(signed.build()?.to_der()?)
    }
}

/// Returns the attribute that says when a signature was made.
fn signing_time(now: Timestamp) -> Result<Attribute, Error> {
    let mut values = SetOfVec::new();
    values.insert(AttributeValue::from_der(&Time::try_from(SystemTime::from(now))?.to_der()?)?)?;
    Ok(Attribute { oid: rfc5911::ID_SIGNING_TIME, values })
}

/// Returns the value of an attribute in a name.
fn subject_value(subject: &Name, oid: ObjectIdentifier) -> Option<String> {
    let attribute = subject.iter().find(|attribute| attribute.oid == oid)?;
    let text = std::str::from_utf8(attribute.value.value()).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}
