//! Properties of access tokens: forged tokens, and signed tokens with arbitrary claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use futures_util::FutureExt;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::states::Role;
use rowlock_http::tokens::{Claims, FetchKeys, PublicKey, PublicKeys, TokenError, TokenVerifier};
use uuid::Uuid;

const KID: &str = "the-only-key";
const HEADER: &str = r#"{"typ":"JWT","alg":"EdDSA","kid":"the-only-key"}"#;
/// Seconds from 1970 to the end of the year 9999. The properties do not depend on the clock.
const END_OF_YEAR_9999: i64 = 253_402_300_799;

/// Verifies a text as an access token: every token except [`valid_token`] is rejected. Returns whether the token is accepted.
///
/// # Panics
///
/// Panics if the property does not hold.
pub fn check_access_token(token: &str) -> bool {
    let result = verify(token);
    match &result {
        Ok(_) => assert_eq!(token, valid_token(), "a token that was never signed is accepted"),
        Err(error) => assert_eq!(*error, TokenError::Invalid),
    }
    result.is_ok()
}

/// Signs bytes as the claims of an access token and verifies it: accepted claims have the right issuer and audience and
/// survive being signed and verified again. Returns whether the token is accepted.
///
/// # Panics
///
/// Panics if the property does not hold.
pub fn check_signed_claims(payload: &[u8]) -> bool {
    let result = verify(&signed(payload));
    match &result {
        Ok(claims) => {
            assert_eq!(claims.iss, "rowlock");
            assert_eq!(claims.aud, "rowlock");
            let written = serde_json::to_vec(claims).expect("claims can be serialized");
            assert_eq!(verify(&signed(&written)).as_ref(), Ok(claims));
        }
        Err(error) => assert_eq!(*error, TokenError::Invalid),
    }
    result.is_ok()
}

/// Returns a valid token, which is always the same.
///
/// # Panics
///
/// Panics if the claims cannot be serialized.
pub fn valid_token() -> String {
    let claims = Claims {
        sub: AccountId::from_uuid(Uuid::from_u128(1)),
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        role: Role::User,
        admin_role: None,
        iss: "rowlock".to_owned(),
        aud: "rowlock".to_owned(),
        iat: 0,
        exp: END_OF_YEAR_9999,
        jti: Uuid::from_u128(2),
        sid: SessionId::from_uuid(Uuid::from_u128(3)),
        ver: 1,
    };
    signed(&serde_json::to_vec(&claims).expect("claims can be serialized"))
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn signed(payload: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(payload));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key().sign(message.as_bytes()).to_bytes()))
}

thread_local! {
    /// Creating a verifier takes longer than using it. Each thread has its own, so that threads do not contend.
    static VERIFIER: TokenVerifier = verifier();
}

/// Creates a verifier that knows the signing key.
fn verifier() -> TokenVerifier {
    let public = PublicKey {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes()),
        kid: KID.to_owned(),
        usage: "sig".to_owned(),
        alg: "EdDSA".to_owned(),
    };
    let keys = PublicKeys { keys: vec![public] };
    let published = keys.clone();
    let fetch: FetchKeys = Box::new(move || Box::pin(std::future::ready(Ok(published.clone()))));
    let verifier = TokenVerifier::new("rowlock", "rowlock", fetch);
    verifier.install(&keys);
    verifier
}

fn verify(token: &str) -> Result<Claims, TokenError> {
    let result =
        VERIFIER.with(|verifier| verifier.verify(token).now_or_never()).expect("verification does not wait, because the key is installed");
    result.map(|claims| Claims::clone(&claims))
}
