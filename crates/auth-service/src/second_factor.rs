//! Use cases of the second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes.
//!
//! The secret is encrypted in the database. The recovery codes are derived from it, so that a repeated request gets them again
//! although only their HMACs are stored.

use rowlock_domain::accounts::AccountMessage;
use rowlock_domain::auditlog::{Action, Actor};
use rowlock_domain::ids::AccountId;
use rowlock_http::{Administrator, KeyedRequest};
use rowlock_postgres::DatabaseError;
use secrecy::SecretString;
use serde_json::Map;
use totp_rs::{Builder, Secret, Totp};

use crate::account_changes::audit_message;
use crate::passwords::HashError;
use crate::secrets::DecryptError;
use crate::state::AuthState;
use crate::store::{Account, FirstCode, Messages, SecondFactorProof, StoredTotp};

/// Name of the site in authenticator apps.
const ISSUER: &str = "Rowlock";
const RECOVERY_CODES: u8 = 10;
/// The letters and digits of a recovery code, without those that look alike.
const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz0";

/// The secret to enter in an authenticator app.
#[derive(Debug, Clone)]
pub(crate) struct TotpSetup {
    /// The secret in Base32, to type.
    pub(crate) secret: String,
    /// The `otpauth:` URI, to scan.
    pub(crate) uri: String,
}

/// Reasons why a second factor was not enabled, disabled or checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecondFactorError {
    #[error("the account no longer exists")]
    AccountGone,
    #[error("the second factor is enabled")]
    Enabled,
    #[error("no secret has been requested")]
    NotPending,
    #[error("the password is wrong")]
    WrongPassword,
    #[error("the code is wrong or was used before")]
    WrongCode,
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("the secret cannot be used")]
    Totp(#[from] totp_rs::TotpError),
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
    #[error("a message could not be serialized")]
    Message(#[from] serde_json::Error),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl AuthState {
    /// Returns a secret for the authenticator app of an administrator. A repeated request gets the same one for ten minutes, until
    /// it is confirmed with its first code.
    pub(crate) async fn begin_totp(&self, admin: &Administrator) -> Result<TotpSetup, SecondFactorError> {
        let secret: [u8; 20] = rand::random();
        let encrypted = self.secrets.encrypt_totp(rand::random(), &secret, admin.sub)?;
        let stored = self.store.begin_totp(admin.sub, encrypted).await?.ok_or(SecondFactorError::AccountGone)?;
        if stored.enabled_at.is_some() {
            return Err(SecondFactorError::Enabled);
        }
        let secret = Secret::from(self.secrets.decrypt_totp(&stored.encrypted_secret, admin.sub)?);
        let text = secret.to_base32();
        // The URI separates the issuer from the account with a colon.
        let account_name = admin.email.replace(':', "_");
        let totp = Builder::new().with_secret(secret).with_account_name(account_name).with_issuer(Some(ISSUER)).build()?;
        Ok(TotpSetup { secret: text, uri: totp.to_url()? })
    }

    /// Enables the second factor with a code of the app. Returns the recovery codes and whether the request repeats one with the
    /// same key.
    pub(crate) async fn confirm_totp(
        &self,
        admin: &Administrator,
        code: &str,
        keyed: Option<&KeyedRequest>,
    ) -> Result<(Vec<String>, bool), SecondFactorError> {
        let hash = match keyed {
            Some(keyed) => self.store.request_with_key(admin.sub, keyed).await?,
            None => None,
        };
        let Some(stored) = self.store.totp(admin.sub).await? else { return Err(SecondFactorError::NotPending) };
        let secret = self.secrets.decrypt_totp(&stored.encrypted_secret, admin.sub)?;
        let codes = self.recovery_codes(admin.sub, &secret);
        if hash.is_some() {
            let is_same = hash.as_deref() == keyed.map(|keyed| keyed.hash.as_slice());
            return if is_same { Ok((codes, true)) } else { Err(SecondFactorError::KeyReused) };
        }
        if stored.enabled_at.is_some() {
            return Err(SecondFactorError::Enabled);
        }
        let step = self.step_of(secret, code)?.ok_or(SecondFactorError::WrongCode)?;
        let recovery_codes = codes.iter().map(|code| self.secrets.hash_code(admin.sub, &normalized(code))).collect();
        let messages = self.audit(admin.actor(), Action::EnableSecondFactor, admin.sub)?;
        if !self.store.enable_totp(admin.sub, admin.sid, FirstCode { totp: stored, step, recovery_codes }, keyed, messages).await? {
            return Err(SecondFactorError::Enabled);
        }
        self.notifier.notify();
        Ok((codes, false))
    }

    /// Disables the second factor. Succeeds if it is not enabled and the password is right.
    pub(crate) async fn disable_totp(&self, admin: &Administrator, password: &SecretString, code: &str) -> Result<(), SecondFactorError> {
        let (account, hash) = self.store.account_with_hash_by_id(admin.sub).await?.ok_or(SecondFactorError::AccountGone)?;
        if !self.passwords.check(password, Some(&hash)).await? {
            return Err(SecondFactorError::WrongPassword);
        }
        let Some(enabled_at) = account.totp_enabled_at else { return Ok(()) };
        let Some(proof) = self.prove(&account, code).await? else { return Err(SecondFactorError::WrongCode) };
        let messages = self.audit(admin.actor(), Action::DisableSecondFactor, admin.sub)?;
        if self.store.remove_totp(admin.sub, enabled_at, Some(proof), messages).await? {
            self.notifier.notify();
            return Ok(());
        }
        // A concurrent request may have removed it with the same code.
        match self.store.totp(admin.sub).await? {
            Some(stored) if stored.enabled_at == Some(enabled_at) => Err(SecondFactorError::WrongCode),
            _ => Ok(()),
        }
    }

    /// Compares a code with the enabled second factor of an account. Returns None if it is a wrong code of the app. The database
    /// decides whether the code has been used and whether a recovery code exists.
    pub(crate) async fn prove(&self, account: &Account, code: &str) -> Result<Option<SecondFactorProof>, SecondFactorError> {
        let Some(StoredTotp { encrypted_secret, enabled_at: Some(enabled_at) }) = self.store.totp(account.id).await? else {
            return Ok(None);
        };
        let code = normalized(code);
        let code_hash = self.secrets.hash_code(account.id, &code);
        if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Some(SecondFactorProof { enabled_at, step: None, code_hash }));
        }
        let step = self.step_of(self.secrets.decrypt_totp(&encrypted_secret, account.id)?, &code)?;
        Ok(step.map(|step| SecondFactorProof { enabled_at, step: Some(step), code_hash }))
    }

    /// Returns the time step of a code of the app, which may be the present one or a neighbor, or None if the code is wrong.
    fn step_of(&self, secret: Vec<u8>, code: &str) -> Result<Option<i64>, SecondFactorError> {
        let totp: Totp = Builder::new().with_secret(secret).build()?;
        let now = u64::try_from(self.clock.now().timestamp()).unwrap_or_default();
        Ok(totp.check(&normalized(code), now).and_then(|step| i64::try_from(step).ok()))
    }

    fn recovery_codes(&self, account: AccountId, secret: &[u8]) -> Vec<String> {
        let code = |number| {
            let bytes = self.secrets.derive_recovery_code(account, secret, number);
            let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).map_or('0', |letter| char::from(*letter));
            let letters: String = bytes.iter().take(12).map(letter).collect();
            let (start, end) = letters.split_at(6);
            format!("{start}-{end}")
        };
        (0..RECOVERY_CODES).map(code).collect()
    }

    fn audit(&self, actor: Actor, action: Action, account: AccountId) -> Result<Messages, serde_json::Error> {
        let message: AccountMessage = audit_message(&self.clock, actor, action, account.as_uuid(), Map::new());
        Messages::of(&[message], &self.clock, self.clock.now())
    }
}

/// Returns a code without spaces and hyphens, in lower case.
fn normalized(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_compared_without_spaces_hyphens_and_case() {
        assert_eq!(normalized(" 123 456\n"), "123456");
        assert_eq!(normalized("ABCdef-23456z"), "abcdef23456z");
    }
}
