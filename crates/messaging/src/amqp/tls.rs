//! Settings of encrypted connections to the broker.

use std::sync::Arc;

use amqprs::tls::TlsAdaptor;
use rowlock_platform::settings::SettingsReader;
use rowlock_tls::{Identity, TlsError, Verification, certificates_from_pem, client_config};
use secrecy::{ExposeSecret, SecretString};
use tokio_rustls::TlsConnector;

use super::LinkError;

const CA_CERTIFICATES: &str = "amqp.ca_certificates";
const CLIENT_CERTIFICATE: &str = "amqp.client_certificate";
const CLIENT_KEY: &str = "amqp.client_key";

/// Certificates of an `amqps` connection. The broker's certificate is always verified, including its name.
#[derive(Debug, Clone, Default)]
pub struct AmqpTlsSettings {
    /// Certificates in PEM format of authorities that are trusted besides those of the machine.
    pub ca_certificates: Option<String>,
    /// Certificate and private key, both in PEM format, for a broker that demands a certificate of its clients.
    pub client: Option<(String, SecretString)>,
}

impl AmqpTlsSettings {
    /// Reads the settings and records which of them cannot be used.
    pub(super) fn read(reader: &mut SettingsReader) -> Option<Self> {
        let ca_certificates: Option<Option<String>> = reader.optional(CA_CERTIFICATES);
        let certificate: Option<Option<String>> = reader.optional(CLIENT_CERTIFICATE);
        let client = match (certificate?, reader.optional_secret(CLIENT_KEY)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                reader.add_error(CLIENT_KEY, "must be set together with amqp.client_certificate");
                return None;
            }
            (None, Some(_)) => {
                reader.add_error(CLIENT_CERTIFICATE, "must be set together with amqp.client_key");
                return None;
            }
        };
        let settings = Self { ca_certificates: ca_certificates?, client };
        if let Err((name, error)) = settings.parse() {
            reader.add_error(name, error);
            return None;
        }
        Some(settings)
    }

    /// Returns whether nothing is set.
    pub(super) fn is_empty(&self) -> bool {
        self.ca_certificates.is_none() && self.client.is_none()
    }

    fn parse(&self) -> Result<(Verification, Option<Identity>), (&'static str, TlsError)> {
        let authorities = self.ca_certificates.as_ref().map(|text| certificates_from_pem(text.as_bytes())).transpose();
        let authorities = authorities.map_err(|error| (CA_CERTIFICATES, error))?.unwrap_or_default();
        let identity = |(certificate, key): &(String, SecretString)| {
            Identity::from_pem(certificate.as_bytes(), key.expose_secret().as_bytes()).map_err(|error| match error {
                TlsError::Key => (CLIENT_KEY, error),
                _ => (CLIENT_CERTIFICATE, error),
            })
        };
        Ok((Verification::System(authorities), self.client.as_ref().map(identity).transpose()?))
    }

    /// Returns the TLS client for a host, as it is written in a URL. Reads the trusted certificates of the machine.
    pub(super) fn adaptor(&self, host: &str) -> Result<TlsAdaptor, LinkError> {
        let invalid = |name: &str, error: &TlsError| LinkError::Settings(format!("{name} {error}"));
        let (verification, identity) = self.parse().map_err(|(name, error)| invalid(name, &error))?;
        let config = client_config(verification, identity).map_err(|error| match error {
            TlsError::Identity(_) => invalid(CLIENT_CERTIFICATE, &error),
            TlsError::Authority(_) => invalid(CA_CERTIFICATES, &error),
            _ => LinkError::Settings(format!("the certificate of RabbitMQ cannot be verified: {error}")),
        })?;
        let name = host.trim_start_matches('[').trim_end_matches(']');
        Ok(TlsAdaptor::new(TlsConnector::from(Arc::new(config)), name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use rowlock_platform::settings::SettingsError;

    use super::*;

    /// Reads settings and returns the error message, which is empty if they are valid.
    fn read(settings: [&str; 3]) -> String {
        let names = ["CA_CERTIFICATES", "CLIENT_CERTIFICATE", "CLIENT_KEY"];
        let environment = names.into_iter().zip(settings).map(|(name, value)| (format!("ROWLOCK__AMQP__{name}"), value.to_owned()));
        let mut reader = SettingsReader::load("", None, environment).unwrap();
        let settings = AmqpTlsSettings::read(&mut reader);
        reader.finish(settings).err().map(|SettingsError(errors)| errors.join("\n")).unwrap_or_default()
    }

    #[test]
    fn each_setting_that_cannot_be_used_is_named_without_its_value() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        for valid in [["", "", ""], [&certificate, "", ""], ["", &certificate, &key], [&certificate, &certificate, &key]] {
            assert_eq!(read(valid), "");
        }
        for (wrong, name) in [
            (["secret", "", ""], CA_CERTIFICATES),
            (["", &certificate, ""], CLIENT_KEY),
            (["", "", &key], CLIENT_CERTIFICATE),
            (["", &key, &key], CLIENT_CERTIFICATE),
            (["", &certificate, "secret"], CLIENT_KEY),
        ] {
            let error = read(wrong);
            assert!(error.starts_with(name), "{error}");
            assert!(!error.contains("secret") && !error.contains("BEGIN"), "{error}");
        }
    }
}
