use std::sync::Mutex as Shared;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use futures_util::future::join_all;
use jsonwebtoken::{EncodingKey, Header, encode};
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::states::Role;
use rowlock_platform::clock::Clock;

use super::*;
use crate::tokens::PublicKey;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn kid(seed: u8) -> String {
    format!("key-{seed}")
}

fn public(seed: u8) -> PublicKey {
    let x = URL_SAFE_NO_PAD.encode(key(seed).verifying_key().as_bytes());
    PublicKey { kty: "OKP".to_owned(), crv: "Ed25519".to_owned(), x, kid: kid(seed), usage: String::new(), alg: String::new() }
}

fn token(seed: u8) -> String {
    token_for(seed, 900)
}

fn token_for(seed: u8, seconds: i64) -> String {
    let (clock, now) = (Clock::system(), Clock::system().now().timestamp());
    let claims = Claims {
        sub: AccountId::from_uuid(clock.uuid()),
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        role: Role::User,
        admin_role: None,
        iss: "issuer".to_owned(),
        aud: "audience".to_owned(),
        iat: now,
        exp: now + seconds,
        jti: clock.uuid(),
        sid: SessionId::from_uuid(clock.uuid()),
        ver: 1,
    };
    let header = Header { kid: Some(kid(seed)), ..Header::new(Algorithm::EdDSA) };
    encode(&header, &claims, &EncodingKey::from_ed_der(key(seed).to_pkcs8_der().unwrap().as_bytes())).unwrap()
}

/// Returns a verifier that has just loaded its first keys, the seeds of the published keys, and the number of fetches.
async fn verifier() -> (TokenVerifier, Arc<Shared<Vec<u8>>>, Arc<AtomicUsize>) {
    let (published, fetches) = (Arc::new(Shared::new(vec![1])), Arc::new(AtomicUsize::new(0)));
    let (seeds, count) = (published.clone(), fetches.clone());
    let fetch: FetchKeys = Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let keys = seeds.lock().unwrap().iter().copied().map(public).collect();
        Box::pin(async move {
            // Lets other tasks run while the response is in flight.
            tokio::task::yield_now().await;
            Ok(PublicKeys { keys })
        })
    });
    let verifier = TokenVerifier::new("issuer", "audience", fetch);
    verifier.verify(&token(1)).await.unwrap();
    (verifier, published, fetches)
}

async fn end_interval(verifier: &TokenVerifier) {
    let mut last = verifier.last_fetch.lock().await;
    *last = last.and_then(|at| at.checked_sub(TokenVerifier::MIN_INTERVAL));
}

#[tokio::test]
async fn a_cached_token_is_valid_until_it_expires() {
    let (verifier, ..) = verifier().await;
    let token = token_for(1, 2);
    let first = verifier.verify(&token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &verifier.verify(&token).await.unwrap()), "the second result comes from the cache");
    while get_current_timestamp() < u64::try_from(first.exp).unwrap() {
        tokio::task::yield_now().await;
    }
    assert_eq!(verifier.verify(&token).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn tokens_of_a_withdrawn_key_leave_the_cache() {
    let (verifier, published, _) = verifier().await;
    let token = token(1);
    verifier.verify(&token).await.unwrap();
    *published.lock().unwrap() = vec![2];
    verifier.fetch_keys().await;
    assert_eq!(verifier.verify(&token).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn a_new_key_causes_one_fetch_for_all_concurrent_requests() {
    let (verifier, published, fetches) = verifier().await;
    *published.lock().unwrap() = vec![1, 2];
    end_interval(&verifier).await;
    let token = token(2);
    let results = join_all((0..100).map(|_| verifier.verify(&token))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(fetches.load(Ordering::SeqCst), 2, "one at the start and one for the new key");
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_per_interval() {
    let (verifier, _, fetches) = verifier().await;
    for interval in 1..4 {
        for seed in 10..20 {
            assert_eq!(verifier.verify(&token(seed)).await, Err(TokenError::Invalid));
        }
        assert_eq!(fetches.load(Ordering::SeqCst), interval);
        end_interval(&verifier).await;
    }
}

#[tokio::test]
async fn a_withdrawn_key_verifies_nothing_and_an_empty_response_withdraws_none() {
    let (verifier, published, _) = verifier().await;
    published.lock().unwrap().clear();
    end_interval(&verifier).await;
    assert_eq!(verifier.verify(&token(2)).await, Err(TokenError::Invalid));
    assert!(verifier.verify(&token(1)).await.is_ok());
    *published.lock().unwrap() = vec![2];
    end_interval(&verifier).await;
    assert!(verifier.verify(&token(2)).await.is_ok());
    assert_eq!(verifier.verify(&token(1)).await, Err(TokenError::Invalid));
}
