//! Use cases that log in, refresh tokens and log out.

use chrono::SubsecRound;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::states::Role;
use rowlock_domain::text::{IdempotencyKey, LoginEmail};
use rowlock_http::tokens::Claims;
use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;
use secrecy::{ExposeSecret, SecretString};

use crate::keys::KeyError;
use crate::passwords::HashError;
use crate::refresh_token;
use crate::second_factor::SecondFactorError;
use crate::settings::TokenSettings;
use crate::state::AuthState;
use crate::store::{Account, NewSession, OpenedSession, RefreshOutcome};

/// The credentials of an account. The password may be any text.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) email: LoginEmail,
    pub(crate) password: SecretString,
    /// The code of the second factor.
    pub(crate) code: Option<SecretString>,
    /// The `Idempotency-Key` of the request. The session of an earlier login with this key is replaced by the new one.
    pub(crate) key: Option<IdempotencyKey>,
}

/// The tokens of a session and its account.
#[derive(Debug, Clone)]
pub(crate) struct IssuedTokens {
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) account: Account,
}

/// Reasons why a login or refresh is rejected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("the e-mail address or the password is wrong")]
    BadCredentials,
    #[error("the e-mail address or the password is wrong, or the address is not confirmed")]
    BadOrUnconfirmed,
    #[error("the account is not an administrator's")]
    NotAdmin,
    #[error("the password is right, and a code of the second factor is needed")]
    CodeRequired,
    #[error("the password is right, and the code of the second factor is wrong or was used before")]
    WrongCode,
    #[error(transparent)]
    SecondFactor(SecondFactorError),
    #[error("the account is disabled")]
    Disabled,
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    #[error("the account was modified concurrently in each of 3 attempts")]
    Contended,
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Maximum number of attempts if the account is changed while the password is being checked.
const MAX_ATTEMPTS: u32 = 3;

impl AuthState {
    /// Opens a session. `required_role` is the role that the account must have.
    pub(crate) async fn log_in(
        &self,
        credentials: Credentials,
        required_role: Option<Role>,
        user_agent: Option<String>,
    ) -> Result<IssuedTokens, LoginError> {
        let session = SessionId::from_uuid(self.clock.uuid());
        for _ in 0..MAX_ATTEMPTS {
            let (account, hash) = self.check_credentials(&credentials).await?;
            // The state of the account is revealed only to someone who knows the password.
            if account.disabled_at.is_some() {
                return Err(LoginError::Disabled);
            }
            if required_role.is_some_and(|role| role != account.role) {
                return Err(LoginError::NotAdmin);
            }
            let proof = match (account.totp_enabled_at, &credentials.code) {
                (None, _) => None,
                (Some(_), None) => return Err(LoginError::CodeRequired),
                (Some(_), Some(code)) => {
                    let proof = self.prove(&account, code.expose_secret()).await.map_err(LoginError::SecondFactor)?;
                    Some(proof.ok_or(LoginError::WrongCode)?)
                }
            };
            // Checking the password takes a while. Meanwhile, the account may have been disabled, enabled or erased, or its hash or
            // its second factor may have changed; then everything is checked again.
            let id = account.id;
            let new = NewSession {
                id: session,
                account,
                hash: hash.clone(),
                ttl: self.tokens.refresh_ttl,
                user_agent: user_agent.clone(),
                key: credentials.key.clone(),
                proof,
            };
            match self.store.open_session(new).await? {
                OpenedSession::Open(account) => {
                    if self.passwords.is_outdated(&hash) {
                        self.renew_hash(id, credentials.password, hash);
                    }
                    return self.issue_tokens(account, session, 0);
                }
                OpenedSession::WrongCode => return Err(LoginError::WrongCode),
                OpenedSession::Rejected => {}
            }
        }
        Err(LoginError::Contended)
    }

    /// Checks the password with the same steps whether or not the account exists.
    async fn check_credentials(&self, credentials: &Credentials) -> Result<(Account, String), LoginError> {
        let found = self.store.account_with_hash(&credentials.email.lookup_keys()).await?;
        let hash = found.as_ref().map(|(_, hash)| hash.as_str());
        let right = self.passwords.check(&credentials.password, hash).await?;
        if !(self.mail.enabled && self.mail.confirm_before_login) {
            return found.filter(|_| right).ok_or(LoginError::BadCredentials);
        }
        // The response is the same for a wrong password, so that nobody learns by registering an address whether it had an account.
        let may_log_in = |account: &Account| account.email_confirmed_at.is_some() || account.role == Role::Admin;
        found.filter(|(account, _)| right && may_log_in(account)).ok_or(LoginError::BadOrUnconfirmed)
    }

    /// Renews a hash with the configured cost in the background, so that the login does not wait for it. On failure the old hash
    /// stays valid, and the next login tries again.
    fn renew_hash(&self, account: AccountId, password: SecretString, old: String) {
        let (passwords, store) = (self.passwords.clone(), self.store.clone());
        tokio::spawn(async move {
            let renewed = match passwords.rehash(&password).await {
                Ok(new) => store.replace_hash(account, &old, &new).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(reason) = renewed {
                tracing::warn!(%reason, "could not renew a password hash with the configured bcrypt cost");
            }
        });
    }

    /// Exchanges a refresh token for the next one and a new access token.
    pub(crate) async fn refresh(&self, token: &str) -> Result<IssuedTokens, LoginError> {
        let presented = refresh_token::read(&self.secrets, token).ok_or(LoginError::InvalidRefreshToken)?;
        match self.store.rotate_session(presented, self.tokens.refresh_ttl, self.tokens.refresh_grace).await? {
            RefreshOutcome::Successor(account, generation) => self.issue_tokens(account, presented.session, generation),
            RefreshOutcome::Reused => {
                tracing::warn!(session_id = %presented.session, "a superseded refresh token was reused; its session was ended");
                Err(LoginError::InvalidRefreshToken)
            }
            RefreshOutcome::Ended => Err(LoginError::InvalidRefreshToken),
        }
    }

    /// Ends the session of a refresh token of any generation. Succeeds if the session has already ended.
    pub(crate) async fn log_out(&self, token: &str) -> Result<(), LoginError> {
        let presented = refresh_token::read(&self.secrets, token).ok_or(LoginError::InvalidRefreshToken)?;
        Ok(self.store.end_session(presented.session).await?)
    }

    fn issue_tokens(&self, account: Account, session: SessionId, generation: i32) -> Result<IssuedTokens, LoginError> {
        let claims = claims(&self.tokens, &self.clock, &account, session);
        let token = self.keys.sign(&claims)?;
        let expires_at = chrono::DateTime::from_timestamp(claims.exp, 0).unwrap_or_else(|| self.clock.now());
        Ok(IssuedTokens { token, refresh_token: refresh_token::write(&self.secrets, session, generation), expires_at, account })
    }
}

fn claims(settings: &TokenSettings, clock: &Clock, account: &Account, session: SessionId) -> Claims {
    let now = clock.now().trunc_subsecs(0);
    Claims {
        sub: account.id,
        name: account.name.clone(),
        email: account.email.clone(),
        role: account.role,
        admin_role: account.admin_role,
        iss: settings.issuer.clone(),
        aud: settings.audience.clone(),
        iat: now.timestamp(),
        exp: (now + settings.access_ttl).timestamp(),
        jti: clock.uuid(),
        sid: session,
        ver: account.version,
    }
}
