//! Access tokens: forged ones, and signed ones that say strange things.

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
/// The year 9999, in seconds since 1970: the properties read no clock.
const FAR_AWAY: i64 = 253_402_300_799;

/// Any text as a token: it is refused, unless it is the one that was signed. Tells whether it was accepted.
///
/// # Panics
///
/// When that does not hold.
pub fn access_token(token: &str) -> bool {
    let verdict = verify(token);
    match &verdict {
        Ok(_) => assert_eq!(token, good_token(), "this was never signed"),
        Err(error) => assert_eq!(*error, TokenError::Invalid),
    }
    verdict.is_ok()
}

/// Any bytes as what a signed token says: they are refused, or they are for us and live, and what was understood can be
/// signed and understood as the same. Tells whether they were accepted.
///
/// # Panics
///
/// When that does not hold.
pub fn signed_claims(payload: &[u8]) -> bool {
    let verdict = verify(&signed(payload));
    match &verdict {
        Ok(claims) => {
            assert_eq!(claims.iss, "rowlock");
            assert_eq!(claims.aud, "rowlock");
            let written = serde_json::to_vec(claims).expect("claims can be written");
            assert_eq!(verify(&signed(&written)).as_ref(), Ok(claims));
        }
        Err(error) => assert_eq!(*error, TokenError::Invalid),
    }
    verdict.is_ok()
}

/// A token that is good, always the same.
///
/// # Panics
///
/// When its claims cannot be written.
pub fn good_token() -> String {
    let claims = Claims {
        sub: AccountId::from_uuid(Uuid::from_u128(1)),
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        role: Role::User,
        iss: "rowlock".to_owned(),
        aud: "rowlock".to_owned(),
        iat: 0,
        exp: FAR_AWAY,
        jti: Uuid::from_u128(2),
        sid: SessionId::from_uuid(Uuid::from_u128(3)),
        ver: 1,
    };
    signed(&serde_json::to_vec(&claims).expect("claims can be written"))
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn signed(payload: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(payload));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key().sign(message.as_bytes()).to_bytes()))
}

thread_local! {
    /// Making one takes longer than asking it. Each thread has its own, so that none waits for another.
    static VERIFIER: TokenVerifier = verifier();
}

/// A check that knows the one key.
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
    let verdict = VERIFIER.with(|verifier| verifier.verify(token).now_or_never()).expect("nothing is to be waited for");
    verdict.map(|claims| Claims::clone(&claims))
}
