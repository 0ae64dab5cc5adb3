//! Settings of the section `tokens`, for services that verify access tokens of auth-service.

use rowlock_platform::settings::SettingsReader;
use url::Url;

use crate::revocations::RevocationSettings;

/// Verification of access tokens.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// URL of the public keys (JWKS).
    pub jwks_url: Url,
    /// URL of the revocation list.
    pub revocations_url: Url,
    /// Fetch interval and maximum age of the revocation list.
    pub revocations: RevocationSettings,
    /// Required `iss` claim of tokens.
    pub issuer: String,
    /// Required `aud` claim of tokens.
    pub audience: String,
}

impl TokenSettings {
    /// Reads the section `tokens`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let jwks_url = reader.value("tokens.jwks_url");
        let issuer = reader.value("tokens.issuer");
        let audience = reader.value("tokens.audience");
        let revocations_url = reader.value("tokens.revocations_url");
        let revocations = RevocationSettings::read(reader);
        Some(Self {
            jwks_url: jwks_url?,
            revocations_url: revocations_url?,
            revocations: revocations?,
            issuer: issuer?,
            audience: audience?,
        })
    }
}
