//! Access tokens: their claims, the public keys that verify them, and the verifier.

mod fetch;
mod settings;
mod verifier;

use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::states::{AdminRole, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use fetch::{Fetch, FetchKeys, fetch_over_http};
pub use settings::TokenSettings;
pub use verifier::TokenVerifier;

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: AccountId,
    /// Name of the person.
    pub name: String,
    /// E-mail address of the person.
    pub email: String,
    /// Role of the account, which decides what the token permits.
    pub role: Role,
    /// Role of an administrator. Missing for users, and in tokens of an older auth-service, whose administrators are owners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_role: Option<AdminRole>,
    /// Issuer of the token.
    pub iss: String,
    /// Audience of the token.
    pub aud: String,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// Time of expiry, in seconds since 1970.
    pub exp: i64,
    /// Id of the token.
    pub jti: Uuid,
    /// Session to which the token belongs.
    pub sid: SessionId,
    /// Version of the account at the time of issue. 0 in tokens of an older auth-service, which did not write it.
    #[serde(default)]
    pub ver: i64,
}

impl Claims {
    /// Returns the role of an administrator, or None for the token of a user.
    pub fn administrator(&self) -> Option<AdminRole> {
        (self.role == Role::Admin).then(|| self.admin_role.unwrap_or(AdminRole::Owner))
    }
}

/// A public key in the form of `/.well-known/jwks.json` (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The key, base64url.
    pub x: String,
    /// Id of the key, which the header of a token contains.
    pub kid: String,
    /// Always `sig`.
    #[serde(rename = "use", default)]
    pub usage: String,
    /// Always `EdDSA`.
    #[serde(default)]
    pub alg: String,
}

/// The document `/.well-known/jwks.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKeys {
    /// The keys with which tokens may be signed.
    pub keys: Vec<PublicKey>,
}

/// Reasons why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token is forged, expired, malformed, or of another issuer or audience.
    #[error("the token is not valid")]
    Invalid,
    /// No key has been loaded yet.
    #[error("no keys have been loaded with which the token could be verified")]
    NoKeys,
}
