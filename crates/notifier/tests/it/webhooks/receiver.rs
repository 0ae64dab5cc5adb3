//! Reads the signatures and the contents of received requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rowlock_test_support::webhook_receiver::ReceivedWebhook;
use serde_json::Value;
use sha2::Sha256;

pub(super) trait Received {
    /// Returns how many of the signatures were made with a secret.
    fn signed_by(&self, secret: &Value) -> usize;

    /// Returns the body as JSON.
    fn json(&self) -> Value;
}

impl Received for ReceivedWebhook {
    fn signed_by(&self, secret: &Value) -> usize {
        let key = STANDARD.decode(secret.as_str().unwrap().strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.signature.split(' ').filter(|signature| *signature == expected).count()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}
