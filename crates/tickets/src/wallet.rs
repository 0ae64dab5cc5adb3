//! Tickets as passes for Apple Wallet: a ZIP archive with the content as JSON, an icon, a list of their hashes, and a detached
//! signature of that list (CMS, RFC 5652).

mod content;
mod signature;

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use rowlock_domain::Timestamp;
use rowlock_domain::states::Language;
use rowlock_locale::{Locale, Texts};
use serde_json::{Map, Value};
use sha1::{Digest as _, Sha1};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub use self::content::PassTicket;
pub use self::signature::CertificateError;
use self::signature::PassCertificate;
use crate::pdf::{ENGLISH, GERMAN};

/// The icon that notifications and the lock screen show, in the three sizes of Apple's screens.
const ICONS: [(&str, &[u8]); 3] = [
    ("icon.png", include_bytes!("../assets/wallet/icon.png")),
    ("icon@2x.png", include_bytes!("../assets/wallet/icon@2x.png")),
    ("icon@3x.png", include_bytes!("../assets/wallet/icon@3x.png")),
];

/// The media type of a pass.
pub const PASS_MEDIA_TYPE: &str = "application/vnd.apple.pkpass";

/// A pass cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The signature cannot be made.
    #[error("the pass cannot be signed: {0}")]
    Signature(String),
    /// The archive cannot be written.
    #[error("the archive of the pass cannot be written")]
    Archive(#[from] zip::result::ZipError),
    /// The archive cannot be written.
    #[error("the archive of the pass cannot be written")]
    Write(#[from] std::io::Error),
}

/// Issues passes that are signed with the organizer's certificate. All requests share one.
pub struct PassIssuer {
    certificate: PassCertificate,
    organization: String,
    texts: Arc<Texts>,
}

impl std::fmt::Debug for PassIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PassIssuer").field("pass_type", &self.certificate.pass_type).finish_non_exhaustive()
    }
}

impl PassIssuer {
    /// Creates an issuer from PEM texts: the certificate of the pass type, followed by the certificates that vouch for it, and its
    /// private key (PKCS #8 or PKCS #1, not encrypted). `organization` is the name that the pass shows as its issuer.
    ///
    /// # Errors
    ///
    /// Fails if a text is not PEM, if the certificate names no pass type or team, or if the key does not belong to it.
    pub fn new(certificates: &str, key: &str, organization: String) -> Result<Self, CertificateError> {
        let texts = Texts::load(&[ENGLISH], &[GERMAN]).map_err(CertificateError::Texts)?;
        Ok(Self { certificate: PassCertificate::read(certificates, key)?, organization, texts: Arc::new(texts) })
    }

    /// Returns the pass of a ticket in a language, signed at the given time. Its RSA signature keeps a processor busy, so call it in the
    /// background.
    ///
    /// # Errors
    ///
    /// Fails if the content cannot be signed or written, which would be a defect.
    pub fn issue(&self, ticket: &PassTicket, language: Language, now: Timestamp) -> Result<Vec<u8>, PassError> {
        let locale = Locale::new(self.texts.clone(), language);
        let content = ticket.content(&self.certificate.pass_type, &self.certificate.team, &self.organization, &locale);
        let content = content.to_string().into_bytes();
        let files: Vec<(&str, &[u8])> = std::iter::once(("pass.json", content.as_slice())).chain(ICONS).collect();
        // Apple prescribes SHA-1 for the list of hashes. Its signature uses SHA-256.
        let hashes = files.iter().map(|(name, file)| ((*name).to_owned(), Value::from(hex(&Sha1::digest(file)))));
        let manifest = Value::Object(hashes.collect::<Map<_, _>>()).to_string().into_bytes();
        let signature = self.certificate.sign(&manifest, now).map_err(|error| PassError::Signature(error.to_string()))?;
        let last: [(&str, &[u8]); 2] = [("manifest.json", &manifest), ("signature", &signature)];
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, file) in files.into_iter().chain(last) {
            archive.start_file(name, options)?;
            archive.write_all(file)?;
        }
        Ok(archive.finish()?.into_inner())
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests;
