//! Signs access tokens for the visitors and serves the public key over HTTP, so that bookings need no login.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use rowlock_platform::clock::Clock;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::Fallible;
use crate::numbers::count;

const KEY_ID: &str = "bench";
const VALID_SECONDS: i64 = 3 * 3600;

/// Access tokens of the visitors and of one administrator.
#[derive(Debug, Clone)]
pub struct VisitorTokens {
    key: SigningKey,
    tokens: Arc<Vec<String>>,
    admin: Arc<str>,
}

impl VisitorTokens {
    /// Signs tokens for this number of visitors.
    pub fn new(visitors: u64) -> Self {
        let key = SigningKey::from_bytes(&rand::random());
        let admin = token(&key, visitors, "admin").into();
        Self { tokens: Arc::default(), admin, key }.with_new_tokens(visitors)
    }

    /// Returns tokens for the same visitors that no service has seen yet.
    #[must_use]
    pub fn with_new_tokens(&self, visitors: u64) -> Self {
        let tokens = (0..visitors).map(|index| token(&self.key, index, "user")).collect();
        Self { tokens: Arc::new(tokens), ..self.clone() }
    }

    /// Returns the token of a visitor; the index wraps around.
    pub fn token(&self, index: u64) -> &str {
        let index = index % count(self.tokens.len()).max(1);
        usize::try_from(index).ok().and_then(|index| self.tokens.get(index)).map_or("", String::as_str)
    }

    /// Returns the token of the administrator.
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// Serves the public key on a port of 127.0.0.1 until the program exits.
    pub async fn serve_public_key(&self, port: u16) -> Fallible<()> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let public = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        let keys =
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": public, "kid": KEY_ID, "use": "sig", "alg": "EdDSA"}]}).to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let keys = keys.clone();
                tokio::spawn(async move {
                    let mut request = [0; 2048];
                    let _ = stream.read(&mut request).await;
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        keys.len()
                    );
                    let _ = stream.write_all(format!("{head}{keys}").as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Ok(())
    }
}

/// Returns the account id of a visitor. The SQL fixtures build the same ids.
pub fn account(index: u64) -> String {
    format!("01990000-0000-7000-8000-{index:012x}")
}

fn token(key: &SigningKey, index: u64, role: &str) -> String {
    let now = Clock::system().now().timestamp();
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": KEY_ID});
    let id = format!("{:016x}{:016x}", rand::random::<u64>(), index);
    let claims = json!({
        "sub": account(index), "name": format!("Visitor {index}"), "email": format!("visitor{index}@example.org"), "role": role,
        "iss": "rowlock", "aud": "rowlock", "iat": now, "exp": now + VALID_SECONDS, "jti": id, "sid": account(index),
    });
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}
